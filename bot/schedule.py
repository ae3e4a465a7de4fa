"""When texts are due: the reminder plan, time zones, quiet hours and retries. Pure.

A plan counts calendar days in the clinic's zone and then takes the clock time there, so 10:00 stays
10:00 across a clock change. "Hours before" are real hours before the exam.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from messages.compose import REMINDERS
from messages.exams import Exams, read_exams

DEFAULT_PLAN = Path(__file__).with_name("plan.toml")

# Steps due within this time of one another go out as one text.
MERGE_WITHIN = timedelta(hours=2)
# A text moved to the evening before goes out this long before the quiet hours, so that a retry fits.
EVENING_MARGIN = timedelta(hours=1)
# Patients are on their way by then: a quiet-hours text should come earlier, if any allowed time is left.
ON_THE_WAY = timedelta(hours=1)
# "How to prepare" comes too late to be followed once the day's own text is due.
PREPARE_LEAD = timedelta(hours=3)
# After a reschedule a step is not repeated this soon.
REPEAT_AFTER = timedelta(days=2)

_CLOCK = re.compile("([01][0-9]|2[0-3]):[0-5][0-9]")
_RETRY_BASE, _RETRY_MOST = timedelta(seconds=2), timedelta(minutes=10)

# Multiples of it, less their whole part, lie evenly between 0 and 1.
_GOLDEN = 0.618033988749895


class PlanError(ValueError):
    """The plan file cannot be used; the message says which step and what is expected."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan: at enrolment, or ``days_before`` at ``clock``, or ``hours_before``.

    ``name`` is the kind of text (``prepare``), with a label where a plan has two of a kind.
    """

    name: str
    days_before: int | None = None
    clock: time | None = None
    hours_before: float | None = None

    @property
    def at_enrolment(self) -> bool:
        return self.days_before is None and self.hours_before is None


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From ``start`` to ``end`` of each local day, perhaps across midnight; equal means none."""

    start: time
    end: time

    def cover(self, local: time) -> bool:
        if self.start <= self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end


@dataclass(frozen=True, slots=True)
class Planned:
    """One text to be: the steps in it, when it is due and until when it is of use, both aware.

    ``skipped`` says why it can never go out; it is planned all the same, so that nobody loses it silently.
    """

    steps: tuple[str, ...]
    due_at: datetime
    useful_until: datetime
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is too much.

    ``texts_per_day`` that we start to one number; more than ``most_identical`` of them in a day, or more than
    ``brake_times`` the usual number (at least ``brake_least``) in an hour to all, and sending stops until a
    person has looked. ``at_once``: texts on their way to the provider at one moment, over all nodes; one node has at
    most 50. ``hold_in_doubt``: whether a text whose fate cannot be found out is for staff, not sent
    again.
    """

    texts_per_day: int = 3
    most_identical: int = 3
    brake_times: float = 10.0
    brake_least: int = 1000
    at_once: int = 50
    hold_in_doubt: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A clinic's steps and the clock they are counted on.

    ``spread``: texts for one clock time go out over this long, so that not all patients answer at once.
    ``rules`` is the fingerprint of the zone's rules.
    """

    steps: tuple[Step, ...]
    zone: ZoneInfo
    quiet: QuietHours
    arrive_early: timedelta
    exams: Exams = field(default_factory=read_exams, hash=False)
    spread: timedelta = timedelta()
    limits: Limits = Limits()
    rules: str = ""


