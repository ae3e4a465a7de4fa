"""Accounts, sign-in, sessions and the second factor, without a browser."""

from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from bot.accounts import (
    AccountError,
    add_staff,
    change_role,
    disable,
    find_link,
    find_staff,
    make_first_link,
    make_link,
    reset_account,
    set_password,
    use_link,
)
from bot.database import reading, writing
from bot.models import AuditEvent, Role, Staff, StaffSession
from bot.signing_in import (
    SignInError,
    end_session,
    find_visitor,
    make_totp_secret,
    note_visit,
    sign_in,
    start_session,
    start_totp,
)
from tests.conftest import NOW

EMAIL, PASSWORD = "ana@clinic.example", "three wet umbrellas"
IDLE = timedelta(minutes=30)


def add(session: Session, email: str = EMAIL, role: Role = Role.ADMIN) -> Staff:
    staff = add_staff(session, email, role, NOW, "test")
    set_password(session, staff, PASSWORD, NOW, "test")
    return staff


def try_to_sign_in(engine: Engine, email: str = EMAIL, password: str = PASSWORD, code: str = "", **when: float) -> str:
    """What somebody is told; empty when they are in. Commits also what failed, as the page does."""
    with writing(engine) as session:
        try:
            sign_in(session, email, password, code, "192.0.2.1", NOW + timedelta(**when))
        except SignInError as error:
            return str(error)
    return ""


@pytest.mark.usefixtures("slow_passwords")
def test_a_password_is_stored_as_argon2id_and_checked(engine: Engine) -> None:
    with writing(engine) as session:
        assert add(session).password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=4$")

    assert try_to_sign_in(engine) == ""
    assert try_to_sign_in(engine, email=" ANA@clinic.example ") == ""
    assert "do not belong together" in try_to_sign_in(engine, password=PASSWORD + "!")
    assert "do not belong together" in try_to_sign_in(engine, email="nobody@clinic.example")


@pytest.mark.parametrize("password", ["short", "x" * 300, "aaaaaaaaaaaaaaa", EMAIL, ""])
def test_a_bad_password_is_refused(engine: Engine, password: str) -> None:
    with pytest.raises(AccountError), writing(engine) as session:
        set_password(session, add_staff(session, EMAIL, Role.STAFF, NOW, "test"), password, NOW, "test")


def test_guessing_is_slowed_down_for_the_account_and_forgotten_later(engine: Engine) -> None:
    with writing(engine) as session:
        add(session)
    for _ in range(5):
        assert "do not belong together" in try_to_sign_in(engine, password="wrong wrong wrong")

    assert "Too many tries" in try_to_sign_in(engine)
    assert try_to_sign_in(engine, minutes=16) == ""


def test_a_closed_account_and_one_without_password_stay_out(engine: Engine) -> None:
    with writing(engine) as session:
        add(session)
        disable(session, add(session, "bo@clinic.example", Role.STAFF), NOW, "test")
        add_staff(session, "new@clinic.example", Role.STAFF, NOW, "test")

    assert try_to_sign_in(engine, email="bo@clinic.example")
    assert try_to_sign_in(engine, email="new@clinic.example", password="")


def test_the_last_admin_cannot_be_lost(engine: Engine) -> None:
    with writing(engine) as session:
        staff = add(session)
        for change in (
            lambda: change_role(session, staff, Role.STAFF, NOW, "test"),
            lambda: disable(session, staff, NOW, "test"),
        ):
            with pytest.raises(AccountError, match="Somebody must be left"):
                change()


def test_a_session_ends_when_idle_after_a_day_at_sign_out_and_with_a_new_password(engine: Engine) -> None:
    with writing(engine) as session:
        staff = add(session)
        tokens = [start_session(session, staff, NOW) for _ in range(3)]
    with writing(engine) as session:
        [visitor, *_] = visitors = [find_visitor(session, token, NOW, IDLE) for token in tokens]
        assert visitor is not None
        assert None not in visitors
        assert find_visitor(session, "guessed", NOW, IDLE) is None
        assert find_visitor(session, tokens[0], NOW + timedelta(minutes=31), IDLE) is None

        note_visit(session, visitor, NOW + timedelta(hours=12, minutes=1))
        assert find_visitor(session, tokens[0], NOW + timedelta(hours=12, minutes=2), IDLE) is None

        end_session(session, visitor, NOW)
        assert find_visitor(session, tokens[0], NOW, IDLE) is None
        assert find_visitor(session, tokens[1], NOW, IDLE) is not None

        set_password(session, visitor.staff, "four dry umbrellas", NOW, "test")
        assert session.exec(select(StaffSession)).all() == []


def test_a_code_of_the_second_factor_works_once(engine: Engine) -> None:
    secret = make_totp_secret()
    totp = pyotp.TOTP(secret)
    with writing(engine) as session:
        staff = add(session)
        assert start_totp(session, staff, secret, "000000", NOW) is None
        codes = start_totp(session, staff, secret, totp.at(NOW), NOW)
        assert codes is not None
        assert len(set(codes)) == 10

    assert "Enter the code" in try_to_sign_in(engine)
    assert "not valid" in try_to_sign_in(engine, code=totp.at(NOW)), "it was used to start"
    later = totp.at(NOW + timedelta(minutes=1))
    assert try_to_sign_in(engine, code=later, minutes=1) == ""
    assert "not valid" in try_to_sign_in(engine, code=later, minutes=1)
    assert try_to_sign_in(engine, code=codes[0], minutes=2) == ""
    assert "not valid" in try_to_sign_in(engine, code=codes[0], minutes=2)


def test_the_first_link_makes_one_admin_and_no_second(engine: Engine) -> None:
    with writing(engine) as session:
        old, token = make_first_link(session, NOW), make_first_link(session, NOW)
        assert old
        assert token
    with writing(engine) as session:
        assert find_link(session, old, NOW) is None
        assert find_link(session, token, NOW + timedelta(hours=25)) is None
        link = find_link(session, token, NOW)
        assert link is not None
        assert use_link(session, link, EMAIL, PASSWORD, NOW).role == Role.ADMIN
    with writing(engine) as session:
        assert find_link(session, token, NOW) is None
        assert make_first_link(session, NOW) is None


def test_a_link_that_was_made_before_the_first_admin_is_void_after_it(engine: Engine) -> None:
    with writing(engine) as session:
        token = make_link(session, None, NOW)
        add(session)
    with reading(engine) as session:
        assert find_link(session, token, NOW) is None


def test_a_reset_voids_password_second_factor_and_sessions(engine: Engine) -> None:
    with writing(engine) as session:
        staff = add(session)
        start_session(session, staff, NOW)
        token = reset_account(session, staff, NOW, "boss@clinic.example")
    assert try_to_sign_in(engine)
    with writing(engine) as session:
        link = find_link(session, token, NOW)
        assert link is not None
        use_link(session, link, "ignored@clinic.example", "four dry umbrellas", NOW)
        assert find_staff(session, "ignored@clinic.example") is None
    assert try_to_sign_in(engine, password="four dry umbrellas") == ""
    with reading(engine) as session:
        actions = [event.action for event in session.exec(select(AuditEvent))]
    assert {"reset account", "set password", "signed in", "failed to sign in"} <= set(actions)
