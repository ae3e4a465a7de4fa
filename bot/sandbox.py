"""Delivers to the simulated phone without waiting, for the demo's past and for the chat."""

from datetime import datetime

from sqlalchemy import Engine

from bot.attempts import Ready
from bot.database import writing
from bot.outbox import claim_due
from bot.outcomes import record_outcomes
from bot.provider import Accepted
from bot.schedule import Plan
from messages.facts import ClinicFacts

_AT_MOST = 50


def deliver_due(engine: Engine, clinic: ClinicFacts, plan: Plan, now: datetime) -> list[Ready]:
    """Send what is due at that moment, as the sending loop would; returns it in order."""
    with writing(engine) as session:
        ready, _ = claim_due(session, clinic, plan, now, _AT_MOST)
        sent = [(text, Accepted(f"SB{text.attempt}", "delivered")) for text in ready]
        record_outcomes(session, plan, sent, now)
    return ready
