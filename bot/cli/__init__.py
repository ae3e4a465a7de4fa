"""Edge: the commands. Each reads settings, opens what it needs, and prints; the work is elsewhere.

Imports of the heavier parts are inside the commands, so that ``--help`` answers at once.
"""

from bot.cli import booking, care, daemon, keeping, wording
from bot.cli.program import app, fail

# Each registers its commands with the program when it is imported.
GROUPS = (booking, care, daemon, keeping, wording)


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
