"""The README, ``--help`` and ``.env.example`` say what is there, and nothing else."""

import re
from pathlib import Path

import pytest
import typer
from dotenv import dotenv_values

from bot.cli import app
from bot.schedule import DEFAULT_PLAN, read_steps
from bot.settings import NAMES, load_settings
from messages.exams import read_exams
from messages.languages import LANGUAGES
from tests.daemons import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def test_every_command_is_in_the_readme_and_no_other() -> None:
    assert set(re.findall(r"`bot ([a-z-]+)", README)) == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_in_the_readme_is_one_of_its_command(name: str) -> None:
    rows = [row for row in README.splitlines() if row.startswith("|") and f"`bot {name}" in row]
    parts = [COMMANDS[name], *getattr(COMMANDS[name], "commands", {}).values()]
    options = {option for part in parts for parameter in part.params for option in parameter.opts}
    if len(re.findall(r"`bot ", "".join(rows))) == 1:
        assert set(re.findall(r"--[a-z-]+", "".join(rows))) <= options


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_and_option_says_what_it_does(name: str) -> None:
    assert COMMANDS[name].help
    for parameter in COMMANDS[name].params:
        assert getattr(parameter, "help", None), parameter.name


def test_every_setting_is_in_the_example_with_its_explanation() -> None:
    lines = EXAMPLE.splitlines()
    for name in NAMES:
        [number] = [number for number, line in enumerate(lines) if line.startswith(f"{name}=")]
        assert lines[number - 1].startswith("# "), name
    assert set(dotenv_values(ROOT / ".env.example")) == set(NAMES)


def test_the_example_is_what_the_defaults_are(tmp_path: Path) -> None:
    assert load_settings(ROOT / ".env.example", {}) == load_settings(None, {})


def test_every_setting_the_readme_names_exists() -> None:
    named = set(re.findall(r"`(?:[^`]*\b)?([A-Z]+(?:_[A-Z]+)+)\b", README))
    assert {name.removesuffix("_FILE") if name not in NAMES else name for name in named} <= set(NAMES)


def test_every_file_the_readme_links_to_exists() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_exam_and_language_is_in_the_readme() -> None:
    for code in read_exams().list_codes():
        assert f"`{code}`" in README
    assert [f"| {language.name} |" for language in LANGUAGES if f"| {language.name} |" not in README] == []


def test_the_plan_in_the_readme_is_the_default_one() -> None:
    for step in read_steps(DEFAULT_PLAN):
        assert f"| {step.name} |" in README


def test_the_lock_files_are_hashed_and_name_no_index() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        lock = (ROOT / name).read_text(encoding="utf-8")
        packages = re.findall(r"^[a-z0-9][^ ]*==", lock, re.MULTILINE)
        assert len(packages) > 40
        assert lock.count("--hash=sha256:") >= len(packages)
        assert "://" not in lock
        assert "index-url" not in lock
