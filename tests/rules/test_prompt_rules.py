"""What a prompt version's content is, and which variables its template uses."""

from contextlib import nullcontext
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import json_objects, labels, numbers
from twinline.language.errors import Invalid
from twinline.language.records import (
    Message,
    NewPromptVersion,
    Placeholder,
    Prompt,
    PromptVersion,
    ProtectedLabel,
    Template,
)
from twinline.language.refs import PromptVersionRef
from twinline.language.templates import variables
from twinline.plain import rules as plain
from twinline.prompts import rules
from twinline.prompts.rules import content, labels_of

HISTORY = Placeholder(type="placeholder", name="history")


def chat(*contents: str) -> tuple[Message | Placeholder, ...]:
    return tuple(Message(role="user", content=content) for content in contents)


TEMPLATES: dict[str, tuple[Template, str]] = {
    "none": ("Answer in one sentence.", ""),
    "one": ("Answer {{ question }}.", "question"),
    "without-spaces": ("Answer {{question}}.", "question"),
    "with-more-spaces": ("Answer {{ \t question\n}}.", "question"),
    "in-order-of-appearance": ("{{ b }} {{ a }} {{ c }}", "b a c"),
    "each-once": ("{{ a }} {{ b }} {{ a }}", "a b"),
    "side-by-side": ("{{a}}{{b}}", "a b"),
    "with-dots": ("{{ user.name }}", "user.name"),
    "with-underscore-and-digits": ("{{ _a1 }}", "_a1"),
    "case-counts": ("{{ a }} {{ A }}", "a A"),
    "single-braces": ("{ a } {b}", ""),
    "triple-braces": ("{{{ a }}}", "a"),
    "json-in-the-text": ('{"a": {"b": 1}}', ""),
    "not-closed": ("{{ a", ""),
    "closed-by-one": ("{{ a }", ""),
    "empty-braces": ("{{ }}", ""),
    "beginning-with-a-digit": ("{{ 1a }}", ""),
    "beginning-with-a-dot": ("{{ .a }}", ""),
    "two-words": ("{{ a b }}", ""),
    "dash": ("{{ a-b }}", ""),
    "expression": ("{{ a | upper }}", ""),
    "not-ascii": ("{{ größe }}", ""),
    "chat": (chat("You are {{ role }}.", "{{ question }} {{ role }}"), "role question"),
    "chat-with-placeholder": ((*chat("{{ a }}"), HISTORY, *chat("{{ b }}")), "a b"),
    "placeholder-alone": ((HISTORY,), ""),
}


@pytest.mark.parametrize(("template", "names"), TEMPLATES.values(), ids=TEMPLATES)
def test_the_variables_of_a_template(template: Template, names: str) -> None:
    assert list(variables(template)) == names.split()


def test_braces_of_two_messages_make_no_variable() -> None:
    assert variables(chat("{{", "a }}")) == ()


names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.]{0,8}", fullmatch=True)


@given(st.lists(names, unique=True, max_size=6), st.data())
def test_every_variable_that_is_written_is_found(names: list[str], data: st.DataObject) -> None:
    no_braces = st.characters(exclude_characters="{}", exclude_categories=("Cs",))
    between = st.text(no_braces, max_size=5)
    texts = [f"{data.draw(between)}{{{{ {name} }}}}{data.draw(between)}" for name in names]
    assert list(variables("".join(texts))) == names
    assert variables(chat(*texts)) == variables("".join(texts))


def test_too_many_variables_are_refused_used_and_declared_together() -> None:
    written = "".join(f"{{{{ v{n} }}}}" for n in range(999))
    assert len(content(new(template=written, variables=[{"name": "n"}]), {}).variables) == 1000
    with pytest.raises(Invalid, match=r"has 1,001 variables .*; 1,000 are the most"):
        content(new(template=written, variables=[{"name": "n"}, {"name": "m"}]), {})


# --- the digest -------------------------------------------------------------------------

BASE: dict[str, Any] = {
    "name": "support/answer",
    "template": "Answer {{ question }}",
    "parameters": {"temperature": 0.2},
    "message": "shorter",
}


def new(**changes: Any) -> NewPromptVersion:
    return NewPromptVersion.model_validate(BASE | changes)


def content_digest(version: NewPromptVersion) -> str:
    return content(version, {}).digest


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"template": "Answer {{ question }}."}, id="template"),
        pytest.param({"template": "Answer {{question}}"}, id="spaces-in-the-template"),
        pytest.param({"parameters": {}}, id="parameters-gone"),
        pytest.param({"parameters": {"temperature": 0.3}}, id="parameter"),
        pytest.param({"parameters": {"temperature": 0.2, "top_p": 1}}, id="another-parameter"),
        pytest.param(
            {"template": [{"role": "user", "content": "Answer {{ question }}"}]}, id="kind"
        ),
    ],
)
def test_other_content_is_another_version(changes: dict[str, Any]) -> None:
    assert content_digest(new(**changes)) != content_digest(new())


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"message": "longer"}, id="message"),
        pytest.param({"labels": ["production"]}, id="labels"),
        pytest.param({"description": "Answers tickets"}, id="description"),
        pytest.param({"tags": {"team": "support"}}, id="tags"),
        pytest.param({"name": "support/reply"}, id="name"),
        pytest.param({"parameters": {"temperature": 0.20}}, id="parameter-spelled-otherwise"),
    ],
)
def test_what_is_said_about_a_version_is_not_its_content(changes: dict[str, Any]) -> None:
    assert content_digest(new(**changes)) == content_digest(new())


