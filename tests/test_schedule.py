"""When texts are due: the plan, clock changes, quiet hours, late bookings, reschedules, retries."""

import time as clocks
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.schedule import (
    MERGE_WITHIN,
    REPEAT_AFTER,
    Plan,
    PlanError,
    Planned,
    QuietHours,
    Step,
    find_allowed,
    find_clock_trouble,
    find_retry_delay,
    kind_of,
    plan_at_once,
    plan_texts,
    read_steps,
)

NEW_YORK = ZoneInfo("America/New_York")
BERLIN = ZoneInfo("Europe/Berlin")
QUIET = QuietHours(time(20), time(9))
NEVER_QUIET = QuietHours(time(0), time(0))
EARLY = timedelta(minutes=15)
STEPS = read_steps()


def make_plan(
    zone: ZoneInfo = NEW_YORK,
    quiet: QuietHours = QUIET,
    steps: tuple[Step, ...] = STEPS,
    arrive_early: timedelta = EARLY,
) -> Plan:
    return Plan(steps, zone, quiet, arrive_early)


def at(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    """The moment of a local time such as ``2026-03-02 10:00``; of two, the first."""
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def show(texts: list[Planned], zone: ZoneInfo = NEW_YORK) -> list[tuple[str, str]]:
    """What is planned, as people read it: the steps and the local time, or why it is skipped."""
    return [
        ("+".join(text.steps), text.skipped or text.due_at.astimezone(zone).strftime("%Y-%m-%d %H:%M"))
        for text in texts
    ]


# The default plan


def test_the_default_plan_welcomes_at_once_and_reminds_a_week_two_days_and_three_hours_before() -> None:
    planned = plan_texts(make_plan(), at("2026-05-20 14:00"), at("2026-05-04 11:30"))
    assert show(planned) == [
        ("welcome", "2026-05-04 11:30"),
        ("safety", "2026-05-13 10:00"),
        ("prepare", "2026-05-18 10:00"),
        ("arrive", "2026-05-20 11:00"),
    ]


def test_a_text_is_of_use_until_the_patient_must_arrive_and_preparation_until_three_hours_before() -> None:
    planned = plan_texts(make_plan(), at("2026-05-20 14:00"), at("2026-05-04 11:30"))
    until = {text.steps[0]: text.useful_until.astimezone(NEW_YORK) for text in planned}
    arrive_by = at("2026-05-20 13:45")
    assert until == {
        "welcome": arrive_by,
        "safety": arrive_by,
        "prepare": at("2026-05-20 11:00"),
        "arrive": arrive_by,
    }


def test_everything_planned_is_aware() -> None:
    for text in plan_texts(make_plan(), at("2026-05-20 14:00"), at("2026-05-04 11:30")):
        assert text.due_at.tzinfo is not None
        assert text.useful_until.tzinfo is not None


# Clock changes


@pytest.mark.parametrize(
    ("zone", "starts_at", "expected"),
    [
        # New York: back on 2026-11-01, forward on 2026-03-08.
        ("America/New_York", "2026-11-03 12:00", ["2026-10-27 10:00-0400", "2026-11-01 10:00-0500"]),
        ("America/New_York", "2026-11-08 12:00", ["2026-11-01 10:00-0500", "2026-11-06 10:00-0500"]),
        ("America/New_York", "2026-03-10 12:00", ["2026-03-03 10:00-0500", "2026-03-08 10:00-0400"]),
        ("America/New_York", "2026-03-09 12:00", ["2026-03-02 10:00-0500", "2026-03-07 10:00-0500"]),
        # Berlin: forward on 2026-03-29, back on 2026-10-25.
        ("Europe/Berlin", "2026-03-31 12:00", ["2026-03-24 10:00+0100", "2026-03-29 10:00+0200"]),
        ("Europe/Berlin", "2026-10-27 12:00", ["2026-10-20 10:00+0200", "2026-10-25 10:00+0100"]),
        # Kolkata never changes, and is off by half an hour.
        ("Asia/Kolkata", "2026-11-03 12:00", ["2026-10-27 10:00+0530", "2026-11-01 10:00+0530"]),
        # Lord Howe: half an hour back on 2026-04-05, forward on 2026-10-04.
        ("Australia/Lord_Howe", "2026-04-07 12:00", ["2026-03-31 10:00+1100", "2026-04-05 10:00+1030"]),
        ("Australia/Lord_Howe", "2026-10-06 12:00", ["2026-09-29 10:00+1030", "2026-10-04 10:00+1100"]),
        ("Pacific/Apia", "2026-10-06 12:00", ["2026-09-29 10:00+1300", "2026-10-04 10:00+1300"]),
    ],
)
def test_ten_in_the_morning_stays_ten_in_the_morning_across_a_clock_change(
    zone: str, starts_at: str, expected: list[str]
) -> None:
    local = ZoneInfo(zone)
    start = at(starts_at, local)
    planned = plan_texts(make_plan(local), start, start - timedelta(days=30))
    by_day = [text.due_at.astimezone(local).strftime("%Y-%m-%d %H:%M%z") for text in planned[1:3]]
    assert by_day == expected


@pytest.mark.parametrize(
    ("zone", "starts_at", "expected"),
    [
        # Three real hours before, over the missing and over the repeated hour; nothing is quiet here.
        ("America/New_York", "2026-03-08 05:00", "2026-03-08 01:00-0500"),
        ("America/New_York", "2026-11-01 03:30", "2026-11-01 01:30-0400"),
        ("America/New_York", "2026-11-01 04:00", "2026-11-01 01:00-0500"),
        ("Europe/Berlin", "2026-03-29 05:00", "2026-03-29 01:00+0100"),
        ("Europe/Berlin", "2026-10-25 04:59", "2026-10-25 02:59+0200"),
        ("Europe/Berlin", "2026-10-25 05:00", "2026-10-25 02:00+0100"),
        ("Australia/Lord_Howe", "2026-04-05 04:00", "2026-04-05 01:30+1100"),
        ("Australia/Lord_Howe", "2026-10-04 04:00", "2026-10-04 00:30+1030"),
        ("Asia/Kolkata", "2026-10-04 04:00", "2026-10-04 01:00+0530"),
    ],
)
def test_hours_before_are_real_hours(zone: str, starts_at: str, expected: str) -> None:
    local = ZoneInfo(zone)
    start = at(starts_at, local).astimezone(UTC)
    plan = make_plan(local, NEVER_QUIET, (Step("arrive", hours_before=3),))
    [planned] = plan_texts(plan, start, start - timedelta(days=2))
    assert start - planned.due_at == timedelta(hours=3)
    assert planned.due_at.astimezone(local).strftime("%Y-%m-%d %H:%M%z") == expected


@pytest.mark.parametrize(
    ("zone", "clock", "expected"),
    [
        ("America/New_York", "2026-03-08 02:30", "2026-03-08 03:30-0400"),
        ("America/New_York", "2026-11-01 01:30", "2026-11-01 01:30-0400"),
        ("Europe/Berlin", "2026-03-29 02:00", "2026-03-29 03:00+0200"),
        ("Europe/Berlin", "2026-10-25 02:59", "2026-10-25 02:59+0200"),
        ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-04 02:45+1100"),
        ("Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-05 01:45+1100"),
        # Samoa left out this whole day.
        ("Pacific/Apia", "2011-12-30 10:00", "2011-12-31 10:00+1400"),
    ],
)
def test_a_clock_time_that_is_missing_is_taken_after_the_gap_and_of_two_the_first(
    zone: str, clock: str, expected: str
) -> None:
    local = ZoneInfo(zone)
    due = datetime.fromisoformat(clock)
    start = at(f"{due.date() + timedelta(days=2)} 12:00", local)
    plan = make_plan(local, NEVER_QUIET, (Step("prepare", days_before=2, clock=due.time()),))
    [planned] = plan_texts(plan, start, start - timedelta(days=30))
    assert planned.due_at.astimezone(local).strftime("%Y-%m-%d %H:%M%z") == expected


@pytest.fixture(params=["UTC", "Asia/Tokyo", "America/New_York", "Pacific/Apia"])
def server_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        clocks.tzset()
        yield request.param
    clocks.tzset()


def test_the_zone_of_the_server_does_not_matter(server_zone: str) -> None:
    planned = plan_texts(make_plan(), at("2026-11-03 09:00"), at("2026-10-20 21:00"))
    assert show(planned) == [
        ("welcome", "2026-10-21 09:00"),
        ("safety", "2026-10-27 10:00"),
        ("prepare", "2026-11-01 10:00"),
        ("arrive", "2026-11-02 19:00"),
    ]
    assert planned[2].due_at == datetime(2026, 11, 1, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles"])
def test_the_zone_in_which_moments_are_given_does_not_matter(zone: str) -> None:
    other = ZoneInfo(zone)
    starts_at, now = at("2026-11-03 09:00"), at("2026-10-20 21:00")
    assert show(plan_texts(make_plan(), starts_at.astimezone(other), now.astimezone(other))) == show(
        plan_texts(make_plan(), starts_at, now)
    )


# Late bookings


@pytest.mark.parametrize(
    ("starts_at", "now", "expected"),
    [
        # Six days before: the week's text is past, so it goes with the welcome.
        (
            "2026-05-20 14:00",
            "2026-05-14 11:00",
            [
                ("welcome+safety", "2026-05-14 11:00"),
                ("prepare", "2026-05-18 10:00"),
                ("arrive", "2026-05-20 11:00"),
            ],
        ),
        # A day before.
        (
            "2026-05-20 14:00",
            "2026-05-19 14:00",
            [("welcome+safety+prepare", "2026-05-19 14:00"), ("arrive", "2026-05-20 11:00")],
        ),
        # Four hours, one hour, ten minutes before the exam; the last is after the patient must be there.
        ("2026-05-20 14:00", "2026-05-20 10:00", [("welcome+safety+prepare+arrive", "2026-05-20 10:00")]),
        ("2026-05-20 14:00", "2026-05-20 13:00", [("welcome+safety+prepare+arrive", "2026-05-20 13:00")]),
        ("2026-05-20 14:00", "2026-05-20 13:50", [("welcome+safety+prepare+arrive", "too late")]),
        # Late in the evening, for the next morning.
        (
            "2026-05-20 08:00",
            "2026-05-19 22:00",
            [("welcome+safety+prepare", "no allowed time"), ("arrive", "no allowed time")],
        ),
        ("2026-05-20 10:00", "2026-05-19 22:00", [("welcome+safety+prepare+arrive", "2026-05-20 09:00")]),
        ("2026-05-20 11:00", "2026-05-19 22:00", [("welcome+safety+prepare+arrive", "2026-05-20 09:00")]),
        # In the night itself, and early in the evening before.
        ("2026-05-20 11:00", "2026-05-20 03:00", [("welcome+safety+prepare+arrive", "2026-05-20 09:00")]),
        ("2026-05-20 08:00", "2026-05-19 18:30", [("welcome+safety+prepare+arrive", "2026-05-19 18:30")]),
        ("2026-05-20 08:00", "2026-05-19 19:30", [("welcome+safety+prepare+arrive", "2026-05-19 19:30")]),
        # Two days before, an hour before the preparation text: they go together.
        (
            "2026-05-20 14:00",
            "2026-05-18 09:00",
            [("welcome+safety+prepare", "2026-05-18 09:00"), ("arrive", "2026-05-20 11:00")],
        ),
    ],
)
def test_a_late_booking_gets_what_it_missed_in_one_text(
    starts_at: str, now: str, expected: list[tuple[str, str]]
) -> None:
    assert show(plan_texts(make_plan(), at(starts_at), at(now))) == expected


def test_a_booking_after_the_exam_says_nothing() -> None:
    planned = plan_texts(make_plan(), at("2026-05-20 14:00"), at("2026-05-21 14:00"))
    assert show(planned) == [("welcome+safety+prepare+arrive", "too late")]


# Quiet hours


def test_the_text_of_five_in_the_morning_goes_out_at_seven_in_the_evening_before() -> None:
    planned = plan_texts(make_plan(), at("2026-05-20 08:00"), at("2026-05-04 11:30"))
    assert show(planned)[-1] == ("arrive", "2026-05-19 19:00")
    assert planned[-1].useful_until == at("2026-05-20 07:45")


@pytest.mark.parametrize(
    ("starts_at", "expected"),
    [
        ("2026-05-20 12:00", "2026-05-20 09:00"),
        ("2026-05-20 11:59", "2026-05-20 09:00"),  # 08:59 waits a minute
        ("2026-05-20 10:15", "2026-05-20 09:00"),  # an hour before the patient must be there
        ("2026-05-20 10:14", "2026-05-19 19:00"),  # on the way by then
        ("2026-05-20 23:00", "2026-05-20 19:00"),  # 20:00 is quiet, the next morning is too late
        ("2026-05-20 22:59", "2026-05-20 19:59"),
    ],
)
def test_a_text_in_quiet_hours_waits_until_morning_or_goes_the_evening_before(starts_at: str, expected: str) -> None:
    assert show(plan_texts(make_plan(), at(starts_at), at("2026-05-04 11:30")))[-1] == ("arrive", expected)


def test_a_welcome_in_quiet_hours_waits_until_morning() -> None:
    for now, due in (("2026-05-04 20:00", "2026-05-05 09:00"), ("2026-05-05 08:59", "2026-05-05 09:00")):
        assert show(plan_texts(make_plan(), at("2026-05-20 14:00"), at(now)))[0] == ("welcome", due)


@pytest.mark.parametrize("clock", [time(0), time(9), time(20)])
def test_equal_quiet_hours_mean_none(clock: time) -> None:
    plan = make_plan(quiet=QuietHours(clock, clock))
    assert not any(plan.quiet.cover(time(hour, minute)) for hour in range(24) for minute in (0, 59))
    assert show(plan_texts(plan, at("2026-05-20 08:00"), at("2026-05-04 03:00"))) == [
        ("welcome", "2026-05-04 03:00"),
        ("safety", "2026-05-13 10:00"),
        ("prepare", "2026-05-18 10:00"),
        ("arrive", "2026-05-20 05:00"),
    ]


def test_quiet_hours_within_one_day_move_a_text_too() -> None:
    plan = make_plan(quiet=QuietHours(time(9, 30), time(13)))
    assert show(plan_texts(plan, at("2026-05-20 14:30"), at("2026-05-04 10:00"))) == [
        ("welcome", "2026-05-04 13:00"),
        ("safety", "2026-05-13 13:00"),
        ("prepare", "2026-05-18 13:00"),
        ("arrive", "2026-05-20 13:00"),
    ]
    assert show(plan_texts(plan, at("2026-05-20 13:30"), at("2026-05-04 10:00")))[-1] == ("arrive", "2026-05-20 08:30")


@pytest.mark.parametrize(
    ("quiet", "clock", "covered"),
    [
        ((20, 9), time(19, 59), False),
        ((20, 9), time(20), True),
        ((20, 9), time(0), True),
        ((20, 9), time(8, 59, 59), True),
        ((20, 9), time(9), False),
        ((12, 14), time(11, 59), False),
        ((12, 14), time(12), True),
        ((12, 14), time(13, 59), True),
        ((12, 14), time(14), False),
        ((0, 9), time(0), True),
        ((0, 9), time(23, 59), False),
        ((20, 0), time(23, 59), True),
        ((20, 0), time(0), False),
    ],
)
def test_quiet_hours_begin_with_their_start_and_end_before_their_end(
    quiet: tuple[int, int], clock: time, covered: bool
) -> None:
    assert QuietHours(time(quiet[0]), time(quiet[1])).cover(clock) is covered


@pytest.mark.parametrize(
    ("quiet", "moment", "allowed"),
    [
        ((20, 9), "2026-05-04 12:00", "2026-05-04 12:00"),
        ((20, 9), "2026-05-04 20:00", "2026-05-05 09:00"),
        ((20, 9), "2026-05-04 23:59", "2026-05-05 09:00"),
        ((20, 9), "2026-05-05 00:00", "2026-05-05 09:00"),
        ((20, 9), "2026-05-05 09:00", "2026-05-05 09:00"),
        ((12, 14), "2026-05-05 12:30", "2026-05-05 14:00"),
        ((0, 0), "2026-05-05 03:00", "2026-05-05 03:00"),
        ((20, 9), "2026-03-07 22:00", "2026-03-08 09:00"),  # the short night
        ((20, 9), "2026-10-31 22:00", "2026-11-01 09:00"),  # the long one
        ((20, 9), "2026-12-31 22:00", "2027-01-01 09:00"),
    ],
)
def test_the_first_allowed_moment_is_now_or_the_end_of_the_quiet_hours(
    quiet: tuple[int, int], moment: str, allowed: str
) -> None:
    found = find_allowed(at(moment), NEW_YORK, QuietHours(time(quiet[0]), time(quiet[1])))
    assert found == at(allowed)


@pytest.mark.parametrize(
    ("end", "moment", "allowed"),
    [
        # 01:00 to 02:00 comes twice on 2026-11-01: at 05:00 and again at 06:00 UTC.
        (time(1, 30), datetime(2026, 11, 1, 5, 15, tzinfo=UTC), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        (time(1, 30), datetime(2026, 11, 1, 6, 15, tzinfo=UTC), datetime(2026, 11, 1, 6, 30, tzinfo=UTC)),
        (time(3), datetime(2026, 11, 1, 6, 15, tzinfo=UTC), datetime(2026, 11, 1, 8, 0, tzinfo=UTC)),
    ],
)
def test_quiet_hours_that_end_in_the_repeated_hour_never_allow_a_moment_that_is_past(
    end: time, moment: datetime, allowed: datetime
) -> None:
    assert find_allowed(moment, NEW_YORK, QuietHours(time(22), end)) == allowed


# Clock trouble


@pytest.mark.parametrize(
    ("zone", "local", "trouble"),
    [
        ("America/New_York", "2026-03-08 01:59", None),
        ("America/New_York", "2026-03-08 02:00", "missing"),
        ("America/New_York", "2026-03-08 02:59", "missing"),
        ("America/New_York", "2026-03-08 03:00", None),
        ("America/New_York", "2026-11-01 00:59", None),
        ("America/New_York", "2026-11-01 01:00", "twice"),
        ("America/New_York", "2026-11-01 01:59", "twice"),
        ("America/New_York", "2026-11-01 02:00", None),
        ("Europe/Berlin", "2026-03-29 02:30", "missing"),
        ("Europe/Berlin", "2026-10-25 02:30", "twice"),
        ("Australia/Lord_Howe", "2026-10-04 02:00", "missing"),
        ("Australia/Lord_Howe", "2026-10-04 02:30", None),
        ("Australia/Lord_Howe", "2026-04-05 01:30", "twice"),
        ("Australia/Lord_Howe", "2026-04-05 01:29", None),
        ("Asia/Kolkata", "2026-03-29 02:30", None),
        ("Pacific/Apia", "2011-12-30 10:00", "missing"),
        ("Pacific/Apia", "2026-10-04 10:00", None),
        ("UTC", "2026-03-29 02:30", None),
    ],
)
def test_a_local_time_that_a_clock_change_skips_or_repeats_is_found(zone: str, local: str, trouble: str | None) -> None:
    assert find_clock_trouble(datetime.fromisoformat(local), ZoneInfo(zone)) == trouble


# Retries


@pytest.mark.parametrize(
    ("attempt", "least", "most"),
    [(0, 1, 2), (1, 2, 4), (2, 4, 8), (5, 32, 64), (8, 256, 512), (9, 300, 600), (20, 300, 600), (10_000, 300, 600)],
)
def test_a_retry_waits_between_half_and_all_of_a_growing_time_and_at_most_ten_minutes(
    attempt: int, least: int, most: int
) -> None:
    assert find_retry_delay(attempt, 0.0) == timedelta(seconds=least)
    assert find_retry_delay(attempt, 1.0) == timedelta(seconds=most)
    assert find_retry_delay(attempt, 0.5) == timedelta(seconds=(least + most) / 2)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 200), st.floats(0, 1))
def test_a_later_retry_never_waits_less(attempt: int, jitter: float) -> None:
    delay = find_retry_delay(attempt, jitter)
    assert timedelta(seconds=1) <= delay <= find_retry_delay(attempt + 1, jitter) <= timedelta(minutes=10)


# Plan files


def write_plan(folder: Path, text: str) -> Path:
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


GOOD = '[[steps]]\nstep = "welcome"\nat = "enrolment"\n'


@pytest.mark.parametrize(
    ("entry", "step"),
    [
        ('step = "welcome"\nat = "enrolment"', Step("welcome")),
        (
            'step = "prepare"\ndays_before = 2\ntime = "10:00"',
            Step("prepare", days_before=2, clock=time(10)),
        ),
        ('step = "safety"\ndays_before = 0\ntime = "07:30"', Step("safety", days_before=0, clock=time(7, 30))),
        ('step = "safety"\ndays_before = 365\ntime = "23:59"', Step("safety", days_before=365, clock=time(23, 59))),
        ('step = "arrive"\nhours_before = 3', Step("arrive", hours_before=3)),
        ('step = "arrive"\nhours_before = 1.5', Step("arrive", hours_before=1.5)),
        ('step = "prepare:early"\nhours_before = 8760', Step("prepare:early", hours_before=8760)),
    ],
)
def test_a_plan_file_says_each_step_and_its_time(tmp_path: Path, entry: str, step: Step) -> None:
    assert read_steps(write_plan(tmp_path, f"[[steps]]\n{entry}\n")) == (step,)


def test_the_default_plan_file_can_be_copied_and_used(tmp_path: Path) -> None:
    assert [step.name for step in STEPS] == ["welcome", "safety", "prepare", "arrive"]
    assert STEPS[0].at_enrolment
    assert not any(step.at_enrolment for step in STEPS[1:])


@pytest.mark.parametrize(
    "entry",
    [
        'at = "enrolment"',
        'step = ""\nat = "enrolment"',
        'step = "hello"\nat = "enrolment"',
        'step = "Welcome"\nat = "enrolment"',
        'step = "moved"\nat = "enrolment"',
        'step = "cancelled"\nat = "enrolment"',
        'step = 3\nat = "enrolment"',
        'step = ["welcome"]\nat = "enrolment"',
        'step = "safety+prepare"\nat = "enrolment"',
        'step = "prepare:a+b"\nhours_before = 3',
        'step = "welcome"',
        'step = "welcome"\nat = "once"',
        'step = "welcome"\nat = true',
        'step = "welcome"\nat = "enrolment"\nhours_before = 3',
        'step = "welcome"\nat = "enrolment"\ncolour = "red"',
        'step = "prepare"\ndays_before = 2',
        'step = "prepare"\ntime = "10:00"',
        'step = "prepare"\ndays_before = -1\ntime = "10:00"',
        'step = "prepare"\ndays_before = 366\ntime = "10:00"',
        'step = "prepare"\ndays_before = 1.5\ntime = "10:00"',
        'step = "prepare"\ndays_before = "2"\ntime = "10:00"',
        'step = "prepare"\ndays_before = true\ntime = "10:00"',
        'step = "prepare"\ndays_before = 2\ntime = 10',
        'step = "prepare"\ndays_before = 2\ntime = 10:00:00',
        'step = "prepare"\ndays_before = 2\ntime = "25:00"',
        'step = "prepare"\ndays_before = 2\ntime = "10 o\'clock"',
        'step = "prepare"\ndays_before = 2\ntime = ""',
        'step = "prepare"\ndays_before = 2\ntime = "10:00+02:00"',
        'step = "prepare"\ndays_before = 2\ntime = "10:00"\nhours_before = 3',
        'step = "arrive"\nhours_before = 0',
        'step = "arrive"\nhours_before = -3',
        'step = "arrive"\nhours_before = 8761',
        'step = "arrive"\nhours_before = nan',
        'step = "arrive"\nhours_before = inf',
        'step = "arrive"\nhours_before = "3"',
        'step = "arrive"\nhours_before = true',
    ],
)
def test_a_faulty_step_is_named_by_its_number_with_what_is_expected(tmp_path: Path, entry: str) -> None:
    with pytest.raises(PlanError) as caught:
        read_steps(write_plan(tmp_path, f"{GOOD}\n[[steps]]\n{entry}\n"))
    assert str(caught.value).startswith("step 2: ")
    assert any(word in str(caught.value) for word in ("must be", "needs"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at least one step"),
        ("steps = []", "at least one step"),
        ("[[step]]\nstep = 'welcome'", "at least one step"),
        (GOOD + GOOD, "each step once"),
        (
            '[[steps]]\nstep = "prepare"\nhours_before = 9\n[[steps]]\nstep = "prepare"\nhours_before = 3\n',
            "each step once",
        ),
        ("[[steps]\n", "plan.toml"),
        ("steps = 5", "plan.toml|step"),
        ('steps = ["welcome"]', "plan.toml|step 1"),
        ('[steps]\nstep = "welcome"\nat = "enrolment"\n', "plan.toml|step 1"),
    ],
)
def test_a_file_that_is_no_plan_says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        read_steps(write_plan(tmp_path, text))


def test_a_plan_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"missing\.toml"):
        read_steps(tmp_path / "missing.toml")
    with pytest.raises(PlanError, match=tmp_path.name):
        read_steps(tmp_path)
    path = tmp_path / "plan.toml"
    path.write_bytes(b"step = '\xff'")
    with pytest.raises(PlanError, match=r"plan\.toml"):
        read_steps(path)


