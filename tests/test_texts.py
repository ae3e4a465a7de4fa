"""Every text in every language, for every exam: its length, its words, its privacy."""

import re
from dataclasses import replace

import pytest

from messages.carriers import CARRIER_STARTS, CARRIER_STOPS, list_offered
from messages.catalogues import read_sources
from messages.compose import REMINDERS, compose_answer, compose_reminder, compose_reply
from messages.facts import Visit
from messages.fitting import Text, find_budget
from messages.languages import SOURCE, get_language
from messages.replies import REPLIES
from messages.reply_words import get_reply_words
from messages.segments import measure
from messages.speaker import Speaker
from messages.topics import TOPICS, get_topic
from tests.texts import (
    CODES,
    DAY,
    EXAMS,
    LONG_NAME,
    LONGEST,
    MOVED_FROM,
    MRI,
    ORDINARY,
    STEPS,
    STEPS_OF_COMPANIONS,
    TRANSLATED,
    VISIT,
    compose_answers,
    compose_companions,
    compose_notices,
    compose_reminders,
    list_all_texts,
    list_started_texts,
)

SYMBOLS_ONLY = {"{clinic}: {text}"}


def find_over(texts: list[tuple[Visit, Text]], steps: tuple[str, ...], language: str) -> set[tuple[object, ...]]:
    return {
        (join, visit.exam.code, visit.contrast, visit.sedation, visit.name_needed, text.measure.units)
        for join in ["+".join(steps)]
        for visit, text in texts
        if text.measure.segments > find_budget(language, merged=len(steps) > 1)
    }


# Length


@pytest.mark.parametrize("language", CODES)
def test_a_text_with_the_longest_values_is_within_its_budget(language: str) -> None:
    for steps in STEPS:
        assert not find_over(compose_reminders(steps, language, LONGEST, LONG_NAME), steps, language)
    for steps in STEPS_OF_COMPANIONS:
        assert not find_over(compose_companions(steps, language, LONGEST, LONG_NAME), steps, language)


@pytest.mark.parametrize("name", ["Łukasz", "Алексей Владимирович", "محمد عبد الرحمن", "王小明", "María-Ángeles Ñusta"])
@pytest.mark.parametrize("steps", [("safety",), ("prepare",), REMINDERS], ids="+".join)
def test_a_name_in_any_script_leaves_an_english_text_within_its_budget(steps: tuple[str, ...], name: str) -> None:
    assert not find_over(compose_reminders(steps, "en", LONGEST, name), steps, "en")


@pytest.mark.parametrize("language", CODES)
def test_every_text_comes_out_in_the_language_asked_and_says_what_it_costs(language: str) -> None:
    reminders = [text for steps in STEPS for _, text in compose_reminders(steps, language, LONGEST, LONG_NAME)]
    companions = [
        text for steps in STEPS_OF_COMPANIONS for _, text in compose_companions(steps, language, LONGEST, LONG_NAME)
    ]
    for text in (*reminders, *companions):
        assert text.language == language
        assert text.measure == measure(text.body)


@pytest.mark.parametrize("language", CODES)
def test_every_reply_and_every_answer_is_short(language: str) -> None:
    for name, text in compose_answers(language, LONGEST, LONG_NAME):
        most = 5 if language != SOURCE or name in ("ask_language", "ask_which") else 2
        assert text.measure.segments <= most, (name, text.measure, text.body)
        assert text.language == language


@pytest.mark.parametrize("language", CODES)
def test_a_question_asked_again_and_a_notice_of_a_visit_are_short(language: str) -> None:
    for name, text in compose_notices(language, LONGEST, LONG_NAME):
        assert text.measure.segments <= find_budget(language), (name, text.measure, text.body)
        assert text.language == language


@pytest.mark.parametrize("language", CODES)
def test_an_answer_that_names_the_condition_is_short_too(language: str) -> None:
    for topic in TOPICS:
        text = compose_answer(topic, language, LONGEST, Visit(MRI, DAY, LONG_NAME), named=True)
        assert text.measure.segments <= (2 if language == SOURCE else 5), topic.code
        assert text.language == language


@pytest.mark.parametrize("language", CODES)
def test_every_reply_and_answer_can_be_given_to_a_number_without_an_appointment(language: str) -> None:
    need_a_visit = {"confirmed", "ask_coming"}
    for reply in REPLIES.keys() - need_a_visit:
        assert compose_reply(reply, language, ORDINARY, choices=["Ana"]).language == language
    for topic in TOPICS:
        assert compose_answer(topic, language, ORDINARY, None).language == language
    no_appointment = compose_reply("no_appointment", language, ORDINARY)
    assert compose_answer(get_topic("when"), language, ORDINARY, None) == no_appointment


