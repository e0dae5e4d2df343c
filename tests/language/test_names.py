"""Which names are taken: plain words for what we name, nearly anything for models."""

import pytest
from hypothesis import given
from pydantic import TypeAdapter, ValidationError

from tests.strategies import any_text, environments, labels, model_names, prompt_names
from twinline.language.names import RESERVED, Environment, FreeName, Label, Name

_adapters = {
    "Name": TypeAdapter(Name),
    "Label": TypeAdapter(Label),
    "Environment": TypeAdapter(Environment),
    "FreeName": TypeAdapter(FreeName),
}

TAKEN = [
    ("Name", "answer"),
    ("Name", "support/answer"),
    ("Name", "a/b/c/d"),
    ("Name", "Support.Answer_2-x"),
    ("Name", "7/answer"),
    ("Name", "7a"),
    ("Name", "versions/answer"),
    ("Name", "my-versions"),
    ("Name", "a" * 200),
    ("Label", "production"),
    ("Label", "latest"),
    ("Label", "A"),
    ("Label", "2024-06"),
    ("Label", "7a"),
    ("Label", "1."),
    ("Label", "a" * 100),
    ("Environment", "production"),
    ("Environment", "eu-1_b"),
    ("Environment", "1"),
    ("Environment", "a" * 50),
    ("FreeName", "churn"),
    ("FreeName", "gpt-4o:2024@beta (new)"),
    ("FreeName", "meta/llama 3"),
    ("FreeName", "7"),
    ("FreeName", "模型 🙂"),
    ("FreeName", "a" * 256),
]

REFUSED = [
    ("Name", ""),
    ("Name", "/answer"),
    ("Name", "answer/"),
    ("Name", "a//b"),
    ("Name", ".answer"),
    ("Name", "-answer"),
    ("Name", "a/.."),
    ("Name", "sup port"),
    ("Name", "answer@x"),
    ("Name", "antwört"),
    ("Name", "answer\n"),
    ("Name", "answer/7"),
    ("Name", "7"),
    ("Name", "a" * 201),
    ("Label", ""),
    ("Label", "7"),
    ("Label", "2024"),
    ("Label", "-a"),
    ("Label", "_a"),
    ("Label", "a/b"),
    ("Label", "a@b"),
    ("Label", "a\n"),
    ("Label", "a" * 101),
    ("Environment", ""),
    ("Environment", "Production"),
    ("Environment", "a/b"),
    ("Environment", "a.b"),
    ("Environment", "-a"),
    ("Environment", "a\n"),
    ("Environment", "a" * 51),
    ("FreeName", ""),
    ("FreeName", "/a"),
    ("FreeName", "a/"),
    ("FreeName", "a//b"),
    ("FreeName", "a\nb"),
    ("FreeName", "a\x00"),
    ("FreeName", "a\x9f"),
    ("FreeName", "\ud800"),
    ("FreeName", "a" * 257),
]


@pytest.mark.parametrize(("kind", "text"), TAKEN, ids=lambda part: ascii(part)[1:30])
def test_these_names_are_taken_as_they_are(kind: str, text: str) -> None:
    assert _adapters[kind].validate_python(text) == text


@pytest.mark.parametrize(("kind", "text"), REFUSED, ids=lambda part: ascii(part)[1:30])
def test_these_names_are_refused(kind: str, text: str) -> None:
    with pytest.raises(ValidationError):
        _adapters[kind].validate_python(text)


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_no_name_ends_in_a_part_of_our_urls(word: str) -> None:
    """`/prompts/a/versions` lists the versions of `a`, so no prompt is called `a/versions`."""
    for name in (word, f"support/{word}"):
        with pytest.raises(ValidationError, match="read as part of the address"):
            _adapters["Name"].validate_python(name)


@given(prompt_names(), labels(), environments(), model_names())
def test_the_strategies_yield_only_names_that_are_taken(
    name: str, label: str, environment: str, model: str
) -> None:
    _adapters["Name"].validate_python(name)
    _adapters["Label"].validate_python(label)
    _adapters["Environment"].validate_python(environment)
    _adapters["FreeName"].validate_python(model)


@given(any_text())
def test_a_label_is_never_read_as_a_version(text: str) -> None:
    if text.isdigit() or not text:
        with pytest.raises(ValidationError):
            _adapters["Label"].validate_python(text)