# Labels


@pytest.mark.parametrize(
    ("step", "kind"), [("prepare", "prepare"), ("prepare:early", "prepare"), ("safety:a:b", "safety")]
)
def test_a_label_does_not_change_the_kind_of_a_step(step: str, kind: str) -> None:
    assert kind_of(step) == kind


def test_a_step_with_a_label_is_planned_under_its_whole_name() -> None:
    steps = (*STEPS, Step("prepare:early", days_before=5, clock=time(10)))
    planned = plan_texts(make_plan(steps=steps), at("2026-05-20 14:00"), at("2026-05-04 11:30"))
    assert show(planned)[2] == ("prepare:early", "2026-05-15 10:00")
    assert planned[2].useful_until == at("2026-05-20 11:00")
    sent = {"prepare:early": at("2026-05-15 10:00"), "welcome": at("2026-05-04 11:30")}
    again = plan_texts(
        make_plan(steps=steps), at("2026-05-21 14:00"), at("2026-05-15 12:00"), sent=sent, notice="moved"
    )
    assert [text.steps for text in again] == [("moved", "safety"), ("prepare",), ("arrive",)]


# Reschedules


def test_a_move_is_said_at_once_in_place_of_the_welcome() -> None:
    planned = plan_texts(make_plan(), at("2026-06-20 14:00"), at("2026-05-04 12:00"), notice="moved")
    assert show(planned) == [
        ("moved", "2026-05-04 12:00"),
        ("safety", "2026-06-13 10:00"),
        ("prepare", "2026-06-18 10:00"),
        ("arrive", "2026-06-20 11:00"),
    ]