# What must be in them


@pytest.mark.parametrize("language", CODES)
def test_the_phone_is_left_out_only_when_there_is_no_room_for_it(language: str) -> None:
    speaker = Speaker(get_language(language), "US")
    sentence = speaker.say("Phone: {phone}", phone=LONGEST.phone)
    for steps in STEPS:
        for visit, text in compose_reminders(steps, language, LONGEST, LONG_NAME):
            if LONGEST.phone not in text.body:
                assert "cancelled" not in steps
                assert LONGEST.address not in text.body
                assert visit.name_needed or LONG_NAME not in text.body
                with_phone = measure(speaker.join(text.body, sentence))
                assert with_phone.segments > find_budget(language, merged=len(steps) > 1)


@pytest.mark.parametrize("language", CODES)
def test_with_ordinary_values_the_day_the_time_to_arrive_and_the_phone_are_there(language: str) -> None:
    speaker = Speaker(get_language(language), "US")
    for steps in STEPS:
        for visit, text in compose_reminders(steps, language, ORDINARY, "Ana"):
            assert text.measure.segments <= find_budget(language, merged=len(steps) > 1)
            assert text.body.startswith(("Riverside Imaging", "\u2068Riverside Imaging\u2069"))
            # Everything at once, for a late booking with sedation, may have no room left for the phone.
            assert ORDINARY.phone in text.body or {"safety", "prepare"} < set(steps)
            assert speaker.day(visit.starts_at) in text.body
            early = EXAMS.find_arrive_early(visit.exam, ORDINARY.arrive_early, sedation=visit.sedation)
            assert speaker.time(visit.starts_at if "cancelled" in steps else visit.starts_at - early) in text.body
            assert not visit.name_needed or "Ana" in text.body


@pytest.mark.parametrize("language", CODES)
def test_a_companion_is_told_when_where_and_whom_to_phone(language: str) -> None:
    speaker = Speaker(get_language(language), "US")
    driver = speaker.say("You are the driver: please stay, and take the patient home.")
    for steps in STEPS_OF_COMPANIONS:
        for visit, text in compose_companions(steps, language, ORDINARY, "Ana"):
            assert text.measure.segments <= find_budget(language, merged=len(steps) > 1)
            assert ORDINARY.phone in text.body
            assert speaker.day(visit.starts_at) in text.body
            assert (driver in text.body) == (visit.needs_driver and "cancelled" not in steps)


@pytest.mark.parametrize("language", CODES)
def test_the_welcome_says_how_to_stop_and_how_to_get_topics_and_another_language(language: str) -> None:
    words = get_reply_words(language)
    for steps in (steps for steps in STEPS if "welcome" in steps):
        for _, text in compose_reminders(steps, language, LONGEST, LONG_NAME):
            for word in ("STOP", words.menu, words.language):
                assert word in text.body


@pytest.mark.parametrize("language", CODES)
def test_more_is_offered_exactly_where_there_is_more(language: str) -> None:
    offer = Speaker(get_language(language)).say("For more, text {more}.", more=get_reply_words(language).more)
    for topic in TOPICS:
        body = compose_answer(topic, language, ORDINARY, VISIT).body
        assert body.endswith(offer) == (topic.more is not None), topic.code


# Privacy


CONDITION_SHORT = re.compile(r"(?<![A-Za-z])(ALS|MND|ELA|SLA|EMN|MNM|BAS|SLA|БАС)(?![A-Za-z])")


