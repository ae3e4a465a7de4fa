"""A clinic measures its own labelled texts."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import app
from bot.evaluating import LabelledFileError, judge, list_report, read_labelled

ROWS = """text,intent,detail,language,awaiting
how long does it take,question,duration,en,
no puedo ir mañana,change,,es,
1,no,,en,safety
see you at the bus stop,stop,,en,
please stop texting me,question,when,en,
I have a pacemaker,report,implant,en,
"""


def write(tmp_path: Path, text: str, name: str = "mine.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_dangerous_errors_come_first_then_accuracy_and_confusion(tmp_path: Path) -> None:
    lines = list(list_report(judge(read_labelled(write(tmp_path, ROWS)))))
    assert lines[0] == "Dangerous errors: 2 of 6"
    assert lines[1].strip().startswith("false stop: 'please stop texting me' (en)")
    assert lines[2].strip().startswith("missed stop: 'see you at the bus stop' (en)")
    assert lines[3] == "Understood: 4/6 (66.7 %)"
    assert "  es                       1/1 (100.0 %)" in lines
    assert any(line.split() == ["1", "question", "when", "taken", "for", "stop"] for line in lines)


def test_as_json_it_is_one_value(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", str(write(tmp_path, ROWS)), "--json"])
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert (found["texts"], found["right"]) == (6, 4)
    assert [danger["error"] for danger in found["dangerous"]] == ["missed stop", "false stop"]
    assert found["languages"]["en"] == {"texts": 5, "right": 3}


def test_a_file_named_by_a_language_needs_no_column_for_it(tmp_path: Path) -> None:
    path = write(tmp_path, "text,intent\ngracias,thanks\n", "es.csv")
    assert [(one.language, one.detail) for one in read_labelled(path)] == [("es", None)]
    assert list(list_report(judge(read_labelled(path))))[-1] == "Nothing was confused"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("text\nhello\n", "row 2: needs the columns text and intent"),
        ("text,intent\nhello,thanks\n", "row 2: name one of our languages"),
        ("text,intent,language\nhello,thanks,klingon\n", "row 2: name one of our languages"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_row(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(LabelledFileError, match=said):
        read_labelled(path)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.csv"
    path.write_bytes(b"\xff\xfe\x00\x01" * 9)
    with pytest.raises(LabelledFileError, match="UTF-8"):
        read_labelled(path)


def test_a_text_that_was_kept_from_being_a_formula_is_read_as_it_was(tmp_path: Path) -> None:
    path = write(tmp_path, "text,intent\n'=1,yes\n'cause i can,unknown\n", "en.csv")
    assert [one.text for one in read_labelled(path)] == ["=1", "'cause i can"]
