"""Who wants no more texts, and who is in danger, is heard; who only sounds so is not."""

import pytest

from messages.understand import understand


@pytest.mark.parametrize(
    "text",
    [
        *(
            "STOP",
            "stop",
            "Stop.",
            "  sTOP  ",
            "STOPALL",
            "stop all",
            "UNSUBSCRIBE",
            "cancel",
            "END",
            "Quit",
            "optout",
            "REVOKE",
        ),
        *(
            "please stop",
            "pls stop thanks",
            "stop stop stop",
            "Stoppp!!!",
            "stop texting me",
            "please don't text me any more",
        ),
        *(
            "do not send me these messages",
            "I dont want your texts",
            "no more msgs pls",
            "take me off this list",
            "remove my number",
        ),
        *("how do i unsubscribe from these", "leave me alone", "quit messaging me!!", "stop sending this to my phone"),
        *("i do not wish to receive any more reminders", "lose my number"),
    ],
)
@pytest.mark.parametrize("language", ["en", "es", None])
def test_whoever_wants_no_more_texts_is_heard(text: str, language: str | None) -> None:
    assert understand(text, language).intent == "stop"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "I can't stop shaking",
            "stop by the desk?",
            "where is the bus stop",
            "no metal in me",
            "does the noise stop",
            "1",
            "ok",
        ),
        *(
            "can I cancel my appointment",
            "I want to cancel the scan",
            "do i stop my pills",
            "non-stop headaches",
            "when does it end",
        ),
        *(
            "should I quit smoking before it",
            "stop! is there parking?",
            "can i stop the scan if i panic",
            "no",
            "No thanks",
        ),
    ],
)
def test_whoever_only_uses_such_a_word_is_not_stopped(text: str) -> None:
    assert understand(text, "en").intent != "stop"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "I can't breathe",
            "cant breath",
            "he is not breathing",
            "my chest hurts so bad",
            "bad pain in my chest right now",
        ),
        *(
            "chest pian",
            "i think im having a heart attack",
            "she fell and is bleeding",
            "mom fell down the stairs",
            "i want to die",
        ),
        *(
            "gonna kill myself",
            "he is unconscious",
            "she passed out and wont wake up",
            "my wife is having a stroke",
            "please send an ambulance",
        ),
        *("STOP i cant breathe", "his face is drooping", "took too many pills", "bleeding a lot", "im choking"),
    ],
)
@pytest.mark.parametrize("awaiting", [None, "safety", "confirm"])
def test_an_emergency_comes_before_everything(text: str, awaiting: str | None) -> None:
    assert understand(text, "en", awaiting).intent == "emergency"


@pytest.mark.parametrize(
    "text",
    [
        "who is my emergency contact",
        "does it hurt",
        "pain when i lie down",
        "is it an emergency scan",
        "I breathe badly through my nose",
    ],
)
def test_not_every_pain_is_an_emergency(text: str) -> None:
    assert understand(text, "en").intent != "emergency"


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("má tôi bị méo miệng", True),
        ("ma toi bi meo mieng", True),
        # Half of the marks are there.
        ("tôi không thơ được", True),
        # A cat; a little; a welder who has died.
        ("móng úp mắt mèo có hút nam châm không ta", False),
        ("chờ em xíu nha còn 2 cây số nữa thôi", False),
        ("khuyên môi dưới tháo hổng nổi, thợ hàn chết rồi", False),
    ],
)
def test_marks_that_are_written_make_another_word_in_vietnamese(text: str, is_one: bool) -> None:
    assert (understand(text, "vi").intent == "emergency") is is_one


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("last time I could not breathe in there", "en"),
        ("years ago I had a stroke", "en"),
        ("had a stroke 2012", "en"),
        ("last scan with dye i couldnt breathe after and they gave me adrenaline", "en"),
        ("me puse mal cuando me inyectaron eso, se me hincho la cara el año pasado", "es"),
        ("bin als kind vom baum gefallen", "de"),
        ("ペニシリンを打って意識を失ったことがあります", "ja"),
        ("작년에 그 약 맞고 숨 막혀서 중환자실", "ko"),
        ("دفعه قبل رنگ زدن گلوم بسته شد", "fa"),
        # It is asked whether it may come to that.
        ("est-ce qu'on peut faire un malaise cardiaque dedans", "fr"),
        ("机器窄不窄，会不会憋得慌", "zh_Hans"),
        ("много крови берут на анализ?", "ru"),
    ],
)
def test_what_was_long_ago_or_is_asked_about_is_no_emergency(text: str, own: str) -> None:
    assert understand(text, own).intent in ("report", "question", "unknown")


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("I had a stroke years ago and I cannot breathe", "en"),
        ("my mum had a stroke last year she is unconscious on the floor", "en"),
        ("chest pain like last time i had a heart attack", "en"),
        ("same pain as last year when i had my heart attack", "en"),
        ("last year i wanted to die and i still do", "en"),
        ("el año pasado tuve un derrame y ahora no puede hablar", "es"),
        ("can someone help he is not breathing?", "en"),
        ("he is not breathing what do i do?", "en"),
        ("am i having a heart attack?", "en"),
        ("chest pain?", "en"),
        ("je peux plus respirer qu'est ce que je fais?", "fr"),
        ("我喘不过气怎么办", "zh_Hans"),
        ("ما اقدر اتنفس وش اسوي", "ar"),
        ("tôi không thở được phải làm sao", "vi"),
    ],
)
def test_neither_the_past_nor_a_question_hides_what_is_now(text: str, own: str) -> None:
    assert understand(text, own).intent == "emergency"


def test_a_carriers_word_stops_but_not_a_word_like_it_that_means_another_thing_in_their_language() -> None:
    assert understand("CANCEL", "pt_BR").intent == "stop"
    assert understand("cancelar", "pt_BR").intent == "change"
    assert understand("cancelar mensagens", "pt_BR").intent == "stop"
    assert understand("cancelar", "es").intent == "stop"


def test_a_long_text_is_heard_in_another_language_where_that_matters() -> None:
    story = "I took the bus with my son and it rained all day so we were late and had no tea before we came home. " * 5
    assert understand(f"{story} no puedo respirar", "en").intent == "emergency"
    assert understand(f"{story} no me manden más mensajes", "en").intent == "stop"


def test_an_ambulances_number_is_a_cry_for_one_and_no_answer_to_a_question() -> None:
    assert understand("911!!", "en").intent == "emergency"
    assert understand("119", "ko").intent == "emergency"
    assert understand("112", "en", "safety").intent == "unknown"


@pytest.mark.parametrize(
    ("text", "own"), [("HELP", "en"), ("HELP ME!!!", "en"), ("AYUDA!!!", "es"), ("AIUTATEMI", "it"), ("HILFE!", "de")]
)
def test_a_bare_cry_for_help_gets_the_number_to_call(text: str, own: str) -> None:
    assert understand(text, own).intent in ("help", "emergency")
