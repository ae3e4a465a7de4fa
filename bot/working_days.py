"""The days on which the clinic works: its week, less public holidays, less the days that it names itself. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import holidays

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)
# A clinic that is closed for longer than this is not open again on any day we could name.
_LONGEST_CLOSED = 60


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """A clinic's calendar.

    Args:
        weekdays: the days of the week that it works on, Monday is 0.
        closed: days of its own on which it is closed.
        country: ISO 3166 alpha-2, whose public holidays it keeps; empty: none.
        region: the subdivision of that country, as the ``holidays`` library names it.
    """

    weekdays: frozenset[int] = frozenset(range(5))
    closed: frozenset[date] = frozenset()
    country: str = ""
    region: str = ""

    def is_open(self, day: date) -> bool:
        if day.weekday() not in self.weekdays or day in self.closed:
            return False
        return not self.country or day not in _list_holidays(self.country, self.region, day.year)

    def go_back(self, day: date, days: int) -> date:
        """The working day that comes so many working days before a day, which may be any."""
        for _ in range(_LONGEST_CLOSED + 7 * days):
            if days <= 0:
                break
            day -= _DAY
            days -= self.is_open(day)
        return day

    def go_on(self, day: date, days: int) -> date:
        """The working day that comes so many working days after a day, which may be any."""
        for _ in range(_LONGEST_CLOSED + 7 * days):
            if days <= 0:
                break
            day += _DAY
            days -= self.is_open(day)
        return day

    def find_next(self, day: date) -> date:
        """The next working day after a day."""
        for ahead in range(1, _LONGEST_CLOSED):
            if self.is_open(day + ahead * _DAY):
                return day + ahead * _DAY
        return day + _DAY


def read_weekdays(value: str) -> frozenset[int]:
    """Read ``mon-fri`` or ``mon, wed, sat``.

    Raises:
        ValueError: it names no days of the week.
    """
    days: set[int] = set()
    for part in value.lower().replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if first not in WEEK or (last and last not in WEEK):
            raise ValueError(f"days of the week such as mon-fri or {', '.join(WEEK)}")
        at, until = WEEK.index(first), WEEK.index(last or first)
        days |= {(at + step) % 7 for step in range((until - at) % 7 + 1)}
    return frozenset(days)


def read_days(value: str) -> frozenset[date]:
    """Read ``2026-12-24, 2026-12-31``; empty: no day.

    Raises:
        ValueError: a date that is none.
    """
    try:
        return frozenset(date.fromisoformat(part.strip()) for part in value.split(",") if part.strip())
    except ValueError:
        raise ValueError("days such as 2026-12-24, 2026-12-31") from None


def is_known(country: str, region: str) -> bool:
    """Whether there are public holidays of this country and, if named, of this region of it."""
    regions = holidays.list_supported_countries().get(country)
    return regions is not None and (not region or region in regions)


@cache
def _list_holidays(country: str, region: str, year: int) -> Mapping[date, str]:
    return holidays.country_holidays(country, subdiv=region or None, years=year)
