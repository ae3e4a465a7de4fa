"""A file of either format -> its table."""

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from bot.importing.csv_file import open_csv
from bot.importing.excel_file import EXCEL_STARTS, open_excel
from bot.importing.table import FileTrouble, Table


def open_table(path: Path) -> AbstractContextManager[Table]:
    """Open the file by what is in it; its name may be wrong."""
    try:
        with path.open("rb") as file:
            start = file.read(len(EXCEL_STARTS[0]))
    except FileNotFoundError:
        raise FileTrouble("there is no such file; check its name and folder") from None
    except OSError as error:
        raise FileTrouble("the file cannot be opened: %(why)s", why=error.strerror or type(error).__name__) from error
    return open_excel(path) if start in EXCEL_STARTS else open_csv(path)


@contextmanager
def open_content(content: bytes) -> Iterator[Table]:
    """The same for a file that came over the wire; its copy on disk is ours alone, and gone afterwards."""
    with tempfile.NamedTemporaryFile(prefix="bot-upload-") as copy:
        copy.write(content)
        copy.flush()
        with open_table(Path(copy.name)) as table:
            yield table
