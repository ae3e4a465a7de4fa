"""The texts: what each exam's patients get in each language, the FAQ, and what the clinic makes of it."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from bot.clinic_details import apply_details
from bot.clinic_topics import TopicError, apply_choices, set_answer, switch_topic
from bot.database import reading, writing
from bot.previews import Preview, make_sample, preview_plan
from bot.reports import describe_languages, find_encoding
from bot.signing_in import Visitor
from bot.web.guard import Looks, Rules
from bot.web.pages import render
from bot.web.service import Service, Used
from bot.web.wording import word
from messages.compose import compose_answer
from messages.languages import SOURCE, find_language, get_language
from messages.topics import TOPICS

router = APIRouter(prefix="/texts")

# A step of a plan, as staff say it. A second one of a kind has a label behind a colon.
STEPS = {
    "welcome": word("Welcome, once enrolled"),
    "safety": word("Safety questions"),
    "prepare": word("How to prepare"),
    "arrive": word("When to arrive"),
    "moved": word("The appointment was moved"),
    "cancelled": word("The appointment is cancelled"),
}


@router.get("")
def show_texts(
    request: Request,
    service: Used,
    visitor: Looks,
    language: str = "es",
    exam: str = "",
    contrast: bool = False,
    sedation: bool = False,
) -> Response:
    """Every text of one exam in one language, beside the English."""
    exams, code = service.settings.exams, _find_code(language)
    exam = exam if exam in exams.list_codes() else exams.list_codes()[0]
    with reading(service.engine) as session:
        clinic = apply_choices(session, service.settings.clinic_facts)
    sample = make_sample(
        clinic, service.settings.plan, exams.get(exam), service.now(), contrast=contrast, sedation=sedation
    )
    pairs = zip(preview_plan(sample, code), preview_plan(sample, SOURCE), strict=True)
    values = {
        "languages": [{**row, "encoding": find_encoding(row["code"])} for row in describe_languages()],
        "chosen": get_language(code),
        "exams": [exams.get(one) for one in exams.list_codes()],
        "exam": exam,
        "contrast": contrast,
        "sedation": sedation,
        "texts": [_describe(service, text, english) for text, english in pairs],
    }
    return render(request, service, visitor, "texts.html", values)


@router.get("/topics")
def show_topics(request: Request, service: Used, visitor: Looks, language: str = "en") -> Response:
    return _show_topics(request, service, visitor, _find_code(language))


@router.post("/topics/{topic}")
def change_topic(
    request: Request,
    service: Used,
    visitor: Rules,
    topic: str,
    do: Annotated[str, Form(max_length=20)] = "",
    language: Annotated[str, Form(max_length=20)] = "en",
    words: Annotated[str, Form(max_length=5000)] = "",
) -> Response:
    """``do``: on, off, or answer, which gives the clinic's own words; none of them give ours again."""
    code = _find_code(language)
    if topic not in {one.code for one in TOPICS} or do not in ("on", "off", "answer"):
        raise HTTPException(404, "There is no such topic.")
    try:
        with writing(service.engine) as session:
            if do == "answer":
                set_answer(session, topic, code, words, visitor.staff.email, service.now())
            else:
                switch_topic(session, topic, on=do == "on", by=visitor.staff.email, now=service.now())
    except TopicError as error:
        drafts: dict[str, tuple[str, str]] = {topic: (words, error.sentence)}
        return _show_topics(request, service, visitor, code, drafts, status=400)
    return RedirectResponse(f"/texts/topics?language={code}#{topic}", 303)


def _show_topics(
    request: Request,
    service: Service,
    visitor: Visitor,
    code: str,
    drafts: dict[str, tuple[str, str]] | None = None,
    status: int = 200,
) -> Response:
    with reading(service.engine) as session:
        facts = apply_details(session, service.settings.clinic_facts)
        clinic = apply_choices(session, facts)
    exam = service.settings.exams.get(service.settings.exams.list_codes()[0])
    visit = make_sample(facts, service.settings.plan, exam, service.now(), contrast=False, sedation=False).visit
    topics = []
    for topic in TOPICS:
        own, trouble = (drafts or {}).get(topic.code, (clinic.own_answers.get((topic.code, code), ""), ""))
        others = [language for name, language in clinic.own_answers if name == topic.code and language != code]
        topics.append(
            {
                "topic": topic,
                "off": topic.code in clinic.topics_off,
                "ours": compose_answer(topic, code, facts, visit),
                "english": compose_answer(topic, SOURCE, facts, visit),
                "own": own,
                "trouble": trouble,
                "others": [get_language(language).name for language in others],
            }
        )
    values = {"topics": topics, "chosen": get_language(code), "languages": describe_languages()}
    return render(request, service, visitor, "topics.html", values, status)


def _describe(service: Service, text: Preview, english: Preview) -> dict[str, Any]:
    price = service.settings.segment_price
    return {
        "steps": [STEPS.get(name.partition(":")[0], name) for name in text.step.split("+")],
        "companion": text.kind == "companion",
        "text": text.text,
        "english": english.text.body,
        "cost": price * text.text.measure.segments if price else None,
    }


def _find_code(language: str) -> str:
    found = find_language(language)
    return found.code if found else SOURCE
