"""Rendering: strict about what is given, one pass, and nothing is executed."""

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import json_values
from twinline import render
from twinline.language.errors import (
    MissingVariable,
    NotRendered,
    UnexpectedVariable,
    WrongVariable,
)
from twinline.language.records import NewPromptVersion, ServedPrompt
from twinline.language.refs import PromptVersionRef
from twinline.language.values import as_text
from twinline.prompts.rules import content


def prompt(template: Any, **more: Any) -> ServedPrompt:
    """As a bundle holds it."""
    new = NewPromptVersion.model_validate({"name": "p", "template": template, **more})
    found = content(new, {})
    return ServedPrompt(
        ref=PromptVersionRef("p", 3),
        kind=new.kind,
        template=new.template,
        syntax=new.syntax,
        variables=found.variables,
        parameters={},
    )


def declared(**more: Any) -> dict[str, Any]:
    return {"variables": [{"name": "a", **more}]}


RENDERED: dict[str, tuple[ServedPrompt, dict[str, Any], str]] = {
    "none": (prompt("as it is"), {}, "as it is"),
    "each-time": (prompt("{{ a }}-{{a}}-{{\ta\n}}"), {"a": "x"}, "x-x-x"),
    "dots-are-a-name": (prompt("{{ a.b }}"), {"a.b": "x"}, "x"),
    "no-variable-stays": (prompt("{{ a | b }} {a} {{ }} {{"), {}, "{{ a | b }} {a} {{ }} {{"),
    "braces-around": (prompt("{{{ a }}}"), {"a": "x"}, "{x}"),
    "a-value-is-no-template": (
        prompt("{{ a }}{{ b }}"),
        {"a": "{{ b }}", "b": "{{ a }}"},
        "{{ b }}{{ a }}",
    ),
    "braces-of-two-values": (prompt("{{ a }}{{ b }}"), {"a": "{{ b", "b": " }}"}, "{{ b }}"),
    "a-value-is-no-include": (prompt("{{ a }}"), {"a": "{{> p@1 }}"}, "{{> p@1 }}"),
    "an-include-of-old-is-text": (prompt("{{> p@1 }}"), {}, "{{> p@1 }}"),
    "not-escaped": (prompt("{{ a }}"), {"a": "<b>&'\"\\1\\g<0>"}, "<b>&'\"\\1\\g<0>"),
    "unseen-characters-stay": (
        prompt("\u202e{{ a }}\ufeff"),
        {"a": "\u200b"},
        "\u202e\u200b\ufeff",
    ),
    "default": (prompt("{{ a }}", **declared(type="integer", default=2)), {}, "2"),
    "default-of-no-length": (prompt("[{{ a }}]", **declared(default="")), {}, "[]"),
    "false-is-a-default": (
        prompt("{{ a }}", **declared(type="boolean", default=False)),
        {},
        "false",
    ),
    "given-before-default": (prompt("{{ a }}", **declared(default="x")), {"a": ""}, ""),
    "not-required": (prompt("[{{ a }}]", **declared(required=False)), {}, "[]"),
    "declared-and-unused": (prompt("x", **declared()), {}, "x"),
    "declared-and-unused-may-be-given": (prompt("x", **declared()), {"a": "y"}, "x"),
    "object": (
        prompt("{{ a }}", **declared(type="object")),
        {"a": {"y": [1, "ü"], "x": None}},
        '{"x":null,"y":[1,"ü"]}',
    ),
    "undeclared-takes-any": (prompt("{{ a }} {{ b }}"), {"a": 1, "b": [True]}, "1 [true]"),
}


@pytest.mark.parametrize(("given", "values", "text"), RENDERED.values(), ids=RENDERED)
def test_a_text(given: ServedPrompt, values: dict[str, Any], text: str) -> None:
    assert render(given, values) == text


