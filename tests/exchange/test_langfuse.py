"""Prompts as Langfuse's JSON: written, read, edited there, and what it cannot hold."""

import json
from pathlib import Path
from typing import Any

import pytest

from twinline.client import Client
from twinline.exchange import found, langfuse
from twinline.exchange.beside import beside
from twinline.language.errors import Invalid, MalformedJson
from twinline.language.records import Json, NewPromptVersion

CHAT = [
    {"role": "system", "content": "{{> parts/tone@live }} Go."},
    {"type": "placeholder", "name": "history"},
]


def stock(client: Client) -> None:
    declared = {"name": "mood", "type": "string", "default": "calm"}
    client.prompts.create("parts/tone", "Be {{ mood }}.", variables=[declared], labels=["live"])
    client.prompts.create(
        "support/answer",
        CHAT,
        parameters={"temperature": 0.2},
        message="begun",
        tags={"team": "care", "beta": ""},
        labels=["production"],
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "prompts.json"


def edited(file: Path, **members: Any) -> None:
    rows = json.loads(file.read_text())
    rows[-1] |= members
    file.write_text(json.dumps(rows))


def test_what_was_written_says_what_langfuse_reads_and_is_read_the_same(
    client: Client, file: Path
) -> None:
    stock(client)
    out = list(client.prompts.export())
    langfuse.write(file, out)
    row = json.loads(file.read_text())[1]
    assert {name: row[name] for name in ("name", "version", "type", "labels", "tags")} == {
        "name": "support/answer",
        "version": 1,
        "type": "chat",
        "labels": ["production"],
        "tags": ["beta", "team=care"],
    }
    assert row["prompt"][0]["content"] == "Be {{ mood }}. Go."
    assert (row["commitMessage"], row["config"]["temperature"]) == ("begun", 0.2)
    read = langfuse.read(file)
    assert read.refused == ()
    assert [one.version for one in read.items] == [one.version for one in out]
    assert [one.pins for one in read.items] == [one.pins for one in out]
    pairs = zip(read.items, out, strict=True)
    again = [one.model_copy(update={"composed": other.composed}) for one, other in pairs]
    assert langfuse.written(again) == file.read_text()
    assert {one.outcome for one in client.prompts.import_(read.items).items} == {"same"}


def test_a_text_that_was_edited_there_keeps_its_declarations(client: Client, file: Path) -> None:
    declared = {"name": "mood", "type": "string", "default": "calm"}
    client.prompts.create("a", "Be {{ mood }}.", variables=[declared])
    langfuse.write(file, client.prompts.export())
    edited(file, prompt="Be very {{ mood }}.", version=2)
    report = client.prompts.import_(langfuse.read(file).items)
    assert [one.outcome for one in report.items] == ["created"]
    made = client.prompts.get("a")
    assert (made.template, made.variables[0].default) == ("Be very {{ mood }}.", "calm")


def test_what_langfuse_itself_gives_is_read(file: Path, client: Client) -> None:
    rows = [
        {
            "id": "x", "projectId": "y", "name": "movie", "version": version, "type": "text",
            "prompt": f"Say {{{{film}}}} {version}", "config": None, "tags": ["a"],
            "labels": ["production", "latest"] if version == 2 else [], "isActive": None,
            "createdAt": "2025-01-02T03:04:05.678Z", "createdBy": "ada", "commitMessage": None,
        }
        for version in (2, 1)
    ]  # fmt: skip
    for text in (
        json.dumps(rows),
        json.dumps({"data": rows, "meta": {}}),
        "\n".join(map(json.dumps, rows)) + "\n",
    ):
        file.write_text(text)
        read = langfuse.read(file)
        assert (len(read.items), read.refused) == (2, ())
    assert read.items[0].origin.author == "ada"
    client.prompts.import_(read.items, labels=True)
    assert client.prompts.get("movie", label="production").number == 2
    assert client.prompts.get("movie", version=1).template == "Say {{film}} 1"
    file.write_text(json.dumps(rows[0]))
    assert len(langfuse.read(file).items) == 1


@pytest.mark.parametrize(
    ("row", "why"),
    [
        pytest.param(7, "no object", id="a number"),
        pytest.param({"name": "a"}, "prompt: Field required", id="no prompt"),
        pytest.param({"name": "a b", "prompt": "x"}, "name", id="no name"),
        pytest.param({"name": "../a", "prompt": "x"}, "name", id="a path"),
        pytest.param({"name": "a", "prompt": "x", "version": 0}, "number", id="no number"),
        pytest.param({"name": "a", "prompt": "x", "type": "chat"}, "is a text", id="no chat"),
        pytest.param(
            {"name": "a", "prompt": "@@@langfusePrompt:name=b|label=c@@@"}, "instead", id="composed"
        ),
        pytest.param(
            {"name": "a", "prompt": [{"role": "user", "content": None}]}, "content", id="no text"
        ),
    ],
)
def test_what_is_no_version_is_refused_by_its_place(file: Path, row: Any, why: str) -> None:
    file.write_text(json.dumps([{"name": "good", "prompt": "x"}, row]))
    read = langfuse.read(file)
    assert [one.version.name for one in read.items] == ["good"]
    (refused,) = read.refused
    assert refused.place == "prompts.json[1]"
    assert why in refused.reason


def carrying(file: Path, version: Json, **members: Any) -> None:
    """Write a row that shows ``a`` with a text, beside which that is carried."""
    shown = NewPromptVersion(name="a", template="hi", parameters={})
    carried = beside(found.item({"origin": {"place": "x"}, "version": shown}), shown)
    carried["item"] |= members
    carried["item"]["version"] |= version
    row = {"name": "a", "prompt": "hi", "config": {"twinline": carried}}
    file.write_text(json.dumps([row]))


def test_a_name_and_labels_are_those_that_are_shown(file: Path) -> None:
    carrying(file, {"name": "critical/p", "labels": ["production"], "message": "mine"})
    (item,) = langfuse.read(file).items
    assert (item.version.name, item.version.labels, item.version.message) == ("a", (), "mine")


def test_another_template_that_is_carried_needs_its_digest(file: Path) -> None:
    carrying(file, {"template": "quite another text"})
    (refused,) = langfuse.read(file).refused
    assert "without its digest" in refused.reason
    carrying(file, {"template": "quite another text"}, digest="0" * 64)
    assert langfuse.read(file).refused == ()


@pytest.mark.parametrize("origin", [5, None, "x", []])
def test_what_is_carried_but_not_as_we_write_it_is_left_alone(file: Path, origin: Any) -> None:
    carrying(file, {"message": "mine"}, origin=origin)
    (item,) = langfuse.read(file).items
    assert (item.version.template, item.version.message) == ("hi", "")
    carrying(file, {"name": 7})
    (item,) = langfuse.read(file).items
    assert item.version.name == "a"


def test_a_file_that_is_no_json_is_refused(file: Path) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        langfuse.read(file)
    for text in ('[{"a": NaN}]', "[" * 100_000, '[{"a": 1, "a": 2}]', "", "\udcff"):
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
        with pytest.raises(MalformedJson):
            langfuse.read(file)
