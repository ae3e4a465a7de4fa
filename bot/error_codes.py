"""What each of Twilio's error codes means for a text, and what staff should do about it.

An error comes with the refusal of a text or later by callback; its meaning is the same. Source: Twilio,
"Error and Warning Dictionary" and the pages of the single codes.
"""

from dataclasses import dataclass
from enum import StrEnum

from bot.sentences import Sentence


class Action(StrEnum):
    """What an error leads to."""

    RETRY = "retry"
    TOMORROW = "tomorrow"
    NUMBER = "number"
    OPTED_OUT = "opted out"
    OTHER_CHANNEL = "other channel"
    OPERATOR = "operator"
    BUG = "bug"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What follows from an error.

    ``advice`` is one sentence for staff or for the operator. ``whole_account``: nothing is wrong with this
    text, and no other would do better, so sending pauses until it is put right. ``tries``: how often a text
    that was accepted and then failed so may be sent in all.
    """

    action: Action
    advice: Sentence
    whole_account: bool = False
    tries: int = 1


_BUSY = Sentence("The provider or the carrier was too busy. It is tried again by itself.")
_OFF = Sentence("The phone was off or out of reach, also later. Phone this patient.")
_BAD = Sentence("This number cannot receive texts. Phone this patient and ask for a mobile number.")
_BLOCKED = Sentence("The carrier blocks texts to this number. Phone this patient.")
_FILTERED = Sentence(
    "The carrier took this text for advertising. Phone this patient, and tell the person who runs this system."
)
_OURS = Sentence(
    "The bot made a text that the provider cannot send. Phone this patient, and tell the person who runs this system."
)
_CAP = Sentence("Today's limit of the sending number is used up. It goes on tomorrow by itself.")
_CHANNEL = Sentence("This number cannot be reached on this channel. Phone this patient.")


def _account(advice: Sentence) -> Meaning:
    return Meaning(Action.OPERATOR, advice, whole_account=True)


_GROUPS: tuple[tuple[Meaning, tuple[int, ...]], ...] = (
    (Meaning(Action.RETRY, _BUSY, tries=3), (20429, 21611, 30001, 30017, 30022, 30410, 35125, 63012, 63018)),
    (Meaning(Action.RETRY, _BUSY, tries=2), (30035, 30450, 30453, 30500)),
    (Meaning(Action.RETRY, _OFF, tries=3), (30003,)),
    (Meaning(Action.RETRY, _OFF, tries=2), (30008,)),
    (
        Meaning(Action.RETRY, Sentence("The text waited too long at the carrier. Phone this patient."), tries=2),
        (30036,),
    ),
    (Meaning(Action.RETRY, _BLOCKED, tries=2), (30004,)),
    (Meaning(Action.TOMORROW, _CAP, tries=3), (30023, 30027, 30610, 63038)),
    (Meaning(Action.NUMBER, _BAD), (21211, 21612, 21614, 21635, 30005, 30006)),
    (Meaning(Action.OPTED_OUT, Sentence("This number has refused texts. Phone this patient instead.")), (21610,)),
    (Meaning(Action.OTHER_CHANNEL, _CHANNEL), (63003, 63016, 63024, 63033)),
    (Meaning(Action.OPERATOR, _FILTERED), (30007, 30640, 63013)),
    (
        Meaning(Action.OPERATOR, Sentence("A part of the settings does not allow this text. Phone this patient.")),
        (30010, 30037, 30038, 30454),
    ),
    (
        Meaning(
            Action.OPERATOR,
            Sentence("The account may not text this country: allow it in Twilio's console. Phone this patient."),
        ),
        (21408,),
    ),
    (
        Meaning(
            Action.OPERATOR,
            Sentence("A trial account only texts numbers that are verified at Twilio. Phone this patient."),
        ),
        (21608,),
    ),
    (Meaning(Action.BUG, _OURS), (21602, 21604, 21617, 21619, 21654, 21656, 30019, 30045, 90007)),
    (Meaning(Action.BUG, _OURS), (35111, 35114, 35115, 35118)),
    (
        _account(
            Sentence("Twilio refuses the credentials, or the account is suspended: check both in Twilio's console.")
        ),
        (20003,),
    ),
    (
        _account(Sentence("The Twilio account is suspended: see the console, often a payment is missing.")),
        (30002, 20005),
    ),
    (_account(Sentence("Twilio does not know this account or service: check the SIDs in the settings.")), (20404,)),
    (
        _account(Sentence("The sending number or service is not usable: check it in Twilio's console.")),
        (21212, 21601, 21603, 21606),
    ),
    (
        _account(Sentence("The messaging service has no usable number: add one in Twilio's console.")),
        (21703, 21705, 63007),
    ),
    (
        _account(Sentence("Twilio cannot use PUBLIC_BASE_URL for status callbacks: correct it in the settings.")),
        (21609,),
    ),
    (
        _account(Sentence("The sending number is not registered with the carriers yet: finish its registration.")),
        (30018, 30024),
    ),
    (_account(Sentence("The toll-free number is not verified: finish its verification at Twilio.")), (30032,)),
    (_account(Sentence("The A2P 10DLC campaign is suspended or missing: see it in Twilio's console.")), (30033, 30034)),
    (
        _account(Sentence("The sender's account on this channel has a problem: see it in Twilio's console.")),
        (63020, 63041, 63042),
    ),
)
MEANINGS = {code: meaning for meaning, codes in _GROUPS for code in codes}

# Refused, and we do not know why: what is certain is that this patient did not get it.
_REFUSED = Meaning(Action.OTHER_CHANNEL, Sentence("The provider could not deliver this text. Phone this patient."))
_LOCKED_OUT = _account(
    Sentence("Twilio refuses our requests: check the credentials and the account in Twilio's console.")
)


def explain(code: int | None, status: int | None = None) -> Meaning:
    """What an error code means; an unknown one is read by the HTTP status it came with, or else is final.

    Args:
        code: Twilio's error code, None where there was none.
        status: the HTTP status of a refusal, None for a callback.
    """
    if code in MEANINGS:
        return MEANINGS[code or 0]
    if status in (401, 402, 403):
        return _LOCKED_OUT
    return MEANINGS[20429] if status == 429 else _REFUSED
