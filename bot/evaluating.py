"""Service: how well a clinic's own labelled texts are understood, the dangerous errors first."""

import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.web.csv_lines import restore
from messages.languages import find_language
from messages.understand import Understanding, understand

# Missing one of these harms; so does stopping somebody who did not ask for it.
_NEVER_MISSED = ("stop", "emergency", "report")


class LabelledFileError(ValueError):
    """The file cannot be read as labelled texts."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text and what a person says it means."""

    text: str
    language: str
    intent: str
    detail: str | None
    awaiting: str | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A labelled text and what we made of it."""

    labelled: Labelled
    found: Understanding

    @property
    def is_right(self) -> bool:
        return (self.found.intent, self.found.detail) == (self.labelled.intent, self.labelled.detail)

    @property
    def danger(self) -> str | None:
        """What makes an error dangerous: a missed stop, emergency or report, or a false stop."""
        wanted, found = self.labelled.intent, self.found.intent
        if wanted == found:
            return None
        if wanted in _NEVER_MISSED:
            return f"missed {wanted}"
        return "false stop" if found == "stop" else None


def read_labelled(path: Path, language: str | None = None) -> list[Labelled]:
    """Read a CSV file with the columns text, intent, and if there are any detail, language and awaiting.

    Args:
        language: of the rows that name none; without it, the file's name if that is a language's code.

    Raises:
        LabelledFileError: a column or a language is missing, or the file is no UTF-8 text.
        OSError: the file is missing or unreadable.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise LabelledFileError(f"{path.name} is not a UTF-8 CSV file: {error}") from None
    default = find_language(language or path.stem)
    return [_read_row(path, number, row, default.code if default else None) for number, row in enumerate(rows, 2)]


def _read_row(path: Path, number: int, row: dict[str, str | None], default: str | None) -> Labelled:
    if row.get("text") is None or not row.get("intent"):
        raise LabelledFileError(f"{path.name}, row {number}: needs the columns text and intent")
    named = row.get("language")
    language = find_language(named) if named else None
    code = language.code if language else default
    if code is None or (named and language is None):
        raise LabelledFileError(f"{path.name}, row {number}: name one of our languages in the column language")
    return Labelled(
        restore(row["text"] or ""), code, row["intent"] or "", row.get("detail") or None, row.get("awaiting") or None
    )


def judge(labelled: Iterable[Labelled]) -> list[Judged]:
    """Understand every text."""
    return [Judged(one, understand(one.text, one.language, one.awaiting)) for one in labelled]


def list_report(judged: list[Judged]) -> Iterator[str]:
    """The report, line by line: dangerous errors, accuracy by language and by intent, then what was taken for what."""
    dangers = [one for one in judged if one.danger]
    yield f"Dangerous errors: {len(dangers)} of {len(judged)}"
    for one in sorted(dangers, key=lambda one: one.danger or ""):
        yield f"  {one.danger}: {one.labelled.text!r} ({one.labelled.language}) was taken for {_name(one.found)}"
    right = sum(one.is_right for one in judged)
    yield f"Understood: {_share(right, len(judged))}"
    for title, groups in (
        ("By language", _group(judged, lambda one: one.labelled.language)),
        ("By intent", _group(judged, lambda one: _label(one.labelled.intent, one.labelled.detail))),
    ):
        yield title
        for name, members in sorted(groups.items()):
            yield f"  {name:24} {_share(sum(one.is_right for one in members), len(members))}"
    confused = Counter(
        (_label(one.labelled.intent, one.labelled.detail), _name(one.found)) for one in judged if not one.is_right
    )
    yield "Confused" if confused else "Nothing was confused"
    for (wanted, found), many in sorted(confused.items(), key=lambda pair: (-pair[1], pair[0])):
        yield f"  {many:4}  {wanted} taken for {found}"


def describe(judged: list[Judged]) -> dict[str, object]:
    """The same as one JSON value."""

    def measure(groups: dict[str, list[Judged]]) -> dict[str, dict[str, int]]:
        return {
            name: {"texts": len(members), "right": sum(one.is_right for one in members)}
            for name, members in sorted(groups.items())
        }

    return {
        "texts": len(judged),
        "right": sum(one.is_right for one in judged),
        "dangerous": [
            {
                "error": one.danger,
                "text": one.labelled.text,
                "language": one.labelled.language,
                "found": _name(one.found),
            }
            for one in judged
            if one.danger
        ],
        "languages": measure(_group(judged, lambda one: one.labelled.language)),
        "intents": measure(_group(judged, lambda one: _label(one.labelled.intent, one.labelled.detail))),
    }


def _group(judged: Iterable[Judged], key: Callable[[Judged], str]) -> dict[str, list[Judged]]:
    groups: dict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        groups[key(one)].append(one)
    return groups


def _name(found: Understanding) -> str:
    return _label(found.intent, found.detail)


def _label(intent: str, detail: str | None) -> str:
    return f"{intent} {detail}" if detail else intent


def _share(right: int, many: int) -> str:
    return f"{right}/{many} ({100 * right / many:.1f} %)" if many else "no texts"
