"""What is made of the word files, kept ready for the next process.

To make it takes a processor a minute and more, to read it a second. It lies where Python keeps its own compiled files,
is as trustworthy as these, and counts until a file of this folder changes. Its large arrays are read from the disk when
they are looked into, and all processes share them.
"""

import json
import os
import pickle
import sys
from functools import cache
from hashlib import blake2b
from importlib.util import cache_from_source
from mmap import ACCESS_READ, mmap
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np

_FOLDER = Path(__file__).parent
# Each part of a file, which is what was made and then its arrays, begins at a multiple of so many bytes.
_ALIGNED = 64


def is_kept() -> bool:
    """Whether something is, made of the files as they are now."""
    try:
        with _find_place().open("rb") as file:
            return file.readline() == _find_origin()
    except OSError:
        return False


def read_kept() -> object | None:
    """What was kept last; None when that is nothing, or was made of other files."""
    try:
        with _find_place().open("rb") as file:
            if file.readline() != _find_origin():
                return None
            sizes, at = json.loads(file.readline()), file.tell()
            spans = []
            for size in sizes:
                spans.append(slice(_align(at), _align(at) + size))
                at = spans[-1].stop
            # Read and let go of: what is mapped stays in memory.
            file.seek(spans[0].start)
            pickled = file.read(sizes[0])
            # Whoever writes a new one leaves this one as it is.
            mapped = memoryview(mmap(file.fileno(), 0, access=ACCESS_READ))
    except (OSError, ValueError):
        return None
    if at != len(mapped):
        return None
    arrays = [mapped[span] for span in spans[1:]]
    made: object = pickle.loads(pickled, buffers=arrays)  # noqa: S301 (who can write it can write the code beside it)
    return made


def keep(made: object) -> bool:
    """Keep what was made for other processes; False where nothing can be written."""
    arrays: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(made, pickle.HIGHEST_PROTOCOL, buffer_callback=arrays.append)
    parts = [memoryview(pickled), *(array.raw() for array in arrays)]
    place = _find_place()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=place.parent, prefix=f"{place.name}.", delete=False) as file:
            try:
                file.write(_find_origin() + json.dumps([part.nbytes for part in parts]).encode() + b"\n")
                for part in parts:
                    file.write(bytes(_align(file.tell()) - file.tell()))
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).chmod(0o644)
                # Whoever reads meanwhile has the old one, or the whole of the new one.
                Path(file.name).replace(place)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError:
        return False
    return True


def _align(place: int) -> int:
    return -(-place // _ALIGNED) * _ALIGNED


def _find_place() -> Path:
    return Path(cache_from_source(str(_FOLDER / "lexicon.py"))).with_suffix(".pickle")


@cache
def _find_origin() -> bytes:
    """A line that is another one once any file here changes, or what reads them."""
    origin = blake2b(f"{sys.version} {np.__version__}".encode())
    for path in sorted(path for path in _FOLDER.rglob("*") if path.suffix in (".py", ".toml", ".npz")):
        origin.update(f"{path.relative_to(_FOLDER)}{os.sep}".encode() + path.read_bytes())
    return origin.hexdigest().encode() + b"\n"