REFUSED: dict[str, tuple[ServedPrompt, dict[str, Any], type[NotRendered], str]] = {
    "missing": (
        prompt("{{ a }}"),
        {},
        MissingVariable,
        "needs a value for 'a'; give one, or declare",
    ),
    "extra": (
        prompt("{{ a }}"),
        {"a": "", "b": ""},
        UnexpectedVariable,
        "prompts:/p/3 has no variable 'b'; it has a",
    ),
    "type": (
        prompt("{{ a }}", **declared(type="integer")),
        {"a": "1"},
        WrongVariable,
        "prompts:/p/3: 'a' takes a value of type integer, not '1'",
    ),
    "truth-is-no-number": (
        prompt("{{ a }}", **declared(type="number")),
        {"a": True},
        WrongVariable,
        "number",
    ),
    "none": (prompt("{{ a }}"), {"a": None}, WrongVariable, "not None"),
    "none-where-none-is-required": (
        prompt("{{ a }}", **declared(required=False)),
        {"a": None},
        WrongVariable,
        "not None",
    ),
    "no-json": (prompt("{{ a }}"), {"a": object()}, WrongVariable, "cannot be written as a text"),
    "nan-in-a-list": (
        prompt("{{ a }}", **declared(type="array")),
        {"a": [float("nan")]},
        WrongVariable,
        "cannot be written",
    ),
}