def test_a_move_in_quiet_hours_waits_until_morning() -> None:
    planned = plan_texts(make_plan(), at("2026-06-20 14:00"), at("2026-05-04 22:00"), notice="moved")
    assert show(planned)[0] == ("moved", "2026-05-05 09:00")


def test_a_move_to_soon_brings_what_was_not_yet_said_and_not_what_was() -> None:
    sent = {"welcome": at("2026-05-04 12:00"), "safety": at("2026-05-13 10:00")}
    planned = plan_texts(make_plan(), at("2026-05-16 14:00"), at("2026-05-15 12:00"), sent=sent, notice="moved")
    assert show(planned) == [("moved+prepare", "2026-05-15 12:00"), ("arrive", "2026-05-16 11:00")]


def test_a_move_to_later_repeats_what_was_said_long_before() -> None:
    sent = {
        "welcome": at("2026-05-04 12:00"),
        "safety": at("2026-05-13 10:00"),
        "prepare": at("2026-05-18 10:00"),
    }
    planned = plan_texts(make_plan(), at("2026-06-17 14:00"), at("2026-05-19 12:00"), sent=sent, notice="moved")
    assert show(planned) == [
        ("moved", "2026-05-19 12:00"),
        ("safety", "2026-06-10 10:00"),
        ("prepare", "2026-06-15 10:00"),
        ("arrive", "2026-06-17 11:00"),
    ]


