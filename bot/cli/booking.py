"""The commands for appointments: enrol, import, list, show, move, cancel."""

from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.program import (
    AppointmentId,
    AsJson,
    Contrast,
    ExamCode,
    LanguageCode,
    Sedation,
    StartsAt,
    app,
    check_option,
    fail,
    now,
    open_clinic,
    print_json,
)


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

    settings, engine = open_clinic()
    plan, region = settings.plan, settings.default_region
    code = check_option("--language", read_language, language)
    companion = None
    if companion_phone:
        companion = Companion(
            companion_name,
            check_option("--companion-phone", read_phone, companion_phone, region),
            check_option("--companion-language", read_language, companion_language or code),
            first=companion_first or None,
        )
    enrolment = Enrolment(
        phone=check_option("--phone", read_phone, phone, region),
        given_name=check_option("--name", read_name, name),
        language=code,
        exam=check_option("--exam", read_exam, exam, settings.exams),
        starts_at=check_option("--starts-at", read_starts_at, starts_at, plan.zone, now()),
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
        print_json({"outcome": enrolled.outcome, **described})
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

    settings, engine = open_clinic()
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
        print_json(report.to_json())
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

    settings, engine = open_clinic()
    zone = settings.plan.zone
    first = date.fromisoformat(from_) if from_ else now().astimezone(zone).date()
    start = datetime.combine(first, time.min, zone)
    end = datetime.combine(date.fromisoformat(to), time.max, zone) if to else None
    with reading(engine) as session:
        rows = describe_appointments(session, zone, start, end)
    if as_json:
        print_json(rows)
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

    settings, engine = open_clinic()
    with reading(engine) as session:
        described = describe_appointment(session, appointment_id, settings.plan.zone)
    if described is None:
        raise AppointmentError(f"there is no appointment {appointment_id}")
    if as_json:
        print_json(described)
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
def reschedule(appointment_id: AppointmentId, starts_at: StartsAt) -> None:
    """Move an appointment; the patient is told if they had heard of the old time."""
    from bot import appointments
    from bot.database import writing
    from bot.importing.values import read_starts_at

    settings, engine = open_clinic()
    moment = check_option("--starts-at", read_starts_at, starts_at, settings.plan.zone, now())
    with writing(engine) as session:
        appointments.reschedule(session, settings.plan, appointment_id, moment, now(), "command line")
    typer.echo(f"Appointment {appointment_id} moved to {moment.astimezone(settings.plan.zone):%a %Y-%m-%d %H:%M}.")


@app.command()
def cancel(appointment_id: AppointmentId) -> None:
    """Cancel an appointment; the patient is told once."""
    from bot import appointments
    from bot.database import writing

    settings, engine = open_clinic()
    with writing(engine) as session:
        appointments.cancel(session, settings.plan, appointment_id, now(), "command line")
    typer.echo(f"Appointment {appointment_id} cancelled.")
