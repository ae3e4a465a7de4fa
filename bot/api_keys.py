"""The keys with which programs use the JSON API: hashed, limited to what they may do, revocable."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select

from bot.accounts import hash_secret
from bot.database import note_event
from bot.models import ApiAnswer, ApiKey

SCOPES = ("read", "write")
_PREFIX = "rk_"
# A request may be repeated with the same idempotency key for this long.
_ANSWERS_KEPT = timedelta(days=1)
_NOTED_EVERY = timedelta(minutes=1)


class KeyReusedError(ValueError):
    """The idempotency key belongs to another request."""


def add_key(session: Session, name: str, scopes: Sequence[str], by: str, now: datetime) -> str:
    """Make a key and return it: this is the only time that it is known."""
    key = _PREFIX + secrets.token_urlsafe(32)
    kept = " ".join(scope for scope in SCOPES if scope in scopes)
    row = ApiKey(name=name.strip() or "key", key_hash=hash_secret(key), scopes=kept, made_by=by, created_at=now)
    session.add(row)
    session.flush()
    note_event(session, by, "made key", "api_key", row.id or 0, now, f"{row.name}: {kept}")
    return key


def list_keys(session: Session) -> Sequence[ApiKey]:
    return session.exec(select(ApiKey).order_by(col(ApiKey.revoked_at).is_not(None), col(ApiKey.id).desc())).all()


def revoke_key(session: Session, key: ApiKey, by: str, now: datetime) -> None:
    if key.revoked_at is None:
        key.revoked_at = now
        session.add(key)
        note_event(session, by, "revoked key", "api_key", key.id or 0, now, key.name)


def find_key(session: Session, key: str) -> ApiKey | None:
    """The row of a key that is good."""
    query = select(ApiKey).where(ApiKey.key_hash == hash_secret(key), col(ApiKey.revoked_at).is_(None))
    return session.exec(query).first()


def must_note_use(key: ApiKey, now: datetime) -> bool:
    """Whether the time of its last use is old enough to be written anew."""
    return key.used_at is None or key.used_at < now - _NOTED_EVERY


# Repeated requests


def hash_request(method: str, path: str, body: bytes) -> str:
    return hashlib.sha256(b"\0".join((method.encode(), path.encode(), body))).hexdigest()


def find_answer(session: Session, key: ApiKey, idempotency_key: str, request_hash: str) -> ApiAnswer | None:
    """What was answered when this very request came before.

    Raises:
        KeyReusedError: another request came with the same idempotency key.
    """
    query = select(ApiAnswer).where(ApiAnswer.api_key_id == key.id, ApiAnswer.idempotency_key == idempotency_key)
    known = session.exec(query).first()
    if known is not None and known.request_hash != request_hash:
        raise KeyReusedError("this idempotency key was used for another request")
    return known


def keep_answer(
    session: Session, key: ApiKey, idempotency_key: str, request_hash: str, status: int, body: str, now: datetime
) -> None:
    """Keep an answer for the same request; of two at the same moment, the second fails here and changes nothing.

    Raises:
        KeyReusedError: the same idempotency key came in between.
    """
    session.connection().execute(delete(ApiAnswer).where(col(ApiAnswer.created_at) < now - _ANSWERS_KEPT))
    session.add(
        ApiAnswer(
            api_key_id=key.id or 0,
            idempotency_key=idempotency_key,
            request_hash=request_hash,
            status=status,
            body=body,
            created_at=now,
        )
    )
    try:
        session.flush()
    except IntegrityError as error:
        raise KeyReusedError("the same request is being worked on") from error