CONDITION = re.compile(
    "motor neuron|amyotroph|lateral sclerosis|sclerosis|gehrig|neurodegenerat|corticospinal"  # English
    "|neurona motora|neuronas motoras|motoneurona|esclerosis|amiotrófica"  # Spanish
    "|运动神经元|運動神經元|渐冻|漸凍|肌萎缩|肌萎縮|侧索硬化|側索硬化|硬化症"  # Chinese
    "|العصبون الحركي|العصبية الحركية|التصلب|الضموري|تصلب جانبي"  # Arabic
    "|newòn motè|newòn motris|eskleroz|amyotwofik"  # Haitian Creole
    "|motoneurone|sclérose|amyotrophique|charcot|esclerose|amiotrófica|neurônio motor"  # French, Portuguese
    "|sclerosi|motoneuron|stwardnienie|zanikowe|sklerose|neuronu ruchowego"  # Italian, German, Polish
    "|двигательного нейрона|мотонейрон|склероз|рухового нейрона|руховог|склероз"  # Russian, Ukrainian
    "|運動ニューロン|筋萎縮|운동신경|운동 신경|루게릭|근위축"  # Japanese, Korean
    "|nơ-ron vận động|nơron|xơ cứng|teo cơ"  # Vietnamese
    "|اسکلروز|نورون حرکتی|اسکلیروسس|موٹر نیوران|موٹر نیورون"  # Persian, Urdu
    "|मोटर न्यूरॉन|स्क्लेरोसिस|মোটর নিউরন|স্ক্লেরোসিস|ਮੋਟਰ ਨਿਊਰੋਨ|ਸਕਲੇਰੋਸਿਸ"  # Hindi, Bengali, Punjabi
    "|շարժիչ նեյրոն|շարժողական նեյրոն|սկլերոզ"  # Armenian
)


@pytest.mark.parametrize("language", CODES)
def test_only_the_answer_to_somebody_who_named_the_condition_names_it(language: str) -> None:
    named = {
        topic.code
        for topic in TOPICS
        if CONDITION.search(compose_answer(topic, language, ORDINARY, VISIT, named=True).body.casefold())
    }
    assert named == {topic.code for topic in TOPICS if topic.named} == {"diagnosis"}


@pytest.mark.parametrize("language", CODES)
def test_no_text_we_start_and_no_plain_answer_names_a_condition(language: str) -> None:
    plain = [text.body for _, text in compose_answers(language, LONGEST, LONG_NAME)]
    bodies = [*list_started_texts(language), *plain]
    assert [body for body in bodies if CONDITION.search(body.casefold()) or CONDITION_SHORT.search(body)] == []


PARTS_OF_THE_BODY = re.compile(
    r"\b(brain|spine|lumbar|cerebro|cerebral|columna|大脑|脑部|脊柱|腰椎|الدماغ|العمود|sèvo|zo rèldo|cerveau|colonne"
    r"|cérebro|coluna|mózg|kręgosłup\w*|cervello|colonna|gehirn|wirbelsäule|головн\w+ мозг\w*|позвоночник\w*)\b"
)


@pytest.mark.parametrize("language", CODES)
def test_a_text_we_start_names_neither_the_exam_nor_any_number_of_the_patient(language: str) -> None:
    codes = re.compile(rf"(?<!\w)(?:{'|'.join(EXAMS.list_codes())})(?!\w)", re.IGNORECASE)
    speaker = Speaker(get_language(language), "US")
    for steps in STEPS:
        for visit, text in compose_reminders(steps, language, ORDINARY, "Ana"):
            assert not codes.search(text.body)
            assert not PARTS_OF_THE_BODY.search(text.body.casefold())
            rest = text.body
            early = EXAMS.find_arrive_early(visit.exam, ORDINARY.arrive_early, sedation=visit.sedation)
            for day in (visit.starts_at, visit.starts_at - early, MOVED_FROM):
                rest = rest.replace(speaker.day(day), "").replace(speaker.time(day), "")
            for said in (ORDINARY.phone, ORDINARY.address):
                rest = rest.replace(said, "")
            minutes = EXAMS.find_minutes(visit.exam, contrast=visit.contrast, sedation=visit.sedation)
            # What is left: the numbers of the answers, the hours to eat nothing, how long it takes.
            assert {int(number) for number in re.findall(r"\d+", rest)} <= {1, 2, 4, 6, minutes}


def test_what_texts_know_of_a_visit_has_no_record_number_in_it() -> None:
    assert set(Visit.__slots__) == {
        *("exam", "starts_at", "given_name", "contrast", "sedation", "place", "name_needed", "companion_name"),
    }


@pytest.mark.parametrize("language", CODES)
def test_a_name_is_said_only_if_the_clinic_wants_it_or_the_phone_is_shared(language: str) -> None:
    discreet = replace(ORDINARY, name_in_texts=False)
    shared = replace(VISIT, name_needed=True)
    for steps in STEPS:
        assert "Ana" not in compose_reminder(steps, language, discreet, VISIT, MOVED_FROM).body
        assert "Ana" in compose_reminder(steps, language, discreet, shared, MOVED_FROM).body
        nameless = compose_reminder(steps, language, ORDINARY, replace(VISIT, given_name=None), MOVED_FROM)
        assert nameless == compose_reminder(steps, language, discreet, VISIT, MOVED_FROM)


