"""What a prompt version is in Langfuse's words, and the other way round."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from twinline.langfuse.records import NewPrompt, PromptRow, SentMessage
from twinline.language.errors import (
    Invalid,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    TwinlineError,
)
from twinline.language.names import LATEST
from twinline.language.records import (
    Json,
    Message,
    NewPromptVersion,
    Placeholder,
    PromptVersion,
    Template,
)

OURS = "twinline"
"""The member of a config that is ours."""
KEYS = (
    "A Langfuse client needs the first 12 characters of an API key as its public key, and the "
    "whole key as its secret key."
)

_composed = re.compile(r"@@@langfusePrompt:[^@]*@@@")


def row(version: PromptVersion, tags: Json, live: Iterable[Json]) -> PromptRow:
    """A version in Langfuse's words."""
    ours = {
        "ref": str(version.ref),
        "digest": version.digest,
        "syntax": version.syntax,
        "live": list(live),
    }
    return PromptRow(
        name=version.name,
        version=version.number,
        type=version.kind,
        prompt=_said(version.whole),
        config={**version.parameters, OURS: ours},
        labels=version.labels,
        tags=shown_tags(tags),
        commit_message=version.message or None,
    )


def new_version(sent: NewPrompt, tags: Json) -> NewPromptVersion:
    """The version that somebody sends, of a prompt that has ``tags``.

    Raises:
        Invalid: the type is another than the prompt's, or it is composed in Langfuse's way.
    """
    template = _template(sent)
    config = {name: value for name, value in (sent.config or {}).items() if name != OURS}
    return NewPromptVersion(
        name=sent.name,
        template=template,
        parameters=config,
        message=sent.commit_message or "",
        tags=None if sent.tags is None else kept_tags(tags, sent.tags),
        labels=tuple(label for label in sent.labels if label != LATEST),
    )


def shows(version: PromptVersion, new: NewPromptVersion) -> bool:
    """Whether a version that is read here looks like one that is sent."""
    return _said(version.whole) == _said(new.template) and version.parameters == new.parameters


def shown_tags(tags: Json) -> tuple[str, ...]:
    """Tags as words: Langfuse's have no values. ``{"beta": "", "team": "a"}`` is
    ``beta, team=a``."""
    return tuple(_word(name, value) for name, value in sorted(tags.items()))


def kept_tags(before: Json, sent: Iterable[str]) -> Json:
    """The tags that words stand for; those that were there keep their values."""
    known = {_word(name, value): (name, value) for name, value in before.items()}
    return dict(known.get(word, (word, "")) for word in sent)


def labels_to_move(labels: Iterable[str], number: int, latest: int) -> tuple[str, ...]:
    """The labels that somebody wants on a version, but for ``latest``, which is ours.

    Raises:
        Invalid: ``latest`` is wanted on another version than the newest.
    """
    wanted = tuple(dict.fromkeys(labels))
    if LATEST in wanted and number != latest:
        raise Invalid(
            f"The label {LATEST!r} is always on the newest version, which is {latest}, not "
            f"{number}; take another label.",
            field="newLabels",
            value=LATEST,
        )
    return tuple(label for label in wanted if label != LATEST)


def failed(error: TwinlineError) -> tuple[int, Json]:
    """The status and the body for an error, as the SDKs read it.

    They try again what answers 408, 409, 429 or 5xx; so what can never be right is 400.
    """
    status, name, message = 400, "InvalidRequestError", error.detail
    match error:
        case NotAuthenticated():
            status, name, message = 401, "UnauthorizedError", f"{error.detail} {KEYS}"
        case NotAllowed():
            status, name = 403, "ForbiddenError"
        case NotFound():
            status, name = 404, "LangfuseNotFoundError"
        case _ if error.status >= 500:
            status, name = error.status, "InternalServerError"
        case _:
            pass
    return status, {"message": message, "error": name, "code": error.code}


def _said(template: Template) -> str | tuple[Json, ...]:
    if isinstance(template, str):
        return template
    return tuple(_part(part) for part in template)


def _part(part: Message | Placeholder) -> Json:
    match part:
        case Message():
            return {"role": part.role, "content": part.content}
        case _:
            return {"type": "placeholder", "name": part.name}


def _template(sent: NewPrompt) -> Template:
    kind = "text" if isinstance(sent.prompt, str) else "chat"
    if sent.type not in (None, kind):
        raise Invalid(
            f"The prompt is sent as type {sent.type!r}, but is a {kind}; a chat is a list of "
            "messages, a text is a string.",
            field="type",
            value=sent.type,
        )
    if isinstance(sent.prompt, str):
        return _uncomposed(sent.prompt)
    return tuple(
        Message(role=part.role, content=_uncomposed(part.content))
        if isinstance(part, SentMessage)
        else Placeholder(type="placeholder", name=part.name)
        for part in sent.prompt
    )


def _uncomposed(text: str) -> str:
    found = _composed.search(text)
    if found:
        raise Invalid(
            f"The prompt includes another by {found[0]!r}, which would be kept as mere text "
            "here; say {{> name@label }} or {{> name@3 }} instead.",
            field="prompt",
            value=found[0],
        )
    return text


def _word(name: str, value: Any) -> str:
    if value == "":
        return name
    return f"{name}={value if isinstance(value, str) else json.dumps(value)}"


def words_of(facts: Mapping[str, object]) -> Json:
    """Facts as JSON: references become their text."""
    return {name: str(value) for name, value in facts.items()}
