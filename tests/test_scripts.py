"""What was written in one script of Chinese is learned from in the other."""

from messages.scripts import read_all_examples
from messages.words import read_examples


def test_each_script_has_the_examples_of_the_other_in_its_own_signs() -> None:
    for code, other, sign, rewritten in (
        ("zh_Hant", "zh_Hans", "检查", "檢查"),
        ("zh_Hans", "zh_Hant", "檢查", "检查"),
    ):
        examples = read_all_examples(code)
        assert {*read_examples(code)} <= {*examples}
        assert len(examples) > max(len(read_examples(code)), len(read_examples(other)))
        assert len(examples) == len({*examples})
        assert any(sign in text for _, text in read_examples(other))
        added = [text for _, text in examples[len(read_examples(code)) :]]
        assert not any(sign in text for text in added)
        assert any(rewritten in text for text in added)


def test_other_languages_have_their_own() -> None:
    assert read_all_examples("es") == read_examples("es")
