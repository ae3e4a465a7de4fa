"""Words that carriers handle before or beside us: no text of ours may offer one of them as a reply."""

import re

CARRIER_STOPS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
CARRIER_STARTS = frozenset({"START", "YES", "UNSTOP"})

_WORDS = re.compile(rf"(?<![A-Za-z])({'|'.join(sorted(CARRIER_STOPS | CARRIER_STARTS))})(?![A-Za-z])")


def list_offered(text: str) -> list[str]:
    """The carriers' words that a text has, in capitals as keywords are, sorted."""
    return sorted(_WORDS.findall(text))
