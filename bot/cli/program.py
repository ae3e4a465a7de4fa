"""What every command works with: the program, its options, how it reads a value, opens the clinic, prints and fails."""

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

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


def fail(sentence: str) -> NoReturn:
    typer.echo(f"bot: {sentence}", err=True)
    sys.exit(1)


def now() -> datetime:
    return datetime.now(UTC)


def open_clinic() -> "tuple[Settings, Engine]":
    from bot.daemon import prepare_database
    from bot.settings import load_settings

    settings = load_settings()
    return settings, prepare_database(settings)


def check_option(option: str, read: "Callable[..., T]", *values: Any) -> "T":
    """Read one option's value; what is wrong with it is said with the option's name."""
    from bot.importing.values import ValueTrouble

    try:
        return read(*values)
    except ValueTrouble as error:
        raise ValueTrouble(f"{option} {error}") from error


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))
