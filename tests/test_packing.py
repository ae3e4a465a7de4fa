"""Many short strings in little memory."""

from messages.packing import Packing


def test_strings_come_back_by_their_number() -> None:
    texts = ["stop", "", "não quero mais", "もう送らないで", "मत भेजो"]
    packing = Packing(texts[:2])
    packing.extend(texts[2:])
    assert len(packing) == len(texts)
    assert [packing[number] for number in range(len(packing))] == texts
