"""Two prompt versions: which messages belong together, variables, parameters, the unseen."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinline.diffs import versions
from twinline.diffs.paths import changed_paths
from twinline.diffs.versions import Said, between
from twinline.language import templates
from twinline.language.invisible import invisible, shown
from twinline.language.records import Include, NewPromptVersion, PromptDiff, PromptVersion, Variable
from twinline.language.refs import PromptVersionRef
from twinline.prompts.rules import content

BIDI, ZERO_WIDTH = "\u202e", "\u200b"


def version(template: Any, parameters: dict[str, Any] | None = None) -> PromptVersion:
    is_text = isinstance(template, str)
    made = PromptVersion.model_validate(
        {
            "ref": PromptVersionRef("p", 1),
            "name": "p",
            "number": 1,
            "kind": "text" if is_text else "chat",
            "template": template,
            "variables": (),
            "parameters": parameters or {},
            "digest": "0" * 64,
            "message": "",
            "author": "ana",
            "created_at": datetime(2026, 1, 1, tzinfo=UTC),
        }
    )
    names = templates.variables(made.template)
    return made.model_copy(update={"variables": tuple(Variable(name=name) for name in names)})


def compared(old: Any, new: Any) -> PromptDiff:
    return versions.compare(version(old), version(new))


def chat(*said: tuple[str, str]) -> list[dict[str, str]]:
    return [
        {"type": "placeholder", "name": content}
        if role == "placeholder"
        else {"role": role, "content": content}
        for role, content in said
    ]


SYSTEM = ("system", "You answer customers of a bank, politely and in one sentence.")
EXAMPLE = ("user", "What is a standing order, and how do I change it?")
CALM = ("system", "You answer customers of a bank, calmly and in two sentences.")
ASK = ("user", "{{ question }}")
HISTORY = ("placeholder", "history")
PAIRS = {
    "changed-in-place": ([SYSTEM, ASK], [CALM, ASK], "~11 =22"),
    "one-more-between": ([SYSTEM, ASK], [SYSTEM, EXAMPLE, ASK], "=11 +.2 =23"),
    "one-less": ([SYSTEM, HISTORY, ASK], [SYSTEM, ASK], "=11 -2. =32"),
    "a-new-role": ([SYSTEM], [("developer", SYSTEM[1])], "~11"),
    "other-words-and-role": ([SYSTEM], [EXAMPLE], "-1. +.1"),
    "another-placeholder": ([HISTORY], [("placeholder", "examples")], "~11"),
    "a-placeholder-is-no-message": ([HISTORY], [("user", "history")], "-1. +.1"),
}
SIGNS = {"equal": "=", "change": "~", "delete": "-", "insert": "+"}


@pytest.mark.parametrize(("old", "new", "expected"), PAIRS.values(), ids=PAIRS)
def test_messages_are_paired_by_role_and_likeness(
    old: list[tuple[str, str]], new: list[tuple[str, str]], expected: str
) -> None:
    found = compared(chat(*old), chat(*new)).messages
    places = [f"{SIGNS[one.op]}{one.old or '.'}{one.new or '.'}" for one in found]
    assert " ".join(places) == expected


def test_a_text_that_became_a_chat_is_compared_with_its_message() -> None:
    found = compared(SYSTEM[1], chat(CALM, ASK))
    first, second = found.messages
    assert (found.old_kind, found.new_kind) == ("text", "chat")
    assert (first.op, first.old_role, first.new_role) == ("change", None, "system")
    assert second.op == "insert"


def test_chats_too_long_to_pair_are_compared_place_by_place() -> None:
    old = [Said("user", f"number {n}") for n in range(250)]
    found = list(between(old, old[1:]))
    assert [(one.op, one.old, one.new) for one in found[:1] + found[-1:]] == [
        ("change", 1, 1),
        ("delete", 250, None),
    ]


def test_a_variable_in_the_place_of_another_is_called_renamed() -> None:
    found = compared(
        "Answer {{ question }} for {{ customer }}, in {{ tone }}.\nAgain: {{ question }}",
        "Answer {{ query }} for {{ customer }}, at {{ length }} words.\nAgain: {{ query }}",
    ).variables
    assert [(one.before, one.after) for one in found.renamed] == [
        ("question", "query"),
        ("tone", "length"),
    ]
    assert (found.added, found.removed) == ((), ())
    found = compared("Say {{ a }}.", "Say {{ a }} and then, in other words, {{ b }}.").variables
    assert (found.added, found.removed, found.renamed) == (("b",), (), ())


@pytest.mark.parametrize(
    ("old", "new", "paths"),
    [
        pytest.param({"t": 1}, {"t": 1.0}, {}, id="the-same-number"),
        pytest.param({"t": 1}, {"t": True}, {"/t": "changed"}, id="true-is-not-1"),
        pytest.param({"t": [1]}, {"t": [True]}, {"/t/0": "changed"}, id="nor-in-a-list"),
        pytest.param({"t": None}, {}, {"/t": "removed"}, id="null-was-there"),
        pytest.param({}, {"a/b": {"~": 1}}, {"/a~1b": "added"}, id="an-object-is-one"),
        pytest.param({"a/b": {"~": 1}}, {"a/b": {}}, {"/a~1b/~0": "removed"}, id="escaped"),
        pytest.param({"s": [1, 2]}, {"s": [1, 2, 3]}, {"/s/2": "added"}, id="a-longer-list"),
        pytest.param({"s": {"0": 1}}, {"s": [1]}, {"/s": "changed"}, id="no-list-is-an-object"),
    ],
)
def test_the_paths_at_which_parameters_differ(old: Any, new: Any, paths: dict[str, str]) -> None:
    assert {one.name: one.change for one in changed_paths(old, new)} == paths


def test_the_summary_says_it_in_a_few_words() -> None:
    old = version("Answer {{ question }} politely.", {"temperature": 0.2})
    new = version("Answer {{ query }} at once.", {"temperature": 0.7, "top_p": 1})
    found = versions.compare(old, new)
    assert found.summary == (
        "2 words deleted, 3 inserted; question is called query; parameter /temperature, /top_p"
    )
    assert versions.compare(old, old).summary == "the same"
    assert (found.identical, versions.compare(old, old).identical) == (False, True)


def _including(number: int, said: str, written: str = "tone@live", **more: Any) -> PromptVersion:
    pin = Include(written=written, version=PromptVersionRef("tone", number), digest="0" * 64)
    made = version(f"{{{{> {written} }}}} Answer.")
    composed = {"composed": f"{said} Answer.", "includes": (pin,)}
    return made.model_copy(update=composed | more)


def test_where_only_the_included_text_changed_the_composed_texts_are_compared() -> None:
    found = versions.compare(_including(1, "Be calm."), _including(2, "Be brief."))
    assert [(one.written, str(one.before), str(one.after)) for one in found.includes] == [
        ("tone@live", "prompts:/tone/1", "prompts:/tone/2")
    ]
    (line,) = found.messages[0].content.hunks[0].lines
    assert [part.text for part in line.parts] == ["Be ", "calm", "brief", ". Answer."]
    assert (found.composed, found.identical) == (True, False)
    assert found.summary == "1 words deleted, 1 inserted; tone@live 1 -> 2"


def test_where_something_else_is_written_that_is_compared() -> None:
    found = versions.compare(_including(1, "Be calm."), _including(2, "Be brief.", "tone@2"))
    assert found.composed is False
    assert [(one.written, one.before is None, one.after is None) for one in found.includes] == [
        ("tone@live", False, True),
        ("tone@2", True, False),
    ]
    (line,) = found.messages[0].content.hunks[0].lines
    assert [part.text for part in line.parts][:2] == ["{{> tone@live }}", "{{> tone@2 }}"]


def test_a_pin_is_a_difference_also_when_both_texts_are_the_same() -> None:
    found = versions.compare(_including(1, "Be calm."), _including(2, "Be calm."))
    assert (found.composed, found.identical, found.summary) == (False, False, "tone@live 1 -> 2")


def test_the_syntax_and_the_examples_are_compared() -> None:
    old, new = _including(1, "Be calm."), _including(1, "Be calm.", syntax="jinja2")
    found = versions.compare(old, new)
    assert [(one.name, one.before, one.after) for one in found.others] == [
        ("/syntax", "twinline", "jinja2")
    ]
    assert (found.identical, found.summary) == (False, "other /syntax")


def test_what_nobody_sees_is_named_where_it_changed() -> None:
    found = compared(f"One\nTwo{ZERO_WIDTH} words\nkept{BIDI}\n", f"One  \nTwo words\nkept{BIDI}\n")
    assert [(one.side, one.line, one.code, one.name) for one in found.invisible] == [
        ("new", 1, "U+0020", "space at the end of a line"),
        ("old", 2, "U+200B", "ZERO WIDTH SPACE"),
    ]


def test_invisible_characters_are_shown() -> None:
    text = f"a{BIDI}b  \nc\u00a0d\te \r\n"
    assert shown(text) == "a⟨U+202E⟩b··\nc⟨U+00A0⟩d\te·\r\n"
    assert [place for place, _, _ in invisible(text)] == [1, 3, 7, 11]
    assert shown("one\rtwo") == "one⟨U+000D⟩two"
    plain = "plain Grüße 模型 🙂\ufe0f\n"
    assert (shown(plain), list(invisible(plain))) == (plain, [])


UNSEEN = "\u202e\u200b\u00a0\u3000\u3164\u115f\u180b\u2065\ufeff\U000e0041\u0600 \t\r\n"
some = st.characters(exclude_categories=("Cs",), exclude_characters="⟨")


@given(st.text(some | st.sampled_from(UNSEEN), min_size=1))
def test_what_is_noted_is_shown_and_nothing_unseen_is_left(text: str) -> None:
    new = NewPromptVersion(name="p", template=text)
    noted = {one.text.split()[0] for one in content(new, {}).notes if one.kind == "invisible"}
    assert noted == set(re.findall("⟨(.*?)⟩", shown(text)))
    assert list(invisible(shown(text))) == []
