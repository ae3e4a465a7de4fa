"""A time zone's rules as this machine has them: the file that ``zoneinfo`` reads, and the release that it is of."""

import hashlib
import zoneinfo
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_RELEASE = "# version "


@dataclass(frozen=True, slots=True)
class ZoneData:
    """The rules of one zone. ``release`` is IANA's, such as 2026a; empty where the machine does not say it."""

    zone: str
    content: bytes
    release: str

    @property
    def fingerprint(self) -> str:
        """The same for the same rules, on every machine."""
        return hashlib.sha256(self.zone.encode() + b"\0" + self.content).hexdigest()[:16]


def read_zone_data(zone: str) -> ZoneData:
    """Read the rules of a zone as they are now, from where ``zoneinfo`` takes them.

    Raises:
        ZoneInfoNotFoundError: there is no such zone here.
    """
    for folder in map(Path, (*zoneinfo.TZPATH, str(files("tzdata") / "zoneinfo"))):
        if (folder / zone).is_file():
            return ZoneData(zone, (folder / zone).read_bytes(), _read_release(folder))
    raise ZoneInfoNotFoundError(f"this machine has no time-zone data of {zone}")


def open_zone(zone: str, content: bytes) -> ZoneInfo:
    """The zone with the rules that it had once."""
    return ZoneInfo.from_file(BytesIO(content), key=zone)


def _read_release(folder: Path) -> str:
    """What the first line of ``tzdata.zi`` or the file ``+VERSION`` says, whichever this kind of machine has."""
    try:
        with (folder / "tzdata.zi").open(encoding="utf-8") as rules:
            line = rules.readline()
        return line.removeprefix(_RELEASE).strip() if line.startswith(_RELEASE) else ""
    except OSError:
        version = folder / "+VERSION"
        return version.read_text(encoding="utf-8").strip() if version.is_file() else ""
