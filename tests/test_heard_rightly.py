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
