"""A patient's phone in the terminal: the whole service on a throwaway database, one text at a time."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from sqlalchemy import Engine

from bot.appointments import enrol
from bot.database import writing
from bot.inbox import receive
from bot.people import Enrolment
from bot.provider import Inbound
from bot.sandbox import deliver_due
from bot.schedule import Plan
from messages.facts import ClinicFacts

_PHONE, _NAME, _EXAM = "+12025550123", "Ana", "mri-brain"
_DAYS_AHEAD = timedelta(days=5)


class Chat:
    """One patient with one coming MRI; what is said goes through the real inbox and outbox."""

    def __init__(self, engine: Engine, clinic: ClinicFacts, plan: Plan, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clinic = clinic
        self._plan = plan
        self._clock = clock
        self._said = 0

    def begin(self, language: str) -> Iterator[str]:
        """Enrol the patient; yields the texts that this brings."""
        starts_at = (self._clock() + _DAYS_AHEAD).replace(minute=0, second=0, microsecond=0)
        enrolment = Enrolment(phone=_PHONE, given_name=_NAME, language=language, exam=_EXAM, starts_at=starts_at)
        with writing(self._engine) as session:
            enrol(session, self._plan, [enrolment], self._clock(), "chat")
        yield from self._deliver()

    def say(self, text: str) -> Iterator[str]:
        """Send a text to the clinic; yields the answers."""
        self._said += 1
        with writing(self._engine) as session:
            receive(session, self._clinic, Inbound(f"CHAT{self._said}", _PHONE, text), self._clock())
        yield from self._deliver()

    def _deliver(self) -> Iterator[str]:
        for text in deliver_due(self._engine, self._clinic, self._plan, self._clock()):
            yield text.body