@pytest.mark.parametrize(
    ("sent_before", "repeated"), [(REPEAT_AFTER - timedelta(seconds=1), False), (REPEAT_AFTER, True)]
)
def test_a_step_is_repeated_only_two_days_after_it_was_sent(sent_before: timedelta, repeated: bool) -> None:
    due_at = at("2026-05-18 10:00")
    sent = {"welcome": at("2026-05-04 12:00"), "safety": at("2026-05-13 10:00"), "prepare": due_at - sent_before}
    planned = plan_texts(make_plan(), at("2026-05-20 14:00"), due_at - timedelta(hours=20), sent=sent, notice="moved")
    assert ("prepare" in [step for text in planned for step in text.steps]) is repeated


def test_without_a_notice_a_welcome_that_was_sent_is_not_sent_again() -> None:
    sent = {"welcome": at("2026-05-04 12:00")}
    planned = plan_texts(make_plan(), at("2026-06-20 14:00"), at("2026-05-05 12:00"), sent=sent)
    assert [text.steps for text in planned] == [("safety",), ("prepare",), ("arrive",)]


@pytest.mark.parametrize(
    ("now", "useful_until", "due", "skipped"),
    [
        ("2026-05-19 12:00", "2026-05-20 08:00", "2026-05-19 12:00", None),
        ("2026-05-19 22:00", "2026-05-20 09:45", "2026-05-20 09:00", None),
        ("2026-05-19 22:00", "2026-05-20 08:00", "2026-05-19 22:00", "no allowed time"),
        ("2026-05-19 12:00", "2026-05-19 11:00", "2026-05-19 12:00", "too late"),
        ("2026-05-19 22:00", "2026-05-19 21:00", "2026-05-19 22:00", "too late"),
    ],
)
def test_one_text_at_once_goes_at_the_first_allowed_time_or_says_why_not(
    now: str, useful_until: str, due: str, skipped: str | None
) -> None:
    planned = plan_at_once(make_plan(), ["cancelled"], at(now), at(useful_until))
    assert planned == Planned(("cancelled",), at(due), at(useful_until), skipped)


