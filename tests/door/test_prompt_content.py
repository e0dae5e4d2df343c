"""What a prompt version holds, at the door: variables, examples, syntax, notes."""

from hashlib import sha256
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.support.rehearsal import Rehearsal
from twinline.client import Client
from twinline.language.errors import TooLarge
from twinline.language.identity import digest_of
from twinline.language.templates import BYTES_MAX

VARIABLES: list[dict[str, Any]] = [
    {"name": "question", "description": "As the customer wrote it."},
    {"name": "sentences", "type": "integer", "default": 2},
    {"name": "history", "type": "array", "required": False},
]
EXAMPLES: list[dict[str, Any]] = [
    {
        "variables": {"question": "Where is my order?"},
        "messages": [{"role": "assistant", "content": "It arrives tomorrow."}],
    }
]
BODY: dict[str, Any] = {
    "name": "support/answer",
    "template": "Answer {{ question }} in {{ sentences }} sentences: {{ who }}",
    "variables": VARIABLES,
    "examples": EXAMPLES,
}


def test_a_version_keeps_what_was_declared_and_says_what_was_not(
    client: Client, http: httpx.Client
) -> None:
    answer = http.post("/prompts", json=BODY).json()
    made = client.prompts.get("support/answer")
    assert made.model_dump(mode="json") == answer
    found = {one.name: (one.type, one.required, one.default) for one in made.variables}
    assert found == {
        "question": ("string", True, None),
        "sentences": ("integer", True, 2),
        "who": (None, True, None),
        "history": ("array", False, None),
    }
    assert made.variables[0].description == "As the customer wrote it."
    assert [one.model_dump(mode="json") for one in made.examples] == EXAMPLES
    assert [(note.kind, note.place) for note in made.notes] == [
        ("undeclared", "template"),
        ("unused", "variables[2]"),
    ]
    assert digest_of(made) == made.digest


@pytest.mark.parametrize(
    "change",
    [
        {"variables": []},
        {"variables": [{**VARIABLES[0], "description": "otherwise"}, *VARIABLES[1:]]},
        {"variables": [VARIABLES[0], {**VARIABLES[1], "default": 3}, VARIABLES[2]]},
        {"examples": []},
        {"syntax": "jinja2"},
    ],
    ids=["undeclared", "description", "default", "examples", "syntax"],
)
def test_each_part_is_content(http: httpx.Client, change: dict[str, Any]) -> None:
    assert http.post("/prompts", json=BODY).json()["number"] == 1
    assert http.post("/prompts", json=BODY | change).json()["number"] == 2
    again = http.post("/prompts", json=BODY | {"message": "the same"})
    assert (again.status_code, again.json()["number"]) == (200, 1)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "twice": ({"variables": [{"name": "a"}, {"name": "a"}]}, "declared more than once: a"),
    "default-of-another-type": (
        {"variables": [{"name": "a", "type": "integer", "default": "2"}]},
        "default of 'a' is no integer",
    ),
    "null-is-no-type": ({"variables": [{"name": "a", "type": "null"}]}, "type"),
    "no-name": ({"variables": [{"name": "1a"}]}, "name"),
    "example-without-messages": ({"examples": [{"variables": {}, "messages": []}]}, "messages"),
    "unknown-syntax": ({"syntax": "f-string"}, "syntax"),
    "nul": ({"template": "a\x00"}, "NUL"),
}


@pytest.mark.parametrize(("change", "said"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("path", ["/prompts", "/prompts/check"])
def test_what_cannot_be_meant_is_refused_when_made_and_when_checked(
    http: httpx.Client, path: str, change: dict[str, Any], said: str
) -> None:
    answer = http.post(path, json=BODY | change)
    assert answer.status_code in (400, 422)
    assert said in answer.text


def test_a_template_may_take_a_million_bytes(client: Client) -> None:
    assert len(client.prompts.create("long", "ä" * (BYTES_MAX // 2)).whole) == BYTES_MAX // 2
    with pytest.raises(TooLarge, match=r"takes 1,000,001 bytes .* 1,000,000 are the most"):
        client.prompts.create("long", "ä" * (BYTES_MAX // 2) + "a")


def test_a_check_says_the_same_and_keeps_nothing(client: Client, http: httpx.Client) -> None:
    before = http.post("/prompts/check", json=BODY).json()
    assert list(client.prompts.list()) == []
    made = http.post("/prompts", json=BODY).json()
    assert before["existing"] is None
    for member in ("digest", "kind", "composed", "variables", "includes", "notes"):
        assert before[member] == made[member], member
    checked = client.prompts.check(
        "support/answer", BODY["template"], variables=VARIABLES, examples=EXAMPLES
    )
    assert str(checked.existing) == "prompts:/support/answer/1"
    assert client.prompts.check("support/answer", "New {{ a }}").existing is None


def test_what_was_made_before_there_were_declarations_is_the_same_version(
    client: Client, rehearsal: Rehearsal
) -> None:
    """Its row holds the names of the variables alone, and its digest is over that form."""
    client.prompts.create("old", "Answer {{ question }}", parameters={"t": 1})
    with rehearsal.reading() as tx:
        row = tx.row(text("select variables, examples, includes, composed from prompt_version"))
    assert row is not None
    assert dict(row) == {
        "variables": [{"name": "question"}], "examples": [], "includes": [], "composed": None,
    }  # fmt: skip
    form = (
        b'{"kind":"text","parameters":{"t":1},"template":"Answer {{ question }}",'
        b'"variables":[{"name":"question"}]}'
    )
    assert client.prompts.get("old").digest == sha256(form).hexdigest()
