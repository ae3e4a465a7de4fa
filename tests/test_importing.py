"""Files of appointments -> the database: what is enrolled, what is reported, and what a second import does."""

import csv
import json
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, func, select

from bot.appointments import enrol
from bot.daemon import prepare_database
from bot.database import reading
from bot.importing.appointments_file import BATCH, import_file
from bot.importing.repeats import Repeats
from bot.importing.report import ImportReport
from bot.importing.table import FileTrouble
from bot.models import Appointment, AppointmentStatus, Contact, OutgoingText, Patient
from bot.people import Enrolment
from bot.settings import Settings, load_settings
from tests.clinics import deliver, text_in
from tests.conftest import CLINIC, NOW

Tables = list[dict[str, Any]]
ImportRows = Callable[..., ImportReport]

GOOD = {
    "appointment_id": "",
    "patient_id": "",
    "name": "Ana",
    "phone": "202-555-0101",
    "language": "es",
    "exam": "mri-brain",
    "starts_at": "2026-04-09 14:05",
    "contrast": "yes",
    "sedation": "",
    "place": "Building A",
    "companion_name": "",
    "companion_phone": "",
    "companion_language": "",
    "consent": "",
    "status": "",
}
# Row of the file: what is wrong in it, and the column of the error.
MISTAKES = {
    3: ({"phone": "202-555-010"}, "phone"),
    5: ({"phone": "+44 20 7946 0000"}, "phone"),
    8: ({"name": ""}, "name"),
    11: ({"name": "https://example.org"}, "name"),
    14: ({"language": "klingon"}, "language"),
    17: ({"exam": "mri-brian"}, "exam"),
    20: ({"starts_at": "04/09/2026 14:05"}, "starts_at"),
    23: ({"starts_at": "2027-03-14 02:30"}, "starts_at"),
    26: ({"starts_at": "2026-03-01 10:00"}, "starts_at"),
    29: ({"contrast": "perhaps"}, "contrast"),
    32: ({"place": "x" * 201}, "place"),
    35: ({"status": "on hold"}, "status"),
}


def make_row(number: int, **changes: Any) -> dict[str, Any]:
    return {**GOOD, "appointment_id": f"A-{number}", "phone": f"+1 202 555 {number:04}", **changes}


