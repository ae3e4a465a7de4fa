"""What small things turn round: a "no", a "now", a question mark, and how sure a guess must be."""

import pytest

from messages.understand import understand


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("how do i block these", "en"),
        ("non mi sono mai iscritta a questa cosa, levatemi subito", "it"),
        ("đã bảo dừng rồi mà sao vẫn nhắn??", "vi"),
    ],
)
def test_a_likely_wish_for_no_more_texts_is_honoured_though_no_phrase_says_so(text: str, own: str) -> None:
    assert understand(text, own).intent == "stop"


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("do not phone me, text me", "en"),
        ("the letter is enough", "en"),
        ("please stop the pain", "en"),
        ("rufen sie mich nicht an", "de"),
        ("j'ai arrêté de fumer", "fr"),
        ("no quiero el contraste", "es"),
        ("non voglio il contrasto", "it"),
        ("lasciatemi il tempo", "it"),
        ("mandatemi un altro messaggio", "it"),
        ("devo portare il consenso firmato", "it"),
        ("non vorrei disturbare", "it"),
    ],
)
def test_a_no_to_something_else_is_no_wish_for_no_more_texts(text: str, own: str) -> None:
    assert understand(text, own).intent != "stop"


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("я не беременна", "ru"),
        ("ich habe keinen schrittmacher", "de"),
        ("aryun nosracnox degh chem xmum", "hy"),
        ("je ne suis pas enceinte", "fr"),
        ("no soy diabético", "es"),
    ],
)
def test_a_no_that_stands_in_the_gap_of_a_report_denies_it(text: str, own: str) -> None:
    assert understand(text, own).intent != "report"


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("le rein droit ne marche plus chez ma mère", "fr"),
        ("une balle quon lui a jamais enlevee", "fr"),
        ("un proiettile non gliel hanno mai tolto", "it"),
        ("मेरे गुर्दे ठीक से काम नहीं करते", "hi"),
        ("kelyahaygu si fiican uma shaqeeyaan", "so"),
        ("я беременна", "ru"),
    ],
)
def test_a_no_that_a_report_is_made_of_does_not_deny_it(text: str, own: str) -> None:
    assert understand(text, own).intent == "report"


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("AMBULANCE!!!", "en"),
        ("socorro", "es"),
        ("au secours", "fr"),
        ("anbilans", "ht"),
        ("Notfall!", "de"),
        ("ambulanza", "it"),
        ("ambulância", "pt_BR"),
        ("karetka", "pl"),
        ("скорая", "ru"),
        ("швидка", "uk"),
        ("շտապօգնություն", "hy"),
        ("إسعاف", "ar"),
        ("اورژانس", "fa"),
        ("ایمبولینس", "ur"),
        ("एम्बुलेंस", "hi"),
        ("ਐਂਬੂਲੈਂਸ", "pa"),
        ("অ্যাম্বুলেন্স", "bn"),
        ("cấp cứu", "vi"),
        ("急救", "zh_Hans"),
        ("白車", "zh_Hant"),
        ("救急車", "ja"),
        ("구급차", "ko"),
        ("saklolo", "fil"),
        ("ambalaas", "so"),
        ("ambulance", "so"),
    ],
)
def test_a_bare_cry_for_help_is_an_emergency(text: str, own: str) -> None:
    assert understand(text, own).intent == "emergency"


@pytest.mark.parametrize("text", ["my emergency contact", "is there an ambulance stand?", "ambulance home", "same"])
def test_the_same_word_in_a_sentence_is_none(text: str) -> None:
    assert understand(text, "en").intent != "emergency"
