"""What each text says, in which order, and what goes when room is short."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messages.catalogues import read_catalogue, read_sources
from messages.compose import (
    COMPANION_STEPS,
    REMINDERS,
    compose_answer,
    compose_companion,
    compose_more,
    compose_reminder,
    name_visit,
)
from messages.exams import Exam
from messages.facts import MAX_NAME, Visit
from messages.fitting import find_budget
from messages.languages import SOURCE, get_language
from messages.reminders import ASKED, find_question
from messages.segments import tidy
from messages.speaker import Speaker
from messages.topics import TOPICS, Topic, get_topic
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
    VISIT,
    compose_reminders,
    join_steps,
)


@pytest.mark.parametrize(
    ("language", "merged", "budget"), [("en", False, 2), ("en", True, 4), ("es", False, 5), ("zh_Hans", True, 8)]
)
def test_the_budget_is_larger_for_a_merged_text_and_for_another_language(
    language: str, merged: bool, budget: int
) -> None:
    assert find_budget(language, merged=merged) == budget


# Safety


def translate(language: str, beginning: str) -> str:
    [sentence] = [sentence for sentence in read_sources() if sentence.startswith(beginning)]
    return sentence if language == SOURCE else read_catalogue(language).translations[sentence][0]


@cache
def find_asked(exam: Exam, language: str) -> tuple[str, ...]:
    """The sentences that ask what staff must know before this exam."""
    if not exam.asks:
        return ()
    speaker = Speaker(get_language(language))
    items = [speaker.say(ASKED[asked]) for asked in exam.asks]
    return (*items, translate(language, "Reply now: 1"))


@pytest.mark.parametrize("language", CODES)
def test_the_safety_questions_are_never_shortened(language: str) -> None:
    for steps in (steps for steps in STEPS if "safety" in steps):
        for visit, text in compose_reminders(steps, language, LONGEST, LONG_NAME):
            for sentence in find_asked(visit.exam, language):
                assert sentence in text.body


@pytest.mark.parametrize("language", CODES)
def test_a_merged_text_asks_about_safety_before_it_says_how_to_prepare(language: str) -> None:
    preparation = [
        max(re.split(r"\{\w+\}", translate(language, beginning)), key=len)
        for beginning in ("Wear ", "Come with clean skin", "Eat nothing", "Someone must take", "Someone may come")
    ]
    for steps in (steps for steps in STEPS if {"safety", "prepare"} <= set(steps)):
        for visit, text in compose_reminders(steps, language, LONGEST, LONG_NAME):
            found = [text.body.index(sentence) for sentence in preparation if sentence and sentence in text.body]
            assert found
            for sentence in find_asked(visit.exam, language):
                assert text.body.index(sentence) < min(found)


@pytest.mark.parametrize("order", [("prepare", "safety"), ("arrive", "prepare", "safety", "welcome")])
@pytest.mark.parametrize("language", CODES)
def test_the_order_in_which_a_plan_has_the_steps_does_not_matter(language: str, order: tuple[str, ...]) -> None:
    in_order = tuple(step for step in REMINDERS if step in order)
    assert compose_reminder(order, language, ORDINARY, VISIT) == compose_reminder(in_order, language, ORDINARY, VISIT)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        *(
            (code, ("pacemaker", "pump", "implant", "metal or clip", "eyes", "allergy", "kidney", "pregnancy"))
            for code in EXAMS.list_codes()
            if code.startswith("mri-")
        ),
        ("emg", ("pacemaker", "implant", "blood thinner", "bleeding")),
        ("lumbar-puncture", ("blood thinner", "bleeding", "allergy", "pacemaker", "implant", "pregnancy")),
    ],
)
def test_before_an_exam_we_ask_about_everything_that_matters(code: str, words: Sequence[str]) -> None:
    body = compose_reminder(["safety"], "en", ORDINARY, Visit(EXAMS.get(code), DAY)).body
    for word in words:
        assert word in body
    assert ("MRI" in body) == code.startswith("mri-")


@pytest.mark.parametrize(
    ("steps", "code", "question"),
    [
        (("welcome",), "mri-brain", None),
        (("safety",), "mri-brain", "safety"),
        (("safety",), "blood-urine", None),
        (("prepare",), "mri-brain", "confirm"),
        (("moved",), "mri-brain", "confirm"),
        (("arrive",), "mri-brain", None),
        (("cancelled",), "mri-brain", None),
        (("safety", "prepare"), "mri-brain", "safety"),
        (("safety", "prepare"), "blood-urine", "confirm"),
        (("moved", "safety", "prepare", "arrive"), "mri-brain", "safety"),
    ],
)
def test_a_text_asks_one_question_at_most_and_safety_goes_first(
    steps: tuple[str, ...], code: str, question: str | None
) -> None:
    exam = EXAMS.get(code)
    assert find_question(steps, Visit(exam, DAY)) == question
    body = compose_reminder(steps, "en", ORDINARY, Visit(exam, DAY, "Ana"), MOVED_FROM).body
    assert ("Reply now: 1 = no" in body) == (question == "safety")
    assert ("Will you come?" in body) == (question == "confirm")
    assert body.count("1 = ") == (question is not None)


@pytest.mark.parametrize(
    ("code", "sedation", "said", "unsaid"),
    [
        ("mri-brain", False, ["Someone may come with you.", "about 45 minutes"], ["Eat nothing", "lie very still"]),
        ("mri-brain", True, ["Eat nothing for 6 hours before.", "Someone must take you home."], ["may come"]),
        ("mri-body", False, ["Eat nothing for 4 hours before."], ["must take"]),
        ("mri-body", True, ["Eat nothing for 6 hours before."], ["for 4 hours"]),
        ("emg", False, ["without cream or lotion", "about 60 minutes"], ["metal", "MRI"]),
        ("mri-brain-dti", False, ["about 75 minutes", "lie very still"], ["Eat nothing"]),
        ("mri-brain-spectroscopy", False, ["about 75 minutes", "lie very still"], ["must take"]),
        ("lumbar-puncture", False, ["Someone must take you home."], ["metal", "MRI"]),
        ("blood-urine", False, ["Ask us if you may eat before it."], ["metal", "MRI"]),
    ],
)
def test_how_to_prepare_depends_on_the_exam_and_on_sedation(
    code: str, sedation: bool, said: Sequence[str], unsaid: Sequence[str]
) -> None:
    body = compose_reminder(["prepare"], "en", ORDINARY, Visit(EXAMS.get(code), DAY, sedation=sedation)).body
    for sentence in said:
        assert sentence in body
    for sentence in unsaid:
        assert sentence not in body


def test_a_cancellation_says_nothing_else() -> None:
    body = compose_reminder(["cancelled"], "en", ORDINARY, VISIT).body
    assert body == (
        "Riverside Imaging: Hello Ana. Your appointment on Wed, Sep 30 at 12:45 PM is cancelled. Please do not come. "
        "Questions or a new date: +1 202-555-0100"
    )


def test_a_move_says_the_old_and_the_new_time() -> None:
    body = compose_reminder(["moved"], "en", ORDINARY, VISIT, datetime(2026, 9, 26, 13, 0, tzinfo=UTC)).body
    assert "has changed from Sat, Sep 26, 9:00 AM to Wed, Sep 30, 12:45 PM. Please arrive by 12:30 PM." in body


def test_a_text_is_on_the_clock_of_the_clinic() -> None:
    visit = Visit(MRI, datetime(2026, 10, 1, 1, 30, tzinfo=UTC))
    assert "Wed, Sep 30, arrive by 9:15 PM." in compose_reminder(["arrive"], "en", ORDINARY, visit).body
    # Just after the clocks went back: a quarter of an hour before 01:10 EST is 01:55 EDT.
    visit = Visit(MRI, datetime(2026, 11, 1, 6, 10, tzinfo=UTC))
    assert "Sun, Nov 1, arrive by 1:55 AM." in compose_reminder(["arrive"], "en", ORDINARY, visit).body


def test_the_place_is_part_of_the_address() -> None:
    visit = replace(VISIT, place="Building C")
    assert (
        "Address: Building C, 12 Harbor Street, Springfield."
        in compose_reminder(["arrive"], "en", ORDINARY, visit).body
    )
    assert "Building C, 12 Harbor" in compose_answer(get_topic("where"), "en", ORDINARY, visit).body
    assert "Address" not in compose_reminder(["arrive"], "en", replace(ORDINARY, address=""), VISIT).body


# What is left out when room is short


@pytest.mark.parametrize("steps", [("arrive",), ("safety", "arrive"), REMINDERS], ids=join_steps)
@pytest.mark.parametrize("language", CODES)
def test_when_room_is_short_the_address_goes_first_then_the_greeting_then_the_phone(
    language: str, steps: tuple[str, ...]
) -> None:
    seen = []
    for length in range(5, 1300, 5):
        clinic = replace(ORDINARY, name="R" * length)
        body = compose_reminder(steps, language, clinic, VISIT).body
        for sentence in find_asked(MRI, language) if "safety" in steps else []:
            assert sentence in body
        there = (ORDINARY.address in body, "Ana" in body, ORDINARY.phone in body)
        if not seen or seen[-1] != there:
            seen.append(there)
    in_turn = [(True, True, True), (False, True, True), (False, False, True), (False, False, False)]
    assert seen == in_turn[in_turn.index(seen[0]) :]


@pytest.mark.parametrize("language", CODES)
def test_a_name_that_is_needed_and_what_keeps_the_patient_safe_always_stay(language: str) -> None:
    crowded = replace(ORDINARY, name="R" * 1000)
    visit = replace(VISIT, name_needed=True, contrast=True, sedation=True)
    body = compose_reminder(REMINDERS, language, crowded, visit).body
    assert "Ana" in body
    assert ORDINARY.phone not in body
    for sentence in (
        *find_asked(MRI, language),
        translate(language, "Wear "),
        translate(language, "Someone must take"),
    ):
        assert sentence in body


def test_the_word_about_contrast_goes_last_and_only_where_allergies_are_asked_about() -> None:
    crowded = replace(ORDINARY, name="R" * 1000)
    visit = replace(VISIT, contrast=True)
    assert "contrast dye" in compose_reminder(REMINDERS, "en", ORDINARY, visit).body
    assert "contrast dye" not in compose_reminder(REMINDERS, "en", crowded, visit).body
    assert "contrast dye" in compose_reminder(["prepare"], "en", crowded, visit).body


@settings(max_examples=60, deadline=None)
@given(
    language=st.sampled_from(CODES),
    steps=st.sampled_from(STEPS),
    exam=st.sampled_from(list(EXAMS.by_code.values())),
    name=st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=MAX_NAME),
    place=st.text(st.characters(exclude_categories=("C",)), max_size=120),
    shared=st.booleans(),
)
def test_whatever_a_patient_and_a_place_are_called_the_text_is_written_and_asks_what_it_must(
    language: str, steps: tuple[str, ...], exam: Exam, name: str, place: str, shared: bool
) -> None:
    visit = Visit(exam, DAY, name, True, True, place, shared)
    text = compose_reminder(steps, language, ORDINARY, visit, MOVED_FROM)
    assert text.language == language
    assert not shared or tidy(name) in text.body or text.measure.encoding == "GSM-7" or len(name) > 20
    assert Speaker(get_language(language), "US").day(DAY) in text.body
    for sentence in find_asked(exam, language) if "safety" in steps else []:
        assert sentence in text.body


# Names


def test_a_name_that_would_cost_a_segment_is_written_in_cheaper_letters() -> None:
    body = compose_reminder(["safety"], "en", ORDINARY, replace(VISIT, given_name="Łukasz", name_needed=True)).body
    assert "Hello Lukasz." in body
    assert ORDINARY.phone in body


def test_a_name_is_written_as_it_is_where_there_is_room() -> None:
    body = compose_reminder(["safety"], "ar", ORDINARY, replace(VISIT, given_name="سارة")).body
    assert "سارة" in body


def test_a_long_name_is_said_in_part_before_a_text_gets_too_long() -> None:
    visit = replace(VISIT, given_name=LONG_NAME, name_needed=True)
    body = compose_reminder(["safety"], "en", LONGEST, visit).body
    assert "Hello Maria Alejandra." in body


# Companions


def test_a_companion_reads_when_where_what_to_bring_and_that_they_drive() -> None:
    visit = replace(VISIT, sedation=True, companion_name="Luis")
    assert compose_companion(["prepare"], "en", ORDINARY, visit).body == (
        "Riverside Imaging: Hello Luis. This is about Ana. You are coming along to the appointment on Wed, Sep 30. "
        "Please be there by 12:15 PM. You are the driver: please stay, and take the patient home. No metal near the "
        "scanner. Have an implant? Tell us. Phone: +1 202-555-0100"
    )
    body = compose_companion(["arrive"], "en", ORDINARY, replace(VISIT, exam=EXAMS.get("emg"), companion_name="")).body
    assert body == (
        "Riverside Imaging: This is about Ana. You are coming along to the appointment on Wed, Sep 30. "
        "Please be there by 12:30 PM. Plan about 60 minutes for the visit. Address: 12 Harbor Street, Springfield. "
        "Phone: +1 202-555-0100"
    )


@pytest.mark.parametrize("steps", [steps for steps in STEPS if set(steps) <= set(COMPANION_STEPS)], ids=join_steps)
def test_a_companion_is_asked_nothing_that_is_for_the_patient(steps: tuple[str, ...]) -> None:
    body = compose_companion(steps, "en", ORDINARY, replace(VISIT, companion_name="Luis"), MOVED_FROM).body
    assert "Reply" not in body
    assert "1 = " not in body


# More


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.code)
def test_more_says_what_there_is_or_that_there_is_no_more(topic: Topic) -> None:
    for code in EXAMS.list_codes():
        visit = replace(VISIT, exam=EXAMS.get(code))
        body = compose_more(topic, "en", ORDINARY, visit).body
        offered = "For more, text MORE." in compose_answer(topic, "en", ORDINARY, visit).body
        assert ("There is no more on this" in body) != offered


def test_an_answer_for_an_mri_is_not_given_to_somebody_with_another_exam() -> None:
    noise, steps = get_topic("noise"), get_topic("procedure")
    emg, puncture = (replace(VISIT, exam=EXAMS.get(code)) for code in ("emg", "lumbar-puncture"))
    assert "scanner is loud" in compose_answer(noise, "en", ORDINARY, VISIT).body
    assert "Your appointment is not an MRI scan" in compose_answer(noise, "en", ORDINARY, emg).body
    assert "slides into the scanner" in compose_answer(steps, "en", ORDINARY, VISIT).body
    assert "test the nerves" in compose_answer(steps, "en", ORDINARY, emg).body
    assert "lower back is made numb" in compose_answer(steps, "en", ORDINARY, puncture).body


def test_an_answer_begins_with_what_holds_for_this_appointment() -> None:
    sedated = replace(VISIT, sedation=True)
    assert compose_answer(get_topic("food"), "en", ORDINARY, sedated).body.startswith("Eat nothing for 6 hours before.")
    assert compose_answer(get_topic("companion"), "en", ORDINARY, sedated).body.startswith(
        "Someone must take you home."
    )
    assert compose_answer(get_topic("duration"), "en", ORDINARY, sedated).body.startswith("Plan about 105 minutes")
    assert compose_answer(get_topic("duration"), "en", ORDINARY, None).body.startswith(
        "The scan usually takes 30 to 60"
    )


# Numbered questions


@pytest.mark.parametrize(
    ("language", "named"),
    [
        ("en", "Ana Wed, Sep 30 12:45 PM"),
        ("es", "Ana miércoles 30 de septiembre 12:45 p.m."),
        ("ht", "Ana mèkredi 30 septanm 12:45 PM"),
    ],
)
def test_a_visit_is_named_by_who_and_when(language: str, named: str) -> None:
    assert name_visit(language, ORDINARY, VISIT) == named
    assert name_visit(language, ORDINARY, replace(VISIT, given_name=None)) == named.removeprefix("Ana ")
