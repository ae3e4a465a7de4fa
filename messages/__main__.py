"""Makes ready what texts are understood by, on all processors: ``python -m messages``.

The service does that by itself while it runs, where it can write beside the code; an image is built with it.
"""

import sys
from concurrent.futures import ProcessPoolExecutor

from messages.kept import keep
from messages.languages import LANGUAGES
from messages.lexicon import Learned, read_lexicon


def main() -> int:
    """Learn all languages and keep that; 1 where it cannot be written."""
    lexicon = read_lexicon()
    if lexicon.has_learned():
        return 0
    codes = [language.code for language in LANGUAGES]
    with ProcessPoolExecutor() as processes:
        lexicon.take_learned(dict(zip(codes, processes.map(_learn, codes), strict=True)))
    return 0 if keep(lexicon) else 1


def _learn(code: str) -> Learned:
    return read_lexicon().get_learned(code)


if __name__ == "__main__":
    sys.exit(main())
