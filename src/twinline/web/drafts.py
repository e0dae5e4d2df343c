"""A prompt version that somebody is writing: what the form holds, and what it means.

A draft holds what was typed, also what can never be right, so that nothing is lost.
"""

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from twinline.language import strict_json
from twinline.language.errors import Invalid
from twinline.language.names import LATEST
from twinline.language.records import (
    Message,
    NewPromptVersion,
    Placeholder,
    Prompt,
    PromptKind,
    PromptVersion,
)
from twinline.language.refs import PromptVersionRef
from twinline.prompts import rules
from twinline.web import forms
from twinline.web.gate import Fields

ROLE = "user"
"""Of a message that was just added."""


class Row(BaseModel):
    """A message of a chat as it was typed; of a placeholder the content is its name."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["message", "placeholder"]
    role: str
    content: str


class Draft(BaseModel):
    """What the form holds, each field as it was typed.

    Attributes:
        base: the newest version when the form was opened; 0: there was none.
        origin: the version that the text began with; 0: with nothing.
        derived: whether the lineage is to say so.
        text: the content as a text; kept while a chat is written, as `rows` meanwhile.
        opened_description, opened_tags: as they were when the form was opened, so that only
            what was changed here is sent.
    """

    model_config = ConfigDict(frozen=True)

    name: str = ""
    base: int = 0
    origin: int = 0
    derived: bool = False
    kind: PromptKind = "text"
    text: str = ""
    rows: tuple[Row, ...] = ()
    syntax: str = "twinline"
    parameters: str = "{}"
    variables: str = "[]"
    examples: str = "[]"
    description: str = ""
    opened_description: str = ""
    tags: str = "{}"
    opened_tags: str = "{}"
    message: str = ""
    labels: str = ""


def of_version(prompt: Prompt, version: PromptVersion) -> Draft:
    """What a form begins with that goes on from a version."""
    template = version.template
    is_text = isinstance(template, str)
    tags = _written(prompt.tags)
    return Draft(
        name=prompt.name,
        base=prompt.latest,
        origin=version.number,
        kind=version.kind,
        text=template if is_text else "",
        rows=() if is_text else tuple(_row(one) for one in template),
        syntax=version.syntax,
        parameters=_written(version.parameters),
        variables=_written(
            [one.model_dump(mode="json", exclude_defaults=True) | {"type": one.type}
             for one in rules.declarations(version)]
        ),
        examples=_written([one.model_dump(mode="json") for one in version.examples]),
        description=prompt.description,
        opened_description=prompt.description,
        tags=tags,
        opened_tags=tags,
    )  # fmt: skip


def read(sent: Fields) -> Draft:
    """What a form sent."""
    return Draft(
        name=sent.text("prompt"),
        base=forms.whole(sent.text("base")),
        origin=forms.whole(sent.text("origin")),
        derived=sent.ticked("derived"),
        kind="chat" if sent.text("kind") == "chat" else "text",
        rows=_rows(sent),
        **{name: sent.text(name) for name in _AS_TYPED},
    )


_AS_TYPED = (
    "text", "syntax", "parameters", "variables", "examples", "description",
    "opened_description", "tags", "opened_tags", "message", "labels",
)  # fmt: skip


def rearranged(draft: Draft, act: str) -> tuple[Draft, int]:
    """A draft after one of the buttons beside its messages, and the message to look at, from 1.

    ``act`` is ``chat``, ``text``, ``add``, ``placeholder``, or ``up:2``, ``down:2``,
    ``remove:2`` for the second message. Anything else changes nothing.
    """
    verb, _, said = act.partition(":")
    rows, place = list(draft.rows), forms.whole(said)
    match verb:
        case "chat":
            first = Row(kind="message", role="system", content=draft.text)
            return draft.model_copy(update={"kind": "chat", "rows": draft.rows or (first,)}), 1
        case "text":
            alone = rows[0].content if len(rows) == 1 and not draft.text else draft.text
            return draft.model_copy(update={"kind": "text", "text": alone}), 0
        case "add":
            rows.append(Row(kind="message", role=ROLE, content=""))
            place = len(rows)
        case "placeholder":
            rows.append(Row(kind="placeholder", role="", content="history"))
            place = len(rows)
        case "up" if 1 < place <= len(rows):
            rows[place - 2 : place] = rows[place - 1], rows[place - 2]
            place -= 1
        case "down" if 1 <= place < len(rows):
            rows[place - 1 : place + 1] = rows[place], rows[place - 1]
            place += 1
        case "remove" if 1 <= place <= len(rows):
            del rows[place - 1]
            place = min(place, len(rows))
        case _:
            pass
    return draft.model_copy(update={"rows": tuple(rows)}), place


def meant(draft: Draft) -> NewPromptVersion:
    """The version that a draft means.

    Raises:
        Invalid: it is none; ``field`` says which part of the form is wrong.
    """
    name = draft.name.strip()
    if not name:
        raise Invalid("The prompt has no name; give one, as support/answer.", field="prompt")
    values: dict[str, Any] = {
        "name": name,
        "template": _template(draft),
        "syntax": draft.syntax,
        "parameters": _object("parameters", draft.parameters, '{"temperature": 0.2}'),
        "variables": _list("variables", draft.variables, '[{"name": "n", "type": "integer"}]'),
        "examples": _list("examples", draft.examples, '[{"variables": {}, "messages": []}]'),
        "message": draft.message,
        "labels": draft.labels.replace(",", " ").split(),
    }
    tags = _object("tags", draft.tags, '{"team": "support"}')
    if draft.tags != draft.opened_tags:
        values["tags"] = tags
    if draft.description != draft.opened_description:
        values["description"] = draft.description
    if draft.derived and draft.origin:
        values["derived_from"] = PromptVersionRef(name, draft.origin)
    _refuse_latest(values["labels"])
    return _filled(values)


def _refuse_latest(labels: list[str]) -> None:
    if LATEST in labels:
        raise Invalid(
            f"The label {LATEST!r} is kept by the system on the newest version, which this will "
            "be; leave it out.",
            field="labels",
        )


def _filled(values: dict[str, Any]) -> NewPromptVersion:
    try:
        return forms.filled(NewPromptVersion, values)
    except Invalid as error:
        errors: dict[str, str] = error.fields.get("errors", {})
        first = next(iter(errors), "").partition(".")[0]
        field = {"name": "prompt", "template": "text"}.get(first, first)
        said = "; ".join(f"{where.replace('.', ', ')}: {why}" if where else why
                         for where, why in errors.items())  # fmt: skip
        raise Invalid(f"{said}.", field=field) from error


def _template(draft: Draft) -> Any:
    if draft.kind == "text":
        if not draft.text:
            raise Invalid("The content is empty; write what the prompt says.", field="text")
        return draft.text
    if not draft.rows:
        raise Invalid("The chat has no message; add one.", field="add")
    return tuple(_part(place, row) for place, row in enumerate(draft.rows, 1))


def _part(place: int, row: Row) -> Message | Placeholder:
    if row.kind == "placeholder":
        values: dict[str, str] = {"type": "placeholder", "name": row.content.strip()}
        return _checked(Placeholder, values, place)
    if not row.role.strip():
        raise Invalid(
            f"Message {place} has no role; give one, as system, user or assistant.",
            field=f"role-{place}",
        )
    return _checked(Message, {"role": row.role.strip(), "content": row.content}, place)


def _checked(kind: type[forms.Record], values: dict[str, str], place: int) -> forms.Record:
    try:
        return forms.filled(kind, values)
    except Invalid as error:
        what = "Placeholder" if kind is Placeholder else "Message"
        field = f"content-{place}" if kind is Placeholder else f"role-{place}"
        raise Invalid(f"{what} {place}: {error.detail}.", field=field) from error


def _object(field: str, text: str, example: str) -> Any:
    found = _json(field, text or "{}")
    if not isinstance(found, dict):
        raise Invalid(
            f"{field.capitalize()} are a JSON object, as {example}; this is none: {text:.100}",
            field=field,
        )
    return found  # pyright: ignore[reportUnknownVariableType] -- any JSON object


def _list(field: str, text: str, example: str) -> Any:
    found = _json(field, text or "[]")
    if not isinstance(found, list):
        raise Invalid(
            f"{field.capitalize()} are a JSON list, as {example}; this is none: {text:.100}",
            field=field,
        )
    return found  # pyright: ignore[reportUnknownVariableType] -- any JSON list


def _json(field: str, text: str) -> Any:
    try:
        return strict_json.loads(text.strip().encode())
    except Invalid as error:
        why = error.detail.replace("The body", "what is written", 1)
        raise Invalid(f"{field.capitalize()}: {why}", field=field) from error


def _row(part: Message | Placeholder) -> Row:
    if isinstance(part, Message):
        return Row(kind="message", role=part.role, content=part.content)
    return Row(kind="placeholder", role="", content=part.name)


def _rows(sent: Fields) -> tuple[Row, ...]:
    """The messages, whose parts the form sends in the same order."""
    parts = (sent.every(name) for name in ("row", "role", "content"))
    return tuple(
        Row(
            kind="placeholder" if kind == "placeholder" else "message",
            role=role,
            content=content.replace("\r\n", "\n"),
        )
        for kind, role, content in zip(*parts, strict=False)
    )


def _written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
