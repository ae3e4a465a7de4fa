"""What is made of the word files is kept for other processes, until a file changes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from messages import kept
from messages.filing import Filing
from messages.kept import is_kept, keep, read_kept


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Another folder with a word file."""
    (tmp_path / "words.toml").write_text('stop = ["halt"]')
    monkeypatch.setattr(kept, "_FOLDER", tmp_path)
    kept._find_origin.cache_clear()
    yield tmp_path
    kept._find_origin.cache_clear()


def _make_filing() -> Filing:
    filing = Filing()
    for number in range(1000):
        filing.add(number, {f"word {number}", f"mot {number // 2}"})
    filing.sort_in()
    return filing


@pytest.mark.usefixtures("folder")
def test_what_was_kept_comes_back() -> None:
    assert read_kept() is None
    assert not is_kept()
    made = {"words": ["a", "b"], "numbers": np.arange(10, dtype=np.int8), "weights": np.ones((3, 5), np.float32)}
    assert keep(made)
    assert is_kept()
    back = read_kept()
    assert isinstance(back, dict)
    assert back["words"] == made["words"]
    assert np.array_equal(back["numbers"], made["numbers"])
    assert np.array_equal(back["weights"], made["weights"])
    assert keep({"other": 1})
    assert read_kept() == {"other": 1}


@pytest.mark.usefixtures("folder")
def test_an_array_may_be_empty() -> None:
    assert keep([np.ones(3, np.float32), np.zeros(0, np.int64)])
    back = read_kept()
    assert isinstance(back, list)
    assert [array.tolist() for array in back] == [[1, 1, 1], []]


def test_another_process_finds_the_same(folder: Path) -> None:
    assert keep(_make_filing())
    look = f"""
from pathlib import Path
from messages import kept
kept._FOLDER = Path({str(folder)!r})
filing = kept.read_kept()
print(filing.look_up(["word 7", "nothing", "mot 4"]))
"""
    found = subprocess.run(
        [sys.executable, "-c", look],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.stdout == "{0: [7], 2: [8, 9]}\n"


def test_it_counts_no_more_once_a_file_has_changed(folder: Path) -> None:
    assert keep(_make_filing())
    (folder / "words.toml").write_text('stop = ["halt", "basta"]')
    kept._find_origin.cache_clear()
    assert read_kept() is None


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
@pytest.mark.usefixtures("folder")
def test_half_a_file_is_none(share: float) -> None:
    assert keep(_make_filing())
    place = kept._find_place()
    whole = place.read_bytes()
    place.write_bytes(whole[: int(len(whole) * share)])
    assert read_kept() is None


def test_where_nothing_can_be_written_nothing_is_kept(folder: Path) -> None:
    (folder / "__pycache__").write_text("no folder")
    assert not keep(_make_filing())
    assert read_kept() is None
    (folder / "__pycache__").unlink()
    (folder / "__pycache__").mkdir()
    kept._find_place().mkdir()
    assert not keep(_make_filing())
    assert [path.name for path in (folder / "__pycache__").iterdir()] == [kept._find_place().name]
