"""Sentences that staff read, in English, and ready to be said in another language."""

from typing import Any


class Sentence(str):
    """An English sentence that remembers what it was made from.

    ``template`` has ``%(name)s`` where ``values`` go: a page translates it, then fills it in. A value may be a
    sentence, or part of one, itself. A template without values stands as it is.
    """

    template: str
    values: dict[str, Any]

    def __new__(cls, template: str, **values: Any) -> "Sentence":
        sentence = super().__new__(cls, template % values if values else template)
        sentence.template, sentence.values = template, values
        return sentence

    def pack(self) -> Any:
        """A value of JSON that ``unpack`` makes the same sentence from."""
        values = {name: value.pack() if isinstance(value, Sentence) else value for name, value in self.values.items()}
        return {"template": self.template, "values": values}

    @classmethod
    def unpack(cls, packed: Any) -> "Sentence":
        """The sentence that was packed; a plain string stands as it is."""
        if isinstance(packed, str):
            return packed if isinstance(packed, cls) else cls(packed)
        values = {
            name: cls.unpack(value) if isinstance(value, dict) else value for name, value in packed["values"].items()
        }
        return cls(packed["template"], **values)


NOTHING = Sentence.unpack("")


class SentenceError(ValueError):
    """Something is not right; ``sentence`` says to staff what, and what would be right."""

    def __init__(self, template: str, **values: Any) -> None:
        self.sentence = template if isinstance(template, Sentence) else Sentence(template, **values)
        super().__init__(self.sentence)
