"""What request handlers work with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Engine

from bot.sending import SendingLoop
from bot.settings import Settings


@dataclass(frozen=True)
class Service:
    """The parts of the running bot that a request may use."""

    settings: Settings
    engine: Engine
    sending: SendingLoop
    now: Callable[[], datetime]


def _get_service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Used = Annotated[Service, Depends(_get_service)]
