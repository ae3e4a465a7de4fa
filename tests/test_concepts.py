"""What texts speak of, the same in every language."""

from pathlib import Path

import pytest

from messages import concepts
from messages.concepts import Concepts, list_concept_features
from messages.gist import SOURCE, find_digest, number_gist, read_gist
from messages.matching import Message, normalise
from messages.words import WordsError, read_lists
from tests.texts import CODES


def find(code: str, text: str) -> list[concepts.Place]:
    return Concepts(code).find(Message(normalise(text)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(concepts, "FOLDER", tmp_path)
    return tmp_path


def test_every_language_has_words_for_the_same_concepts() -> None:
    lists = {code: read_lists(concepts.FOLDER / f"{code}.toml") for code in CODES}
    assert {tuple(of_code) for of_code in lists.values()} == {tuple(lists["en"])}
    assert [(code, name) for code, of_code in lists.items() for name, entries in of_code.items() if not entries] == []


def test_what_was_learned_is_of_the_present_examples_and_concepts() -> None:
    assert SOURCE.read_text(encoding="utf-8").strip() == find_digest(), "run `make gist`"


def test_a_word_has_its_concepts_or_those_of_its_longest_stem(folder: Path) -> None:
    (folder / "en.toml").write_text(
        'ring = ["ring", "bling*"]\ncall = ["ring", "ringing"]\nsleep = ["put to sleep"]\nput = ["put*"]\n'
        'sing = ["sin*"]\nsong = ["singer*"]\n'
    )
    assert find("en", "my RING, Ringing blings") == [(1, "ring"), (1, "call"), (2, "call"), (3, "ring")]
    assert find("en", "putting singers") == [(0, "put"), (1, "song")]
    assert find("en", "they put to sleep the cat") == [(1, "sleep"), (1, "put")]


def test_words_run_together_are_found_by_the_longest_that_is_there(folder: Path) -> None:
    (folder / "zh_Hans.toml").write_text(
        'heart = ["心"]\npacemaker = ["心脏起搏器"]\nmachine = ["起搏", "机器"]\n', "utf-8"
    )
    assert find("zh_Hans", "我有心脏 起搏器，机器") == [(2, "pacemaker"), (7, "machine")]


def test_only_arabic_words_count_without_what_is_written_in_front(folder: Path) -> None:
    for code in ("ar", "fa"):
        (folder / f"{code}.toml").write_text('day = ["يوم"]\n', "utf-8")
    assert find("ar", "باليوم") == [(0, "day")]
    assert find("fa", "باليوم") == []


def test_a_list_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "en.toml").write_text("ring = [")
    with pytest.raises(WordsError, match=r"en\.toml"):
        Concepts("en")


def test_concepts_speak_together_and_in_their_order() -> None:
    assert [*list_concept_features([(0, "dead"), (1, "me"), (1, "relative"), (4, "me")])] == [
        *(("concept", name) for name in ("dead", "me", "relative")),
        *(("concepts", pair) for pair in ("dead me", "dead relative", "me relative")),
        *(("concepts", pair) for pair in ("dead > me", "dead > relative", "me > me", "relative > me")),
    ]


def test_of_a_text_about_everything_only_the_concepts_count() -> None:
    places = [(at, f"concept {at}") for at in range(50)]
    assert {kind for kind, _ in list_concept_features(places)} == {"concept"}


@pytest.mark.parametrize(
    ("places", "label"),
    [
        ([(0, "relative"), (1, "not"), (2, "no_breath"), (5, "sudden")], "emergency"),
        ([(0, "relative"), (1, "dead"), (4, "stop"), (5, "text")], "stop"),
        ([(0, "me"), (1, "allergy"), (2, "allergen")], "report:allergy"),
        ([(0, "where"), (1, "parking"), (2, "drive")], "question:where"),
    ],
)
def test_what_one_languages_examples_teach_holds_for_all(places: list[concepts.Place], label: str) -> None:
    scores = read_gist().score(number_gist("", places))
    assert max(scores, key=scores.__getitem__) == label
