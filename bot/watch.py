"""How a clinic watches over the days before a visit: deadlines, its calendar, whom it tells. Pure."""

from dataclasses import dataclass, field
from datetime import time

from bot.working_days import WorkingDays


@dataclass(frozen=True, slots=True)
class Watch:
    """What is done about silence, and what is said around a visit.

    ``reminder_days`` and ``phone_days`` are working days before the exam. ``alert_phone`` is the clinic's own,
    empty for none; ``address`` is where its staff look. ``after_visit`` and ``no_show``: whether those texts go out.
    """

    calendar: WorkingDays = field(default_factory=WorkingDays)
    reminder_days: int = 3
    phone_days: int = 1
    digest_at: time = time(15)
    alert_phone: str = ""
    address: str = ""
    after_visit: bool = True
    no_show: bool = True