def make_forty_rows() -> Tables:
    return [make_row(number, **MISTAKES.get(number, ({}, ""))[0]) for number in range(2, 42)]


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_excel(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    workbook = openpyxl.Workbook()
    for row in (list(rows[0]), *(list(row.values()) for row in rows)):
        workbook.worksheets[0].append(row)
    workbook.save(path)
    return path


@pytest.fixture
def import_rows(engine: Engine, settings: Settings, tmp_path: Path) -> ImportRows:
    """Imports rows from a CSV file, in the state of the database as it is."""

    def run(*rows: dict[str, Any], now: datetime = NOW, **options: Any) -> ImportReport:
        return import_file(engine, settings, write_csv(tmp_path / "rows.csv", rows), now, **options)

    return run


def find_appointments(engine: Engine) -> list[Appointment]:
    with reading(engine) as session:
        return list(session.exec(select(Appointment).order_by(col(Appointment.id))))


def count_rows(engine: Engine) -> list[int]:
    tables = (Contact, Patient, Appointment, OutgoingText)
    with reading(engine) as session:
        return [session.exec(select(func.count()).select_from(table)).one() for table in tables]


def list_outcomes(report: ImportReport) -> tuple[int, int, int, int]:
    return report.enrolled, report.updated, report.unchanged, report.cancelled


def list_errors(report: ImportReport) -> list[tuple[int, str]]:
    return [(error.row, error.column) for error in report.errors]


@pytest.mark.parametrize("write", [write_csv, write_excel])
def test_forty_rows_with_twelve_mistakes_enrol_twenty_eight(
    engine: Engine, settings: Settings, tmp_path: Path, write: Callable[..., Path]
) -> None:
    path = write(tmp_path / "file", make_forty_rows())

    first = import_file(engine, settings, path, NOW)
    before = count_rows(engine)
    second = import_file(engine, settings, path, NOW + timedelta(hours=1))

    assert list_errors(first) == [(row, column) for row, (_, column) in MISTAKES.items()]
    assert list_outcomes(first) == (28, 0, 0, 0)
    assert len(find_appointments(engine)) == 28
    assert (list_outcomes(second), second.errors) == ((0, 0, 28, 0), first.errors)
    assert count_rows(engine) == before


def test_a_row_arrives_whole(engine: Engine, import_rows: ImportRows) -> None:
    companion = {"companion_name": "Eve", "companion_phone": "(202) 555-0109"}
    report = import_rows(make_row(101, patient_id="00123", sedation="x", consent="no", **companion))

    [appointment] = find_appointments(engine)
    with reading(engine) as session:
        patient = session.get_one(Patient, appointment.patient_id)
        contact = session.get_one(Contact, patient.contact_id)
        escort = session.get_one(Contact, patient.companion_id)

    assert list_outcomes(report) == (1, 0, 0, 0)
    assert (appointment.external_id, appointment.exam, appointment.place) == ("A-101", "mri-brain", "Building A")
    assert (appointment.contrast, appointment.sedation, appointment.language) == (True, True, "es")
    assert appointment.starts_at == datetime(2026, 4, 9, 18, 5, tzinfo=UTC)
    assert (patient.record_number, patient.given_name, patient.companion_name) == ("00123", "Ana", "Eve")
    assert (contact.phone, contact.refused_at, contact.consented_at) == ("+12025550101", NOW, None)
    assert (escort.phone, escort.language) == ("+12025550109", "es")


def test_an_excel_file_with_cells_of_other_kinds_is_read(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    start = datetime(2026, 4, 9, 14, 5, tzinfo=UTC).replace(tzinfo=None)
    row = {
        "Booking ID": 4711,
        "MRN": 123.0,
        "Patient": "Ana",
        "Cell": 2025550101.0,
        "Preferred language": "Español",
        "Procedure": "MRI brain",
        "Appointment date": start.date(),
        "Appointment time": start.time(),
        "Contrast?": True,
        "Doctor": "House",
    }
    path = write_excel(tmp_path / "file.csv", [row])

    report = import_file(engine, settings, path, NOW)

    [appointment] = find_appointments(engine)
    assert (appointment.external_id, appointment.contrast) == ("4711", True)
    assert appointment.starts_at == datetime(2026, 4, 9, 18, 5, tzinfo=UTC)
    assert (report.errors, report.ignored) == ([], ("Doctor",))


def test_every_wrong_cell_of_a_row_is_reported(import_rows: ImportRows) -> None:
    row = make_row(101, phone="1", language="", exam="x-ray", contrast="?", companion_phone="2", consent="?")
    assert list_errors(import_rows(row)) == [
        (2, column) for column in ("language", "phone", "exam", "contrast", "companion_phone", "consent")
    ]


def test_a_wrong_date_and_a_wrong_time_are_two_errors(import_rows: ImportRows) -> None:
    parts = [("2026-02-30", "25:00"), ("2027-03-14", "02:30"), ("2026-03-01", "10:00"), ("2026-04-09", "2:05 PM")]
    rows = [make_row(number, date=day, time=clock) for number, (day, clock) in enumerate(parts, 101)]
    for row in rows:
        del row["starts_at"]

    report = import_rows(*rows)

    assert list_errors(report) == [(2, "date"), (2, "time"), (3, "time"), (4, "date")]
    assert report.enrolled == 1


def test_a_time_that_exists_twice_is_enrolled_once_its_offset_is_given(engine: Engine, import_rows: ImportRows) -> None:
    report = import_rows(
        make_row(101, starts_at="2026-11-01 01:30"),
        make_row(102, starts_at="2026-11-01T01:30-05:00"),
    )

    assert list_errors(report) == [(2, "starts_at")]
    assert [appointment.starts_at.hour for appointment in find_appointments(engine)] == [6]


def test_the_report_is_the_documented_json(import_rows: ImportRows) -> None:
    report = import_rows(make_row(101), make_row(102, exam=""))
    assert json.loads(json.dumps(report.to_json())) == {
        "enrolled": 1,
        "updated": 0,
        "unchanged": 0,
        "cancelled": 0,
        "errors": [{"row": 3, "column": "exam", "message": report.errors[0].message}],
    }


def test_no_error_repeats_a_name_or_a_phone_number(import_rows: ImportRows) -> None:
    names = ["Xochitl" * 7, "Xochitl https://example.org", "Xochitl\x07"]
    phones = ["202-555-98765", "2025559876 ext 4", "2025559876/2025559877", "+1 202 555 987"]
    rows = [make_row(100 + number, name=name) for number, name in enumerate(names)]
    rows += [make_row(200 + number, phone=phone, companion_phone=phone) for number, phone in enumerate(phones)]

    report = import_rows(*rows)

    assert len(report.errors) == len(names) + 2 * len(phones)
    assert not [error for error in report.errors if "Xochitl" in error.message or "987" in error.message]


def test_without_a_language_column_it_is_the_clinics_language(engine: Engine, import_rows: ImportRows) -> None:
    row = make_row(101)
    del row["language"]

    import_rows(row)

    assert find_appointments(engine)[0].language == "en"


def test_a_changed_time_reschedules(engine: Engine, import_rows: ImportRows) -> None:
    import_rows(make_row(101), make_row(102))

    report = import_rows(make_row(101, starts_at="2026-04-10 14:05"), make_row(102))

    assert list_outcomes(report) == (0, 1, 1, 0)
    first, second = find_appointments(engine)
    assert (first.starts_at - second.starts_at, first.revision, second.revision) == (timedelta(days=1), 2, 1)


def test_a_cancelled_status_cancels_once(engine: Engine, import_rows: ImportRows) -> None:
    import_rows(make_row(101), make_row(102))

    cancelled = [make_row(number, status="Cancelado") for number in (101, 103)]
    first, second = import_rows(*cancelled), import_rows(*cancelled)

    assert list_outcomes(first) == (0, 0, 1, 1)
    assert list_outcomes(second) == (0, 0, 2, 0)
    assert [appointment.status for appointment in find_appointments(engine)] == [
        AppointmentStatus.CANCELLED,
        AppointmentStatus.BOOKED,
    ]


def test_a_language_that_the_patient_chose_outlasts_the_next_import(
    engine: Engine, settings: Settings, import_rows: ImportRows
) -> None:
    import_rows(make_row(101))
    text_in(engine, settings, "English please", phone="+12025550101")

    report = import_rows(make_row(101))

    assert list_outcomes(report) == (0, 0, 1, 0)
    with reading(engine) as session:
        assert session.exec(select(Contact.language)).one() == "en"


def test_a_stop_outlasts_the_next_import(engine: Engine, settings: Settings, import_rows: ImportRows) -> None:
    import_rows(make_row(101))
    text_in(engine, settings, "STOP", phone="+12025550101")

    import_rows(make_row(101, consent="yes"))

    assert deliver(engine, settings, NOW + timedelta(days=37)) == []


def test_the_same_row_twice_is_one_appointment(engine: Engine, import_rows: ImportRows) -> None:
    nameless = make_row(102, appointment_id="")

    report = import_rows(make_row(101), make_row(101), nameless, nameless)

    assert (list_outcomes(report), report.errors) == ((2, 0, 2, 0), [])
    assert len(find_appointments(engine)) == 2


def test_the_same_row_in_two_batches_is_one_appointment(engine: Engine, import_rows: ImportRows) -> None:
    others = [make_row(1000 + number) for number in range(BATCH)]
    nameless = make_row(101, appointment_id="")

    report = import_rows(nameless, *others, nameless)

    assert (list_outcomes(report), report.errors) == ((BATCH + 1, 0, 1, 0), [])


@pytest.mark.parametrize(
    ("first", "second", "column"),
    [
        ({}, {"exam": "emg"}, "appointment_id"),
        ({}, {"status": "cancelled"}, "appointment_id"),
        ({"appointment_id": ""}, {"appointment_id": "", "place": "Building B"}, "starts_at"),
        ({"patient_id": "7"}, {"patient_id": "7", "appointment_id": "B", "name": "Eve"}, "name"),
        ({"patient_id": "7"}, {"patient_id": "7", "appointment_id": "B", "phone": "202-555-0199"}, "phone"),
        ({"consent": "no"}, {"appointment_id": "B", "name": "Eve"}, "consent"),
    ],
)
def test_a_row_that_contradicts_an_earlier_one_is_an_error(
    engine: Engine, import_rows: ImportRows, first: dict[str, str], second: dict[str, str], column: str
) -> None:
    rows = [make_row(101, **first), make_row(102), make_row(101, **second)]

    report = import_rows(*rows)

    assert list_errors(report) == [(4, column)]
    assert "row 2" in report.errors[0].message
    assert list_outcomes(import_rows(*rows)) == (0, 0, 2, 0)
    assert len(find_appointments(engine)) == 2


def test_a_refusal_in_a_later_row_counts(engine: Engine, import_rows: ImportRows) -> None:
    rows = [make_row(101), make_row(101, appointment_id="B", name="Eve", consent="no")]
    for _ in range(2):
        assert import_rows(*rows).errors == []
        with reading(engine) as session:
            assert session.exec(select(Contact.refused_at)).one() == NOW


def test_a_patient_may_have_two_appointments_in_one_file(import_rows: ImportRows) -> None:
    rows = [make_row(101, patient_id="7"), make_row(101, patient_id="7", appointment_id="B", exam="emg")]
    assert list_outcomes(import_rows(*rows)) == (2, 0, 0, 0)
    assert list_outcomes(import_rows(*rows)) == (0, 0, 2, 0)


def test_a_dry_run_counts_and_writes_nothing(engine: Engine, import_rows: ImportRows) -> None:
    import_rows(make_row(101), make_row(102), make_row(103))
    before = count_rows(engine)
    rows = [
        make_row(101, starts_at="2026-04-10 14:05"),
        make_row(102, status="cancelled"),
        make_row(103),
        make_row(104),
        make_row(105, exam=""),
        make_row(106, starts_at="2026-03-01 10:00"),
    ]

    report = import_rows(*rows, dry_run=True)

    assert list_outcomes(report) == (1, 1, 1, 1)
    assert list_errors(report) == [(6, "exam"), (7, "starts_at")]
    assert count_rows(engine) == before
    assert [appointment.revision for appointment in find_appointments(engine)] == [1, 1, 1]
    assert import_rows(*rows) == report


@pytest.mark.parametrize("mistake", [{"exam": ""}, {"starts_at": "2026-03-01 10:00"}])
def test_all_or_nothing_writes_nothing_when_one_row_is_wrong(
    engine: Engine, import_rows: ImportRows, mistake: dict[str, str]
) -> None:
    rows = [make_row(number) for number in range(2, BATCH + 10)]
    before = count_rows(engine)

    report = import_rows(*rows, make_row(9999, **mistake), all_or_nothing=True)

    assert list_errors(report) == [(BATCH + 10, next(iter(mistake)))]
    assert list_outcomes(report) == (0, 0, 0, 0)
    assert count_rows(engine) == before
    assert import_rows(*rows, all_or_nothing=True).enrolled == len(rows)


def test_columns_that_do_not_fit_enrol_nothing(engine: Engine, import_rows: ImportRows) -> None:
    report = import_rows({**make_row(101), "Mobile": "202-555-0102"}, {**make_row(102), "Mobile": ""})
    assert list_errors(report) == [(1, "phone")]
    assert find_appointments(engine) == []


def test_a_row_that_cannot_be_told_apart_is_one_error(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("name,phone,exam,starts_at\nAna,202-555-0101,emg,2026-04-09 14:05,x\n", encoding="utf-8")
    report = import_file(engine, settings, path, NOW)
    assert list_errors(report) == [(2, "")]


def test_a_spreadsheets_error_is_no_value(import_rows: ImportRows) -> None:
    report = import_rows(make_row(101, name="#N/A", place="#REF!"))
    assert list_errors(report) == [(2, "name"), (2, "place")]


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_a_file_that_is_not_there_is_its_own_trouble(
    engine: Engine, settings: Settings, tmp_path: Path, name: str
) -> None:
    with pytest.raises(FileTrouble, match=r"there is no such file|cannot be opened"):
        import_file(engine, settings, tmp_path / name, NOW)


def test_a_fault_far_down_a_file_leaves_a_true_report(
    engine: Engine, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.importing.excel_file._MAX_ROW", 3)
    path = write_excel(tmp_path / "file.xlsx", [make_row(number) for number in (101, 102, 103)])

    report = import_file(engine, settings, path, NOW)

    assert (report.enrolled, list_errors(report)) == (2, [(4, "")])
    assert "from here on nothing was read" in report.errors[0].message


@pytest.mark.parametrize("write", [write_csv, write_excel])
def test_progress_ends_with_the_whole_file(
    engine: Engine, settings: Settings, tmp_path: Path, write: Callable[..., Path]
) -> None:
    path = write(tmp_path / "file", [make_row(number) for number in range(101, 451)])
    told: list[tuple[int, int]] = []

    import_file(engine, settings, path, NOW, progress=lambda done, total: told.append((done, total)))

    expected = path.stat().st_size if write is write_csv else 351
    assert told[-1] == (expected, expected)
    assert len(told) == 4
    assert told == sorted(told)


@pytest.fixture
def failures(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[IntegrityError]]:
    """As many failures as are in the list meet the next batches, as if somebody else had been quicker."""
    waiting: list[IntegrityError] = []

    def enrol_or_fail(*arguments: Any) -> Any:
        results = enrol(*arguments)
        if waiting:
            raise waiting.pop()
        return results

    monkeypatch.setattr("bot.importing.appointments_file.enrol", enrol_or_fail)
    yield waiting
    assert not waiting


@pytest.mark.parametrize("options", [{}, {"all_or_nothing": True}])
def test_a_batch_that_met_somebody_elses_row_is_tried_once_more(
    engine: Engine, import_rows: ImportRows, failures: list[IntegrityError], options: dict[str, bool]
) -> None:
    failures.append(IntegrityError("", None, Exception()))
    assert list_outcomes(import_rows(make_row(101), make_row(102), **options)) == (2, 0, 0, 0)
    assert count_rows(engine)[:3] == [2, 2, 2]

    failures += [IntegrityError("", None, Exception()) for _ in range(2)]
    with pytest.raises(IntegrityError):
        import_rows(make_row(103), **options)
    assert count_rows(engine)[:3] == [2, 2, 2]


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Settings, Path]]:
    """One database for many examples, which leave nothing behind that matters to another."""
    folder = tmp_path_factory.mktemp("garbage")
    settings = load_settings(None, {"DATABASE_URL": f"sqlite:///{folder / 'bot.db'}", **CLINIC})
    engine = prepare_database(settings)
    yield engine, settings, folder / "file.csv"
    engine.dispose()


def test_three_thousand_rows_take_no_more_memory_from_batch_to_batch(clinic: tuple[Engine, Settings, Path]) -> None:
    engine, settings, path = clinic
    write_csv(path, [make_row(number) for number in range(2, 3002)])
    peaks: list[int] = []

    def watch(done: int, total: int) -> None:
        if done > total * 2 / 3 and not peaks:
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.reset_peak()
        elif done > total / 3 and not tracemalloc.is_tracing():
            tracemalloc.start()

    try:
        report = import_file(engine, settings, path, NOW, progress=watch)
        peaks.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()

    assert (report.enrolled, report.errors) == (3000, [])
    assert peaks[1] < 1.5 * peaks[0]


def test_rows_that_came_before_are_remembered_without_memory() -> None:
    def make(number: int, **changes: Any) -> Enrolment:
        starts_at = datetime(2027, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
        values = {"phone": f"+1202555{number:05}", "starts_at": starts_at, "record_number": f"P{number}"}
        return Enrolment(
            **{
                "given_name": "Ana",
                "language": "en",
                "exam": "mri-brain",
                "external_id": f"A{number}",
                **values,
                **changes,
            }
        )

    with Repeats() as repeats:
        tracemalloc.start()
        try:
            assert not any(repeats.check(number, make(number)) for number in range(20_000))
            assert tracemalloc.get_traced_memory()[0] < 100_000
        finally:
            tracemalloc.stop()
        assert repeats.check(20_000, make(1)) == []
        assert [error.column for error in repeats.check(20_001, make(1, exam="ct"))] == ["appointment_id"]
        assert [error.column for error in repeats.check(20_002, make(20_002, record_number="P1"))] == ["phone"]


@given(
    st.one_of(
        st.binary(),
        st.lists(st.lists(st.text(max_size=20), max_size=5), max_size=5).map(
            lambda rows: "\n".join(["name,phone,exam,starts_at", *map(",".join, rows)]).encode("utf-8", "replace")
        ),
    )
)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_bytes_break_the_import(clinic: tuple[Engine, Settings, Path], content: bytes) -> None:
    engine, settings, path = clinic
    path.write_bytes(content)
    try:
        report = import_file(engine, settings, path, NOW, dry_run=True)
    except FileTrouble:
        return
    assert report.enrolled == 0
