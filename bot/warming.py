"""What is read and learned at start, so that nobody who is texted or texts has to wait for it."""

import asyncio
import contextlib
import ctypes
import gc
from concurrent.futures import ThreadPoolExecutor

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

    Raises:
        WordsError, OSError: a list or the examples of a language cannot be read.
    """
    loop = asyncio.get_running_loop()
    # One thread for all of it: each keeps for itself what memory it has needed once.
    thread = ThreadPoolExecutor(1)
    try:
        await asyncio.sleep(_LEARN_EVERY_S)
        lexicon = await loop.run_in_executor(thread, read_lexicon)
        # What has been read by now stays. To look through all of it for rubbish again and again would stop everything
        # for a while on a busy machine.
        gc.collect()
        gc.freeze()
        for language in LANGUAGES:
            await loop.run_in_executor(thread, lexicon.get_guesser, language.code)
            await asyncio.sleep(_LEARN_EVERY_S)
    finally:
        # Whoever stops the process meanwhile has texts on their way, which shall not wait for this.
        thread.shutdown(wait=False, cancel_futures=True)
    _give_back_memory()


def _give_back_memory() -> None:
    """To learn needs far more memory than what is learned; glibc keeps it unless it is asked."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
