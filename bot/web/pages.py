"""How a page is made: templates, times and words in the reader's language, and what every page shows."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import phonenumbers
from babel.dates import format_date, format_datetime, format_time, format_timedelta, get_day_names
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, func, select

from bot.clinic_details import apply_details
from bot.database import reading
from bot.models import Contact, Task, TaskState
from bot.signing_in import Visitor
from bot.web.service import Service
from bot.web.wording import choose_wording, list_wordings, read_wording
from messages.facts import ClinicFacts
from messages.languages import get_language
from messages.segments import tidy

TEMPLATES = Path(__file__).with_name("templates")
_MOST_COUNTED = 1000


def render(
    request: Request,
    service: Service,
    visitor: Visitor | None,
    template: str,
    values: Mapping[str, Any],
    status: int = 200,
    block: str = "",
) -> HTMLResponse:
    """One page in the visitor's language.

    Args:
        block: only this block of the template, for a page that brings a part of itself up to date.
    """
    code = visitor.staff.language if visitor else choose_wording(request.headers.get("Accept-Language", ""))
    environment = make_environment(code)
    shown = {
        "clinic": service.settings.clinic_facts if block else _find_clinic(service),
        "visitor": visitor,
        "csrf": visitor.csrf if visitor else "",
        "demo": service.demo,
        "sandbox": service.settings.sender == "sandbox",
        "path": request.url.path,
        "now": service.now(),
        "code": code,
        **(_count_waiting(service) if visitor and not block else {}),
        **values,
    }
    page = environment.get_template(template)
    if block:
        return HTMLResponse("".join(page.blocks[block](page.new_context(shown))), status)
    return HTMLResponse(page.render(shown), status)


@cache
def make_environment(code: str) -> Environment:
    """The templates in one language.

    Filters: ``moment``, ``day``, ``clock`` (aware times), ``left`` (a time to go), ``language`` (of a code),
    ``language_name`` (its name in the reader's language), ``phone`` (an E.164 number as people write it),
    ``territory`` (a country's name), ``weekday`` (of its number, Monday is 0),
    ``said`` (a sentence of ours; a time in it as ``moment``), ``sentence`` (begun with a capital letter).
    """
    wording = read_wording(code)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Not the extension's own, which takes every translated string for markup: we also translate words from elsewhere,
    # and a sentence may quote what somebody typed.
    environment.globals["gettext"] = lambda english, /, **values: _fill(wording.translate(english), values)
    environment.globals["ngettext"] = lambda one, many, number, /, **values: _fill(
        wording.translate_plural(one, many, number), {"num": number, **values}
    )

    def write(moment: datetime | str, form: str) -> str:
        at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        return tidy(format_datetime(at, form, locale=wording.locale))

    environment.filters["moment"] = lambda at: write(at, "EEE MMM d, h:mm a" if code == "en" else "EEE d MMM, HH:mm")
    environment.filters["day"] = lambda at: tidy(format_date(_find_day(at), "full", locale=wording.locale))
    environment.filters["clock"] = lambda at: tidy(
        format_time(datetime.fromisoformat(at) if isinstance(at, str) else at, "short", locale=wording.locale)
    )
    environment.filters["language"] = lambda wanted: get_language(wanted)
    environment.filters["language_name"] = lambda wanted: get_language(wanted).locale().get_display_name(wording.locale)
    environment.filters["left"] = lambda time_left: format_timedelta(
        time_left, granularity="minute", add_direction=True, locale=wording.locale
    )
    environment.filters["phone"] = _write_phone
    environment.filters["weekday"] = lambda number: get_day_names("wide", locale=wording.locale)[number]
    environment.filters["territory"] = lambda country: wording.locale.territories.get(country, country)
    environment.filters["said"] = lambda sentence: wording.say(sentence, environment.filters["moment"])
    environment.filters["sentence"] = lambda words: words[:1].upper() + words[1:]
    environment.globals["wordings"] = [
        (known, read_wording(known).locale.get_display_name()) for known in list_wordings()
    ]
    return environment


def _find_day(at: date | datetime | str) -> date:
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    return at.date() if isinstance(at, datetime) else at


def _fill(words: str, values: Mapping[str, Any]) -> Markup:
    return escape(words) % values if values else escape(words)


def _write_phone(phone: str) -> str:
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return phone
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def _find_clinic(service: Service) -> ClinicFacts:
    """The clinic as its pages name it; as ``.env`` does while the database is away, so that a page can say so."""
    try:
        with reading(service.engine) as session:
            return apply_details(session, service.settings.clinic_facts)
    except SQLAlchemyError:
        return service.settings.clinic_facts


def _count_waiting(service: Service) -> dict[str, int]:
    """What waits for somebody: open tasks, urgent ones among them, conversations with something unread."""
    with reading(service.engine) as session:
        open_tasks = (
            select(Task.urgent)
            .where(col(Task.state).in_((TaskState.OPEN, TaskState.TAKEN)))
            .limit(_MOST_COUNTED)
            .subquery()
        )
        count, urgent = session.exec(
            select(func.count(), func.count().filter(open_tasks.c.urgent)).select_from(open_tasks)
        ).one()
        unread = session.exec(select(func.count()).where(col(Contact.unread_since).is_not(None))).one()
    return {"open_tasks": count, "urgent_tasks": urgent, "unread": unread}
