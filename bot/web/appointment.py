"""One appointment: it is shown, printed, and all that staff change at it."""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from bot import appointments, changes
from bot.changes import ChangeError, MissingError, Opened, OutdatedError, open_appointment
from bot.database import note_event, writing
from bot.importing.values import ValueTrouble, read_phone, read_starts_at_parts
from bot.models import Appointment, Outcome
from bot.schedule import find_allowed
from bot.screenings import mark_seen, take_down
from bot.signing_in import Visitor
from bot.web.appointment_story import describe_appointment, describe_cancelling
from bot.web.guard import Looks, Works
from bot.web.pages import render
from bot.web.service import Service, Used
from bot.web.wording import word
from bot.worklist import LONGEST_NOTE
from messages.languages import find_language
from messages.segments import tidy

router = APIRouter(prefix="/appointments/{appointment_id}")

Part = Literal["", "facts", "story"]

DONE = {
    "moved": word("Moved. The patient is told the old and the new time."),
    "cancelled": word("Cancelled. The patient is told."),
    "confirmed": word("Noted: they will come."),
    "phoned": word("Noted: you have phoned them."),
    "screening": word("Noted: you have read the answers."),
    "language": word("From now on texts go out in this language."),
    "number": word("Texts go to this number now."),
    "outcome": word("Noted."),
    "now": word("It goes out now."),
    "again": word("It goes out once more."),
    "waits": word("It goes out as soon as the quiet hours are over."),
}


@router.get("")
def show_appointment(
    request: Request, service: Used, visitor: Looks, appointment_id: int, part: Part = "", done: str = ""
) -> Response:
    if not part:
        _note_view(service, visitor, appointment_id, "viewed")
    return _show(request, service, visitor, appointment_id, done=done, part=part)


@router.get("/record")
def show_record(request: Request, service: Used, visitor: Looks, appointment_id: int) -> Response:
    """Everything that was sent, answered and done, to be printed."""
    _note_view(service, visitor, appointment_id, "viewed record")
    printed_at = service.now().astimezone(service.settings.clinic_facts.zone)
    values = describe_appointment(service, appointment_id) | {"printed_at": printed_at}
    return render(request, service, visitor, "appointment_record.html", values)


@router.get("/cancel")
def ask_to_cancel(request: Request, service: Used, visitor: Works, appointment_id: int) -> Response:
    """What the patient will read, before it is done."""
    _note_view(service, visitor, appointment_id, "viewed")
    return render(request, service, visitor, "appointment_cancel.html", describe_cancelling(service, appointment_id))


class _Asked:
    """One form about one appointment: who sent it, and which version of the appointment they had ``seen``."""

    def __init__(
        self,
        request: Request,
        service: Used,
        visitor: Works,
        appointment_id: int,
        seen: Annotated[str, Form(max_length=100)] = "",
    ) -> None:
        self.service, self.id, self.now, self.actor = service, appointment_id, service.now(), visitor.staff.email
        self._request, self._visitor, self._seen = request, visitor, seen

    def carry_out(self, change: Callable[[Session, Opened], str], *, any_version: bool = False) -> Response:
        """Make the change, if the appointment is still as it was seen; else say what is wrong.

        ``change`` returns the name of what was done, as ``DONE`` has it.
        """
        try:
            with writing(self.service.engine) as session:
                done = change(session, open_appointment(session, self.id, None if any_version else self._seen))
        except MissingError as error:
            raise HTTPException(404, str(error)) from error
        except (ChangeError, appointments.AppointmentError) as error:
            status = 409 if isinstance(error, OutdatedError) else 400
            return _show(self._request, self.service, self._visitor, self.id, trouble=error.sentence, status=status)
        self.service.sending.wake()
        return RedirectResponse(f"/appointments/{self.id}?done={done}", 303)


Asked = Annotated[_Asked, Depends()]


@router.post("/move")
def move(
    asked: Asked, day: Annotated[str, Form(max_length=20)] = "", clock: Annotated[str, Form(max_length=20)] = ""
) -> Response:
    plan = asked.service.settings.plan

    def change(session: Session, _opened: Opened) -> str:
        try:
            starts_at = read_starts_at_parts(day, clock, plan.zone, asked.now)
        except ValueTrouble as error:
            raise ChangeError("The new time: %(trouble)s", trouble=error.sentence) from error
        appointments.reschedule(session, plan, asked.id, starts_at, asked.now, asked.actor)
        return "moved"

    return asked.carry_out(change)


