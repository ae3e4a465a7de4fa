"""Service: signing in with password and second factor, sessions, and what slows guessers down."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp
from sqlmodel import Session, col, delete, func, select, update

from bot.accounts import check_password, find_staff, hash_secret
from bot.database import note_event
from bot.models import RecoveryCode, SignInFailure, Staff, StaffSession
from bot.sentences import SentenceError

# So many failures within this time, and an account or an address must wait.
_FAILURES_WITHIN = timedelta(minutes=15)
_MOST_FOR_ACCOUNT, _MOST_FROM_ADDRESS = 5, 30
# However busy: after this long everybody signs in anew.
_SESSION_LASTS = timedelta(hours=12)
# The row is not written for every page.
_NOTED_EVERY = timedelta(minutes=1)
_CODES = 10
_STEP_S = 30
ISSUER = "Scan reminders"


class SignInError(SentenceError):
    """Nobody is signed in; the message says what to do.

    ``proof``: the password was right and the code is wanted; given to ``sign_in``, it stands for the password.
    ``next_step``: nothing is wrong, only that code is still to come.
    """

    def __init__(self, template: str, *, proof: str = "", too_many: bool = False, next_step: bool = False) -> None:
        super().__init__(template)
        self.proof, self.too_many, self.next_step = proof, too_many, next_step


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is signed in, in which session. ``csrf`` is what every form of theirs must carry."""

    staff: Staff
    session_id: int
    csrf: str


def sign_in(
    session: Session, email: str, password: str, code: str, address: str, now: datetime, *, proof: str = ""
) -> Staff:
    """Whose password, and second factor where there is one, these are.

    A failure is stored, so commit also when this raises. Only a ``proof`` that cannot be made up may be given: its
    caller signs it and lets it grow old.

    Raises:
        SignInError: they are nobody's, the code is missing, or there were too many failures.
    """
    sources = [hash_secret(f"account {email.strip().lower()}"), hash_secret(f"address {address}")]
    limits = dict(zip(sources, (_MOST_FOR_ACCOUNT, _MOST_FROM_ADDRESS), strict=True))
    since = now - _FAILURES_WITHIN
    session.connection().execute(delete(SignInFailure).where(col(SignInFailure.at) < since))
    failures = dict(
        session.exec(
            select(SignInFailure.source_hash, func.count())
            .where(col(SignInFailure.source_hash).in_(sources), SignInFailure.at >= since)
            .group_by(col(SignInFailure.source_hash))
        ).all()
    )
    if any(failures.get(source, 0) >= most for source, most in limits.items()):
        raise SignInError("Too many tries. Wait 15 minutes, or ask an admin to reset your account.", too_many=True)
    staff = find_staff(session, email)
    known = hash_secret(f"password {staff.id} {staff.password_hash}") if staff else ""
    fits = secrets.compare_digest(proof, known) if proof else check_password(staff, password)
    if staff is None or not fits or staff.disabled:
        _note_failure(session, sources, staff, now)
        raise SignInError("That e-mail address and password do not belong together.")
    if staff.totp_secret and not code.strip():
        raise SignInError("Enter the code of your authenticator app.", proof=known, next_step=True)
    if staff.totp_secret and not (_use_code(session, staff, code, now) or _use_recovery_code(session, staff, code)):
        _note_failure(session, sources, staff, now)
        raise SignInError("That code is not valid now. Enter the newest one.", proof=known)
    session.connection().execute(delete(SignInFailure).where(col(SignInFailure.source_hash) == sources[0]))
    staff.signed_in_at = now
    session.add(staff)
    note_event(session, staff.email, "signed in", "staff", staff.id or 0, now)
    return staff


def _note_failure(session: Session, sources: list[str], staff: Staff | None, now: datetime) -> None:
    session.add_all(SignInFailure(source_hash=source, at=now) for source in sources)
    if staff is not None:
        note_event(session, "somebody", "failed to sign in", "staff", staff.id or 0, now)


# Sessions


def start_session(session: Session, staff: Staff, now: datetime) -> str:
    """Open a session; returns its token, which only the browser keeps."""
    session.connection().execute(delete(StaffSession).where(col(StaffSession.created_at) < now - _SESSION_LASTS))
    token = secrets.token_urlsafe(32)
    row = StaffSession(
        token_hash=hash_secret(token),
        csrf=secrets.token_urlsafe(24),
        staff_id=staff.id or 0,
        created_at=now,
        seen_at=now,
    )
    session.add(row)
    return token