# Words of the carriers


@pytest.mark.parametrize("language", CODES)
def test_no_text_offers_a_word_that_carriers_act_on(language: str) -> None:
    assert {"YES", "CANCEL", "END", "QUIT"} <= CARRIER_STOPS | CARRIER_STARTS
    assert [body for body in list_all_texts(language) if set(list_offered(body)) - {"STOP", "START"}] == []


@pytest.mark.parametrize("language", CODES)
def test_no_keyword_that_texts_show_is_a_word_that_carriers_act_on(language: str) -> None:
    offered = get_reply_words(language).all
    shown = {word.upper() for word in offered}
    assert not shown & (CARRIER_STOPS | CARRIER_STARTS)
    assert len(shown) == len(offered)


# Other languages


def find_english(body: str) -> str | None:
    """A piece of English in a text, None if there is none; the clinic's own name and address do not count."""
    ours = body
    for value in (LONGEST.name, LONGEST.address, ORDINARY.name, ORDINARY.address, LONGEST.emergency_number):
        ours = ours.replace(value, "")
    if found := re.search(r"\b(the|your|you|please|with|reply|our)\b", ours, re.IGNORECASE):
        return found.group()
    return next((fragment for fragment in ENGLISH_FRAGMENTS if fragment in ours), None)


ENGLISH_FRAGMENTS = {
    fragment.strip(" .,:")
    for sentence in set(read_sources()) - SYMBOLS_ONLY
    for fragment in re.split(r"\{\w+\}|[.?!:]", sentence)
    if " " in fragment.strip(" .,:")
}


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_english_is_left_in_another_language(language: str) -> None:
    found = {body: find_english(body) for body in list_all_texts(language)}
    assert {body: english for body, english in found.items() if english} == {}


def test_english_that_was_left_in_another_language_would_be_found() -> None:
    assert find_english("Riverside Imaging: Hola Ana. Leave metal things at home.") == "Leave metal things at home"
    assert find_english("Riverside Imaging: Hola Ana. Please venga el lunes.") == "Please"
    assert find_english("Riverside Imaging: Hola Ana.") is None


ISOLATES = re.compile("[\u2068\u2069]")


@pytest.mark.parametrize("language", CODES)
def test_isolates_are_closed_where_they_are_opened_and_only_right_to_left_texts_have_them(language: str) -> None:
    right_to_left = get_language(language).direction == "rtl"
    for body in list_all_texts(language):
        depth = 0
        for char in ISOLATES.findall(body):
            depth += {"\u2068": 1, "\u2069": -1}[char]
            assert depth in (0, 1), body
        assert depth == 0
        assert right_to_left or "\u2068" not in body
        assert not right_to_left or LONGEST.phone not in body or f"\u2068{LONGEST.phone}\u2069" in body


@pytest.mark.parametrize("language", CODES)
def test_no_text_has_an_invisible_or_a_costly_look_alike_character(language: str) -> None:
    costly = re.compile("[\u00a0\u00ad\u2000-\u200b\u2010-\u2015\u2018-\u201f\u2026\u202f\u205f\u2060\ufeff]")
    assert [body for body in list_all_texts(language) if costly.search(body)] == []


@pytest.mark.parametrize("language", CODES)
def test_a_numbered_question_offers_every_language_with_the_number_that_picks_it(language: str) -> None:
    bodies = [text.body for name, text in compose_answers(language, ORDINARY, "Ana") if name == "ask_language"]
    offered = [
        line.strip("\u2068\u2069") for body in bodies for line in body.split("\n") if re.match("\u2068?\\d", line)
    ]
    names = [get_language(code).name for code in CODES]
    assert sorted(set(offered), key=lambda line: int(line.split()[0])) == [
        f"{number} {name}" for number, name in enumerate(names, 1)
    ]


@pytest.mark.parametrize("language", CODES)
def test_the_menu_shows_the_word_of_every_topic(language: str) -> None:
    body = compose_reply("menu", language, ORDINARY).body
    for word in get_reply_words(language).topics.values():
        assert word in body


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_reply_that_changes_the_language_does_not_say_english(language: str) -> None:
    assert "English" not in compose_reply("language_changed", language, ORDINARY).body