@pytest.mark.parametrize(
    ("step", "early"),
    [
        (Step("arrive", hours_before=0.1), 15),
        (Step("arrive", hours_before=3), 240),
        (Step("arrive", days_before=0, clock=time(13, 50)), 15),
        (Step("arrive", days_before=0, clock=time(17)), 15),
        (Step("prepare", days_before=0, clock=time(17)), 15),
        (Step("safety", hours_before=0.2), 15),
    ],
)
@pytest.mark.parametrize("hours", [0.5, 30])
def test_a_step_after_the_arrive_by_time_is_never_sent_after_it(step: Step, early: int, hours: float) -> None:
    plan = make_plan(steps=(step,), arrive_early=timedelta(minutes=early))
    starts_at = at("2026-05-20 14:00")
    now = starts_at - timedelta(minutes=early, hours=hours)
    check_planned(plan, starts_at, now, plan_texts(plan, starts_at, now))


@pytest.mark.parametrize(
    "step",
    [
        Step("prepare", hours_before=3),
        Step("prepare", hours_before=2),
        Step("prepare", days_before=0, clock=time(12)),
        Step("prepare:last", hours_before=1),
    ],
)
def test_a_preparation_text_that_a_plan_wants_late_still_has_time_to_be_sent(step: Step) -> None:
    [planned] = plan_texts(make_plan(steps=(step,)), at("2026-05-20 14:00"), at("2026-05-04 11:30"))
    assert planned.skipped is None
    assert planned.useful_until - planned.due_at >= timedelta(minutes=30)


