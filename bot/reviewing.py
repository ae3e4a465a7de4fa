"""Edge: one sheet of a language's sentences for a translator, and the same sheet taken back with their name."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import date
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from bot.importing.files import open_table
from bot.importing.table import Row, is_blank
from bot.importing.values import ValueTrouble, read_flag
from messages.catalogues import (
    find_signatures_path,
    find_trouble,
    list_forms,
    read_catalogue,
    read_entries,
    read_signatures,
    write_entries,
)
from messages.replies import REPLIES
from messages.reviews import Signature, hash_text, write_signature_file
from messages.segments import measure, tidy
from messages.topics import TOPICS

_NOBODY = "nobody (no qualified human translator yet)"
_WIDTHS = {"id": 20, "where": 26, "english": 60, "translation": 60, "segments": 10, "encoding": 10, "reviewed": 10}
_TO_FILL_IN = {"translation", "reviewed"}


class ReviewError(ValueError):
    """A sheet cannot be taken back; the message says what is wrong in which rows. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the sheet: one sentence, or one plural form of it.

    ``segments`` is what the translation costs by itself, placeholders as they stand; ``reviewed`` is
    ``yes`` where somebody has signed it, ``reviewer`` who.
    """

    id: str
    where: str
    english: str
    translation: str
    segments: int
    encoding: str
    reviewed: str
    reviewer: str


COLUMNS = tuple(field.name for field in fields(Line))


@dataclass(frozen=True, slots=True)
class Change:
    """A translation that the reviewer has mended."""

    english: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Review:
    """What a sheet has brought: mended translations, how many were signed, English that has changed since."""

    changes: list[Change]
    signed: int
    outdated: list[str]


def make_sheet(code: str) -> list[Line]:
    """All sentences of a language, in the order of the catalogue."""
    entries = read_entries(code)
    signers = {(one.source, one.translation): one for one in read_signatures(code)}
    lines = []
    for message in _list_messages(entries):
        forms, sources = list_forms(message.string), list_forms(message.id)
        signer = signers.get((hash_text(sources), hash_text(forms)))
        for number, form in enumerate(forms):
            cost = measure(form)
            lines.append(
                Line(
                    id=_make_id(message, number),
                    where=_describe_place(code, message, number),
                    english=sources[min(number, len(sources) - 1)],
                    translation=form,
                    segments=cost.segments,
                    encoding=cost.encoding,
                    reviewed="yes" if signer else "",
                    reviewer=f"{signer.reviewer}, {signer.on}" if signer else "",
                )
            )
    return lines


def write_sheet(lines: Sequence[Line], file: Path) -> None:
    """Write the sheet as ``.csv`` or ``.xlsx``, by the file's name.

    Raises:
        ReviewError: the name ends otherwise.
    """
    match file.suffix.casefold():
        case ".csv":
            # With a byte order mark, which Excel needs to see that it is UTF-8.
            with file.open("w", encoding="utf-8-sig", newline="") as out:
                writer = csv.writer(out)
                writer.writerow(COLUMNS)
                writer.writerows(map(astuple, lines))
        case ".xlsx":
            _make_workbook(lines).save(file)
        case _:
            raise ReviewError("name the sheet with .csv or .xlsx at the end")


def take_sheet(code: str, file: Path, reviewer: str, qualification: str, today: date, *, keep: bool = True) -> Review:
    """Take back a sheet: write what was mended into the catalogue and sign what has a yes behind it.

    Args:
        keep: False only says what would change.

    Raises:
        ReviewError: a row has something that could not be sent, or a mended sentence has no yes.
        FileTrouble: the file cannot be read.
    """
    entries = read_entries(code)
    taken, troubles = _read_sheet(file)
    messages = {_make_id(message, 0): message for message in _list_messages(entries)}
    outdated = [line.english for id_, line in taken.items() if id_.partition(":")[0] not in messages]
    changes, signed = [], []
    for id_, message in messages.items():
        olds = list_forms(message.string)
        lines = [taken.get(id_ if number == 0 else f"{id_}:{number}") for number in range(len(olds))]
        present = [line for line in lines if line is not None]
        if not present:
            continue
        news = tuple(line.translation if line else old for line, old in zip(lines, olds, strict=True))
        troubles += _find_troubles(message, present, changed=news != olds)
        changes += [
            Change(line.english, old, line.translation)
            for line, old in zip(lines, olds, strict=True)
            if line and line.translation != old
        ]
        if all(line.reviewed for line in present) and len(present) == len(olds):
            message.string = news if message.pluralizable else news[0]
            signed.append(message)
    if troubles:
        raise ReviewError("; ".join(troubles))
    if keep:
        _keep(code, entries, signed, reviewer, qualification, today)
    return Review(changes, len(signed), outdated)


def _keep(
    code: str, entries: Catalog, signed: Sequence[Message], reviewer: str, qualification: str, today: date
) -> None:
    new = [
        Signature(
            hash_text(list_forms(message.id)),
            hash_text(list_forms(message.string)),
            reviewer,
            qualification,
            today.isoformat(),
        )
        for message in signed
    ]
    replaced = {signature.source for signature in new}
    signatures = [old for old in read_signatures(code) if old.source not in replaced] + new
    write_signature_file(find_signatures_path(code), signatures)
    read_catalogue.cache_clear()
    write_entries(code, entries)
    count, total = len(read_catalogue(code).reviewed), len(list(_list_messages(entries)))
    names = dict.fromkeys(f"{one.reviewer} ({one.qualification}), {one.on}" for one in reversed(signatures))
    who = f"{'; '.join(names)}; {count} of {total} sentences" if count else _NOBODY
    kept = [line for line in entries.header_comment.splitlines() if not line.startswith("# Reviewed by:")]
    entries.header_comment = "\n".join([*kept, f"# Reviewed by: {who}"])
    write_entries(code, entries)


def _list_messages(entries: Catalog) -> Iterator[Message]:
    return (message for message in entries if message.id)


def _make_id(message: Message, number: int) -> str:
    """What a line is recognised by: the hash of its English, so that it ends when the English changes."""
    hashed = hash_text(list_forms(message.id))
    return f"{hashed}:{number}" if number else hashed


def _describe_place(code: str, message: Message, number: int) -> str:
    """Where a sentence is used, for someone who does not read code."""
    source = list_forms(message.id)[0]
    if message.pluralizable:
        find_form = read_catalogue(code).find_form
        examples = [str(count) for count in range(1, 200) if find_form(count) == number][:4]
        return f"in a text, for numbers such as {', '.join(examples)}" if examples else "in a text, for 0"
    for name, reply in REPLIES.items():
        if reply == source:
            return f"reply: {name.replace('_', ' ')}"
    for topic in TOPICS:
        parts = {topic.question: "a patient's question", topic.more: "more", topic.named: "answer if they named it"}
        if source in parts:
            return f"FAQ {topic.code}: {parts[source]}"
        if source == topic.answer or source in topic.others.values():
            return f"FAQ {topic.code}: answer"
    return "part of a text"


def _make_workbook(lines: Sequence[Line]) -> Workbook:
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    sheet.title = "review"
    sheet.append(COLUMNS)
    for line in lines:
        sheet.append(astuple(line))
    for number, (cells, name) in enumerate(zip(sheet.iter_cols(), COLUMNS, strict=True), 1):
        sheet.column_dimensions[get_column_letter(number)].width = _WIDTHS.get(name, 24)
        for cell in cells:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
        cells[0].font = Font(bold=True)
        cells[0].fill = PatternFill("solid", start_color="FFF2CC" if name in _TO_FILL_IN else "E7E6E6")
    sheet.freeze_panes = "A2"
    return workbook


@dataclass(frozen=True, slots=True)
class _Taken:
    """A row of a sheet that came back."""

    number: int
    english: str
    translation: str
    reviewed: bool


def _read_sheet(file: Path) -> tuple[dict[str, _Taken], list[str]]:
    """The rows by their id, and what is wrong with the others."""
    taken: dict[str, _Taken] = {}
    troubles = []
    with open_table(file) as table:
        places = {str(cell).strip().casefold(): place for place, cell in enumerate(table.header.cells)}
        needed = ("id", "english", "translation", "reviewed")
        if missing := [name for name in needed if name not in places]:
            raise ReviewError(f"the sheet lacks the columns {', '.join(missing)}; export it again with --sheet")
        for row in table.rows:
            id_, english, translation, reviewed = (_get_cell(row, places[name]) for name in needed)
            try:
                flag = not is_blank(reviewed) and read_flag(reviewed)
            except ValueTrouble as error:
                troubles.append(f"row {row.number}: reviewed {error}")
                continue
            if id_ in taken:
                troubles.append(f"row {row.number}: its sentence is there twice")
            taken[id_] = _Taken(row.number, english, tidy(translation), flag)
    return taken, troubles


def _get_cell(row: Row, place: int) -> str:
    cell = row.cells[place] if place < len(row.cells) else None
    return "" if cell is None else str(cell).strip()


def _find_troubles(message: Message, lines: Sequence[_Taken], *, changed: bool) -> list[str]:
    """What keeps the lines of one sentence from being taken."""
    source = list_forms(message.id)[0]
    troubles = []
    for line in lines:
        if not line.translation and not (changed or line.reviewed):
            continue
        if not line.translation:
            troubles.append(f"row {line.number}: the translation is empty")
        elif trouble := find_trouble(source, line.translation):
            troubles.append(f"row {line.number}: the translation {trouble}")
        elif changed and not line.reviewed:
            troubles.append(f"row {line.number}: it was changed; put a yes behind it or leave it as it was")
    return troubles
