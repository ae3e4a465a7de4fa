"""Long texts: what is vital counts wherever it stands, and what they are about is told by their beginning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages.lexicon import read_lexicon
from messages.matching import LONG_LETTERS, Message, count_letters, normalise
from messages.outline import cut_apart, take_around, take_beginning, take_windows
from messages.phrase_index import Hit
from messages.phrases import Phrase
from messages.reading import Reading
from messages.understand import understand
from messages.words import Tag, read_examples
from tests.texts import CODES

WORDS = st.text("abcde", min_size=1, max_size=12) | st.text("我你他们天气", min_size=1, max_size=60)
FILLERS = {
    "en": "We had a lovely week at the lake with the grandchildren and the weather was kind to us on most days. ",
    "es": "Pasamos una semana bonita en el lago con los nietos y el tiempo fue bueno casi todos los días. ",
    "de": "Wir waren eine schöne Woche mit den Enkeln am See und das Wetter war an den meisten Tagen gut. ",
    "zh_Hans": "我们带着孙子孙女在湖边住了一个星期，天气大多数日子都很好，孩子们每天都在水边玩得很开心。",
    "ja": "先週は孫たちと湖のほとりで過ごしました。天気もほとんどの日がよくて、みんなで楽しく遊びました。",
}
CRIES = {
    "en": "I cannot breathe",
    "es": "no puedo respirar",
    "de": "ich bekomme keine Luft",
    "zh_Hans": "我喘不过气来",
    "ja": "息ができません",
}


def write_around(code: str, said: str, before: int, behind: int) -> str:
    filler = FILLERS[code]
    return filler * before + said + ". " + filler * behind


@pytest.mark.parametrize("before", [0, 5, 11])
@pytest.mark.parametrize("code", CRIES)
def test_a_cry_for_help_is_heard_wherever_it_stands_in_a_long_text(code: str, before: int) -> None:
    text = write_around(code, CRIES[code], before, 11 - before)
    assert Message(normalise(text)).is_long
    assert understand(text, code).intent == "emergency"


def test_two_cries_in_a_long_text_are_heard_whatever_else_it_says_and_without_a_full_stop() -> None:
    around = FILLERS["en"].replace(". ", " ") * 3
    text = f"{around} she cannot breathe {around} her lips are blue and she is not waking up {around}"
    assert understand(text, "en").intent == "emergency"


@pytest.mark.parametrize(
    ("said", "intent", "detail"),
    [
        ("I have a pacemaker", "report", "implant"),
        ("Please stop texting me", "stop", None),
        ("You have the wrong number", "wrong_number", None),
    ],
)
def test_so_is_what_staff_must_know_of(said: str, intent: str, detail: str | None) -> None:
    found = understand(write_around("en", said, 5, 4), "en")
    assert (found.intent, found.detail) == (intent, detail)


@pytest.mark.parametrize("code", CRIES)
def test_a_cry_for_help_in_another_language_is_heard_in_a_very_long_text(code: str) -> None:
    text = write_around("en" if code != "en" else "es", CRIES[code], 6, 5)
    assert Message(normalise(text)).is_very_long
    assert understand(text, "en" if code != "en" else "es").intent == "emergency"


def test_a_very_long_text_is_no_none_of_these() -> None:
    said = "No pacemaker, no implants, no allergies, no metal"
    assert understand(said, "en", "safety").intent == "no"
    assert understand(write_around("en", said, 5, 5), "en", "safety").intent != "no"


def test_a_long_text_is_about_what_it_begins_with() -> None:
    found = understand(write_around("en", "How long does the scan take?", 0, 7), "en")
    assert found.intent in ("question", "unknown")
    assert found.detail in ("duration", None)


def find_words(message: Message, word: str) -> list[Hit[Tag]]:
    tag = Tag("en", "intents", "emergency")
    spans = [(at, at + 1) for at, one in enumerate(message.words) if one == word]
    return [Hit(0, tag, Phrase(word), start, end, False) for start, end in spans]


def test_a_part_is_the_beginning_or_what_stands_around_a_phrase() -> None:
    message = Message(" ".join(f"w{at}" for at in range(200)))
    assert take_beginning(message).words == message.words[:60]
    assert take_around(message, find_words(message, "w150")).words == message.words[138:163]
    assert take_around(message, find_words(message, "w3")).words == message.words[:16]


@given(st.lists(WORDS, min_size=1, max_size=300), st.sampled_from(["a", "b", "ab"]))
def test_a_part_is_never_long_and_in_the_order_of_the_text(words: list[str], word: str) -> None:
    message = Message(" ".join(words))
    for part in (take_beginning(message), take_around(message, find_words(message, word))):
        assert not part.is_long
        rest = iter(message.squeezed)
        assert all(sign in rest for sign in part.squeezed)


@pytest.mark.parametrize("code", CRIES)
def test_sentences_read_by_themselves_are_together_not_long_and_have_what_is_vital(code: str) -> None:
    text = write_around(code, CRIES[code], 6, 6)
    reading = Reading(text, Message(normalise(text)), code, [code], None, read_lexicon())
    assert sum(count_letters(sentence.message.squeezed) for sentence in reading.sentences) <= LONG_LETTERS
    cry = Message(normalise(CRIES[code])).squeezed
    assert any(cry in sentence.message.squeezed for sentence in reading.sentences)


def test_a_long_text_is_in_three_languages_at_most_and_a_very_long_one_in_one() -> None:
    # A word of each language in turn.
    words = [normalise(text).split()[0] for code in CODES for _, text in read_examples(code)[:6]]
    message = Message(" ".join(words))
    assert message.is_long
    assert len(read_lexicon().find_spoken(message, None)) <= 3
    assert read_lexicon().find_spoken(message, "hy")[-1] == "hy"
    very_long = Message(" ".join(words * 3))
    assert very_long.is_very_long
    assert len(read_lexicon().find_spoken(very_long, None)) == 1
    assert read_lexicon().find_spoken(very_long, "hy")[1:] == ["hy"]


@pytest.mark.parametrize(("times", "signs"), [(2, 133), (10, 88)])
def test_without_spaces_a_part_is_cut_between_signs(times: int, signs: int) -> None:
    message = Message(normalise(write_around("zh_Hans", CRIES["zh_Hans"], times, times)))
    index = read_lexicon().index
    hits = [hit for hit in index.find(message) if hit.tag.key == "emergency" and hit.tag.code == "zh_Hans"]
    part = take_around(message, hits)
    assert not part.is_long
    assert "喘不过气" in part.squeezed
    # As much as 400 letters say, three for a sign; of a very long text two thirds of that.
    assert take_beginning(message).squeezed == message.squeezed[:signs]


@given(st.lists(WORDS, max_size=100))
def test_a_text_is_cut_in_two_at_a_few_places_unless_it_is_short(words: list[str]) -> None:
    message = Message(" ".join(words))
    parts = cut_apart(message)
    assert len(parts) in (0, 6)
    assert all(part.words for part in parts)
    for before, behind in zip(parts[::2], parts[1::2], strict=True):
        assert before.squeezed + behind.squeezed == message.squeezed


@given(st.lists(st.text("abcde", min_size=1, max_size=12), min_size=15, max_size=100))
def test_each_few_words_are_in_a_window_that_overlaps_the_next_one(words: list[str]) -> None:
    windows = take_windows(Message(" ".join(words)))
    assert all(len(window.words) <= 8 for window in windows)
    for at in range(len(words) - 4):
        assert any(" ".join(words[at : at + 5]) in window.text for window in windows)


def test_few_words_have_no_windows_and_of_many_those_with_anything_vital_come_first() -> None:
    assert not take_windows(Message("how long does it take and where can i park my car please"))
    windows = take_windows(Message("我们星期五几点到停车方便吗早上能不能吃饭我喘不过气来"))
    assert [len(window.squeezed) for window in windows] == [14, 14, 12]
    text = write_around("en", CRIES["en"], 6, 6).replace(". ", " ")
    reading = Reading(text, Message(normalise(text)), "en", ["en"], None, read_lexicon())
    assert len(reading.windows) <= 6
    assert "cannot breathe" in reading.windows[0].message.text


def test_a_text_without_room_for_two_things_is_not_cut() -> None:
    assert not cut_apart(Message("how long does it take please"))
    assert not cut_apart(Message("我喘不过气来怎么办"))
    assert [part.text for part in cut_apart(Message("one two three four five six seven"))[2:4]] == [
        "one two three four",
        "five six seven",
    ]
