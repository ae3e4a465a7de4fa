"""Every error code has one meaning, the same for a refusal and for a callback."""

import pytest

from bot.error_codes import MEANINGS, Action, explain


@pytest.mark.parametrize(
    ("code", "action"),
    [
        *((code, Action.RETRY) for code in (20429, 21611, 30001, 30003, 30008, 30017, 30022, 30036, 30450, 30500)),
        *((code, Action.TOMORROW) for code in (30023, 30027, 63038)),
        *((code, Action.NUMBER) for code in (21211, 21614, 21635, 30005, 30006)),
        (21610, Action.OPTED_OUT),
        *((code, Action.OTHER_CHANNEL) for code in (63003, 63024)),
        *((code, Action.OPERATOR) for code in (20003, 21408, 21606, 21703, 30002, 30007, 30034)),
        *((code, Action.BUG) for code in (21602, 21604, 21617, 30019, 90007)),
    ],
)
def test_a_code_means_one_thing(code: int, action: Action) -> None:
    assert explain(code).action == action
    assert explain(code, 400) == explain(code)


@pytest.mark.parametrize("code", [20003, 20404, 21212, 21601, 21606, 21703, 21705, 30002, 30032, 30033, 30034])
def test_what_concerns_the_whole_account_stops_sending(code: int) -> None:
    assert explain(code).whole_account


@pytest.mark.parametrize("code", [21408, 21608, 30007, 21211, 21610, 30003])
def test_what_concerns_one_text_stops_nothing_else(code: int) -> None:
    assert not explain(code).whole_account


@pytest.mark.parametrize(("code", "status"), [(None, 401), (99999, 403), (None, 402)])
def test_an_unknown_refusal_of_our_credentials_is_the_accounts(code: int | None, status: int) -> None:
    assert explain(code, status).whole_account


@pytest.mark.parametrize(("code", "status"), [(99999, 400), (99999, None), (None, None), (None, 422)])
def test_an_unknown_error_is_final_for_the_text_and_staff_hear_of_it(code: int | None, status: int | None) -> None:
    meaning = explain(code, status)
    assert (meaning.action, meaning.whole_account, meaning.tries) == (Action.OTHER_CHANNEL, False, 1)
    assert "Phone this patient" in meaning.advice


def test_a_plain_429_is_tried_again() -> None:
    assert explain(None, 429).action == Action.RETRY


def test_every_meaning_says_what_to_do_in_a_sentence() -> None:
    for meaning in MEANINGS.values():
        assert meaning.advice.endswith(".")
        assert len(meaning.advice) > 30