def test_the_parts_of_a_chat_are_content() -> None:
    parts = [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}, HISTORY]
    digests = {
        content_digest(new(template=parts)),
        content_digest(new(template=parts[:2])),
        content_digest(new(template=parts[::-1])),
        content_digest(new(template=[{**parts[0], "role": "system"}, *parts[1:]])),
        content_digest(new(template=[*parts[:2], {"type": "placeholder", "name": "turns"}])),
    }
    assert len(digests) == 5


@given(json_objects())
def test_the_order_of_parameters_is_no_content(parameters: dict[str, Any]) -> None:
    again = dict(reversed(parameters.items()))
    assert content_digest(new(parameters=parameters)) == content_digest(new(parameters=again))


def test_the_digest_never_changes_between_versions_of_twinline() -> None:
    """The database knows versions by it: else the same text would become a new version."""
    form = (
        b'{"kind":"text","parameters":{"temperature":0.2},"template":"Answer {{ question }}",'
        b'"variables":[{"name":"question"}]}'
    )
    assert content_digest(new()) == sha256(form).hexdigest()


# --- labels -----------------------------------------------------------------------------

LABELS = {
    "none": (1, {}, 2, ()),
    "the-newest-is-latest": (2, {}, 2, ("latest",)),
    "one": (1, {"production": 1}, 2, ("production",)),
    "of-another-version": (1, {"production": 2}, 2, ()),
    "by-name": (1, {"staging": 1, "production": 1, "x": 2}, 2, ("production", "staging")),
    "latest-first": (2, {"a": 2, "staging": 2}, 2, ("latest", "a", "staging")),
}


@pytest.mark.parametrize(("number", "labels", "latest", "found"), LABELS.values(), ids=LABELS)
def test_the_labels_of_a_version(
    number: int, labels: dict[str, int], latest: int, found: tuple[str, ...]
) -> None:
    assert labels_of(number, labels, latest) == found


@given(st.dictionaries(labels(), numbers()), numbers())
def test_every_label_names_one_version(labels: dict[str, int], latest: int) -> None:
    labels.pop("latest", None)
    named = {
        label: number
        for number in {*labels.values(), latest}
        for label in labels_of(number, labels, latest)
    }
    assert named == labels | {"latest": latest}


PROTECTED = {
    "everywhere": ("sales/answer", ["", "support"], ""),
    "the-narrowest-folder": ("support/eu/answer", ["", "support/eu", "support"], "support/eu"),
    "no-beginning-of-a-name": ("supporting", ["support"], None),
    "not-the-folder-itself": ("support", ["support"], None),
    "nowhere": ("support/answer", [], None),
}


@pytest.mark.parametrize(("name", "domains", "holds"), PROTECTED.values(), ids=PROTECTED)
def test_the_narrowest_protection_that_holds_is_told(
    name: str, domains: list[str], holds: str | None
) -> None:
    kept = [
        ProtectedLabel(
            label="production", domain=domain, reason="because", actor="a", at=datetime.now(UTC)
        )
        for domain in domains
    ]
    found = rules.protecting(name, kept)
    assert (found.domain if found else None) == holds


SEARCHES = {
    "words": ("refund policy", True, False),
    "a-hyphen-in-a-word": ("refund-policy", True, False),
    "two-letters": ("re", False, False),
    "without-a-word": ("refund -policy", False, False),
    "side-by-side": ('"refund policy"', False, False),
    "a-quote-that-is-left-open": ('"refund policy', False, False),
    "only-without": ('-refund -"two words"', False, True),
    "nothing": ("", False, False),
}


@pytest.mark.parametrize(("search", "parts", "refused"), SEARCHES.values(), ids=SEARCHES)
def test_what_a_search_may_mean(search: str, parts: bool, refused: bool) -> None:
    assert rules.may_be_parts(search) == parts
    with pytest.raises(Invalid) if refused else nullcontext():
        rules.refuse_search_for_nothing(search)


def test_a_plain_version_is_told_by_its_highest_semantic_version() -> None:
    """A pre-release comes before its release (Semantic Versioning 2.0.0, 11)."""
    for named, told in (
        (("1.0.0", "1.0.0-rc.1"), "1.0.0"),
        (("v1.2", "1.10.0", "1.9.9"), "1.10.0"),
        (("latest", "production"), "3"),
    ):
        version = PromptVersion(
            ref=PromptVersionRef("p", 3), name="p", number=3, kind="text", template="x",
            variables=(), parameters={}, digest="0" * 64, message="", author="a",
            created_at=datetime.now(UTC), labels=named,
        )  # fmt: skip
        prompt = Prompt(
            name="p", description="", tags={}, created_at=datetime.now(UTC), latest=3, labels={}
        )
        assert plain.row(version, prompt).version == told
