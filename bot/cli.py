"""Edge: the commands. Each reads settings, opens what it needs, and prints; the work is elsewhere.

Imports of the heavier parts are inside the commands, so that ``--help`` answers at once.
"""

import json
import os
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from bot.settings import Settings

T = TypeVar("T")

app = typer.Typer(
    help="Texts patients what to do before their scan, in their language, and answers their questions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value and nothing else.")]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)]
Contrast = Annotated[bool, typer.Option("--contrast", help="With contrast dye.")]
Sedation = Annotated[bool, typer.Option("--sedation", help="With a calming medicine.")]
ExamCode = Annotated[str, typer.Option(help="Exam code, such as mri-brain.")]
LanguageCode = Annotated[str, typer.Option(help="Language: a code or its name.")]
AppointmentId = Annotated[int, typer.Argument(metavar="ID", help="The appointment's number.")]
StartsAt = Annotated[str, typer.Option(help="Start, such as 2027-03-09T14:05, in the clinic's time zone.")]


def main() -> None:
    """Run a command: exit 0 when done, 1 with one sentence when input or the world was at fault, 2 for wrong usage."""
    from alembic.util.exc import CommandError
    from sqlalchemy.exc import SQLAlchemyError

    from messages.words import WordsError

    try:
        app()
    except (WordsError, SQLAlchemyError, CommandError) as error:
        fail(f"the database or a data file cannot be used: {str(error).splitlines()[0]}")
    except ValueError as error:
        # Every error of ours that input can cause is a ValueError with a sentence for a person.
        fail(str(error))
    except OSError as error:
        fail(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))


def fail(sentence: str) -> None:
    typer.echo(f"bot: {sentence}", err=True)
    sys.exit(1)


def now() -> datetime:
    return datetime.now(UTC)


def _open() -> "tuple[Settings, Engine]":
    from bot.daemon import prepare_database
    from bot.settings import load_settings

    settings = load_settings()
    return settings, prepare_database(settings)


def _check(option: str, read: "Callable[..., T]", *values: Any) -> "T":
    """Read one option's value; what is wrong with it is said with the option's name."""
    from bot.importing.values import ValueTrouble

    try:
        return read(*values)
    except ValueTrouble as error:
        raise ValueTrouble(f"{option} {error}") from error


