"""The staff's accounts: passwords, roles, and the links that set a password once.

Of every secret that is given out the database holds the hash alone.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache

from pwdlib import PasswordHash
from sqlmodel import Session, col, delete, select

from bot.database import note_event
from bot.models import RecoveryCode, Role, Staff, StaffLink, StaffSession
from bot.sentences import SentenceError

LEAST_PASSWORD, LONGEST_PASSWORD = 12, 256
LINK_LASTS = timedelta(hours=24)
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_HASHER = PasswordHash.recommended()  # Argon2id


class AccountError(SentenceError):
    """The account cannot be made or changed so; the message says what would be right."""


@cache
def _hash_nobody() -> str:
    """Verified when there is no such account, so that the answer takes as long as for a wrong password."""
    return _HASHER.hash(secrets.token_hex())


def hash_secret(secret: str) -> str:
    """The hash of a random secret, which needs no slow one."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def list_staff(session: Session) -> Sequence[Staff]:
    return session.exec(select(Staff).order_by(col(Staff.disabled), col(Staff.email))).all()


def find_staff(session: Session, email: str) -> Staff | None:
    return session.exec(select(Staff).where(Staff.email == email.strip().lower())).first()


def add_staff(session: Session, email: str, role: Role, now: datetime, actor: str) -> Staff:
    """Add an account that has no password yet; give its owner a link.

    Raises:
        AccountError: that is no e-mail address, or somebody has it already.
    """
    email = email.strip().lower()
    if not _ADDRESS.fullmatch(email) or len(email) > 254:
        raise AccountError("Give an e-mail address, such as ana@clinic.example")
    if find_staff(session, email):
        raise AccountError("%(email)s has an account already", email=email)
    staff = Staff(email=email, role=role, created_at=now)
    session.add(staff)
    session.flush()
    note_event(session, actor, "added account", "staff", staff.id or 0, now, f"{email}: {role}")
    return staff


def change_role(session: Session, staff: Staff, role: Role, now: datetime, actor: str) -> None:
    """Give somebody another role.

    Raises:
        AccountError: nobody would be left who may do this.
    """
    if role != Role.ADMIN:
        _keep_one_admin(session, staff)
    staff.role = role
    note_event(session, actor, "changed role", "staff", staff.id or 0, now, str(role))


def disable(session: Session, staff: Staff, now: datetime, actor: str) -> None:
    """Close an account and sign it out everywhere.

    Raises:
        AccountError: nobody would be left who may do this.
    """
    _keep_one_admin(session, staff)
    staff.disabled = True
    sign_out_everywhere(session, staff)
    note_event(session, actor, "closed account", "staff", staff.id or 0, now)


def enable(session: Session, staff: Staff, now: datetime, actor: str) -> None:
    staff.disabled = False
    note_event(session, actor, "opened account", "staff", staff.id or 0, now)


def _keep_one_admin(session: Session, staff: Staff) -> None:
    others = select(Staff.id).where(Staff.role == Role.ADMIN, col(Staff.disabled).is_(False), Staff.id != staff.id)
    if staff.role == Role.ADMIN and session.exec(others.limit(1)).first() is None:
        raise AccountError("Somebody must be left who is an admin")


# Passwords


def check_password(staff: Staff | None, password: str) -> bool:
    """Whether this is the account's password; as slow where there is no account."""
    stored = staff.password_hash if staff and staff.password_hash else ""
    fits = _HASHER.verify(password[:LONGEST_PASSWORD], stored or _hash_nobody())
    return fits and bool(stored)


def set_password(session: Session, staff: Staff, password: str, now: datetime, actor: str) -> None:
    """Set a password, and end every session that was opened with the old one.

    Raises:
        AccountError: the password is too short, too long, or the address itself.
    """
    if len(password) < LEAST_PASSWORD:
        raise AccountError("Use at least %(least)s characters; a few words with spaces do well", least=LEAST_PASSWORD)
    if len(password) > LONGEST_PASSWORD:
        raise AccountError("Use at most %(most)s characters", most=LONGEST_PASSWORD)
    if password.lower() in (staff.email, staff.email.partition("@")[0]) or len(set(password)) < 5:
        raise AccountError("That password is too easy to guess; a few words with spaces do well")
    staff.password_hash = _HASHER.hash(password)
    session.add(staff)
    sign_out_everywhere(session, staff)
    session.connection().execute(delete(StaffLink).where(col(StaffLink.staff_id) == staff.id))
    note_event(session, actor, "set password", "staff", staff.id or 0, now)


def sign_out_everywhere(session: Session, staff: Staff) -> None:
    session.connection().execute(delete(StaffSession).where(col(StaffSession.staff_id) == staff.id))


# Links


def make_link(session: Session, staff: Staff | None, now: datetime) -> str:
    """The token of a link that sets this account's password once; without one, that makes the first admin."""
    token = secrets.token_urlsafe(32)
    session.add(
        StaffLink(token_hash=hash_secret(token), staff_id=staff.id if staff else None, expires_at=now + LINK_LASTS)
    )
    return token


def make_first_link(session: Session, now: datetime) -> str | None:
    """The token of the link that makes the first admin; None once there is an account. Older ones are void."""
    if session.exec(select(Staff.id).limit(1)).first() is not None:
        return None
    session.connection().execute(delete(StaffLink))
    return make_link(session, None, now)


def reset_account(session: Session, staff: Staff, now: datetime, actor: str) -> str:
    """Void somebody's password and second factor, sign them out; returns the token of the link for a new one."""
    staff.password_hash, staff.totp_secret = "", ""
    session.add(staff)
    sign_out_everywhere(session, staff)
    for table in (StaffLink, RecoveryCode):
        session.connection().execute(delete(table).where(col(table.staff_id) == staff.id))
    note_event(session, actor, "reset account", "staff", staff.id or 0, now)
    return make_link(session, staff, now)


def find_link(session: Session, token: str, now: datetime) -> StaffLink | None:
    """The link of a token, while it is good."""
    link = session.exec(
        select(StaffLink)
        .where(StaffLink.token_hash == hash_secret(token), StaffLink.expires_at > now)
        .with_for_update()
    ).first()
    if link is not None and link.staff_id is None and session.exec(select(Staff.id).limit(1)).first() is not None:
        return None
    return link


def use_link(session: Session, link: StaffLink, email: str, password: str, now: datetime) -> Staff:
    """Set the password that a link is for, making the first admin where it is for that; the link is void after it.

    Raises:
        AccountError: the address or the password will not do.
    """
    staff = session.get(Staff, link.staff_id) if link.staff_id else None
    if staff is None:
        staff = add_staff(session, email, Role.ADMIN, now, email.strip().lower())
    set_password(session, staff, password, now, staff.email)
    session.connection().execute(delete(StaffLink).where(col(StaffLink.id) == link.id))
    return staff
