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


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("years ago the dye made my throat close, please note it", "en"),
        ("if I lie flat I cannot breathe, I sleep sitting up", "en"),
        ("shrimp makes my throat swell up, just so you know", "en"),
    ],
)
def test_what_happens_with_a_dye_or_on_lying_flat_is_a_report_and_no_emergency(text: str, own: str) -> None:
    assert understand(text, own).intent == "report"


@pytest.mark.parametrize(
    "text", ["I ate shrimp and my throat is closing up", "my throat is closing since the injection, I cannot breathe"]
)
def test_the_same_happening_now_is_an_emergency(text: str) -> None:
    assert understand(text, "en").intent == "emergency"


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("cant breathe from laughing 😂", "en"),
        ("jajaja me muero de risa no puedo respirar", "es"),
        ("alo alo 123", "vi"),
    ],
)
def test_laughter_and_a_test_call_are_no_emergency(text: str, own: str) -> None:
    assert understand(text, own).intent == "unknown"


@pytest.mark.parametrize("text", ["running late for the party, save me a seat", "heavy metal concert tonight"])
def test_small_talk_with_a_word_of_ours_is_left_to_a_person(text: str) -> None:
    assert understand(text, "en").intent == "unknown"


@pytest.mark.parametrize(
    ("text", "topic"),
    [("are stents a problem?", "implants"), ("is the scan allowed in pregnancy?", "pregnancy")],
)
def test_a_question_about_such_things_is_no_report(text: str, topic: str) -> None:
    found = understand(text, "en")
    assert (found.intent, found.detail) == ("question", topic)


def test_a_statement_with_a_question_after_it_stays_a_report() -> None:
    assert understand("i have a stent, is that a problem?", "en").intent == "report"


@pytest.mark.parametrize(
    ("text", "own"), [("no puedo ir", "es"), ("nie dam rady", "pl"), ("no way I can make it", "en")]
)
def test_a_mere_cannot_come_is_a_no_to_whether_they_come(text: str, own: str) -> None:
    assert understand(text, own, "confirm").intent == "no"


@pytest.mark.parametrize(
    "text", ["can't come, can I have friday instead?", "can't come on the 4th because my car broke down"]
)
def test_with_a_reason_or_another_day_it_is_a_wish_for_a_change(text: str) -> None:
    assert understand(text, "en", "confirm").intent == "change"


@pytest.mark.parametrize(("text", "own"), [("yes unfortunately", "en"), ("ja leider", "de"), ("si purtroppo", "it")])
def test_a_yes_with_a_word_after_it_answers_the_safety_question(text: str, own: str) -> None:
    assert understand(text, own, "safety").intent == "yes"


@pytest.mark.parametrize("text", ["no metal", "without metal?", "yes, how long does it take?"])
def test_half_an_answer_to_the_safety_question_is_none(text: str) -> None:
    assert understand(text, "en", "safety").intent not in ("yes", "no")


UNSURE = [
    *(("not sure", "en"), ("I don't know", "en"), ("no sé", "es"), ("不确定", "zh_Hans"), ("不確定", "zh_Hant")),
    *(
        ("tôi không biết", "vi"),
        ("모르겠어요", "ko"),
        ("hindi ako sigurado", "fil"),
        ("не знаю", "ru"),
        ("ما بعرف", "ar"),
    ),
    *(
        ("m pa konnen", "ht"),
        ("je ne sais pas", "fr"),
        ("não tenho certeza", "pt_BR"),
        ("nie wiem", "pl"),
        ("boh", "it"),
    ),
    *(("weiß nicht", "de"), ("分からない", "ja"), ("نمی‌دانم", "fa"), ("पता नहीं", "hi"), ("не впевнена", "uk")),
    *(("معلوم نہیں", "ur"), ("জানি না", "bn"), ("ਪੱਕਾ ਨਹੀਂ", "pa"), ("ma hubo", "so"), ("չգիտեմ", "hy"), ("maybe", "en")),
    *(
        ("vielleicht", "de"),
        ("peut-être", "fr"),
        ("a lo mejor", "es"),
        ("может быть", "ru"),
        ("わからないけど、あるかもしれません", "ja"),
    ),
]


@pytest.mark.parametrize(("text", "own"), UNSURE)
def test_a_doubt_is_no_none_of_these_and_no_yes_i_will_come(text: str, own: str) -> None:
    assert understand(text, own, "safety").intent in ("yes", "report")
    assert understand(text, own, "confirm").intent == "unknown"


@pytest.mark.parametrize(("text", "own"), [("no metal, no allergies", "en"), ("ni metal ni alergias", "es")])
def test_whoever_denies_two_things_denies_all(text: str, own: str) -> None:
    assert understand(text, own, "safety").intent == "no"


def test_to_say_what_staff_must_know_is_no_wish_for_no_more_texts() -> None:
    assert understand("Vi segnalo che sono alla ventesima settimana di gravidanza.", "it").intent == "report"
