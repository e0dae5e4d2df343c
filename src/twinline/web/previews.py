"""What a prompt version says with given values, for a page: by the client's own rules.

A page renders what a browser can send: a field for each variable and for each placeholder.
An empty field gives no value.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from twinline.client import rendering
from twinline.client.rendering import ChatMessage
from twinline.language import strict_json, templates
from twinline.language.errors import MalformedJson, NotRendered
from twinline.language.records import Message, Placeholder, PromptVersion, Template
from twinline.language.values import VariableType, as_text

FIELDS_MOST = 40
"""How many values a form asks for."""

CHARACTERS_MOST = 200_000
"""About how long a text may become that is made for a page."""

SHOWN_MOST, PARTS_MOST = 30_000, 100
"""Characters and messages of a text that a page shows."""

VALUE, MESSAGES = "v.", "m."
"""What the names of fields begin with: a variable's, and a placeholder's."""

_STANDS_FOR: dict[VariableType | None, Any] = {
    None: "", "string": "", "number": 0, "integer": 0, "boolean": False, "array": [], "object": {},
}  # fmt: skip


class Field(NamedTuple):
    """What a value is asked for: a variable, or a placeholder for the caller's messages."""

    name: str
    what: str
    """The variable's or placeholder's own name."""
    takes: str
    """Which values it takes, in words."""
    about: str
    """What it is for."""
    typed: str
    long: bool
    """Whether what it takes is written on several lines."""


class Part(NamedTuple):
    """A text of a template: a message's, or the whole (no role)."""

    role: str
    text: str
    placeholder: bool = False
    """Whether it is the name of the place for the caller's own messages."""


class Text(NamedTuple):
    """What a page shows of a text or a chat, and how many characters it leaves out."""

    parts: tuple[Part, ...]
    more: int


class Preview(NamedTuple):
    """What came of it; or why nothing did, by field (empty: of no field)."""

    said: Text | None
    errors: Mapping[str, str]


def shortened(template: Template) -> Text:
    """As much of a template as a page shows."""
    if isinstance(template, str):
        return _shortened([Part("", template)])
    return _shortened([_part(one) for one in template])


def why_not(version: PromptVersion) -> str:
    """Why a page renders no such version; empty when it does."""
    if version.syntax == "jinja2":
        return "A template in jinja2 is a program: the server runs none that people wrote."
    asked = len(_used(version.whole)) + len(templates.placeholders(version.whole))
    if asked > FIELDS_MOST:
        return f"It takes {asked:,} values, more than the {FIELDS_MOST} that a form here asks for."
    return ""


def fields(version: PromptVersion, typed: Mapping[str, str]) -> tuple[Field, ...]:
    """What a form asks for, with what was typed into it."""
    return tuple(_fields(version, typed))


def preview(version: PromptVersion, typed: Mapping[str, str]) -> Preview:
    """What a version says with what was typed; every field that is wrong is told.

    The rule is the client's: it tells the first wrong value, so it is asked again with a
    good one in its place until it has no more to say.
    """
    values, messages = _values(version, typed), _messages(version, typed)
    if _length(version, values, typed) > CHARACTERS_MOST:
        said = f"It would be longer than {CHARACTERS_MOST:,} characters, too long for a page."
        return Preview(None, {"": said})
    types = _types(version)
    errors: dict[str, str] = {}
    for _ in range(FIELDS_MOST + 1):
        try:
            made = rendering.render(version, values, messages)
        except NotRendered as refused:
            wrong = _field(version, refused)
            if not wrong or wrong in errors:
                return Preview(None, errors | {"": refused.detail})
            errors[wrong] = refused.detail
            what = wrong[len(VALUE) :]
            if wrong.startswith(VALUE):
                values[what] = _STANDS_FOR[types.get(what)]
            else:
                messages[what] = []
        else:
            return Preview(None, errors) if errors else _made(made)
    return Preview(None, errors)


def _types(version: PromptVersion) -> dict[str, VariableType | None]:
    return {one.name: one.type for one in version.variables}


