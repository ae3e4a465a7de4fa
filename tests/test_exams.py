"""The exams, from our file and from a clinic's own."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.settings import SettingsError, load_settings
from messages.exams import ASKS, KINDS, ExamsError, read_exams

KNEE = """
[[exams]]
code = "mri-knee"
title = "MRI of the knee"
kind = "mri"
asks = ["implants", "metal"]
minutes = 30
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "exams.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_exams_of_the_interface_are_there() -> None:
    assert set(read_exams().list_codes()) >= {
        *("mri-brain", "mri-spine", "mri-brain-spine", "mri-body", "emg", "lumbar-puncture", "blood-urine"),
        *("mri-brain-dti", "mri-brain-spectroscopy"),
    }


def test_before_every_magnet_all_that_matters_is_asked_and_before_every_needle_what_makes_bleed() -> None:
    for exam in read_exams().by_code.values():
        if exam.magnet:
            assert {"implants", "metal", "allergies", "kidneys", "pregnancy"} <= set(exam.asks)
        if exam.kind in ("nerves", "puncture"):
            assert {"implants", "blood-thinners"} <= set(exam.asks)
        assert set(exam.asks) <= set(ASKS)
        assert exam.kind in KINDS


def test_who_has_a_lumbar_puncture_or_sedation_is_taken_home() -> None:
    assert read_exams().get("lumbar-puncture").driver
    assert read_exams().get("emg").clean_skin


@pytest.mark.parametrize("name", ["mri-brain", "MRI BRAIN", " mri_brain ", "Mri-Brain"])
def test_an_exam_is_found_however_its_code_is_written(name: str) -> None:
    exam = read_exams().find(name)
    assert exam is not None
    assert exam.code == "mri-brain"


@pytest.mark.parametrize("name", ["", "brain", "mri", "knee"])
def test_what_is_no_exam_is_none(name: str) -> None:
    assert read_exams().find(name) is None


def test_sedation_and_contrast_take_longer_and_sedation_means_fasting() -> None:
    exams = read_exams()
    brain, body = exams.get("mri-brain"), exams.get("mri-body")
    minutes = [
        exams.find_minutes(brain, contrast=c, sedation=s) for c, s in ((False, False), (True, False), (True, True))
    ]
    assert minutes == [45, 60, 120]
    assert [exams.find_fasting_hours(brain, sedation=sedation) for sedation in (False, True)] == [0, 6]
    assert [exams.find_fasting_hours(body, sedation=sedation) for sedation in (False, True)] == [4, 6]
    clinic = timedelta(minutes=15)
    assert exams.find_arrive_early(brain, clinic, sedation=False) == clinic
    assert exams.find_arrive_early(brain, clinic, sedation=True) == timedelta(minutes=30)
    assert exams.find_arrive_early(brain, timedelta(hours=1), sedation=True) == timedelta(hours=1)


def test_a_clinic_adds_an_exam_and_replaces_another(tmp_path: Path) -> None:
    ours = read_exams()
    exams = read_exams(write(tmp_path, KNEE + KNEE.replace("mri-knee", "emg") + "[contrast]\nextra_minutes = 5\n"))
    assert exams.get("mri-knee").minutes == 30
    assert exams.get("emg").kind == "mri"
    assert exams.get("mri-brain") == ours.get("mri-brain")
    assert set(exams.list_codes()) == {*ours.list_codes(), "mri-knee"}
    assert exams.contrast.extra_minutes == 5
    assert exams.sedation == ours.sedation


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("[[exams]\n", "exams.toml: "),
        ("exam = 1\n", "alone"),
        ("exams = 1\n", "alone"),
        (KNEE + KNEE, "exam 2: mri-knee is there twice"),
        (KNEE.replace('kind = "mri"\n', ""), "exam 1: it needs kind"),
        (KNEE.replace('"mri"', '"x-ray"'), "exam 1: kind must be one of mri, nerves"),
        (KNEE.replace('"metal"', '"gold"'), "exam 1: asks must be a list of implants"),
        (KNEE.replace('"metal"', '"implants"'), "each at most once"),
        (KNEE.replace("30", "3"), "minutes must be a whole number from 10 to 600"),
        (KNEE.replace("30", "true"), "minutes must be a whole number"),
        (KNEE.replace("30", '"30"'), "minutes must be a whole number"),
        (KNEE.replace("mri-knee", "MRI knee"), "code must be lower-case words"),
        (KNEE.replace("MRI of the knee", " "), "title must be a name"),
        (KNEE + "colour = 1\n", "there is no colour; there are code, title"),
        (KNEE + 'driver = "yes"\n', "driver must be true or false"),
        (KNEE + "fasting_hours = 25\n", "fasting_hours must be a whole number from 0 to 24"),
        ("[sedation]\ndriver = true\n", "sedation: there is no driver"),
        ("sedation = 6\n", "sedation: it must be a table"),
    ],
)
def test_a_wrong_file_is_refused_with_the_exam_and_what_is_right(tmp_path: Path, text: str, trouble: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ExamsError) as caught:
        read_exams(path)
    assert trouble in str(caught.value)
    with pytest.raises(SettingsError, match="EXAMS_FILE"):
        load_settings(None, {"EXAMS_FILE": str(path)})


def test_a_missing_file_is_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="EXAMS_FILE"):
        load_settings(None, {"EXAMS_FILE": str(tmp_path / "none.toml")})


def test_the_clinics_exams_are_those_of_its_plan_and_texts(tmp_path: Path) -> None:
    settings = load_settings(None, {"EXAMS_FILE": str(write(tmp_path, KNEE))})
    assert settings.plan.exams.find("mri knee") == settings.clinic_facts.exams.get("mri-knee")
