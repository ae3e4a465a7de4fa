"""What request handlers work with."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import Engine

from bot.sending import SendingLoop
from bot.settings import Settings
from bot.spool import Spool
from bot.web.arrivals import Arrivals
from bot.web.callbacks import Callbacks


class Seen:
    """The signatures of the last webhooks that were taken in, so that a replayed one need not be looked up."""

    def __init__(self, most: int = 10_000) -> None:
        self._signatures: OrderedDict[str, None] = OrderedDict()
        self._most = most

    def __contains__(self, signature: str) -> bool:
        return signature in self._signatures

    def add(self, signature: str) -> None:
        self._signatures[signature] = None
        while len(self._signatures) > self._most:
            self._signatures.popitem(last=False)


@dataclass(frozen=True)
class Service:
    """The parts of the running bot that a request may use.

    ``secret`` signs cookies. ``demo``: everybody on this machine is let in, as somebody of a sample clinic.
    ``stopped`` is set once the process stops: an answer that goes on and on ends then.
    ``list_problems``: what is wrong with this machine, as sentences for the operator.
    """

    settings: Settings
    engine: Engine
    sending: SendingLoop
    spool: Spool
    arrivals: Arrivals
    callbacks: Callbacks
    now: Callable[[], datetime]
    secret: str = field(repr=False)
    demo: bool = False
    list_problems: Callable[[], list[str]] = list
    # What takes long to count, with when it was counted.
    figures: dict[str, tuple[datetime, dict[str, Any]]] = field(default_factory=dict)
    seen: Seen = field(default_factory=Seen)
    stopped: threading.Event = field(default_factory=threading.Event)


def _get_service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Used = Annotated[Service, Depends(_get_service)]
