"""Which translations a qualified human has signed: ``locales/<code>/reviews.csv``, one line a sentence.

45 CFR 92.201(c)(3) wants a machine translation of critical text reviewed by a qualified human
translator. A signature holds for one English sentence and one translation of it, as they stood: each
line has the hash of both, so a changed sentence is unreviewed again, and so is a changed translation.
"""

import csv
import hashlib
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Signature:
    """Who stands for one translation: ``source`` and ``translation`` are hashes, ``on`` is an ISO date."""

    source: str
    translation: str
    reviewer: str
    qualification: str
    on: str


def find_signed(signatures: Iterable[Signature]) -> frozenset[tuple[str, str]]:
    """The hashes of what has been signed: the English, and the translation it was signed with."""
    return frozenset((signature.source, signature.translation) for signature in signatures)


def read_signature_file(path: Path) -> list[Signature]:
    """All signatures of a language, oldest first; none when nobody has signed anything."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [Signature(**row) for row in csv.DictReader(file)]


def write_signature_file(path: Path, signatures: Iterable[Signature]) -> None:
    """Replace a language's signatures by these."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Signature)])
        writer.writerows(astuple(signature) for signature in signatures)


def hash_text(forms: Iterable[str]) -> str:
    """What a sentence is recognised by: SHA-256 of its forms, shortened to 16 hex digits."""
    return hashlib.sha256("\0".join(forms).encode()).hexdigest()[:16]
