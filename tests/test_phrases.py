"""Phrases with stems, gaps and choices, and what makes texts comparable."""

import pytest

from messages.marks import are_at_odds, list_marks
from messages.matching import Message, normalise, split_clauses
from messages.phrase_index import PhraseIndex
from messages.plain_form import PhraseError, check_form, simplify


def find(source: str, text: str) -> list[tuple[int, int, bool]]:
    index = PhraseIndex[str]()
    index.add([(simplify(source), "tag")], prefixed=True)
    index.sort_in()
    return sorted((hit.start, hit.end, hit.whole) for hit in index.find(Message(normalise(text))))


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("chest pain", "bad CHEST pain!", [(1, 3, False)]),
        ("chest pain", "Chest pain", [(0, 2, True)]),
        ("chest pain", "chest and pain", []),
        ("chest pain", "chests pain", []),
        ("allerg*", "I am allergic, an allergy", [(2, 3, False), (4, 5, False)]),
        ("отмен* запис*", "хочу отменить запись", [(1, 3, False)]),
        ("stop ~ text*", "stop sending me any more texts", [(0, 6, True)]),
        ("stop ~ text*", "stop a b c d e texts", []),
        ("stop ~ text*", "texts stop", []),
        ("(stop|quit) ~ (text*|sms)", "please quit with sms", [(1, 4, False)]),
        ("be (there|here) (on |)time", "be there time", [(0, 3, True)]),
        ("不要~短信", "请不要再给我发短信了", [(1, 9, False)]),
        ("不要~短信", "不要一二三四五六七八九短信", []),
        ("예약 변경", "예약변경 하고 싶어요", [(0, 4, False)]),
        ("ペースメーカー", "心臓にペースメーカーが入っています", [(3, 10, False)]),
        ("cancelar", "quiero cancelar", [(1, 2, False)]),
        ("موعد", "بالموعد", [(0, 1, True)]),
    ],
)
def test_a_phrase_is_found_where_it_should_be(source: str, text: str, found: list[tuple[int, int, bool]]) -> None:
    assert find(source, text) == found


def test_arabic_prefixes_are_taken_off_only_where_asked() -> None:
    index = PhraseIndex[str]()
    index.add([(simplify("وقت"), "time")], prefixed=True)
    index.add([(simplify("وقت"), "other time")])
    index.sort_in()
    assert [hit.tag for hit in index.find(Message(normalise("بالوقت")))] == ["time"]


@pytest.mark.parametrize("source", ["", "!?", "(a|b", "a)", "((a|b) c|d)", "~"])
def test_a_phrase_that_cannot_be_read_is_refused_at_a_glance_too(source: str) -> None:
    with pytest.raises(PhraseError):
        simplify(source)
    with pytest.raises(PhraseError):
        check_form(source)


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("that(s|) it", "thats it", [(0, 2, True)]),
        ("that(s|) it", "that it", [(0, 2, True)]),
        ("opt (me |)out", "opt out", [(0, 2, True)]),
        ("(a b|a) (c|b c)", "a b c", [(0, 3, True)]),
        ("no (more|) ~ texts", "no please texts", [(0, 3, True)]),
        ("(no|no thanks)", "no thanks", [(0, 1, False), (0, 2, True)]),
        ("(stop ~ texts|end it)", "stop these texts", [(0, 3, True)]),
        ("(胸|心臓)が(痛|苦し)", "心臓が痛い", [(0, 4, False)]),
        ("(不要|别)~(短信|消息)", "别再发消息", [(0, 5, True)]),
    ],
)
def test_a_choice_may_be_part_of_a_word_empty_or_longer_than_another(
    source: str, text: str, found: list[tuple[int, int, bool]]
) -> None:
    assert find(source, text) == found


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("  HOLA,   ¿qué tal?  ", "hola que tal"),
        ("yessss!!! soooo gooood", "yes so god"),
        ("İPTAL ıslak", "iptal islak"),
        ("ＳＴＯＰ １２", "stop 12"),
        ("١ ۲ ३ ৪", "1 2 3 4"),
        ("مَوْعِـــدٌ", "موعد"),
        ("آلة إلى أين", "اله الي اين"),
        ("đau ngực", "dau nguc"),
        ("Łukasz ß œuf", "lukasz ss oeuf"),
        ("हाँ", normalise("हां")),
        ("ok 🙏👍", "ok"),
        ("don’t can't", "dont cant"),
        ("我要做MRI检查", "我要做 mri 检查"),
        ("\u202babc\u202c \u2068d\u2069", "abc d"),
        ("a\ud800b", "a b"),
    ],
)
def test_what_does_not_count_is_taken_away(text: str, plain: str) -> None:
    assert normalise(text) == plain


def test_clauses_end_at_punctuation_of_every_script() -> None:
    assert [clause.text for clause in split_clauses("One, two. 三，四。خمسة؟ छह। end")] == [
        *("one", "two", "三", "四", "خمسه", normalise("छह"), "end"),
    ]


def test_a_clause_knows_its_question_mark() -> None:
    found = [clause.asks for clause in split_clauses("One, two? ثلاثة؟ 四？ five! կարո՞ղ եմ։ end")]
    assert found == [False, True, True, True, False, True, False]


def test_one_word_said_over_and_over_counts_a_few_times() -> None:
    assert normalise("no, no no! " + "NO " * 500 + "thanks") == "no no no no no thanks"


@pytest.mark.parametrize(
    "written",
    [
        ("علی", "علي"),
        ("على", "علي"),
        ("کلیہ", "كلية"),
        ("أحمد", "احمد"),
        ("مؤلم", "مولم"),
        ("مسئلہ", "مسيله"),
        ("ی", "ي"),
    ],
)
def test_letters_that_people_write_for_one_another_in_arabic_script_are_one(written: tuple[str, str]) -> None:
    assert normalise(written[0]) == normalise(written[1])


@pytest.mark.parametrize(
    ("text", "at_odds"),
    [("xỉu", False), ("xiu", False), ("xíu", True), ("đau", False), ("dau", False), ("dầu", True), ("lạ", False)],
)
def test_a_mark_that_is_written_must_be_one_of_the_word_looked_for(text: str, at_odds: bool) -> None:
    known = list_marks(["ngất xỉu", "đau ngực"])
    assert are_at_odds([normalise(text)], list_marks([text]), known) is at_odds