@router.post("/cancel")
def cancel(asked: Asked) -> Response:
    def change(session: Session, _opened: Opened) -> str:
        appointments.cancel(session, asked.service.settings.plan, asked.id, asked.now, asked.actor)
        return "cancelled"

    return asked.carry_out(change)


@router.post("/confirm")
def confirm(asked: Asked) -> Response:
    """The patient has told a person that they will come."""

    def change(session: Session, opened: Opened) -> str:
        changes.confirm(session, opened, asked.now, asked.actor)
        return "confirmed"

    return asked.carry_out(change)


@router.post("/phoned")
def note_phoned(asked: Asked) -> Response:
    """Somebody has told the patient by phone what the texts would have."""

    def change(session: Session, opened: Opened) -> str:
        changes.mark_phoned(session, opened, asked.now, asked.actor)
        return "phoned"

    return asked.carry_out(change, any_version=True)


@router.post("/screening")
def take_screening(asked: Asked, words: Annotated[str, Form(max_length=5000)] = "") -> Response:
    """Somebody has read the answers to the safety questions; ``words``: has asked by phone and writes them down."""

    def change(session: Session, opened: Opened) -> str:
        said = tidy(words.strip())
        if len(said) > LONGEST_NOTE:
            raise ChangeError("That is too long to be kept here.")
        if said:
            take_down(session, opened.appointment, said, asked.actor, asked.now)
        else:
            mark_seen(session, opened.appointment, asked.actor, asked.now)
        return "screening"

    return asked.carry_out(change, any_version=True)


@router.post("/language")
def take_language(asked: Asked, language: Annotated[str, Form(max_length=20)] = "") -> Response:
    def change(session: Session, opened: Opened) -> str:
        found = find_language(language)
        if found is None:
            raise ChangeError("Choose one of the languages.")
        changes.change_language(session, opened, found.code, asked.now, asked.actor)
        return "language"

    return asked.carry_out(change)


@router.post("/number")
def take_number(
    asked: Asked, phone: Annotated[str, Form(max_length=60)] = "", agreed: Annotated[bool, Form()] = False
) -> Response:
    settings = asked.service.settings

    def change(session: Session, _opened: Opened) -> str:
        try:
            number = read_phone(phone, settings.default_region)
        except ValueTrouble as error:
            raise ChangeError("The phone number: %(trouble)s", trouble=error.sentence) from error
        appointments.change_number(session, settings.plan, asked.id, number, asked.now, asked.actor, agreed=agreed)
        return "number"

    return asked.carry_out(change)


@router.post("/outcome")
def take_outcome(asked: Asked, outcome: Annotated[Outcome, Form()] = Outcome.UNKNOWN) -> Response:
    """Whether they came; an empty outcome takes it back."""

    def change(session: Session, opened: Opened) -> str:
        changes.note_outcome(session, opened, outcome, asked.now, asked.actor)
        return "outcome"

    return asked.carry_out(change)


@router.post("/again")
def send_again(asked: Asked) -> Response:
    """The last text once more."""

    def change(session: Session, opened: Opened) -> str:
        changes.send_again(session, opened, asked.service.settings.plan.limits, asked.now, asked.actor)
        return "waits" if _is_quiet(asked.service) else "again"

    return asked.carry_out(change, any_version=True)


@router.post("/texts/{text_id}/now")
def send_now(asked: Asked, text_id: int) -> Response:
    """A planned text at once."""

    def change(session: Session, opened: Opened) -> str:
        changes.send_now(session, opened, text_id, asked.now, asked.actor)
        return "waits" if _is_quiet(asked.service) else "now"

    return asked.carry_out(change, any_version=True)


def _is_quiet(service: Service) -> bool:
    plan, now = service.settings.plan, service.now()
    return find_allowed(now, plan.zone, plan.quiet) > now


def _note_view(service: Service, visitor: Visitor, appointment_id: int, action: str) -> None:
    with writing(service.engine) as session:
        if session.get(Appointment, appointment_id) is None:
            raise HTTPException(404, "There is no such appointment.")
        note_event(session, visitor.staff.email, action, "appointment", appointment_id, service.now())


def _show(
    request: Request,
    service: Service,
    visitor: Visitor,
    appointment_id: int,
    *,
    done: str = "",
    trouble: str = "",
    status: int = 200,
    part: Part = "",
) -> Response:
    values = describe_appointment(service, appointment_id) | {"done": DONE.get(done, ""), "trouble": trouble}
    return render(request, service, visitor, "appointment.html", values, status, block=part)
