"""A version as a file: what was written is read again to the byte; the rest is refused."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from twinline.exchange import chats, documents, yaml_text
from twinline.language.errors import Invalid
from twinline.language.records import Message, Placeholder, PromptItem

AWKWARD = (
    "---\n",
    "a\n---\nb: c\n---\n",
    "\r\nx\r\n \t\r",
    "no line at the end  ",
    ">>> user\n\\>>> system\n\\\\>>> x\n",
    "\ufeffzero\u200bwidth\u202e\u2028\u2029\x85\x0b\x0c\x1c",
    "\x7f\x01 \U0001f600 \ud7ff\ufffe",
    "*a &b !!python/object:os.system {{ x }} {% y %}",
    "\n",
    "\n\n\n",
)
LIKE_YAML = (
    *("no", "1e5", "1e-5", "012", "1:30", "0x1f", "2026-01-01", "~", "null", "true", "", " "),
    *("=", "<<", "- a", "a: b", "#", "---", "...", "1_000", ".5", "+1", ".inf", "1.", "\t", "é"),
)
texts = st.one_of(
    st.sampled_from((*AWKWARD, *LIKE_YAML)),
    st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=40),
    st.lists(st.sampled_from((*AWKWARD, *LIKE_YAML)), max_size=4).map("".join),
)
full = texts.filter(bool)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | texts
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
objects = st.dictionaries(texts, values, max_size=4)
messages = st.builds(Message, role=full.map(lambda text: text[:50]), content=texts)
placeholders = st.builds(Placeholder, type=st.just("placeholder"), name=st.just("history"))
templates = full | st.lists(messages | placeholders, min_size=1, max_size=4).map(tuple)


def item(template: Any = "x", **members: Any) -> PromptItem:
    version = {"name": "a/b", "template": template, **members}
    return PromptItem.model_validate(
        {"origin": {"place": "a/b/7.md"}, "number": 7, "version": version}
    )


def again(one: PromptItem) -> PromptItem:
    file = documents.written(one).encode()
    return documents.read(documents.decoded(file), "a/b/7.md", name="a/b", number=7)


@given(templates, objects, objects, texts)
@example("\r", {"a": 1e16, "b": 1e-7, "c": 1.0, "d": -0.0, "e": 10**20}, {}, "x\n---\ny")
def test_what_was_written_is_read_again(
    template: Any, parameters: dict[str, Any], tags: dict[str, Any], message: str
) -> None:
    one = item(template, parameters=parameters, tags=tags or None, message=message[:1000])
    assert again(one) == one
    assert documents.written(again(one)) == documents.written(one)


@given(objects)
def test_yaml_says_what_json_says(value: dict[str, Any]) -> None:
    assert yaml_text.load(yaml_text.dump(value)) == value


@given(st.lists(messages | placeholders, max_size=5))
def test_a_chat_is_read_as_it_was_written(parts: list[Message | Placeholder]) -> None:
    read = chats.read(chats.written(parts))
    assert read == [part.model_dump(mode="json") for part in parts]


def test_a_file_is_made_for_people() -> None:
    one = item(
        [
            {"role": "system", "content": "Be calm."},
            {"type": "placeholder", "name": "history"},
            {"role": "user", "content": ">>> not a head\nno"},
        ],
        labels=["live"],
        message="warmer",
        parameters={"temperature": 0.2, "stop": ["no", "1e5"]},
        variables=[{"name": "n", "type": "integer", "default": 2}],
    )
    assert documents.written(one) == (
        "---\n"
        "name: a/b\n"
        "version: 7\n"
        "kind: chat\n"
        "message: warmer\n"
        "labels:\n"
        "- live\n"
        "variables:\n"
        "- default: 2\n"
        "  name: n\n"
        "  type: integer\n"
        "parameters:\n"
        "  stop:\n"
        "  - 'no'\n"
        "  - '1e5'\n"
        "  temperature: 0.2\n"
        "---\n"
        ">>> system\n"
        "Be calm.\n"
        ">>> placeholder history\n"
        ">>> user\n"
        "\\>>> not a head\n"
        "no\n"
    )


def test_scalars_that_people_write_are_what_they_look_like() -> None:
    text = "a: no\nb: 1e-5\nc: 2026-01-01\nd: 012\ne: 1:30\nf: True\ng:\nh: true\ni: 1.5"
    assert yaml_text.load(text) == {
        "a": "no",
        "b": 1e-5,
        "c": "2026-01-01",
        "d": "012",
        "e": "1:30",
        "f": "True",
        "g": None,
        "h": True,
        "i": 1.5,
    }


BOMB = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [*{before}, *{before}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(BOMB, "anchors and aliases", id="a bomb of aliases"),
        pytest.param("a: &x 1", r"aliases are not read \(its line 1, column 4\)$", id="an anchor"),
        pytest.param("a: *x", "anchors and aliases", id="an alias"),
        pytest.param("a: " + "[" * 100_000, "nested deeper than 64", id="deep lists"),
        pytest.param(
            "a:\n" + "".join(" " * n + "- \n" for n in range(90)), "deeper|expected", id="d"
        ),
        *(
            pytest.param(f"a: {tagged}", "tags are not read", id=tagged)
            for tagged in (
                *("!!python/object/apply:os.system [id]", "!!binary aGk=", "!mine x", "! x"),
                *("!!timestamp 2026-01-01", "!!float .nan", "!!float 1:2", "!!int 0o7"),
                *("!!bool x", "!!bool yes", "!!int ''", "!!float ''", "!!map [1]", "!!str 1"),
            )
        ),
        pytest.param('a: "\\UFFFFFFFF"', "too large", id="no character"),
        pytest.param("a: 1e999", "too large|Infinity", id="a number beyond all"),
        pytest.param("a: 1\na: 2", "'a' is there twice", id="twice"),
        pytest.param("1: 2", "a name is no text", id="a number as a name"),
        pytest.param("? [a]\n: 2", "a name is no text", id="a list as a name"),
        pytest.param("- a", "a list, not names", id="a list"),
        pytest.param('a: "\\0"', "NUL", id="NUL"),
        pytest.param('a: "\\ud800"', "surrogate", id="a lone surrogate"),
        pytest.param("a: " + "9" * 5000, "digits", id="a number without end"),
        pytest.param("a: [", "expected", id="not closed"),
        pytest.param("a: 1\n--- \nb: 2", "single document", id="two documents"),
        pytest.param("a" * 1_100_000, "1,100,000 characters", id="long"),
        pytest.param("a: \x07", "special characters", id="a bell"),
    ],
)
def test_yaml_that_is_more_than_json_is_refused(text: str, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        yaml_text.load(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x", "does not begin with front matter"),
        ("", "does not begin with front matter"),
        ("\ufeff---\n---\nx", "byte order mark"),
        ("---\nname: a/b\n", "does not end"),
        ("---\nname: a/c\n---\nx", "says the name 'a/c', and its path says 'a/b'"),
        ("---\nname: ../b\n---\nx", "says the name '../b'"),
        ("---\nversion: 8\n---\nx", "says the version 8, and its path says 7"),
        ("---\ncolour: red\n---\nx", "colour: Extra inputs"),
        ("---\ndigest: x\n---\nx", "digest"),
        ("---\nlabels: [latest]\n---\nx", "kept by the system"),
        ("---\nlabels: ['7']\n---\nx", "may not be a number"),
        ("---\n---\n", "template"),
        ("---\nkind: chat\n---\nx", "begin it with `>>> ROLE`"),
        ("---\nkind: chat\n---\n>>> a b\nx", "say `>>> ROLE`"),
        ("---\nkind: chat\n---\n>>> placeholder a\nx", "has a text"),
        ('---\nkind: chat\n---\n>>> user\nx\n>>> "\\q"\nx', "Line 3 of the chat"),
        ('---\nkind: chat\n---\n>>> "a\tb"\nx', "Line 1 of the chat"),
        ('---\nkind: chat\n---\n>>> "\\ud800"\nx', "role"),
        ("---\nkind: chat\n---\n", "template"),
        ("---\nincludes: [{written: a}]\n---\nx", "includes.0.version"),
    ],
)
def test_a_file_that_is_no_version_is_refused(text: str, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        documents.read(text, "a/b/7.md", name="a/b", number=7)


def test_bytes_that_are_no_text_are_refused() -> None:
    for content, why in ((b"---\n---\n\xff", "byte 8"), (b"---\n---\na\x00", "NUL character at 9")):
        with pytest.raises(Invalid, match=why):
            documents.decoded(content)


def test_front_matter_may_end_in_windows_lines() -> None:
    text = "---\nmessage: hi\nkind: chat\n---\n>>> placeholder history\n\n>>> user\nx\n\ny\n"
    read = documents.read(text.replace("\n", "\r\n"), "a/b/7.md", name="a/b", number=7)
    assert read.version.message == "hi"
    assert read.version.template == (
        Placeholder(type="placeholder", name="history"),
        Message(role="user", content="x\r\n\r\ny"),
    )


def test_line_breaks_that_were_changed_are_named_where_a_digest_would_not_fit() -> None:
    def changed(template: str, digest: str | None) -> PromptItem:
        file = documents.written(item(template).model_copy(update={"digest": digest}))
        return documents.read(file.replace("\n", "\r\n"), "x", name="a/b", number=7)

    with pytest.raises(Invalid, match="autocrlf"):
        changed("one\ntwo", "0" * 64)
    assert changed("one", "0" * 64).version.template == "one"
    assert changed("one\ntwo", None).version.template == "one\r\ntwo"