# What holds for every booking

ZONES = (
    *("America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "UTC"),
    *("America/St_Johns", "Africa/Casablanca", "Asia/Tehran", "Pacific/Kiritimati", "America/Phoenix", "Asia/Tokyo"),
)
CLOCKS = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 45, 59]))
ANY_QUIET = st.builds(QuietHours, CLOCKS, CLOCKS).filter(
    # At least two hours a day are left, so that a clock change cannot swallow all of them.
    lambda quiet: sum(not quiet.cover(time(minute // 60, minute % 60)) for minute in range(0, 1440, 5)) >= 24
)
QUIETS = (
    st.sampled_from([QUIET, NEVER_QUIET, QuietHours(time(12), time(14)), QuietHours(time(22), time(1, 30))]) | ANY_QUIET
)
# Half of the exams are within days of a clock change somewhere.
CHANGES = [
    date(2026, 3, 8),
    date(2026, 3, 29),
    date(2026, 4, 5),
    date(2026, 10, 4),
    date(2026, 10, 25),
    date(2026, 11, 1),
]
DAYS = st.dates(date(2026, 1, 1), date(2027, 12, 31)) | st.builds(
    lambda day, after: day + timedelta(days=after), st.sampled_from(CHANGES), st.integers(-1, 8)
)
# A few minutes to two months before; often the last days.
LEADS = st.integers(-60, 60 * 24 * 60) | st.integers(0, 60 * 72)
TIMED_STEPS = st.one_of(
    st.builds(lambda days, clock: {"days_before": days, "clock": clock}, st.integers(0, 9), CLOCKS),
    st.builds(lambda hours: {"hours_before": hours}, st.floats(0.1, 200)),
    st.just({}),
)
PLANS_OF_STEPS = st.lists(
    st.tuples(st.sampled_from(["welcome", "safety", "prepare", "arrive"]), TIMED_STEPS), min_size=1
).map(lambda steps: tuple(Step(f"{kind}:{number}", **when) for number, (kind, when) in enumerate(steps)))


def check_planned(plan: Plan, starts_at: datetime, now: datetime, planned: list[Planned]) -> None:
    arrive_by = starts_at - plan.arrive_early
    steps = [step for text in planned for step in text.steps]
    assert sorted(steps) == sorted(step.name for step in plan.steps)
    going = [text for text in planned if not text.skipped]
    for text in going:
        assert not plan.quiet.cover(text.due_at.astimezone(plan.zone).time())
        assert text.due_at >= now
        assert text.due_at <= arrive_by
        assert text.due_at <= text.useful_until <= arrive_by
    for first, second in pairwise(going):
        assert second.due_at - first.due_at > MERGE_WITHIN
    assert [text.due_at for text in planned] == sorted(text.due_at for text in planned)


@settings(max_examples=200, deadline=None)
@given(day=DAYS, clock=CLOCKS, lead=LEADS, zone=st.sampled_from(ZONES), quiet=QUIETS, early=st.integers(0, 240))
def test_the_default_plan_holds_its_promises_for_every_booking(
    day: date, clock: time, lead: int, zone: str, quiet: QuietHours, early: int
) -> None:
    plan = make_plan(ZoneInfo(zone), quiet, arrive_early=timedelta(minutes=early))
    starts_at = datetime.combine(day, clock, tzinfo=plan.zone).astimezone(UTC)
    now = starts_at - timedelta(minutes=lead)
    check_planned(plan, starts_at, now, plan_texts(plan, starts_at, now))


@settings(max_examples=200, deadline=None)
@given(
    steps=PLANS_OF_STEPS,
    day=DAYS,
    clock=CLOCKS,
    lead=LEADS,
    zone=st.sampled_from(ZONES),
    quiet=QUIETS,
)
def test_any_plan_holds_its_promises_for_every_booking(
    steps: tuple[Step, ...], day: date, clock: time, lead: int, zone: str, quiet: QuietHours
) -> None:
    plan = make_plan(ZoneInfo(zone), quiet, steps)
    starts_at = datetime.combine(day, clock, tzinfo=plan.zone).astimezone(UTC)
    now = starts_at - timedelta(minutes=lead)
    check_planned(plan, starts_at, now, plan_texts(plan, starts_at, now))


@settings(max_examples=100, deadline=None)
@given(
    day=DAYS,
    clock=CLOCKS,
    lead=LEADS,
    zone=st.sampled_from(ZONES),
    quiet=QUIETS,
    ago=st.dictionaries(st.sampled_from([step.name for step in STEPS]), st.integers(1, 60 * 24 * 30)),
)
def test_a_move_is_always_planned_first_and_no_step_is_said_twice(
    day: date, clock: time, lead: int, zone: str, quiet: QuietHours, ago: dict[str, int]
) -> None:
    plan = make_plan(ZoneInfo(zone), quiet)
    starts_at = datetime.combine(day, clock, tzinfo=plan.zone).astimezone(UTC)
    now = starts_at - timedelta(minutes=lead)
    sent = {step: now - timedelta(minutes=minutes) for step, minutes in ago.items()}
    planned = plan_texts(plan, starts_at, now, sent=sent, notice="moved")
    steps = [step for text in planned for step in text.steps]
    assert planned[0].steps[0] == "moved"
    assert "welcome" not in steps
    assert len(set(steps)) == len(steps)
    assert {"safety", "prepare", "arrive"} - set(sent) <= set(steps)
    for text in planned:
        assert text.skipped or (text.due_at >= now and not plan.quiet.cover(text.due_at.astimezone(plan.zone).time()))


@settings(max_examples=100, deadline=None)
@given(DAYS, CLOCKS, st.sampled_from(ZONES), QUIETS)
def test_the_allowed_moment_is_never_past_and_never_quiet(day: date, clock: time, zone: str, quiet: QuietHours) -> None:
    asked = datetime.combine(day, clock, tzinfo=UTC)
    allowed = find_allowed(asked, ZoneInfo(zone), quiet)
    assert asked <= allowed <= asked + timedelta(hours=26)
    assert not quiet.cover(allowed.astimezone(ZoneInfo(zone)).time())
