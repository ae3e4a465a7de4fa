"""``bot check``: everything that is wrong before it can harm anybody."""

import asyncio
import contextlib
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from bot.clinic_details import DETAILS, read_details
from bot.clinic_topics import read_clinic
from bot.database import check_database, open_database, reading
from bot.provider import SendError
from bot.settings import Settings, SettingsError, find_warnings, load_settings
from bot.sms import TwilioSender
from messages.catalogues import find_trouble, read_catalogue, read_sources
from messages.concepts import Concepts
from messages.kept import is_kept
from messages.languages import LANGUAGES, SOURCE
from messages.words import WordsError, list_entries, read_words

# A test text that has not arrived by then says enough.
_TEST_USEFUL = timedelta(minutes=10)


def find_troubles(*, online: bool, send_to: str | None = None) -> tuple[list[str], list[str]]:
    """What is wrong, and what is only probably not meant, each as a sentence.

    Args:
        online: ask Twilio too.
        send_to: with ``online``, an E.164 number that gets a test text.
    """
    troubles = find_language_troubles()
    try:
        settings = load_settings()
    except SettingsError as error:
        return [*map(str, error.problems), *troubles], []
    warnings = [*map(str, find_warnings(settings)), *_find_unreviewed(settings)]
    engine = open_database(settings.database_url.get_secret_value())
    try:
        check_database(engine)
    except SQLAlchemyError:
        troubles.append("DATABASE_URL: the database does not answer; is the server running, is the folder writable?")
    with contextlib.suppress(SQLAlchemyError), reading(engine) as session:
        warnings += _find_overruled(settings, read_details(session))
    engine.dispose()
    if online and settings.sender == "twilio":
        troubles += asyncio.run(_ask_twilio(settings, send_to))
    return troubles, warnings


def find_language_troubles() -> list[str]:
    """Catalogues and word lists that are missing, unreadable or have what must not be sent."""
    troubles = []
    # What is kept was made of all word lists as they are now.
    are_words_read = is_kept()
    for language in LANGUAGES:
        try:
            if not are_words_read:
                list_entries(read_words(language.code))
                Concepts(language.code)
            translations = read_catalogue(language.code).translations
        except (OSError, ValueError, WordsError) as error:
            troubles.append(f"{language.code}: {error}")
            continue
        troubles += [
            f"{language.code}: the translation of {source[:60]!r} {trouble}"
            for source in read_sources()
            for form in translations.get(source, ())
            if (trouble := find_trouble(source, form))
        ]
    return troubles


def _find_overruled(settings: Settings, details: dict[str, str]) -> list[str]:
    """Settings that somebody has made but that the clinic's page wins over."""
    given = settings.model_dump(exclude_unset=True)
    return [
        f"{detail.setting}: not used, since an admin has set another one on the clinic's page"
        for detail in DETAILS
        if detail.name in details and given.get(detail.setting.lower(), details[detail.name]) != details[detail.name]
    ]


def _find_unreviewed(settings: Settings) -> list[str]:
    sources = set(read_sources())
    others = [language.code for language in LANGUAGES if language.code != SOURCE]
    unreviewed = [code for code in others if sources - read_catalogue(code).reviewed]
    if not unreviewed or settings.require_reviewed_translations:
        return []
    return [f"no qualified translator has reviewed all texts in: {', '.join(unreviewed)}"]


async def _ask_twilio(settings: Settings, number: str | None) -> list[str]:
    sender = TwilioSender(settings)
    try:
        troubles = await sender.inspect(settings)
        if number:
            body = f"{read_clinic(settings).name}: this is a test of our text line. Please do not reply."
            await sender.send(number, body, "test", _TEST_USEFUL)
    except SendError as error:
        return [f"Twilio refuses: {error}. {error.meaning.advice}"]
    finally:
        await sender.close()
    return troubles
