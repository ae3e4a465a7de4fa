"""Sentences that staff read, in English, and ready to be said in another language."""

from typing import Any


class Sentence(str):
    """An English sentence that remembers what it was made from.

    ``template`` has ``%(name)s`` where ``values`` go: a page translates it, then fills it in. A template without
    values stands as it is.
    """

    template: str
    values: dict[str, Any]

    def __new__(cls, template: str, **values: Any) -> "Sentence":
        sentence = super().__new__(cls, template % values if values else template)
        sentence.template, sentence.values = template, values
        return sentence