def read_steps(path: Path = DEFAULT_PLAN) -> tuple[Step, ...]:
    """Read the steps of a plan file.

    Raises:
        PlanError: the file is missing or a step in it is wrong.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PlanError(f"{path.name}: {error}") from error
    entries = data.get("steps")
    if not isinstance(entries, list):
        raise PlanError(f"{path.name}: it needs at least one step, each under [[steps]]")
    steps = tuple(_read_step(number, entry) for number, entry in enumerate(entries, 1))
    names = [step.name for step in steps]
    if not names or len(set(names)) != len(names):
        raise PlanError(f"{path.name}: it needs at least one step, and each step once (prepare, prepare:early)")
    return steps


def _read_step(number: int, entry: object) -> Step:
    if not isinstance(entry, dict):
        raise PlanError(f"step {number}: it must be a table under [[steps]]")
    name = entry.get("step")
    if not isinstance(name, str) or kind_of(name) not in REMINDERS or "+" in name:
        raise PlanError(
            f"step {number}: step must be one of {', '.join(REMINDERS)}, with a label after a colon if need be"
        )
    # Python takes true for a 1; a plan shall not.
    match {key: value for key, value in entry.items() if key != "step" and not isinstance(value, bool)}:
        case {"at": "enrolment", **rest} if not rest:
            return Step(name)
        case {"days_before": int(days), "time": str(clock), **rest} if not rest and 0 <= days <= 365:
            if not _CLOCK.fullmatch(clock):
                raise PlanError(f"step {number}: time must be HH:MM")
            return Step(name, days_before=days, clock=time.fromisoformat(clock))
        case {"hours_before": int() | float() as hours, **rest} if not rest and 0 < hours <= 8760:
            return Step(name, hours_before=hours)
    raise PlanError(f'step {number}: it needs at = "enrolment", or days_before and time, or hours_before')


def kind_of(step: str) -> str:
    """The kind of text of a step: ``prepare:early`` is a ``prepare``."""
    return step.partition(":")[0]


def plan_texts(
    plan: Plan,
    starts_at: datetime,
    now: datetime,
    *,
    sent: Mapping[str, datetime] | None = None,
    notice: str | None = None,
    place: int = 0,
) -> list[Planned]:
    """Plan the texts of one appointment, soonest first.

    What is already past becomes one merged text, due at once. Quiet hours move a text to the nearest
    allowed time that is still useful.

    Args:
        sent: when each step last went out, after a reschedule.
        notice: ``moved``, said at once in place of the welcome.
        place: any number that differs between appointments; it spreads them over ``plan.spread``.
    """
    sent = sent or {}
    offset = _find_offset(plan.spread, place)
    arrive_by = starts_at - plan.arrive_early
    at_once = [notice] if notice else []
    ahead: list[Planned] = []
    for step in plan.steps:
        if step.at_enrolment:
            if not notice and step.name not in sent:
                at_once.append(step.name)
            continue
        due_at = _find_due(step, starts_at, plan.zone)
        if step.clock is not None:
            due_at += offset
        if due_at <= now:
            if step.name not in sent:
                at_once.append(step.name)
        elif step.name not in sent or due_at - sent[step.name] >= REPEAT_AFTER:
            ahead.append(_place(plan, step.name, due_at, now, starts_at))
    planned = _merge(ahead)
    if at_once:
        planned = _merge([plan_at_once(plan, at_once, now, arrive_by), *planned])
    return planned


def plan_at_once(plan: Plan, steps: Iterable[str], now: datetime, useful_until: datetime) -> Planned:
    """Plan one text for the first allowed time from now on."""
    due_at = find_allowed(now, plan.zone, plan.quiet)
    if now > useful_until:
        return Planned(tuple(steps), now, useful_until, skipped="too late")
    if due_at > useful_until:
        return Planned(tuple(steps), now, useful_until, skipped="no allowed time")
    return Planned(tuple(steps), due_at, useful_until)


def find_allowed(moment: datetime, zone: ZoneInfo, quiet: QuietHours) -> datetime:
    """The moment itself, or the end of the quiet hours it falls into."""
    local = moment.astimezone(zone)
    if not quiet.cover(local.time()):
        return moment
    days = 1 if quiet.start > quiet.end and local.time() >= quiet.start else 0
    day = local.date() + timedelta(days=days)
    ends_at = at_wall(day, quiet.end, zone)
    # In the hour that clocks repeat, the first end of the quiet hours may be behind us.
    return ends_at if ends_at >= moment else datetime.combine(day, quiet.end, zone).replace(fold=1).astimezone(UTC)


def at_wall(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The moment, in UTC, when the zone's clocks show it; in a gap the clocks' time after it, of two the first."""
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)


