"""Which language a text asks for."""

import pytest

from messages.understand import understand


@pytest.mark.parametrize(
    ("text", "own", "wanted"),
    [
        ("l'anglais", "fr", "en"),
        ("pas d'espagnol, l'anglais c'est mieux", "fr", "en"),
        ("je préfère l’espagnol", "fr", "es"),
        ("vorrei i messaggi nell'inglese", "it", "en"),
        ("po angielsku", "pl", "en"),
        ("tem em crioulo?", "pt_BR", "ht"),
        ("criollo haitiano", "es", "ht"),
        ("in creolo per favore", "it", "ht"),
        # "Send" is no Mandarin.
        ("me los pueden mandar en ingles? lo leo mejor", "es", "en"),
        ("podem mandá-lo em crioulo haitiano?", "pt_BR", "ht"),
        ("mandarlo in inglese per favore", "it", "en"),
    ],
)
def test_a_language_is_found_by_what_people_call_it(text: str, own: str, wanted: str) -> None:
    found = understand(text, own)
    assert (found.intent, found.detail) == ("language", wanted)


@pytest.mark.parametrize(
    ("text", "own", "wanted"),
    [
        ("no entiendo ingles, en español por favor", "es", "es"),
        ("je ne comprends pas l'anglais, en français svp", "fr", "fr"),
        ("nie rozumiem po angielsku, prosze po polsku", "pl", "pl"),
        ("я не читаю по английски пишите по русски", "ru", "ru"),
        ("ما افهم انجليزي ارسلوا عربي", "ar", "ar"),
        ("英語読めないので日本語で送ってほしいです", "ja", "ja"),
        ("英文看不懂 以后发简体中文行吗", "zh_Hans", "zh-Hans"),
        ("영어말고 한국어로", "ko", "ko"),
        # Within one clause each "not" denies the language nearest to it.
        ("english nahi aati hindi me bhejo", "hi", "hi"),
        ("hindi samajh nahi aati english me bhejo", "hi", "en"),
        ("can you write in hindi i do not read english", "hi", "hi"),
        ("日本語じゃなくて英語でお願いします", "ja", "en"),
        ("英語じゃなくて日本語でお願いします", "ja", "ja"),
        ("en español no, en inglés", "es", "en"),
        ("in polish please not german", "de", "pl"),
        ("i cant read spanish please text in english", "es", "en"),
        # Whoever says what they do not understand says it in the language they want, whichever is on record.
        ("no entiendo ingles", "es", "es"),
        ("no entiendo ingles", "en", "es"),
        ("I don't understand Spanish", "es", "en"),
        ("não entendo inglês", "en", "pt-BR"),
        ("je ne comprends pas l'anglais", "fr", "fr"),
        ("ich verstehe kein Englisch", "de", "de"),
        ("nie rozumiem po angielsku", "pl", "pl"),
        ("я не понимаю по английски", "en", "ru"),
        ("انا لا افهم الانجليزيه", "ar", "ar"),
        ("mujhe english nahi aati", "hi", "hi"),
        ("mwen pa konprann angle", "ht", "ht"),
        ("hindi ko maintindihan ang English", "fil", "fil"),
        ("我看不懂英文", "zh_Hant", "zh-Hant"),
        ("英語がわかりません", "ja", "ja"),
        ("영어를 몰라요", "ko", "ko"),
        ("no ingles", "es", "es"),
        # These ask for it.
        ("can't you send it in Spanish", "en", "es"),
        ("please write in polish because i do not understand everything", "en", "pl"),
        ("why don't you write in Spanish?", "en", "es"),
        ("¿no me pueden escribir en inglés?", "es", "en"),
    ],
)
def test_the_language_asked_for_is_not_the_one_denied(text: str, own: str, wanted: str) -> None:
    found = understand(text, own)
    assert (found.intent, found.detail) == ("language", wanted)
