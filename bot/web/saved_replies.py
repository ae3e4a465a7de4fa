"""The replies that staff choose instead of writing: they exist in every language."""

from bot.web.wording import word
from messages.compose import compose_answer, compose_reply
from messages.facts import ClinicFacts, Visit
from messages.topics import TOPICS, get_topic

_TOPIC = "topic:"
# Name -> what staff read. Those of a topic say its question.
SAVED = {
    "change": word("Our staff will contact you"),
    "ask_coming": word("Will you come?"),
    "help": word("How to reach a person"),
    "unreadable": word("We can only read written texts"),
    "menu": word("What you can ask"),
    **{f"{_TOPIC}{topic.code}": topic.question for topic in TOPICS},
}
# What only makes sense with an appointment ahead.
_NEEDS_VISIT = ("ask_coming",)


def write_saved(name: str, language: str, clinic: ClinicFacts, visit: Visit | None) -> str:
    """The words of a saved reply; empty where they make no sense for this patient.

    Raises:
        KeyError: there is no saved reply of this name.
    """
    if name in _NEEDS_VISIT and visit is None:
        return ""
    if name.startswith(_TOPIC):
        return compose_answer(get_topic(name.removeprefix(_TOPIC)), language, clinic, visit).body
    return compose_reply(name, language, clinic, visit).body
