"""What staff say a text meant is kept, and exported without what tells who wrote it."""

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from bot.database import reading, writing
from bot.models import IncomingText
from bot.settings import Settings
from bot.worklist import label_text, list_labelled, remove_numbers
from tests.clinics import enrol_one, text_in
from tests.conftest import NOW


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("call me at +1 (202) 555-0142 please", "call me at +# please"),
        ("my number is 202.555.0142", "my number is #"),
        ("record 48812, born 3/9/1950", "record #, born #"),
        ("write to ana@example.org or https://example.org/x", "write to # or #"),
        ("at 9 or 10, room 4", "at 9 or 10, room 4"),
        ("رقمي ٢٠٢٥٥٥٠١٤٢", "رقمي #"),
    ],
)
def test_numbers_and_addresses_are_removed(words: str, kept: str) -> None:
    assert remove_numbers(words) == kept


def test_labelled_texts_are_exported_and_nothing_else_changes(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    text_in(engine, settings, "zorb 2025550142")
    with writing(engine) as session:
        text = session.exec(select(IncomingText)).one()
        label_text(text, "question", "metal", "nurse", NOW)
        session.add(text)

    with reading(engine) as session:
        assert list_labelled(session) == [{"text": "zorb #", "intent": "question", "detail": "metal", "language": "en"}]
        text = session.exec(select(IncomingText)).one()
    assert (text.intent, text.labelled_by, text.labelled_at) == ("unknown", "nurse", NOW)


@pytest.mark.parametrize(
    ("intent", "detail"),
    [("nonsense", None), ("question", None), ("question", "weather"), ("report", "metal"), ("stop", "metal")],
)
def test_a_label_that_means_nothing_is_refused(intent: str, detail: str | None) -> None:
    text = IncomingText(provider_id="SM1", contact_id=1, body="x", received_at=NOW)
    with pytest.raises(ValueError, match="is no"):
        label_text(text, intent, detail, "nurse", NOW)
