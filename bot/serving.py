"""What a process does that serves: pages, webhooks, and what comes in by them.

The daemon imports this only when the first texts are on their way: no reminder waits for what pages need.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from socket import socket

import uvicorn
from sqlalchemy import Engine

from bot.accounts import make_first_link
from bot.arriving import has_kept, keep_spooled_texts
from bot.database import writing
from bot.importing.upload_work import carry_on
from bot.sending import SendingLoop
from bot.settings import Settings
from bot.spool import Spool
from bot.timetable import Timetable
from bot.warming import prepare_understanding
from bot.web.app import create_app
from bot.web.service import Service
from messages.lexicon import is_read

log = logging.getLogger(__name__)

_WAITING_EVERY_S = 2
_UPLOADS_EVERY_S = 30


class Site:
    """The web server of this process.

    Args:
        sending: is woken when a patient's text asks for an answer.
        now: the time that the database tells.
        demo: whether everybody on this machine is let in.
        list_problems: what is wrong with this machine, as sentences for the operator.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        sending: SendingLoop,
        now: Callable[[], datetime],
        *,
        demo: bool,
        list_problems: Callable[[], list[str]],
    ) -> None:
        app = create_app(
            settings,
            engine,
            sending,
            Spool(Path(settings.spool_folder)),
            now,
            demo=demo,
            list_problems=list_problems,
            is_ready=is_read,
        )
        self._service: Service = app.state.service
        self._app = app
        self._server: uvicorn.Server | None = None

    def plan(self, jobs: Timetable) -> None:
        """Plan what is done again and again where patients' texts and staff's files come in."""
        service = self._service

        async def take_in_waiting() -> None:
            await asyncio.to_thread(keep_spooled_texts, service.engine, service.spool)
            # What came before this process started, or a node that is no more has left.
            if await asyncio.to_thread(has_kept, service.engine):
                service.arrivals.take_in_soon()

        async def go_on_with_uploads() -> None:
            await asyncio.to_thread(carry_on, service.engine, service.settings, service.now, service.stopped)

        jobs.every(_WAITING_EVERY_S, "texts wait on disk", take_in_waiting)
        jobs.every(_UPLOADS_EVERY_S, "files that staff dropped wait for the database", go_on_with_uploads)

    async def serve(self, listening: socket) -> None:
        """Serve who comes to a socket until told to stop.

        Raises:
            WordsError, OSError: what patients write cannot be learned; whoever has changed a list should hear of it.
        """
        self._server = _Server(uvicorn.Config(self._app, log_config=None, access_log=False))
        if not self._service.demo:
            await asyncio.to_thread(self._offer_first_account)
        # Takes a while; the first patient to write shall not wait for it.
        learning = asyncio.create_task(prepare_understanding(), name="learning")
        learning.add_done_callback(lambda task: self.stop() if not task.cancelled() and task.exception() else None)
        log.info("serving on http://%s:%s", *listening.getsockname()[:2])
        await self._server.serve([listening])
        await self._service.arrivals.stop()
        if learning.done():
            learning.result()
        learning.cancel()

    def stop(self) -> None:
        """Let what is being answered be answered, and take no more."""
        self._service.stopped.set()
        if self._server is not None:
            self._server.should_exit = True

    def _offer_first_account(self) -> None:
        """Print the link that makes the first account; it is no use to anybody once there is one."""
        settings = self._service.settings
        with writing(self._service.engine) as session:
            token = make_first_link(session, self._service.now())
        if token:
            # Not into the log, which may be kept, and read by others.
            sys.stderr.write(
                f"No account yet. Make the first one, within a day: {settings.public_base_url}/set-up/{token}\n"
            )
            sys.stderr.flush()


class _Server(uvicorn.Server):
    """Leaves the signals to the daemon, which stops sending and serving in order."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
