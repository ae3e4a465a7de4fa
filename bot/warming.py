"""What is read and learned at start, so that nobody who is texted or texts has to wait for it."""

import asyncio
import contextlib
import ctypes
import threading

from messages.catalogues import read_catalogue
from messages.facts import ClinicFacts, make_speaker
from messages.languages import LANGUAGES
from messages.lexicon import read_lexicon
from messages.reply_words import get_reply_words

_LEARN_EVERY_S = 1


def read_all() -> None:
    """Read now what texts are made of, so that a fault in it shows at start."""
    for language in LANGUAGES:
        read_catalogue(language.code)
        get_reply_words(language.code)


def prepare_speaking(facts: ClinicFacts) -> None:
    """Half a second, which the first texts of a burst shall not wait for one after the other."""
    for language in LANGUAGES:
        make_speaker(language.code, facts)


async def prepare_understanding() -> None:
    """Read the word lists, then learn each language's examples, one in a while: there is other work at start.

    Where that was kept by another process it takes a second.

    Raises:
        WordsError, OSError: a list or the examples of a language cannot be read.
    """
    learned = asyncio.get_running_loop().create_future()
    stopped = threading.Event()
    # One thread for all of it: each keeps for itself what memory it has needed once. Nobody waits for it at the end of
    # the process: to read the lists takes seconds, and much longer on a busy machine.
    threading.Thread(target=_learn, args=(learned, stopped), name="learning", daemon=True).start()
    try:
        await learned
    finally:
        stopped.set()


def _learn(learned: asyncio.Future[None], stopped: threading.Event) -> None:
    error: Exception | None = None
    try:
        if not stopped.wait(_LEARN_EVERY_S):
            lexicon = read_lexicon()
            for language in LANGUAGES:
                if not (lexicon.has_learned() or stopped.is_set()):
                    lexicon.get_learned(language.code)
                    stopped.wait(_LEARN_EVERY_S)
            _give_back_memory()
    except Exception as caught:
        error = caught
    # The loop may have ended meanwhile.
    with contextlib.suppress(RuntimeError):
        learned.get_loop().call_soon_threadsafe(_tell, learned, error)


def _tell(learned: asyncio.Future[None], error: Exception | None) -> None:
    if learned.done():
        return
    if error:
        learned.set_exception(error)
    else:
        learned.set_result(None)


def _give_back_memory() -> None:
    """To learn needs far more memory than what is learned; glibc keeps it unless it is asked."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
