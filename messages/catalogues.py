"""The catalogues: ``locales/<code>/LC_MESSAGES/messages.po``, read as it is; nothing is compiled.

Beside each, ``reviews.csv`` says which of its sentences a qualified human has signed.
"""

import gettext
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from messages.carriers import list_offered
from messages.languages import SOURCE
from messages.reviews import Signature, find_signed, hash_text, read_signature_file

LOCALES = Path(__file__).resolve().parent.parent / "locales"


@dataclass(frozen=True)
class Catalogue:
    """The usable translations of one language.

    ``translations`` maps an English sentence to its translation, or to all its plural forms in the
    order of the catalogue's plural rule. ``reviewed`` holds the English sentences whose translation, as
    it stands, a qualified human has signed.
    """

    translations: dict[str, tuple[str, ...]]
    reviewed: frozenset[str]
    find_form: Callable[[int], int]
    is_source: bool = False


@cache
def read_catalogue(code: str) -> Catalogue:
    """Read one language's ``.po`` file, leaving out what is empty, half translated or marked fuzzy.

    Raises:
        OSError: the file is missing or unreadable.
    """
    if code == SOURCE:
        return Catalogue({}, frozenset(), lambda number: int(number != 1), is_source=True)
    po = read_entries(code)
    usable = [message for message in po if message.id and all(list_forms(message.string)) and not message.fuzzy]
    signed = find_signed(read_signatures(code))
    return Catalogue(
        {get_source(message.id): list_forms(message.string) for message in usable},
        frozenset(
            get_source(message.id)
            for message in usable
            if (hash_text(list_forms(message.id)), hash_text(list_forms(message.string))) in signed
        ),
        gettext.c2py(po.plural_expr),
    )


def find_catalogue_path(code: str) -> Path:
    return LOCALES / code / "LC_MESSAGES" / "messages.po"


def read_signatures(code: str) -> list[Signature]:
    """Who has signed what of a language, oldest first."""
    return read_signature_file(find_signatures_path(code))


def find_signatures_path(code: str) -> Path:
    return LOCALES / code / "reviews.csv"


def read_entries(code: str) -> Catalog:
    """The entries of a catalogue as they stand in its file."""
    with find_catalogue_path(code).open("rb") as file:
        return read_po(file, locale=code)


def write_entries(code: str, entries: Catalog) -> None:
    """Replace a catalogue's file, as ``make catalogues`` writes it."""
    with find_catalogue_path(code).open("wb") as file:
        write_po(file, entries, width=100)
    read_catalogue.cache_clear()


def list_forms(text: str | Sequence[str]) -> tuple[str, ...]:
    """One side of a catalogue's entry: a sentence, or all its plural forms."""
    return (text,) if isinstance(text, str) else tuple(text)


def get_source(message_id: str | Sequence[str]) -> str:
    """The English that an entry is known by; of a plural one, the form for 1."""
    return list_forms(message_id)[0]


@cache
def read_sources() -> tuple[str, ...]:
    """Every English sentence, from ``locales/messages.pot``, in the order of the code."""
    with (LOCALES / "messages.pot").open("rb") as file:
        return tuple(get_source(message.id) for message in read_po(file) if message.id)


def find_trouble(source: str, translation: str) -> str | None:
    """What keeps a translation from being sent, as half a sentence; None if nothing does."""
    try:
        if _list_fields(translation) != _list_fields(source):
            return f"must have the placeholders {', '.join(_list_fields(source)) or 'of the English: none'}"
    except ValueError:
        return "has a { or } too many"
    if list_offered(translation) != list_offered(source):
        return f"must offer these words and no other that carriers act on: {', '.join(list_offered(source)) or 'none'}"
    return None


def _list_fields(sentence: str) -> list[str]:
    """The placeholders of a sentence, sorted; with what they should not have, a conversion or a format."""
    fields = ((name, form, conversion) for _, name, form, conversion in string.Formatter().parse(sentence))
    return sorted(f"{name}{form or ''}{conversion or ''}" for name, form, conversion in fields if name is not None)
