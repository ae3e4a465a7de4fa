"""The commands that keep the database and what is in it: records, erasing, moving, copying, and who may sign in."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.program import AsJson, app, fail, now, open_clinic, print_json

if TYPE_CHECKING:
    from bot.settings import Settings


@app.command()
def record(
    patient: Annotated[str, typer.Argument(help="Record number, or # and the patient's id.")], as_json: AsJson = False
) -> None:
    """Everything sent to a patient, delivered, answered and done, by whom, and their consent: for print."""
    from bot.database import reading
    from bot.erasing import find_patient
    from bot.proof import describe_record, list_record_lines

    settings, engine = open_clinic()
    with reading(engine) as session:
        found = find_patient(session, patient)
        described = describe_record(session, found, settings.screening, settings.exams, settings.plan.zone)
    if as_json:
        print_json(described)
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

    _, engine = open_clinic()
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

    settings, engine = open_clinic()
    before = now() - timedelta(days=settings.retention_days)
    if dry_run:
        with reading(engine) as session:
            typer.echo(f"{len(erasing.list_expired(session, before))} patients would be erased.")
        return
    with writing(engine) as session:
        typer.echo(f"{erasing.purge(session, before, now())} patients erased.")


@app.command()
def migrate(
    from_: Annotated[
        str, typer.Option("--from", metavar="URL", help="Copy all of this SQLite database into the new, empty one.")
    ] = "",
) -> None:
    """Bring the database's tables up to date, which the daemon does at every start; or move to another database."""
    if not from_:
        open_clinic()
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
    settings, engine = open_clinic()
    with writing(engine) as session:
        token = make_link(session, add(session, email, Role(role), now(), "command line"), now())
    _print_link(settings, token)


@staff_app.command(name="reset")
def reset_staff(email: Annotated[str, typer.Argument(help="The e-mail address that they sign in with.")]) -> None:
    """Void a password and second factor that are lost; prints the link for a new password."""
    from bot.accounts import find_staff, reset_account
    from bot.database import writing

    settings, engine = open_clinic()
    with writing(engine) as session:
        staff = find_staff(session, email)
        if staff is None:
            fail(f"there is no account of {email}")
        token = reset_account(session, staff, now(), "command line")
    _print_link(settings, token)


def _print_link(settings: "Settings", token: str) -> None:
    typer.echo(f"{settings.public_base_url}/set-up/{token}")
    typer.echo("Give them this link; it works once, for 24 hours.", err=True)


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="The copy to write; it must not exist yet.")]) -> None:
    """Copy the SQLite database, also while the daemon runs. For PostgreSQL use pg_dump."""
    from bot.database import back_up

    _, engine = open_clinic()
    back_up(engine, file)
    typer.echo(f"Copied to {file}.")
