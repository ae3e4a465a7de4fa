"""The commands as an operator types them: each a process of its own."""

import json
import os
import re
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess
from zoneinfo import ZoneInfo

import pytest

from tests.commands import run_command
from tests.conftest import CLINIC

ZONE = ZoneInfo("America/New_York")
IN_TEN_DAYS = (datetime.now(ZONE) + timedelta(days=10)).replace(hour=14, minute=5)
ENROL = ["enrol", "--phone", "(202) 555-0101", "--name", "Ana", "--language", "es", "--exam", "mri-brain"]


class Shell:
    """A clinic's folder to run commands in. Its environment is empty but for the clinic's settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"PATH": os.environ["PATH"], **CLINIC}
        # The commands have the real clock: at no hour of it shall a test find texts held back.
        self.environment |= {"QUIET_HOURS_START": "00:00", "QUIET_HOURS_END": "00:00"}

    def run(self, *words: str, stdin: str = "", code: int = 0, **changes: str) -> CompletedProcess[str]:
        done = run_command([*words], self.folder, self.environment | changes, stdin)
        assert done.returncode == code, done.stderr
        return done


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_an_appointment_from_enrolment_to_cancellation(shell: Shell) -> None:
    moment = f"{IN_TEN_DAYS:%Y-%m-%dT%H:%M}"
    enrolled = shell.run(*ENROL, "--starts-at", moment).stdout
    assert "Appointment 1 enrolled." in enrolled
    for step in ("welcome", "safety", "prepare", "arrive"):
        assert f"> {step} (planned)" in enrolled

    [row] = json.loads(shell.run("appointments", "--json").stdout)
    assert (row["id"], row["phone"], row["language"], row["status"]) == (1, "+12025550101", "es", "booked")
    assert datetime.fromisoformat(row["starts_at"]) == IN_TEN_DAYS.replace(second=0, microsecond=0)
    assert "mri-brain" in shell.run("appointments").stdout

    assert json.loads(shell.run("send-due", "--json").stdout) == {"sent": 1, "in_doubt": 0}
    shown = json.loads(shell.run("show", "1", "--json").stdout)
    assert shown["texts"][0]["state"] == "delivered"
    assert "resonancia" in shown["texts"][0]["text"]

    shell.run("reschedule", "1", "--starts-at", f"{IN_TEN_DAYS + timedelta(days=1):%Y-%m-%dT%H:%M}")
    assert "moved" in shell.run("show", "1").stdout
    shell.run("cancel", "1")
    assert json.loads(shell.run("show", "1", "--json").stdout)["status"] == "cancelled"
    assert shell.run("tasks").stdout == "Nothing to do.\n"


def test_enrolling_the_same_twice_changes_nothing(shell: Shell) -> None:
    words = [*ENROL, "--starts-at", f"{IN_TEN_DAYS:%Y-%m-%dT%H:%M}", "--json"]

    assert json.loads(shell.run(*words).stdout)["outcome"] == "enrolled"
    assert json.loads(shell.run(*words).stdout)["outcome"] == "unchanged"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([*ENROL, "--starts-at", "2020-01-01T10:00"], "past"),
        ([*ENROL, "--starts-at", "soon"], "2027-03-09"),
        ([*ENROL[:-1], "mri-foot", "--starts-at", "2027-03-09T10:00"], "mri-brain"),
        (["enrol", "--phone", "12", *ENROL[3:], "--starts-at", "2027-03-09T10:00"], "phone"),
        (["show", "99"], "no appointment 99"),
        (["cancel", "99"], "no appointment 99"),
        (["import", "missing.csv"], "no such file"),
        (["preview", "--exam", "mri-brain", "--language", "klingon"], "es"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_one(shell: Shell, words: list[str], says: str) -> None:
    done = shell.run(*words, code=1)

    assert says in done.stderr
    assert done.stderr.startswith("bot: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["frobnicate"], ["show"], ["show", "one"], ["understand"], ["run", "--port", "0"]])
def test_wrong_usage_is_exit_code_two(shell: Shell, words: list[str]) -> None:
    assert shell.run(*words, code=2).stderr


def test_a_file_is_imported_and_its_bad_row_named(shell: Shell) -> None:
    rows = [
        f"A{number},+1 202 555 01{number:02},P{number},en,mri-spine,{IN_TEN_DAYS:%Y-%m-%d %H:%M}" for number in range(3)
    ]
    rows.append(f"A9,not a phone,P9,en,mri-spine,{IN_TEN_DAYS:%Y-%m-%d %H:%M}")
    (shell.folder / "day.csv").write_text("\n".join(["appointment_id,phone,name,language,exam,starts_at", *rows]))

    report = json.loads(shell.run("import", "day.csv", "--json", code=1).stdout)

    assert report["enrolled"] == 3
    assert [(error["row"], error["column"]) for error in report["errors"]] == [(5, "phone")]
    assert json.loads(shell.run("import", "day.csv", "--json", code=1).stdout)["unchanged"] == 3


def test_every_text_of_a_plan_is_previewed(shell: Shell) -> None:
    texts = json.loads(shell.run("preview", "--exam", "mri-brain", "--language", "ar", "--contrast", "--json").stdout)

    assert set(texts[0]) == {"step", "kind", "language", "text", "encoding", "segments", "reviewed"}
    steps = ["welcome", "safety", "prepare", "arrive", "welcome+safety+prepare+arrive", "moved", "cancelled"]
    assert [text["step"] for text in texts if text["kind"] != "companion"] == steps
    told = ["welcome", "prepare", "arrive", "welcome+prepare+arrive", "moved", "cancelled"]
    assert [text["step"] for text in texts if text["kind"] == "companion"] == told
    assert {text["language"] for text in texts} == {"ar"}
    assert {text["reviewed"] for text in texts} == {False}
    assert "resonancia" in shell.run("preview", "--exam", "mri-brain", "--language", "español").stdout
    assert not list(shell.folder.glob("*.db")), "only looked at"


def test_a_preview_names_the_clinic_as_its_page_has_it(shell: Shell) -> None:
    shell.run("migrate")
    with closing(sqlite3.connect(shell.folder / "reminders.db")) as database, database:
        moment = "2026-03-02 15:00:00.000000"
        database.execute("INSERT INTO clinic_detail VALUES ('name', 'Bay Imaging', 'admin', ?)", (moment,))

    shown = shell.run("preview", "--exam", "emg", "--language", "en").stdout

    assert "Bay Imaging" in shown
    assert CLINIC["CLINIC_NAME"] not in shown


def test_languages_say_their_coverage_and_that_nobody_has_reviewed_them(shell: Shell) -> None:
    languages = json.loads(shell.run("languages", "--json").stdout)

    assert len(languages) == 24
    assert set(languages[0]) == {"code", "name", "direction", "translated", "reviewed", "messages"}
    assert all(language["translated"] == language["messages"] for language in languages)
    assert {language["reviewed"] for language in languages[1:]} == {0}
    assert {language["code"] for language in languages if language["direction"] == "rtl"} == {"ar", "fa", "ur"}
    printed = shell.run("languages").stdout
    assert re.search(r"^ar .* rtl .* UCS-2 .* العربية$", printed, re.MULTILINE)
    assert re.search(r"^en .* ltr .* GSM-7 .* English$", printed, re.MULTILINE)


def test_a_page_shows_the_languages_side_by_side(shell: Shell) -> None:
    shell.run("preview", "--exam", "emg", "--language", "all", "--html", "all.html")
    page = (shell.folder / "all.html").read_text(encoding="utf-8")
    for code in ("en", "zh-Hant", "pt-BR", "ko"):
        assert f'lang="{code}" dir="ltr"' in page
    for code in ("ar", "fa", "ur"):
        assert f'lang="{code}" dir="rtl"' in page
    assert "not reviewed" in page


def test_a_language_goes_to_a_reviewer_as_a_sheet(shell: Shell) -> None:
    assert "sheet.xlsx" in shell.run("review", "fr", "--sheet", "sheet.xlsx").stdout
    assert (shell.folder / "sheet.xlsx").stat().st_size > 10_000
    assert (
        "0 changed, 0 signed."
        in shell.run(
            *(
                "review",
                "fr",
                "--take",
                "sheet.xlsx",
                "--dry-run",
                "--reviewer",
                "A. Reviewer",
                "--qualification",
                "none",
            )
        ).stdout
    )
    for wrong in ([], ["--take", "sheet.xlsx"], ["--sheet", "a.csv", "--take", "sheet.xlsx"]):
        assert shell.run("review", "fr", *wrong, code=2).stderr
    assert shell.run("review", "en", "--sheet", "a.csv", code=2).stderr


def test_understanding_is_shown_for_a_text_and_for_lines(shell: Shell) -> None:
    assert shell.run("understand", "METAL").stdout.startswith("question metal")

    lines = (
        '{"id": 1, "text": "STOP", "language": "en"}\n\n{"id": 2, "text": "tengo marcapasos", "language": "es-MX"}\n'
    )
    results = [json.loads(line) for line in shell.run("understand", "--jsonl", stdin=lines).stdout.splitlines()]
    assert [(result["id"], result["intent"], result["detail"]) for result in results] == [
        (1, "stop", None),
        (2, "report", "implant"),
    ]


def test_a_conversation_in_the_terminal(shell: Shell) -> None:
    said = shell.run("chat", "--language", "es", stdin="que hago con mi anillo?\nSTOP\n").stdout

    assert "marcapasos" in said
    assert "anillos" in said
    assert "START" in said
    assert not (shell.folder / "reminders.db").exists()


def test_check_names_everything_that_is_wrong(shell: Shell) -> None:
    assert "All is well." in shell.run("check").stdout
    (shell.folder / ".env").write_text("SENDER=twilio\nARRIVE_EARLY_MINUTES=late\nTWILIO_AUTH_TOKEN=very-secret\n")

    wrong = shell.run("check", code=1, CLINIC_TIME_ZONE="Mars").stderr

    for name in ("ARRIVE_EARLY_MINUTES", "CLINIC_TIME_ZONE", "TWILIO_ACCOUNT_SID", "PUBLIC_BASE_URL"):
        assert name in wrong
    assert "very-secret" not in wrong


def test_wrong_settings_stop_the_daemon_with_all_their_names(shell: Shell) -> None:
    wrong = shell.run("run", code=1, SENDER="pigeon", LOG_FORMAT="xml").stderr

    assert "SENDER" in wrong
    assert "LOG_FORMAT" in wrong


def test_the_database_is_migrated_and_copied(shell: Shell) -> None:
    assert "up to date" in shell.run("migrate").stdout
    shell.run("backup", "copy.db")

    copy = sqlite3.connect(shell.folder / "copy.db")
    assert copy.execute("SELECT count(*) FROM clinic").fetchone() == (1,)
    copy.close()
    assert "exists" in shell.run("backup", "copy.db", code=1).stderr


def test_a_database_that_cannot_be_opened_is_one_sentence(shell: Shell) -> None:
    done = shell.run("migrate", code=1, DATABASE_URL="sqlite:////nowhere/at/all.db")

    assert len(done.stderr.strip().splitlines()) == 1


def test_a_conversation_is_taken_over_and_handed_back(shell: Shell) -> None:
    shell.run(*ENROL, "--starts-at", f"{IN_TEN_DAYS:%Y-%m-%dT%H:%M}")
    assert "quiet" in shell.run("conversation", "202 555 0101", "--take", "nurse").stdout
    with sqlite3.connect(shell.folder / "reminders.db") as database:
        assert database.execute("SELECT held_by FROM contact").fetchone() == ("nurse",)
    assert "answers again" in shell.run("conversation", "202 555 0101", "--hand-back").stdout
    assert "no patient" in shell.run("conversation", "202 555 0177", "--hand-back", code=1).stderr
    shell.run("conversation", "202 555 0101", code=2)


def test_what_staff_label_is_exported(shell: Shell) -> None:
    shell.run(*ENROL, "--starts-at", f"{IN_TEN_DAYS:%Y-%m-%dT%H:%M}")
    with sqlite3.connect(shell.folder / "reminders.db") as database:
        database.execute(
            "INSERT INTO incoming_text (provider_id, contact_id, body, media, intent, confidence, received_at)"
            " VALUES ('SM1', 1, '=el anillo 2025550142', 0, 'unknown', 0, '2027-01-01 00:00:00')"
        )
    shell.run("label", "1", "--intent", "question", "--detail", "metal", "--by", "nurse")
    assert "no text 7" in shell.run("label", "7", "--intent", "stop", "--by", "nurse", code=1).stderr

    shell.run("labelled", "texts.csv")

    rows = (shell.folder / "texts.csv").read_text(encoding="utf-8").splitlines()
    assert rows == ["text,intent,detail,language", "'=el anillo #,question,metal,es"], "no formula"
    assert "By language" in shell.run("evaluate", "texts.csv").stdout


def test_half_of_a_surrogate_pair_comes_back_as_it_was(shell: Shell) -> None:
    [line] = shell.run(
        "understand", "--jsonl", stdin='{"id": 1, "text": "ring \\\\ud83d"}\n'.replace("\\\\", "\\")
    ).stdout.splitlines()
    assert json.loads(line)["text"] == "ring \ud83d"


def test_sending_is_paused_and_resumed(shell: Shell) -> None:
    shell.run(*ENROL, "--starts-at", f"{IN_TEN_DAYS:%Y-%m-%dT%H:%M}")
    assert "paused" in shell.run("pause", "--reason", "a wrong text").stdout
    assert "already" in shell.run("pause").stdout
    assert json.loads(shell.run("send-due", "--json").stdout)["sent"] == 0
    assert "again" in shell.run("resume").stdout
    assert "Nothing" in shell.run("resume").stdout
    assert json.loads(shell.run("send-due", "--json").stdout)["sent"] == 1


def test_the_only_admin_who_has_lost_the_password_gets_a_new_link(shell: Shell) -> None:
    links = [shell.run("staff", do, "ana@clinic.example").stdout for do in ("add", "reset", "reset")]

    assert len(set(links)) == 3
    assert all(re.fullmatch(r"http\S+/set-up/\S+\n", link) for link in links)
    assert "there is no account of bo@" in shell.run("staff", "reset", "bo@clinic.example", code=1).stderr
