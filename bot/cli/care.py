"""The commands for who must be looked after: screening, silence, the day's list, tasks, conversations."""

from datetime import date, datetime, time, timedelta
from typing import Annotated

import typer

from bot.cli.program import AppointmentId, AsJson, app, check_option, now, open_clinic, print_json


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
    settings, engine = open_clinic()
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
        print_json(described)
        return
    for line in list_lines(described):
        typer.echo(line)


@app.command()
def escalate(as_json: AsJson = False) -> None:
    """Do what is due about silence, as the daemon does by itself: reminders, companions, tasks, after a visit."""
    from bot.database import writing
    from bot.escalating import escalate as escalate_now

    settings, engine = open_clinic()
    with writing(engine) as session:
        done = escalate_now(session, settings.clinic_facts, settings.plan, settings.watch, now())
    if as_json:
        print_json(dict(done))
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

    settings, engine = open_clinic()
    zone = settings.plan.zone
    if day:
        wanted = date.fromisoformat(day)
        start, end = datetime.combine(wanted, time.min, zone), datetime.combine(wanted + timedelta(1), time.min, zone)
    else:
        start, end = find_digest_span(settings.plan, settings.watch, now())
    with reading(engine) as session:
        described = describe_digest(session, settings.exams, zone, start, end)
    if as_json:
        print_json(described)
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

    settings, engine = open_clinic()
    if not settings.text_delays:
        raise ValueError("TEXT_DELAYS is off; switch it on to text a whole morning")
    zone = settings.plan.zone
    start, end = (datetime.fromisoformat(value).replace(tzinfo=zone) for value in (from_, to))
    with writing(engine) as session:
        told = visits.notify_day(session, settings.plan, start, end, timedelta(minutes=minutes), now(), "command line")
    typer.echo(f"{told.patients} patients and {told.companions} companions are told.")


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
    settings, engine = open_clinic()
    number = check_option("PHONE", read_phone, phone, settings.default_region)
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
def tasks(as_json: AsJson = False) -> None:
    """The worklist: what staff must do, most urgent first."""
    from bot.database import reading
    from bot.reports import describe_tasks

    settings, engine = open_clinic()
    with reading(engine) as session:
        rows = describe_tasks(session, settings.plan.zone)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        mark = "!" if row["urgent"] else " "
        who = f"{row['name']}, appointment {row['appointment']}" if row["appointment"] else row["phone"]
        typer.echo(f"{mark} {row['id']:>5}  {row['kind']:12} {row['what']} ({who})")
        if row["words"]:
            typer.echo(f'         "{row["words"]}"')
    if not rows:
        typer.echo("Nothing to do.")
