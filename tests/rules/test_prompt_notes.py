"""What an author may not have meant is said, and kept as it is."""

from typing import Any

import pytest

from twinline.language.records import NewPromptVersion
from twinline.prompts.rules import content


def said(template: Any, **more: Any) -> list[tuple[str, str, str]]:
    new = NewPromptVersion.model_validate({"name": "p", "template": template, **more})
    return [(note.kind, note.place, note.text) for note in content(new, {}).notes]


def declared(*names: str) -> list[dict[str, Any]]:
    return [{"name": name} for name in names]


def test_variables_are_declared_and_declarations_used() -> None:
    assert said("{{ a }} {{ b }}", variables=declared("b", "c")) == [
        ("undeclared", "template", "{{ a }} is used and not declared."),
        ("unused", "variables[1]", "'c' is declared and not used."),
    ]
    assert said("{{ a }}", variables=declared("a")) == []


def test_a_variable_of_a_chat_is_found_where_it_stands() -> None:
    chat = [{"role": "system", "content": "x"}, {"role": "user", "content": "{{ a }}{{ a }}"}]
    chat.append({"role": "user", "content": "{{ a }}"})
    assert said(chat)[0][:2] == ("undeclared", "template[1].content")


BRACES = {
    "begun": ("{{ a", "'{{' at character 1 begins no variable; it stays as it is."),
    "closed-by-one": ("x {{ a }", "'{{' at character 3 begins no variable; it stays as it is."),
    "expression": ("{{ a | upper }}", "'{{' at character 1 begins no variable; it stays as it is."),
    "closed-alone": ("a }}", "0 braces are opened and 2 closed."),
    "one-too-many": ("{{{ b }}", "1 braces are opened and 0 closed."),
}


@pytest.mark.parametrize(("template", "text"), BRACES.values(), ids=BRACES)
def test_braces_that_do_not_close_are_told(template: str, text: str) -> None:
    assert [one for one in said(template) if one[0] == "braces"] == [("braces", "template", text)]


@pytest.mark.parametrize("template", ['{"a": {"b": 1}}', "{ a }", "none", "{{ a }}{{b}}"])
def test_braces_that_close_are_not(template: str) -> None:
    assert not [one for one in said(template) if one[0] == "braces"]


UNSEEN = {
    "\u202e": "U+202E RIGHT-TO-LEFT OVERRIDE",
    "\u200b": "U+200B ZERO WIDTH SPACE",
    "\ufeff": "U+FEFF ZERO WIDTH NO-BREAK SPACE",
    "\u2066": "U+2066 LEFT-TO-RIGHT ISOLATE",
    "\u200d": "U+200D ZERO WIDTH JOINER",
    "\u00ad": "U+00AD SOFT HYPHEN",
    "\u3164": "U+3164 HANGUL FILLER",
    "\U000e0041": "U+E0041 TAG LATIN CAPITAL LETTER A",
    "\x08": "U+0008 CONTROL CHARACTER",
    "\u034f": "U+034F COMBINING GRAPHEME JOINER",
    "\u00a0": "U+00A0 NO-BREAK SPACE",
    "\u2065": "U+2065 NO CHARACTER YET",
    "\r": "U+000D CONTROL CHARACTER",
}


@pytest.mark.parametrize("character", UNSEEN, ids=lambda one: f"{ord(one):04x}")
def test_characters_that_nobody_sees_are_kept_and_told(character: str) -> None:
    text = f"Hi{character} the{character}re"
    new = NewPromptVersion(name="p", template=text)
    assert new.template == text
    (told,) = content(new, {}).notes
    assert (told.kind, told.text) == (
        "invisible",
        f"{UNSEEN[character]} at character 3, 2 in all.",
    )


def test_of_very_many_notes_the_first_are_kept_and_the_others_counted() -> None:
    found = said(" ".join(f"{{{{ v{n} }}}}" for n in range(350)))
    assert [text for _, _, text in found[:100]] == [
        f"{{{{ v{n} }}}} is used and not declared." for n in range(100)
    ]
    assert found[100:] == [("more", "template", "250 more were left out.")]
    assert len(said(" ".join(f"{{{{ v{n} }}}}" for n in range(100)))) == 100


def test_letters_lines_and_emoji_are_seen() -> None:
    assert said("Ünïcödé 你好 שלום\n\t🙂\ufe0f — “fine”\r\n") == []


def test_examples_are_held_against_the_variables() -> None:
    reply = [{"role": "assistant", "content": "x"}]
    examples = [
        {"variables": {"n": 1}, "messages": reply},
        {"variables": {"n": "1", "m": 2}, "messages": reply},
    ]
    found = said("{{ n }}", variables=[{"name": "n", "type": "integer"}], examples=examples)
    assert found == [
        ("example", "examples[1]", "Its 'n' is no integer: '1'"),
        ("example", "examples[1]", "It gives 'm', which the template does not have."),
    ]


def test_of_another_syntax_only_what_nobody_sees_is_told() -> None:
    assert said("{% if a %}{{ b | x }}{% endif %}{", syntax="jinja2") == []
    assert [one[0] for one in said("{{ a }}\u200b", syntax="jinja2")] == ["invisible"]