def _print(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


@app.command()
def run(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    no_web: Annotated[bool, typer.Option("--no-web", help="Send only.")] = False,
    no_send: Annotated[bool, typer.Option("--no-send", help="Serve only.")] = False,
) -> None:
    """The daemon: migrate, schedule, send, serve."""
    import asyncio

    from bot.daemon import Roles, prepare_database
    from bot.daemon import run as run_daemon
    from bot.logs import set_up_logging
    from bot.settings import load_settings

    settings = load_settings()
    set_up_logging(settings.log_format)
    engine = prepare_database(settings)
    if asyncio.run(run_daemon(settings, engine, Roles(send=not no_send, web=not no_web), host, port)):
        engine.dispose()
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - the same command again


@app.command()
def demo(port: Port = 8000) -> None:
    """The daemon on a throwaway database, with sandbox sending and sample data."""
    import asyncio
    import tempfile

    from bot.daemon import Roles, prepare_database
    from bot.daemon import run as run_daemon
    from bot.logs import set_up_logging
    from bot.samples import enrol_samples, load_demo_settings

    with tempfile.TemporaryDirectory(prefix="bot-demo-") as folder:
        settings = load_demo_settings(Path(folder) / "demo.db", port)
        set_up_logging(settings.log_format)
        engine = prepare_database(settings)
        enrol_samples(engine, settings.clinic_facts, settings.plan, now())
        typer.echo(
            f"The front desk is at http://127.0.0.1:{port}, the patients' phones at http://127.0.0.1:{port}/phone"
        )
        typer.echo("Stop with Ctrl+C; nothing is kept.")
        asyncio.run(run_daemon(settings, engine, Roles(demo=True), "127.0.0.1", port))


@app.command()
def check(
    online: Annotated[bool, typer.Option("--online", help="Ask Twilio too: account, sender, webhooks.")] = False,
    send_to: Annotated[str | None, typer.Option(help="With --online: a number that gets a test text.")] = None,
) -> None:
    """Say everything that is wrong with settings, database and catalogues."""
    from bot.checks import find_troubles
    from bot.importing.values import read_phone

    if send_to and not online:
        raise typer.BadParameter("--send-to goes with --online")
    number = _check("--send-to", read_phone, send_to, "US") if send_to else None
    troubles, warnings = find_troubles(online=online, send_to=number)
    for warning in warnings:
        typer.echo(f"warning: {warning}")
    for trouble in troubles:
        typer.echo(f"wrong: {trouble}", err=True)
    if troubles:
        sys.exit(1)
    typer.echo("All is well.")


@app.command()
def enrol(
    phone: Annotated[str, typer.Option(help="Mobile number, national or international.")],
    name: Annotated[str, typer.Option(help="The patient's given name.")],
    language: LanguageCode,
    exam: ExamCode,
    starts_at: StartsAt,
    contrast: Contrast = False,
    sedation: Sedation = False,
    place: Annotated[str, typer.Option(help="Room or floor.")] = "",
    appointment_id: Annotated[str, typer.Option(help="The clinic's own id of the appointment.")] = "",
    patient_id: Annotated[str, typer.Option(help="Record number.")] = "",
    companion_name: Annotated[str, typer.Option(help="Who comes along.")] = "",
    companion_phone: Annotated[str, typer.Option(help="Their mobile number.")] = "",
    companion_language: Annotated[str, typer.Option(help="Their language; the patient's if left out.")] = "",
    companion_first: Annotated[
        bool, typer.Option("--companion-first", help="The patient cannot type: ask the companion.")
    ] = False,
    consent: Annotated[
        bool | None,
        typer.Option(
            "--consent/--no-consent", help="Whether they agree to texts; left out: the clinic has their consent."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Enrol one appointment; prints its id and its planned texts."""
    from bot import appointments
    from bot.database import reading, writing
    from bot.importing.values import read_exam, read_language, read_name, read_phone, read_starts_at
    from bot.people import Companion, Enrolment
    from bot.reports import describe_appointment

    settings, engine = _open()
    plan, region = settings.plan, settings.default_region
    code = _check("--language", read_language, language)
    companion = None
    if companion_phone:
        companion = Companion(
            companion_name,
            _check("--companion-phone", read_phone, companion_phone, region),
            _check("--companion-language", read_language, companion_language or code),
            first=companion_first or None,
        )
    enrolment = Enrolment(
        phone=_check("--phone", read_phone, phone, region),
        given_name=_check("--name", read_name, name),
        language=code,
        exam=_check("--exam", read_exam, exam, settings.exams),
        starts_at=_check("--starts-at", read_starts_at, starts_at, plan.zone, now()),
        external_id=appointment_id or None,
        record_number=patient_id or None,
        contrast=contrast,
        sedation=sedation,
        place=place,
        companion=companion,
        consent=consent,
    )
    with writing(engine) as session:
        [enrolled] = appointments.enrol(session, plan, [enrolment], now(), "command line")
    if enrolled.outcome == "past" or enrolled.appointment_id is None:
        raise appointments.AppointmentError("the start is in the past; give a time that is still to come")
    with reading(engine) as session:
        described = describe_appointment(session, enrolled.appointment_id, plan.zone) or {}
    if as_json:
        _print({"outcome": enrolled.outcome, **described})
        return
    typer.echo(f"Appointment {enrolled.appointment_id} {enrolled.outcome}.")
    _print_texts(described)


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV or .xlsx with a header row.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen; change nothing.")] = False,
    all_or_nothing: Annotated[bool, typer.Option("--all-or-nothing", help="Enrol nothing if any row is bad.")] = False,
    as_json: AsJson = False,
) -> None:
    """Enrol many appointments from a file; bad rows are named, good ones enrolled."""
    from rich.console import Console
    from rich.progress import Progress

    from bot.importing.appointments_file import import_file

    settings, engine = _open()
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("Importing", total=None)
        report = import_file(
            engine,
            settings,
            file,
            now(),
            dry_run=dry_run,
            all_or_nothing=all_or_nothing,
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    if as_json:
        _print(report.to_json())
    else:
        for error in report.errors:
            typer.echo(f"{', '.join(filter(None, (f'row {error.row}', error.column)))}: {error.message}")
        counts = f"{report.enrolled} enrolled, {report.updated} updated, {report.unchanged} unchanged"
        typer.echo(f"{'Would be: ' if dry_run else ''}{counts}, {report.cancelled} cancelled.")
    if report.errors:
        rows = len({error.row for error in report.errors})
        fail(f"{rows} row{'s' if rows > 1 else ''} could not be used; mend and import the file again")


@app.command()
def appointments(
    from_: Annotated[str, typer.Option("--from", help="First day, such as 2027-03-09; today if left out.")] = "",
    to: Annotated[str, typer.Option("--to", help="Last day.")] = "",
    as_json: AsJson = False,
) -> None:
    """List appointments."""
    from bot.database import reading
    from bot.reports import describe_appointments

    settings, engine = _open()
    zone = settings.plan.zone
    first = date.fromisoformat(from_) if from_ else now().astimezone(zone).date()
    start = datetime.combine(first, time.min, zone)
    end = datetime.combine(date.fromisoformat(to), time.max, zone) if to else None
    with reading(engine) as session:
        rows = describe_appointments(session, zone, start, end)
    if as_json:
        _print(rows)
        return
    for row in rows:
        moment = datetime.fromisoformat(row["starts_at"])
        columns = (f"{row['id']:>6}", f"{moment:%a %Y-%m-%d %H:%M}", f"{row['exam']:16}", f"{row['status']:10}")
        typer.echo("  ".join((*columns, f"{row['language']:8}", row["name"])))
    if not rows:
        typer.echo("No appointments.")


@app.command()
def show(appointment_id: AppointmentId, as_json: AsJson = False) -> None:
    """Show one appointment: planned, sent and received texts, and tasks, in order."""
    from bot.appointments import AppointmentError
    from bot.database import reading
    from bot.reports import describe_appointment

    settings, engine = _open()
    with reading(engine) as session:
        described = describe_appointment(session, appointment_id, settings.plan.zone)
    if described is None:
        raise AppointmentError(f"there is no appointment {appointment_id}")
    if as_json:
        _print(described)
        return
    moment = datetime.fromisoformat(described["starts_at"])
    typer.echo(f"Appointment {appointment_id}: {described['name']}, {described['exam']}, {moment:%a %Y-%m-%d %H:%M}")
    typer.echo(f"{described['status']}, {described['phone']}, {described['language']}")
    _print_texts(described)
    for task in described["tasks"]:
        typer.echo(f"  task {task['id']} ({task['state']}): {task['what']}  {task['words']}".rstrip())


def _print_texts(described: dict[str, Any]) -> None:
    for text in described.get("texts", ()):
        moment = datetime.fromisoformat(text["at"])
        if text["direction"] == "in":
            typer.echo(f"  {moment:%a %Y-%m-%d %H:%M}  < {text['text']}")
        else:
            state = f"{text['state']}: {text['reason']}" if text["reason"] else text["state"]
            typer.echo(f"  {moment:%a %Y-%m-%d %H:%M}  > {text['step'] or text['kind']} ({state})")
            if text["text"]:
                typer.echo(f"      {text['text']}")


@app.command()
def screening(
    appointment_id: AppointmentId,
    read_by: Annotated[str, typer.Option(help="Note that this person of the staff has read the answers.")] = "",
    phoned_by: Annotated[str, typer.Option(help="Who asked on the phone; goes with --answers.")] = "",
    answers: Annotated[str, typer.Option(help="What was answered on the phone.")] = "",
    as_json: AsJson = False,
) -> None:
    """The screening form of one appointment: questions, answers as they were given, and what to go through."""
    from bot.appointments import AppointmentError
    from bot.database import reading, writing
    from bot.forms import describe_screening, list_lines
    from bot.models import Appointment
    from bot.screenings import mark_seen, take_down

    if bool(phoned_by) != bool(answers):
        raise typer.BadParameter("--phoned-by and --answers go together")
    settings, engine = _open()
    if read_by or phoned_by:
        with writing(engine) as session:
            appointment = session.get(Appointment, appointment_id)
            if appointment is None:
                raise AppointmentError(f"there is no appointment {appointment_id}")
            if phoned_by:
                take_down(session, appointment, answers, phoned_by, now())
            if read_by:
                mark_seen(session, appointment, read_by, now())
    with reading(engine) as session:
        described = describe_screening(session, appointment_id, settings.screening, settings.exams, settings.plan.zone)
    if described is None:
        raise AppointmentError(f"there is no appointment {appointment_id}")
    if as_json:
        _print(described)
        return
    for line in list_lines(described):
        typer.echo(line)


@app.command()
def escalate(as_json: AsJson = False) -> None:
    """Do what is due about silence, as the daemon does by itself: reminders, companions, tasks, after a visit."""
    from bot.database import writing
    from bot.escalating import escalate as escalate_now

    settings, engine = _open()
    with writing(engine) as session:
        done = escalate_now(session, settings.clinic_facts, settings.plan, settings.watch, now())
    if as_json:
        _print(dict(done))
    else:
        typer.echo(", ".join(f"{count} {what}" for what, count in sorted(done.items())) or "Nothing to do.")


@app.command()
def digest(
    day: Annotated[
        str, typer.Option(help="The day, such as 2027-03-09; if left out, until the next working day.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Who of the next day's patients needs a look: unreached, unscreened, unread, unconfirmed, in order of time."""
    from bot.database import reading
    from bot.digest import describe_digest, list_digest_lines
    from bot.escalating import find_digest_span

    settings, engine = _open()
    zone = settings.plan.zone
    if day:
        wanted = date.fromisoformat(day)
        start, end = datetime.combine(wanted, time.min, zone), datetime.combine(wanted + timedelta(1), time.min, zone)
    else:
        start, end = find_digest_span(settings.plan, settings.watch, now())
    with reading(engine) as session:
        described = describe_digest(session, settings.exams, zone, start, end)
    if as_json:
        _print(described)
        return
    for line in list_digest_lines(described):
        typer.echo(line)


@app.command(name="notify-day")
def notify_day(
    from_: Annotated[str, typer.Option("--from", help="First exam start, such as 2027-03-09T08:00.")],
    to: Annotated[str, typer.Option(help="Before this start.")],
    minutes: Annotated[int, typer.Option(help="So much later to arrive; less than 0: earlier.")],
) -> None:
    """Text everybody of a morning that the clinic runs late, or can see them earlier, in each one's language."""
    from bot import visits
    from bot.database import writing

    settings, engine = _open()
    if not settings.text_delays:
        raise ValueError("TEXT_DELAYS is off; switch it on to text a whole morning")
    zone = settings.plan.zone
    start, end = (datetime.fromisoformat(value).replace(tzinfo=zone) for value in (from_, to))
    with writing(engine) as session:
        told = visits.notify_day(session, settings.plan, start, end, timedelta(minutes=minutes), now(), "command line")
    typer.echo(f"{told.patients} patients and {told.companions} companions are told.")


@app.command()
def record(
    patient: Annotated[str, typer.Argument(help="Record number, or # and the patient's id.")], as_json: AsJson = False
) -> None:
    """Everything sent to a patient, delivered, answered and done, by whom, and their consent: for print."""
    from bot.database import reading
    from bot.erasing import find_patient
    from bot.proof import describe_record, list_record_lines

    settings, engine = _open()
    with reading(engine) as session:
        found = find_patient(session, patient)
        described = describe_record(session, found, settings.screening, settings.exams, settings.plan.zone)
    if as_json:
        _print(described)
        return
    for line in list_record_lines(described):
        typer.echo(line)


@app.command()
def erase(
    patient: Annotated[str, typer.Argument(help="Record number, or # and the patient's id.")],
    by: Annotated[str, typer.Option(help="Who asks for it.")] = "command line",
) -> None:
    """Erase a patient's words, names and numbers; what was done and when stays, and a stop stays a stop."""
    from bot import erasing
    from bot.database import writing

    _, engine = _open()
    with writing(engine) as session:
        erased = erasing.erase(session, erasing.find_patient(session, patient), now(), by)
    typer.echo(f"Erased: {erased.appointments} appointments, {erased.texts} texts, {erased.numbers} numbers.")
    if erased.kept_numbers:
        typer.echo(f"{erased.kept_numbers} numbers and what came from them are kept: other patients have them too.")


@app.command()
def purge(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many; change nothing.")] = False,
) -> None:
    """Erase everybody whose last appointment is more than RETENTION_DAYS ago."""
    from bot import erasing
    from bot.database import reading, writing

    settings, engine = _open()
    before = now() - timedelta(days=settings.retention_days)
    if dry_run:
        with reading(engine) as session:
            typer.echo(f"{len(erasing.list_expired(session, before))} patients would be erased.")
        return
    with writing(engine) as session:
        typer.echo(f"{erasing.purge(session, before, now())} patients erased.")


@app.command()
def reschedule(appointment_id: AppointmentId, starts_at: StartsAt) -> None:
    """Move an appointment; the patient is told if they had heard of the old time."""
    from bot import appointments
    from bot.database import writing
    from bot.importing.values import read_starts_at

    settings, engine = _open()
    moment = _check("--starts-at", read_starts_at, starts_at, settings.plan.zone, now())
    with writing(engine) as session:
        appointments.reschedule(session, settings.plan, appointment_id, moment, now(), "command line")
    typer.echo(f"Appointment {appointment_id} moved to {moment.astimezone(settings.plan.zone):%a %Y-%m-%d %H:%M}.")


@app.command()
def cancel(appointment_id: AppointmentId) -> None:
    """Cancel an appointment; the patient is told once."""
    from bot import appointments
    from bot.database import writing

    settings, engine = _open()
    with writing(engine) as session:
        appointments.cancel(session, settings.plan, appointment_id, now(), "command line")
    typer.echo(f"Appointment {appointment_id} cancelled.")


@app.command(name="send-due")
def send_due(as_json: AsJson = False) -> None:
    """Send what is due now, once, and look up what is in doubt."""
    import asyncio

    from bot.daemon import send_once

    settings, engine = _open()
    result = asyncio.run(send_once(settings, engine))
    if as_json:
        _print(result)
    else:
        typer.echo(f"{result['sent']} sent, {result['in_doubt']} in doubt looked up.")


@app.command()
def pause(
    reason: Annotated[str, typer.Option(help="Why, for whoever looks next.")] = "",
    by: Annotated[str, typer.Option(help="Who pauses.")] = "the operator",
) -> None:
    """Hold back every text that we start; answers to patients go on."""
    from bot.database import writing
    from bot.holds import pause as pause_sending

    _, engine = _open()
    with writing(engine) as session:
        done = pause_sending(session, by, reason, now())
    typer.echo("Reminders are paused; answers go on." if done else "Reminders are paused already.")


@app.command()
def resume() -> None:
    """Let texts go out again after a pause, also one that the bot itself has made."""
    from bot.database import writing
    from bot.holds import resume as resume_sending

    _, engine = _open()
    with writing(engine) as session:
        done = resume_sending(session, now())
    typer.echo("Reminders go out again." if done else "Nothing was paused.")


@app.command()
def preview(
    exam: ExamCode = "mri-brain",
    language: Annotated[str, typer.Option(help="Language: a code, its name, or all.")] = "all",
    contrast: Contrast = False,
    sedation: Sedation = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with the languages side by side, answers too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show every text of an exam's plan as people read it, with its segments."""
    from bot.importing.values import read_exam, read_language
    from bot.previews import make_sample, preview_plan, write_page
    from bot.settings import load_settings
    from messages.languages import LANGUAGES, SOURCE

    settings = load_settings()
    everything = [one.code for one in LANGUAGES]
    codes = everything if language.strip().casefold() == "all" else [_check("--language", read_language, language)]
    found = settings.exams.get(_check("--exam", read_exam, exam, settings.exams))
    sample = make_sample(settings.clinic_facts, settings.plan, found, now(), contrast=contrast, sedation=sedation)
    if html:
        # Beside a single language stands the English that it was made from.
        html.write_text(write_page(sample, list(dict.fromkeys([SOURCE, *codes]))), encoding="utf-8")
        typer.echo(f"The page is {html}.")
        return
    texts = [text for code in codes for text in preview_plan(sample, code)]
    if as_json:
        _print([text.to_json() for text in texts])
        return
    for one in texts:
        reviewed = "" if one.text.reviewed else ", translation not reviewed"
        cost = f"{one.text.measure.segments} segments {one.text.measure.encoding}"
        typer.echo(f"{one.kind}: {one.step} ({cost}, {one.text.language}{reviewed})")
        typer.echo(f"  {one.text.body}\n")


@app.command()
def review(
    language: Annotated[str, typer.Argument(help="Language: a code or its name.")],
    sheet: Annotated[Path | None, typer.Option(help="Write a sheet for the translator: .csv or .xlsx.")] = None,
    take: Annotated[Path | None, typer.Option(help="Take such a sheet back.")] = None,
    reviewer: Annotated[str, typer.Option(help="Who has reviewed it.")] = "",
    qualification: Annotated[str, typer.Option(help="What makes them qualified.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; change nothing.")] = False,
) -> None:
    """Have a language reviewed: a sheet for a qualified human translator, and back with their name."""
    from bot.importing.values import read_language
    from bot.reviewing import make_sheet, take_sheet, write_sheet
    from messages.languages import SOURCE

    code = _check("LANGUAGE", read_language, language)
    if code == SOURCE:
        raise typer.BadParameter("English is what the others are translated from")
    if (sheet is None) == (take is None):
        raise typer.BadParameter("give --sheet FILE, or --take FILE")
    if sheet:
        lines = make_sheet(code)
        write_sheet(lines, sheet)
        typer.echo(f"{len(lines)} lines in {sheet}. Correct the translations, put a yes behind what is right.")
    if take:
        if not (reviewer.strip() and qualification.strip()):
            raise typer.BadParameter("give --reviewer and --qualification: their name stands behind the texts")
        found = take_sheet(code, take, reviewer.strip(), qualification.strip(), now().date(), keep=not dry_run)
        for change in found.changes:
            typer.echo(f"{change.english}\n  - {change.old}\n  + {change.new}")
        for english in found.outdated:
            typer.echo(f"not taken, the English has changed since: {english}")
        typer.echo(f"{'Would be: ' if dry_run else ''}{len(found.changes)} changed, {found.signed} signed.")


@app.command()
def languages(as_json: AsJson = False) -> None:
    """List the languages: coverage, review, direction, encoding."""
    from bot.reports import describe_languages, find_encoding

    rows = describe_languages()
    if as_json:
        _print(rows)
        return
    for row in rows:
        shares = f"{row['translated']}/{row['messages']} translated, {row['reviewed']}/{row['messages']} reviewed"
        typer.echo(f"{row['code']:8} {row['direction']}  {shares}  {find_encoding(row['code']):5}  {row['name']}")


@app.command()
def understand(
    text: Annotated[str | None, typer.Argument(help="What the patient wrote.")] = None,
    language: Annotated[str, typer.Option(help="The patient's language.")] = "en",
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Read JSON lines on stdin, write them with the result.")
    ] = False,
) -> None:
    """Say what we make of a text."""
    from messages.understand import understand as understand_text

    if jsonl:
        for line in sys.stdin:
            if line.strip():
                entry = json.loads(line)
                meaning = understand_text(
                    str(entry.get("text") or ""), str(entry.get("language") or language), entry.get("awaiting")
                )
                found = {"intent": meaning.intent, "detail": meaning.detail, "confidence": meaning.confidence}
                line = json.dumps({**entry, **found}, ensure_ascii=False)
                # Half of a surrogate pair cannot be written, but its escape can, and is the same JSON.
                typer.echo(line.encode("utf-8", "backslashreplace").decode())
        return
    if text is None:
        raise typer.BadParameter("give a text, or --jsonl")
    meaning = understand_text(text, language)
    detail = f" {meaning.detail}" if meaning.detail else ""
    typer.echo(f"{meaning.intent}{detail} ({meaning.confidence:.2f})")


@app.command()
def evaluate(
    file: Annotated[Path, typer.Argument(help="CSV with text, intent, and if needed detail, language, awaiting.")],
    language: Annotated[str | None, typer.Option(help="The language of rows that name none.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how well your own labelled texts are understood, dangerous errors first."""
    from bot.evaluating import describe, judge, list_report, read_labelled

    judged = judge(read_labelled(file, language))
    if as_json:
        _print(describe(judged))
        return
    for line in list_report(judged):
        typer.echo(line)


@app.command()
def conversation(
    phone: Annotated[str, typer.Argument(help="The number, as the patient writes it.")],
    take: Annotated[str | None, typer.Option(metavar="NAME", help="Who of the staff talks with them now.")] = None,
    hand_back: Annotated[bool, typer.Option("--hand-back", help="Let the bot answer again.")] = False,
) -> None:
    """Take over a conversation, and hand it back: meanwhile the bot is quiet, and reminders that can wait do."""
    from bot.database import find_contact, writing
    from bot.importing.values import read_phone
    from bot.worklist import HELD, hand_back_conversation, take_conversation

    if (take is None) == (not hand_back):
        raise typer.BadParameter("give --take NAME or --hand-back")
    settings, engine = _open()
    number = _check("PHONE", read_phone, phone, settings.default_region)
    with writing(engine) as session:
        contact = find_contact(session, number)
        if contact is None:
            raise ValueError("no patient or companion has this number")
        if take is not None:
            take_conversation(contact, take.strip() or "staff", now())
        else:
            hand_back_conversation(contact)
        session.add(contact)
    typer.echo(f"The bot is quiet for {HELD.seconds // 3600} hours." if take is not None else "The bot answers again.")


@app.command()
def label(
    text_id: Annotated[int, typer.Argument(metavar="TEXT", help="The number of a text, from bot show --json.")],
    intent: Annotated[str, typer.Option(help="What it meant, such as question or stop.")],
    by: Annotated[str, typer.Option(help="Who says so.")],
    detail: Annotated[str | None, typer.Option(help="Topic of a question; implant or allergy of a report.")] = None,
) -> None:
    """Note what a misunderstood text really meant; the bot does not learn from it by itself."""
    from bot.database import writing
    from bot.models import IncomingText
    from bot.worklist import label_text

    _, engine = _open()
    with writing(engine) as session:
        text = session.get(IncomingText, text_id)
        if text is None:
            raise ValueError(f"there is no text {text_id}")
        label_text(text, intent, detail, by, now())
        session.add(text)
    typer.echo(f"Text {text_id} is labelled {intent}{f' {detail}' if detail else ''}.")


@app.command()
def labelled(file: Annotated[Path, typer.Argument(help="The CSV file to write.")]) -> None:
    """Export the labelled texts without their numbers, as examples and for bot evaluate."""
    import csv

    from bot.database import reading
    from bot.worklist import list_labelled

    _, engine = _open()
    with reading(engine) as session:
        rows = list_labelled(session)
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, ["text", "intent", "detail", "language"])
        writer.writeheader()
        writer.writerows(rows)
    typer.echo(f"{len(rows)} texts in {file}. Read them before you pass them on: names are still in them.")


@app.command()
def chat(language: LanguageCode = "en") -> None:
    """A patient's phone in the terminal, on a throwaway database."""
    import tempfile

    from bot.chat import Chat
    from bot.daemon import prepare_database
    from bot.importing.values import read_language
    from bot.samples import load_demo_settings

    code = _check("--language", read_language, language)
    with tempfile.TemporaryDirectory(prefix="bot-chat-") as folder:
        settings = load_demo_settings(Path(folder) / "chat.db")
        phone = Chat(prepare_database(settings), settings.clinic_facts, settings.plan, now)
        for body in phone.begin(code):
            typer.echo(f"clinic> {body}\n")
        while True:
            try:
                said = input("you> ") if sys.stdin.isatty() else input()
            except (EOFError, KeyboardInterrupt):
                break
            if not sys.stdin.isatty():
                typer.echo(f"you> {said}")
            for body in phone.say(said):
                typer.echo(f"clinic> {body}\n")


@app.command()
def tasks(as_json: AsJson = False) -> None:
    """The worklist: what staff must do, most urgent first."""
    from bot.database import reading
    from bot.reports import describe_tasks

    settings, engine = _open()
    with reading(engine) as session:
        rows = describe_tasks(session, settings.plan.zone)
    if as_json:
        _print(rows)
        return
    for row in rows:
        mark = "!" if row["urgent"] else " "
        who = f"{row['name']}, appointment {row['appointment']}" if row["appointment"] else row["phone"]
        typer.echo(f"{mark} {row['id']:>5}  {row['kind']:12} {row['what']} ({who})")
        if row["words"]:
            typer.echo(f'         "{row["words"]}"')
    if not rows:
        typer.echo("Nothing to do.")


@app.command()
def migrate(
    from_: Annotated[
        str, typer.Option("--from", metavar="URL", help="Copy all of this SQLite database into the new, empty one.")
    ] = "",
) -> None:
    """Bring the database's tables up to date, which the daemon does at every start; or move to another database."""
    if not from_:
        _open()
        typer.echo("The database is up to date.")
        return
    from rich.console import Console
    from rich.progress import Progress

    from bot.copying import copy_database
    from bot.database import migrate as migrate_tables
    from bot.database import open_database
    from bot.settings import load_settings

    target = open_database(load_settings().database_url.get_secret_value())
    migrate_tables(target)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("Copying", total=None)
        copied = copy_database(
            from_, target, now(), lambda table, rows: progress.update(bar, description=table, completed=rows)
        )
    for one in copied:
        typer.echo(f"{one.rows:>9}  {one.digest[:16]}  {one.table}")
    typer.echo(f"{sum(one.rows for one in copied)} rows are copied; counts and digests of both databases agree.")


staff_app = typer.Typer(help="Who may sign in to the pages.", no_args_is_help=True)
app.add_typer(staff_app, name="staff")


@staff_app.command(name="add")
def add_staff(
    email: Annotated[str, typer.Argument(help="The e-mail address to sign in with.")],
    role: Annotated[str, typer.Option(help="admin, staff or viewer.")] = "staff",
) -> None:
    """A login; prints the link with which its owner sets a password."""
    from bot.accounts import add_staff as add
    from bot.accounts import make_link
    from bot.database import writing
    from bot.models import Role

    if role not in list(Role):
        fail(f"--role must be one of {', '.join(Role)}")
    settings, engine = _open()
    with writing(engine) as session:
        token = make_link(session, add(session, email, Role(role), now(), "command line"), now())
    typer.echo(f"{settings.public_base_url}/set-up/{token}")
    typer.echo("Give them this link; it works once, for 24 hours.", err=True)


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="The copy to write; it must not exist yet.")]) -> None:
    """Copy the SQLite database, also while the daemon runs. For PostgreSQL use pg_dump."""
    from bot.database import back_up

    _, engine = _open()
    back_up(engine, file)
    typer.echo(f"Copied to {file}.")