def keep_wall_time(moment: datetime, before: ZoneInfo, zone: ZoneInfo) -> datetime:
    """The moment, in UTC, when the zone's clocks show what they would have shown by the rules before."""
    return moment.astimezone(before).replace(tzinfo=zone).astimezone(UTC)


def find_clock_trouble(local: datetime, zone: ZoneInfo) -> str | None:
    """``missing`` or ``twice`` when a naive local time is skipped or repeated by a clock change."""
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return None
    return "twice" if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local else "missing"


def find_retry_delay(attempt: int, jitter: float) -> timedelta:
    """How long to wait before trying again: exponential with full jitter (``jitter`` from 0 to 1)."""
    most = min(_RETRY_MOST, _RETRY_BASE * (1 << min(attempt, 16)))
    return most / 2 + most / 2 * jitter


def _find_due(step: Step, starts_at: datetime, zone: ZoneInfo) -> datetime:
    if step.hours_before is not None:
        return starts_at - timedelta(hours=step.hours_before)
    if step.days_before is None or step.clock is None:
        raise PlanError(f"{step.name} has no time")
    day = starts_at.astimezone(zone).date() - timedelta(days=step.days_before)
    return at_wall(day, step.clock, zone)


def _find_offset(spread: timedelta, place: int) -> timedelta:
    """Where in the spread a place stands: neighbours far apart, all of it used evenly."""
    return spread * (place * _GOLDEN % 1.0)


def _place(plan: Plan, name: str, due_at: datetime, now: datetime, starts_at: datetime) -> Planned:
    """Put one text at its time or, in the quiet hours, at the nearest allowed time that is useful."""
    arrive_by = starts_at - plan.arrive_early
    useful_until = arrive_by
    if kind_of(name) == "prepare" and due_at < starts_at - PREPARE_LEAD - ON_THE_WAY:
        useful_until = min(arrive_by, starts_at - PREPARE_LEAD)
    if due_at >= arrive_by:
        # The plan's time is too late for this exam: then the last time that is of use.
        due_at = max(now, arrive_by - ON_THE_WAY)
    if due_at > arrive_by:
        return Planned((name,), due_at, arrive_by, skipped="too late")
    planned = Planned((name,), due_at, useful_until)
    after = find_allowed(due_at, plan.zone, plan.quiet)
    if after <= min(useful_until, arrive_by - ON_THE_WAY) or after == due_at:
        return replace(planned, due_at=after)
    before = max(_find_evening(due_at, plan.zone, plan.quiet), now)
    if find_allowed(before, plan.zone, plan.quiet) == before:
        return replace(planned, due_at=before)
    if after <= arrive_by:
        return replace(planned, due_at=after, useful_until=arrive_by)
    return replace(planned, skipped="no allowed time")


def _find_evening(moment: datetime, zone: ZoneInfo, quiet: QuietHours) -> datetime:
    """A little before the quiet hours that the moment falls into begin."""
    local = moment.astimezone(zone)
    begun_yesterday = quiet.start > quiet.end and local.time() < quiet.end
    day = local.date() - timedelta(days=1 if begun_yesterday else 0)
    return at_wall(day, quiet.start, zone) - EVENING_MARGIN


def _merge(planned: Iterable[Planned]) -> list[Planned]:
    """Join texts due close together; the joined one is due with the first and useful with the last."""
    merged: list[Planned] = []
    for text in sorted(planned, key=lambda text: text.due_at):
        last = merged[-1] if merged else None
        if last and not last.skipped and not text.skipped and text.due_at - last.due_at <= MERGE_WITHIN:
            useful_until = max(last.useful_until, text.useful_until)
            merged[-1] = Planned(last.steps + text.steps, last.due_at, useful_until)
        else:
            merged.append(text)
    return merged
