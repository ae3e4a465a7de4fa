"""What is written by ear in Latin letters is known by what a language has in its own."""

from pathlib import Path

import pytest

from messages import concepts
from messages.concepts import Concepts
from messages.guessing import Feature
from messages.matching import Message, normalise
from messages.sounds import list_entry_sounds, list_sound_features, list_sound_spots


def list_features(text: str, code: str) -> set[Feature]:
    return {*list_sound_features(normalise(text).split(), code)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(concepts, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("code", "spellings"),
    [
        ("ar", "موعد maw3id maweed mo3ed maou3id"),
        ("ar", "غرفة ghorfa ghurfeh 8orfa"),
        ("ar", "خايف khayef 5ayif khayf"),
        ("ar", "طبيب tabib 6abeeb tbib"),
        ("zh_Hant", "錢 cin chin tsin"),
        ("zh_Hant", "幾 gei gey gay"),
        ("zh_Hant", "張 zoeng jeung zeong"),
        ("zh_Hans", "痛 tung toong"),
    ],
)
def test_one_word_in_many_spellings_sounds_alike(code: str, spellings: str) -> None:
    own, *others = ({feature for _, feature in list_features(word, code)} for word in spellings.split())
    assert own
    assert [heard & own for heard in others] == [heard & own for heard in others if heard & own]


def test_syllables_of_mandarin_that_run_together_are_taken_apart() -> None:
    for run_together in ("woyaogaishijian", "wo yao gaishijian", "woyao gai sijian"):
        heard = list_features(run_together, "zh_Hans")
        assert list_features("我要改时间", "zh_Hans") & heard >= {("sounds", "cmn gai si"), ("sounds", "cmn si jian")}


def test_a_long_word_of_many_possible_syllables_is_taken_apart_at_once() -> None:
    assert {("sound", "cmn an"), ("sounds", "cmn an an")} <= list_features("an" * 800, "zh_Hans")
    assert ("sound", f"cmn {'an' * 799}x") in list_features("an" * 799 + "x", "zh_Hans")


def test_what_has_an_article_in_front_is_looked_up_without_it_too() -> None:
    ((at, keys),) = list_sound_spots(["elghorfa"], "ar")
    assert at == 0
    assert [key for key in keys if not key.endswith("*")] == ["ar lgrf", "ar grf"]
    assert {"ar lgr*", "ar grf*", "ar grf"} <= {*keys}


def test_sounds_in_a_row_are_looked_up_from_the_most_to_two() -> None:
    spots = [*list_sound_spots(["ngo", "seung", "goi", "kei", "2", "la"], "zh_Hant")]
    assert (1, ["yue seung goi kei la", "yue seung goi kei", "yue seung goi"]) in spots
    assert (5, []) in spots


def test_only_an_entry_in_the_own_script_and_no_short_one_is_filed_by_its_sound() -> None:
    assert [*list_entry_sounds("غرفه", "ar")] == ["ar grf"]
    assert [*list_entry_sounds("غرف*", "ar")] == ["ar grf*"]
    assert [*list_entry_sounds("改期", "zh_Hant")] == ["yue goi kei", "cmn gai qi"]
    for code, entry in (("ar", "يد"), ("ar", "mri"), ("zh_Hant", "痛"), ("ru", "боль"), ("ar", "غرفه كبيره")):
        assert [*list_entry_sounds(entry, code)] == []


def test_a_word_by_ear_has_the_concepts_of_the_one_it_sounds_like(folder: Path) -> None:
    (folder / "ar.toml").write_text('room = ["غرفة"]\nfear = ["مرعوب"]\nring = ["خاتم*"]\n', "utf-8")
    ear = Concepts("ar")
    assert ear.find(Message(normalise("ana mar3ooba men elghorfa"))) == [(1, "fear"), (3, "room")]
    assert ear.find(Message(normalise("khawatmi"))) == [(0, "ring")]
    (folder / "zh_Hant.toml").write_text('move = ["改期"]\nday = ["日"]\n', "utf-8")
    ear = Concepts("zh_Hant")
    assert ear.find(Message(normalise("ho m ho yi goi kei"))) == [(4, "move")]
    assert ear.find(Message(normalise("bangwo xianggaiqi"))) == [(1, "move")]


def test_a_word_that_is_known_is_not_taken_for_one_that_sounds_alike(folder: Path) -> None:
    (folder / "ar.toml").write_text('room = ["غرفة"]\ncar = ["ghorfa"]\n', "utf-8")
    assert Concepts("ar").find(Message("ghorfa")) == [(0, "car")]


def test_a_sound_that_may_be_too_many_things_says_nothing(folder: Path) -> None:
    alike = ("قلم", "غلام", "جلم", "قلوم", "جلام")
    (folder / "ar.toml").write_text("".join(f'thing{at} = ["{word}"]\n' for at, word in enumerate(alike)), "utf-8")
    assert Concepts("ar").find(Message("galam")) == []


def test_other_languages_are_read_as_they_are_written() -> None:
    assert list_features("hello привет", "en") == list_features("привет", "ru") == set()
    assert [*list_sound_spots(["privet"], "ru")] == []
