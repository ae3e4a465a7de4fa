"""The exams and what each asks of the patient."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Exam:
    """One kind of appointment.

    ``magnet``: metal and implants matter. ``fasting_hours``: nothing to eat for so long before.
    ``bare_skin``: no cream or lotion. ``escort``: somebody must take the patient home.
    ``ask_about_food``: the laboratory decides about fasting, so the patient asks us.
    ``screening``: the patient is asked for what staff must know before the exam.
    """

    code: str
    magnet: bool = False
    fasting_hours: int = 0
    bare_skin: bool = False
    escort: bool = False
    ask_about_food: bool = False
    screening: bool = True


# Fasting: NHS, "MRI scan" (for some scans nothing to eat for up to 4 hours). Lotion and the way home:
# NINDS, "Neurological Diagnostic Tests and Procedures".
EXAMS = (
    Exam("mri-brain", magnet=True),
    Exam("mri-spine", magnet=True),
    Exam("mri-brain-spine", magnet=True),
    Exam("mri-body", magnet=True, fasting_hours=4),
    Exam("emg", bare_skin=True),
    Exam("lumbar-puncture", escort=True),
    Exam("blood-urine", ask_about_food=True, screening=False),
)
_BY_CODE = {exam.code: exam for exam in EXAMS}

# A light meal no later than six hours before a calming medicine: American Society of Anesthesiologists,
# "Practice Guidelines for Preoperative Fasting".
SEDATION_FASTING_HOURS = 6


def find_exam(code: str) -> Exam | None:
    """Find an exam by its code, whatever its case and with spaces or underscores for the hyphens."""
    return _BY_CODE.get("-".join(code.strip().lower().replace("_", " ").replace("-", " ").split()))


def get_exam(code: str) -> Exam:
    """The exam of a code this project wrote itself.

    Raises:
        KeyError: there is no such exam.
    """
    return _BY_CODE[code]


def find_fasting_hours(exam: Exam, *, sedation: bool) -> int:
    """How many hours before the exam the patient stops eating; 0 when as usual."""
    return max(exam.fasting_hours, SEDATION_FASTING_HOURS if sedation else 0)