def _used(template: Template) -> tuple[str, ...]:
    return templates.variables(template)


def _fields(version: PromptVersion, typed: Mapping[str, str]) -> Iterator[Field]:
    known = {one.name: one for one in version.variables}
    for name in _used(version.whole):
        one = known[name]
        takes = [one.type or "not declared: any text"]
        if one.default is not None:
            takes.append(f"when left empty: {as_text(one.default)[:80]}")
        elif not one.required:
            takes.append("may be left empty")
        field = VALUE + name
        long = one.type in (None, "string", "array", "object")
        yield Field(field, name, "; ".join(takes), one.description, typed.get(field, ""), long)
    for name in templates.placeholders(version.whole):
        said = 'messages as a JSON list, as [{"role": "user", "content": "Hello"}]; empty: none'
        field = MESSAGES + name
        yield Field(field, name, said, "The caller's own messages.", typed.get(field, ""), True)


def _values(version: PromptVersion, typed: Mapping[str, str]) -> dict[str, Any]:
    types = _types(version)
    return {
        name: _value(types.get(name), text)
        for name in _used(version.whole)
        if (text := typed.get(VALUE + name, ""))
    }


def _value(type: VariableType | None, text: str) -> Any:
    """As ``twinline prompts render`` reads it: JSON where another type than string is
    declared; what is none is left for rendering to refuse by the type that it should have."""
    if type in (None, "string"):
        return text
    try:
        return strict_json.loads(text.encode())
    except MalformedJson:
        return text


def _messages(version: PromptVersion, typed: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: _message_list(typed.get(MESSAGES + name, "").strip())
        for name in templates.placeholders(version.whole)
    }


def _message_list(text: str) -> Any:
    """The messages; what is no list of them is a list of what rendering refuses."""
    if not text:
        return []
    try:
        found = strict_json.loads(text.encode())
    except MalformedJson:
        return [None]
    return found if isinstance(found, list) else [None]  # pyright: ignore[reportUnknownVariableType] -- any JSON value


def _length(version: PromptVersion, values: Mapping[str, Any], typed: Mapping[str, str]) -> int:
    """About how long it becomes: told without making it, which may be too much for us."""
    defaults = {one.name: one.default for one in version.variables if one.default is not None}
    sizes = {
        name: len(value if isinstance(value, str) else repr(value))
        for name, value in (defaults | dict(values)).items()
    }
    texts = templates.texts(version.whole).values()
    total = sum(map(len, texts))
    for text in texts:
        total += sum(sizes.get(name, 0) for name in templates.VARIABLE.findall(text))
    parts = () if isinstance(version.whole, str) else version.whole
    return total + sum(
        len(typed.get(MESSAGES + one.name, "")) for one in parts if isinstance(one, Placeholder)
    )


def _field(version: PromptVersion, refused: NotRendered) -> str:
    """The field that a refusal is about; empty when it is about none."""
    name = refused.fields.get("placeholder") or refused.fields.get("variable", "")
    if name in _used(version.whole):
        return f"{VALUE}{name}"
    return f"{MESSAGES}{name}" if name in templates.placeholders(version.whole) else ""


def _made(made: str | list[ChatMessage]) -> Preview:
    if isinstance(made, str):
        return Preview(_shortened([Part("", made)]), {})
    return Preview(_shortened([Part(str(one["role"]), _content(one)) for one in made]), {})


def _content(message: ChatMessage) -> str:
    content = message.get("content", "")
    return content if isinstance(content, str) else as_text(content)


def _part(one: Message | Placeholder) -> Part:
    if isinstance(one, Placeholder):
        return Part("", one.name, placeholder=True)
    return Part(one.role, one.content)


def _shortened(every: Sequence[Part]) -> Text:
    parts: list[Part] = []
    left = SHOWN_MOST
    for one in every[:PARTS_MOST]:
        parts.append(one._replace(text=one.text[:left]))
        left -= len(parts[-1].text)
    return Text(tuple(parts), sum(len(one.text) for one in every) - (SHOWN_MOST - left))
