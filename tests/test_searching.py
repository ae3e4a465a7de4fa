"""What is found in a piece of a text: the same as if the piece were all there is."""

from hypothesis import given, settings
from hypothesis import strategies as st

from messages.languages import LANGUAGES
from messages.lexicon import read_lexicon
from messages.matching import Message, normalise
from messages.outline import cut_apart
from messages.searching import Search
from messages.words import read_examples

CODES = [language.code for language in LANGUAGES]


def list_found(search: Search, message: Message) -> set[tuple[int, int, int, bool]]:
    return {(hit.number, hit.start, hit.end, hit.whole) for hit in search.find(message)}


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from(CODES))
def test_a_piece_has_what_it_would_have_by_itself(data: st.DataObject, code: str) -> None:
    texts = st.sampled_from([text for _, text in read_examples(code)])
    joined = data.draw(st.sampled_from([" ", ", ", ""])).join(data.draw(st.lists(texts, min_size=2, max_size=4)))
    message = Message(normalise(joined))
    if message.is_long:
        return
    lexicon = read_lexicon()
    in_text = Search(message, [code], lexicon, {})
    for piece in cut_apart(message):
        assert list_found(in_text, piece) == list_found(Search(piece, [code], lexicon, {}), piece)


def test_words_are_not_cut_to_find_a_piece() -> None:
    lexicon = read_lexicon()
    whole = Message(normalise("nothing to stop"))
    search = Search(whole, ["en"], lexicon, {})
    assert not any(hit.tag.key == "no" for hit in search.find(whole))
    assert any(hit.tag.key == "no" and hit.whole for hit in search.find(Message("no")))
