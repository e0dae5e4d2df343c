"""Templates in the syntax ``twinline``: what they use, and how they are put together.

``{{ name }}`` is a variable. ``{{> folder/name@3 }}`` or ``{{> folder/name@label }}`` is
another prompt's version, in whose place its text stands. Everything else is text.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from twinline.language.errors import Invalid, InvalidReference
from twinline.language.names import RESERVED, Name
from twinline.language.records.templates import (
    VARIABLE_PATTERN,
    Message,
    Placeholder,
    Template,
)
from twinline.language.refs import PromptLabelRef, PromptVersionRef, parse_ref

BYTES_MAX = 1_000_000
"""What a template takes at most in UTF-8, with what it includes in its place: an inch
below the megabyte of a request's body."""
VARIABLES_MAX = 1_000
"""How many variables a version has at most, with those of what it includes."""
INCLUDES_MAX = 100
"""How many different includes a template has at most."""

VARIABLE = re.compile(r"\{\{\s*(" + VARIABLE_PATTERN.strip("^$") + r")\s*\}\}")
INCLUDE = re.compile(r"\{\{>([^{}]*)\}\}")


_name: TypeAdapter[str] = TypeAdapter(Name)


class Written(NamedTuple):
    """An include as a template says it: ``support/tone@3`` or ``support/tone@production``."""

    text: str
    ref: PromptVersionRef | PromptLabelRef


def texts(template: Template) -> dict[str, str]:
    """The texts of a template, by their place in it."""
    if isinstance(template, str):
        return {"template": template}
    return {
        f"template[{place}].content": part.content
        for place, part in enumerate(template)
        if isinstance(part, Message)
    }


def variables(template: Template) -> tuple[str, ...]:
    """The names of a template's variables, each once, in order of appearance."""
    return tuple(first_places(template))


def first_places(template: Template) -> dict[str, str]:
    """Where each variable of a template stands first, in order of appearance."""
    found: dict[str, str] = {}
    for place, text in texts(template).items():
        for name in VARIABLE.findall(text):
            found.setdefault(name, place)
    return found


def placeholders(template: Template) -> tuple[str, ...]:
    """The names of a chat's placeholders for messages, each once, in order of appearance."""
    parts = () if isinstance(template, str) else template
    return tuple(dict.fromkeys(part.name for part in parts if isinstance(part, Placeholder)))


def includes(template: Template) -> tuple[Written, ...]:
    """The includes of a template, each once, in order of appearance.

    Raises:
        Invalid: one does not say which version of which prompt it means.
    """
    found = (
        _read(place, inside.strip())
        for place, text in texts(template).items()
        for inside in INCLUDE.findall(text)
    )
    return tuple(dict.fromkeys(found))


def compose(template: Template, pieces: Mapping[str, str]) -> Template:
    """A template with a text in the place of each include, by what that says."""
    return changed(template, lambda text: INCLUDE.sub(lambda it: pieces[it[1].strip()], text))


def rewritten(template: Template, pieces: Mapping[str, str]) -> Template:
    """A template whose includes say something else, where ``pieces`` has that."""

    def instead(found: re.Match[str]) -> str:
        said = found[1].strip()
        return found[0].replace(said, pieces.get(said, said)) if said else found[0]

    return changed(template, lambda text: INCLUDE.sub(instead, text))


def first(template: Template) -> str:
    """A text, or the content of a chat's first message; nothing where that is a placeholder."""
    one = template if isinstance(template, str) else template[0]
    match one:
        case str(text):
            return text
        case Message(content=text):
            return text
        case _:
            return ""


def changed(template: Template, change: Callable[[str], str]) -> Template:
    """A template with each of its texts changed."""
    if isinstance(template, str):
        return change(template)
    return tuple(
        Message(role=part.role, content=change(part.content)) if isinstance(part, Message) else part
        for part in template
    )


def size(template: Template, pieces: Mapping[str, str]) -> int:
    """How many bytes of UTF-8 a template takes with these texts in the place of its includes;
    told without putting it together, which may be long."""
    known = {said: len(text.encode()) for said, text in pieces.items()}
    total = 0
    for text in texts(template).values():
        total += len(text.encode())
        for found in INCLUDE.finditer(text) if known else ():
            total += known[found[1].strip()] - len(found[0].encode())
    return total


def _read(place: str, said: str) -> Written:
    name, _, which = said.rpartition("@")
    if not name:
        known, lacks = (said, "version") if _is_name(said) else ("name", "version of a prompt")
        raise Invalid(
            f"{place}: {{{{> {said} }}}} says no {lacks}; write {{{{> {known}@3 }}}} or "
            f"{{{{> {known}@production }}}}.",
            field=place,
            value=said,
        )
    try:
        ref = parse_ref(f"prompts:/{name}/{which}" if which.isdigit() else f"prompts:/{said}")
    except InvalidReference as error:
        raise Invalid(
            f"{place}: {{{{> {said} }}}} names no version: {_why(name, which)}.",
            field=place,
            value=said,
        ) from error
    assert isinstance(ref, PromptVersionRef | PromptLabelRef)
    return Written(said, ref)


def _why(name: str, which: str) -> str:
    if _is_name(name):
        return (
            f"{which!r} is neither a number from 1 to 999,999,999 nor a label, which is of "
            "letters, digits and . _ -"
        )
    if name.rpartition("/")[2] in RESERVED:
        return f"no prompt's name ends in {name.rpartition('/')[2]!r}"
    return (
        f"{name!r} is no name of a prompt, which is of letters, digits and . _ -, with its folders "
        "by slash, and ends in no number"
    )


def _is_name(text: str) -> bool:
    try:
        _name.validate_python(text)
    except ValidationError:
        return False
    return True
