"""Render a prompt: put values in the place of its variables, in this process alone.

One pass over the composed template: a value is text and never looked into, whatever it
holds; nothing is escaped, and nothing executed. The same version with the same values
gives the same text, byte for byte, in every process and at any later time.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twinline.language import templates
from twinline.language.errors import Invalid, MissingVariable, UnexpectedVariable, WrongVariable
from twinline.language.records import (
    Message,
    PromptVersion,
    ServedBundle,
    ServedPrompt,
    Template,
    Variable,
)
from twinline.language.values import as_text, fits

Prompt = PromptVersion | ServedPrompt
Messages = Mapping[str, Sequence[Mapping[str, Any]]]
"""The caller's own messages, by the placeholder in whose place they go."""

ChatMessage = dict[str, Any]
"""A message as models take it: ``{"role": ..., "content": ...}``."""


def render(
    prompt: Prompt | ServedBundle,
    variables: Mapping[str, Any] | None = None,
    messages: Messages | None = None,
    *,
    allow_extra: bool = False,
) -> str | list[ChatMessage]:
    """The text of a prompt, or the messages of a chat, with these values in place::

        text = render(call.bundle, {"question": "Where is my order?"})
        chat = render(version, {"tone": "calm"}, {"history": turns})

    A variable without a value has its default, or nothing in its place when it is not
    required. Strings stand as they are, whole numbers by their digits, and everything else
    as canonical JSON. Messages for a placeholder go in as they are given.

    Args:
        prompt: what a resolution, an explanation or the registry gives.
        variables: values by name, of the types that were declared.
        messages: for each placeholder of a chat; none is an empty list.
        allow_extra: leave out what the prompt has no place for, instead of refusing it.

    Raises:
        MissingVariable: a required variable or a placeholder has no value.
        UnexpectedVariable: the prompt has no such variable or placeholder.
        WrongVariable: a value is not of the declared type, or nothing that a text can hold.
        NotRendered: a ``jinja2`` template fails, or `twinline[jinja2]` is not installed.
    """
    found = prompt.prompt if isinstance(prompt, ServedBundle) else prompt
    template = found.whole if isinstance(found, PromptVersion) else found.template
    fill = _jinja2 if found.syntax == "jinja2" else _twinline
    change = fill(found, template, variables or {}, allow_extra=allow_extra)
    placed = _messages(found, template, messages or {}, allow_extra=allow_extra)
    whole = templates.changed(template, change)
    if isinstance(whole, str):
        return whole
    return [
        message
        for part in whole
        for message in (
            [part.model_dump()] if isinstance(part, Message) else map(dict, placed[part.name])
        )
    ]


def _twinline(
    prompt: Prompt, template: Template, given: Mapping[str, Any], *, allow_extra: bool
) -> Callable[[str], str]:
    """From a text of the template to the same with its values in place."""
    values = _values(prompt, templates.variables(template), given, allow_extra=allow_extra)
    texts = {name: _text(prompt, name, value) for name, value in values.items()}
    return lambda text: templates.VARIABLE.sub(lambda variable: texts[variable[1]], text)


def _jinja2(
    prompt: Prompt, template: Template, given: Mapping[str, Any], *, allow_extra: bool
) -> Callable[[str], str]:
    from twinline.client.jinja import JinjaTemplates

    jinja = JinjaTemplates(prompt.ref, template)
    return jinja.with_values(_values(prompt, jinja.names, given, allow_extra=allow_extra))


def _values(
    prompt: Prompt,
    used: Sequence[str],
    given: Mapping[str, Any],
    *,
    allow_extra: bool,
) -> dict[str, Any]:
    """A value for each variable that the template uses."""
    known = {variable.name: variable for variable in prompt.variables}
    extra = [name for name in given if name not in known and name not in used]
    if extra and not allow_extra:
        raise UnexpectedVariable(
            f"{prompt.ref} has no variable {extra[0]!r}; it has {_listed(used)}. Leave it out, or "
            "say allow_extra.",
            version=str(prompt.ref),
            variable=extra[0],
        )
    return {name: _value(prompt, known.get(name) or Variable(name=name), given) for name in used}


def _value(prompt: Prompt, variable: Variable, given: Mapping[str, Any]) -> Any:
    if variable.name not in given:
        if variable.default is not None:
            return variable.default
        if not variable.required:
            return ""
        raise MissingVariable(
            f"{prompt.ref} needs a value for {variable.name!r}; give {_one(variable)}, or "
            "declare a default for it in the prompt's next version.",
            version=str(prompt.ref),
            variable=variable.name,
        )
    value = given[variable.name]
    if value is None or (variable.type is not None and not fits(variable.type, value)):
        wanted = variable.type or "string, number, boolean, array or object"
        raise _wrong(prompt, variable.name, f"takes a value of type {wanted}, not {value!r:.200}")
    return value


def _one(variable: Variable) -> str:
    return f"one of type {variable.type}" if variable.type else "one"


def _text(prompt: Prompt, name: str, value: Any) -> str:
    try:
        return as_text(value)
    except Invalid as error:
        raise _wrong(prompt, name, f"cannot be written as a text: {error.detail}") from error


def _messages(
    prompt: Prompt, template: Template, given: Messages, *, allow_extra: bool
) -> Messages:
    """The messages for each placeholder of the template."""
    wanted = templates.placeholders(template)
    extra = [name for name in given if name not in wanted]
    if extra and not allow_extra:
        raise UnexpectedVariable(
            f"{prompt.ref} has no place for the messages {extra[0]!r}; it has {_listed(wanted)}. "
            "Leave them out, or say allow_extra.",
            version=str(prompt.ref),
            placeholder=extra[0],
        )
    for name in wanted:
        if name not in given:
            raise MissingVariable(
                f"{prompt.ref} needs the messages for its placeholder {name!r}; an empty list "
                "is none.",
                version=str(prompt.ref),
                placeholder=name,
            )
        if not all(_is_message(one) for one in given[name]):
            raise _wrong(prompt, name, "takes messages, each a mapping with a role")
    return given


def _is_message(value: object) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("role"), str)  # pyright: ignore[reportUnknownMemberType] -- the caller's own


def _wrong(prompt: Prompt, name: str, why: str) -> WrongVariable:
    return WrongVariable(f"{prompt.ref}: {name!r} {why}.", version=str(prompt.ref), variable=name)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