def find_visitor(session: Session, token: str, now: datetime, idle: timedelta) -> Visitor | None:
    """Who has this session's token, unless it is over or its account closed."""
    found = session.exec(
        select(StaffSession, Staff)
        .join(Staff, col(StaffSession.staff_id) == col(Staff.id))
        .where(
            StaffSession.token_hash == hash_secret(token),
            StaffSession.seen_at > now - idle,
            StaffSession.created_at > now - _SESSION_LASTS,
            col(Staff.disabled).is_(False),
        )
    ).first()
    return Visitor(found[1], found[0].id or 0, found[0].csrf) if found else None


def must_note_visit(session: Session, visitor: Visitor, now: datetime) -> bool:
    """Whether the time of the last visit is old enough to be written anew."""
    seen_at = session.exec(select(StaffSession.seen_at).where(StaffSession.id == visitor.session_id)).first()
    return seen_at is not None and seen_at < now - _NOTED_EVERY


def note_visit(session: Session, visitor: Visitor, now: datetime) -> None:
    """The session is in use: it does not end yet."""
    session.connection().execute(
        update(StaffSession).where(col(StaffSession.id) == visitor.session_id).values(seen_at=now)
    )


def end_session(session: Session, visitor: Visitor, now: datetime) -> None:
    session.connection().execute(delete(StaffSession).where(col(StaffSession.id) == visitor.session_id))
    note_event(session, visitor.staff.email, "signed out", "staff", visitor.staff.id or 0, now)


# Second factor


def make_totp_secret() -> str:
    return pyotp.random_base32()


def make_totp_address(staff: Staff, secret: str) -> str:
    """The ``otpauth:`` address that an authenticator app reads from a picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=staff.email, issuer_name=ISSUER)


def start_totp(session: Session, staff: Staff, secret: str, code: str, now: datetime) -> list[str] | None:
    """Use the second factor from now on; returns the recovery codes, or None when the code is wrong."""
    staff.totp_secret, before = secret, staff.totp_secret
    if not _use_code(session, staff, code, now):
        staff.totp_secret = before
        return None
    session.connection().execute(delete(RecoveryCode).where(col(RecoveryCode.staff_id) == staff.id))
    codes = ["-".join(secrets.token_hex(3) for _ in range(2)) for _ in range(_CODES)]
    session.add_all(RecoveryCode(staff_id=staff.id or 0, code_hash=hash_secret(code)) for code in codes)
    note_event(session, staff.email, "started second factor", "staff", staff.id or 0, now)
    return codes


def stop_totp(session: Session, staff: Staff, now: datetime) -> None:
    staff.totp_secret = ""
    session.add(staff)
    session.connection().execute(delete(RecoveryCode).where(col(RecoveryCode.staff_id) == staff.id))
    note_event(session, staff.email, "stopped second factor", "staff", staff.id or 0, now)


def _use_code(session: Session, staff: Staff, code: str, now: datetime) -> bool:
    """Whether the code is this moment's, or the one before or after, and has not been used."""
    totp = pyotp.TOTP(staff.totp_secret)
    step = int(now.timestamp()) // _STEP_S
    for at in (step, step - 1, step + 1):
        if at > staff.totp_used and secrets.compare_digest(totp.generate_otp(at), code.strip().replace(" ", "")):
            # Of two requests with the same code, one finds the row as it was.
            used = session.connection().execute(
                update(Staff).where(col(Staff.id) == staff.id, col(Staff.totp_used) < at).values(totp_used=at)
            )
            staff.totp_used = at
            return used.rowcount == 1
    return False


def _use_recovery_code(session: Session, staff: Staff, code: str) -> bool:
    used = session.connection().execute(
        delete(RecoveryCode).where(
            col(RecoveryCode.staff_id) == staff.id, col(RecoveryCode.code_hash) == hash_secret(code.strip().lower())
        )
    )
    return used.rowcount == 1


def count_recovery_codes(session: Session, staff: Staff) -> int:
    return session.exec(select(func.count()).where(col(RecoveryCode.staff_id) == staff.id)).one()