@pytest.mark.parametrize(("given", "values", "error", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_named_with_its_version(
    given: ServedPrompt, values: dict[str, Any], error: type[NotRendered], said: str
) -> None:
    with pytest.raises(error) as refused:
        render(given, values)
    assert said in refused.value.detail
    assert refused.value.fields["version"] == "prompts:/p/3"


def test_what_is_extra_may_be_left_out_on_demand() -> None:
    assert render(prompt("{{ a }}"), {"a": "x", "b": "y"}, {"c": []}, allow_extra=True) == "x"


# --- chats ------------------------------------------------------------------------------

CHAT = [
    {"role": "system", "content": "Be {{ tone }}."},
    {"type": "placeholder", "name": "history"},
    {"role": "user", "content": "{{ question }}"},
]


def test_messages_go_in_as_they_are_given() -> None:
    turns = [
        {"role": "user", "content": "{{ tone }}"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
    ]
    found = render(prompt(CHAT), {"tone": "calm", "question": "Why?"}, {"history": turns})
    assert found == [
        {"role": "system", "content": "Be calm."}, *turns, {"role": "user", "content": "Why?"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("messages", "error", "said"),
    [
        ({}, MissingVariable, "needs the messages for its placeholder 'history'"),
        (
            {"history": [], "other": []},
            UnexpectedVariable,
            "no place for the messages 'other'.* allow_extra",
        ),
        ({"history": ["Hi"]}, WrongVariable, "each a mapping with a role"),
        ({"history": [{"content": "Hi"}]}, WrongVariable, "each a mapping with a role"),
    ],
    ids=["missing", "extra", "text", "no-role"],
)
def test_messages_are_as_strict_as_variables(
    messages: Any, error: type[NotRendered], said: str
) -> None:
    with pytest.raises(error, match=said):
        render(prompt(CHAT), {"tone": "calm", "question": "Why?"}, messages)


# --- properties -------------------------------------------------------------------------

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.]{0,6}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
pieces = st.lists(
    st.tuples(texts.filter(lambda text: not set("{}") & set(text)), names), max_size=8
)


@given(pieces, st.data())
def test_a_text_is_what_stands_between_its_values(
    pieces: list[tuple[str, str]], data: st.DataObject
) -> None:
    written = "".join(f"{before}{{{{ {name} }}}}" for before, name in pieces) + "end"
    value = texts | json_values().filter(lambda one: one is not None)
    values = {name: data.draw(value) for _, name in pieces}
    expected = "".join(before + as_text(values[name]) for before, name in pieces) + "end"
    assert render(prompt(written), values) == expected


@given(st.text("{}> ab1.\n", min_size=1, max_size=40))
def test_a_rendered_text_is_not_rendered_again(template: str) -> None:
    """Whatever braces it has: with its own name for each value, once is as good as twice."""
    found = prompt(template)
    once = render(
        found, {variable.name: f"{{{{ {variable.name} }}}}" for variable in found.variables}
    )
    assert isinstance(once, str)
    again = prompt(once)
    assert render(again, {one.name: f"{{{{ {one.name} }}}}" for one in again.variables}) == once
    assert once == template or found.variables


# --- Jinja2 -----------------------------------------------------------------------------

JINJA: dict[str, tuple[str, dict[str, Any], str]] = {
    "control": (
        "{% for i in items %}{{ loop.index }}:{{ i }} {% endfor %}",
        {"items": ["a", "b"]},
        "1:a 2:b ",
    ),
    "own-functions": ("{% for i in range(n) %}{{ i }}{% endfor %}", {"n": 3}, "012"),
    "set": ("{% set a = b %}{{ a }}", {"b": "x"}, "x"),
    "attributes": ("{{ user.name }}", {"user": {"name": "Ada"}}, "Ada"),
    "not-escaped": ("{{ a }}", {"a": "<b>&"}, "<b>&"),
    "last-line": ("a\n", {}, "a\n"),
    "a-value-is-no-template": ("{{ a }}", {"a": "{{ 7 * 7 }}{% raw %}"}, "{{ 7 * 7 }}{% raw %}"),
}


@pytest.mark.parametrize(("template", "values", "text"), JINJA.values(), ids=JINJA)
def test_a_text_in_jinja2(template: str, values: dict[str, Any], text: str) -> None:
    assert render(prompt(template, syntax="jinja2"), values) == text


JINJA_REFUSED: dict[str, tuple[str, dict[str, Any], type[NotRendered]]] = {
    "missing": ("{% if a %}b{% endif %}", {}, MissingVariable),
    "missing-member": ("{{ a.b }}", {"a": {}}, MissingVariable),
    "extra": ("{{ a }}", {"a": 1, "b": 2}, UnexpectedVariable),
    "broken": ("{% if %}", {}, NotRendered),
    "failing": ("{{ 1 // a }}", {"a": 0}, NotRendered),
    "into-the-interpreter": ("{{ a.__class__.__mro__ }}", {"a": "x"}, NotRendered),
    "through-a-format": ("{{ '{0.__class__.__mro__}'.format(a) }}", {"a": "x"}, NotRendered),
    "changing-a-value": ("{{ a.append(1) }}", {"a": []}, NotRendered),
    "another-file": ("{% include '/etc/passwd' %}", {}, NotRendered),
    "without-end": ("{{ range(10 ** 9) | list }}", {}, NotRendered),
}


@pytest.mark.parametrize(("template", "values", "error"), JINJA_REFUSED.values(), ids=JINJA_REFUSED)
def test_jinja2_stays_in_its_sandbox(
    template: str, values: dict[str, Any], error: type[NotRendered]
) -> None:
    with pytest.raises(error, match="prompts:/p/3"):
        render(prompt(template, syntax="jinja2"), values)


def test_a_chat_in_jinja2_has_its_defaults_and_messages() -> None:
    chat = [
        {"role": "system", "content": "{% if calm %}Be calm.{% endif %}"},
        {"type": "placeholder", "name": "history"},
    ]
    found = prompt(
        chat, syntax="jinja2", variables=[{"name": "calm", "type": "boolean", "default": True}]
    )
    assert render(found, {}, {"history": []}) == [{"role": "system", "content": "Be calm."}]
    with pytest.raises(WrongVariable, match="type boolean"):
        render(found, {"calm": "yes"}, {"history": []})


def test_without_jinja2_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.delitem(sys.modules, "twinline.client.jinja", raising=False)
    with pytest.raises(NotRendered, match=r"pip install 'twinline\[jinja2\]'"):
        render(prompt("{{ a }}", syntax="jinja2"), {"a": "x"})
    assert render(prompt("{{ a }}"), {"a": "x"}) == "x"
