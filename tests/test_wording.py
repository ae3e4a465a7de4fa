"""The staff's pages in other languages: complete, with their placeholders, and spoken."""

import re
import subprocess
import sys
from datetime import date, timedelta
from html import escape
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from sqlalchemy import Engine

from bot.database import writing
from bot.models import Reply, Task
from bot.screenings import TOLD
from bot.sentences import Day, Sentence, join, read_sentence, write_template
from bot.settings import Settings
from bot.web import data_words
from bot.web.wording import choose_wording, list_wordings, read_wording
from messages.catalogues import LOCALES, list_forms
from messages.screening import DEFAULT_FORM, read_form
from messages.topics import TOPICS
from tests.clinics import deliver, enrol_one, list_tasks, text_in
from tests.conftest import NOW
from tests.daemons import ROOT
from tests.desk import Desk

OTHERS = [code for code in list_wordings() if code != "en"]


def read_sentences() -> set[str]:
    with (LOCALES / "desk.pot").open("rb") as file:
        return {list_forms(entry.id)[0] for entry in read_po(file) if entry.id}


def test_the_template_has_what_the_pages_say(tmp_path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    keywords = re.findall(r"-k ([\w:]+)", makefile.partition("bot/web/babel.toml")[2].partition("desk.pot")[0])
    command = [sys.executable, "-m", "babel.messages.frontend", "-q", "extract", "-F", "bot/web/babel.toml"]
    command += [part for keyword in keywords for part in ("-k", keyword)]
    subprocess.run([*command, "-o", str(tmp_path / "desk.pot"), "bot"], cwd=ROOT, check=True)
    with (tmp_path / "desk.pot").open("rb") as file:
        found = {list_forms(entry.id)[0] for entry in read_po(file) if entry.id}
    assert found == read_sentences(), "run `make catalogues`"


@pytest.mark.parametrize("code", OTHERS)
def test_every_sentence_is_translated_with_its_placeholders(code: str) -> None:
    with (LOCALES / code / "LC_MESSAGES" / "desk.po").open("rb") as file:
        po = {list_forms(entry.id)[0]: entry for entry in read_po(file, locale=code) if entry.id}
    assert set(po) == read_sentences()
    for english, entry in po.items():
        assert all(list_forms(entry.string)), english
        assert not entry.fuzzy, english
        for form in list_forms(entry.string):
            assert set(re.findall(r"%\(\w+\)s", form)) == set(re.findall(r"%\(\w+\)s", english)), english


@pytest.mark.parametrize(
    ("wanted", "code"), [("es-MX,es;q=0.9,en;q=0.8", "es"), ("en-GB", "en"), ("xx", "en"), ("", "en"), ("es", "es")]
)
def test_a_browser_is_spoken_to_in_its_language(wanted: str, code: str) -> None:
    assert choose_wording(wanted) == code


def test_plurals_and_patients_questions_are_worded() -> None:
    wording = read_wording("es")
    assert wording.translate_plural("%(num)d message", "%(num)d messages", 2) == "%(num)d mensajes"
    assert wording.translate("How long does the scan take?").startswith("¿")
    assert wording.translate("A sentence that nobody has written") == "A sentence that nobody has written"


def test_the_pages_speak_spanish_with_those_who_chose_it(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    with Desk(engine, settings, tmp_path, NOW) as desk:
        assert "Entrar" in desk.get("/sign-in", headers={"Accept-Language": "es-MX"}).text
        desk.sign_in()
        desk.post("/account/language", data={"language": "es"})
        for path, word in (("/", "Hoy"), ("/inbox", "Buzón"), ("/texts", "Idiomas"), ("/clinic", "Ajustes")):
            page = desk.get(path).text
            assert '<html lang="es">' in page
            assert word in page


def test_a_task_is_said_in_the_readers_language_with_its_day_and_its_parts(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    enrol_one(engine, settings)
    deliver(engine, settings, NOW + timedelta(days=3))
    text_in(engine, settings, "I have a pacemaker and an allergy", NOW + timedelta(days=3, hours=1))
    text_in(engine, settings, "2", NOW + timedelta(days=3, hours=2))
    [task] = [task for task in list_tasks(engine) if task.what.startswith(TOLD)]
    with Desk(engine, settings, tmp_path, NOW + timedelta(days=3)) as desk:
        desk.sign_in()
        assert escape(task.what) in desk.get("/tasks").text
        desk.post("/account/language", data={"language": "es"})
        for path in ("/tasks", "/appointments/1", "/appointments/1/record"):
            page = desk.get(path).text
            assert "Respondió sí, no está seguro o con sus palabras" in page, path
            assert "El examen es el jue, 12 mar: véalo esta semana." in page, path
            assert "Answered yes" not in page, path

        # A process of the version before writes the English alone.
        with writing(engine) as session:
            session.get_one(Task, task.id).what = "Something newer"
        assert "Something newer" in desk.get("/tasks").text


def test_a_sentence_is_the_same_after_it_was_kept() -> None:
    inner = [Sentence("metal"), Sentence("100% sure")]
    what = join([Sentence("Answered (%(names)s).", names=inner), Sentence("On %(day)s.", day=Day(date(2026, 3, 12)))])
    kept = read_sentence(str(what), write_template(what))
    assert kept == "Answered (metal, 100% sure). On Thu, Mar 12."
    assert kept.values["after"].values["day"].day == date(2026, 3, 12)
    assert write_template("plain") == write_template(Sentence("100% sure")) == ""


def test_what_pages_quote_of_our_data_is_worded(settings: Settings) -> None:
    form = read_form(DEFAULT_FORM)
    quoted = {question.label for question in form.questions} | {soon.advice for soon in form.soon if soon.advice}
    assert quoted == set(data_words.FORM)
    assert {topic.code for topic in TOPICS} == set(data_words.TOPICS)
    assert {exam.title for exam in settings.exams.by_code.values()} == set(data_words.EXAMS)
    assert {str(reply) for reply in Reply} == set(data_words.REPLIES)
