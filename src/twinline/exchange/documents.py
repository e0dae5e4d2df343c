"""One version as one file: YAML front matter, and the template as the body, byte for byte."""

from typing import Annotated, Any

from pydantic import Field, ValidationError

from twinline.exchange import chats, found, yaml_text
from twinline.language.canonical import Digest
from twinline.language.errors import Invalid
from twinline.language.records import (
    Include,
    Instant,
    Json,
    Number,
    PromptItem,
    PromptKind,
    Request,
)

FENCE = "---"


class Front(Request):
    """What stands above a template. What is empty may be left out.

    A name and a number that the path of the file says have to agree with it.
    """

    name: str | None = None
    version: Number | None = None
    kind: PromptKind = "text"
    syntax: Any = "twinline"
    message: str = ""
    author: str = ""
    created: Instant | None = None
    labels: tuple[str, ...] = ()
    description: str | None = None
    tags: Json | None = None
    version_tags: Annotated[Json, Field(default_factory=dict)]
    variables: tuple[Json, ...] = ()
    parameters: Annotated[Json, Field(default_factory=dict)]
    examples: tuple[Json, ...] = ()
    includes: tuple[Include, ...] = ()
    digest: Digest | None = None


def written(item: PromptItem) -> str:
    """A version as the text of a file."""
    new, origin = item.version, item.origin
    front: Json = {
        "name": new.name,
        "version": item.number,
        "kind": new.kind,
        "syntax": new.syntax if new.syntax != "twinline" else None,
        "message": new.message,
        "author": origin.author,
        "created": origin.model_dump(mode="json")["at"],
        "labels": list(new.labels),
        "description": new.description,
        "tags": new.tags,
        "version_tags": origin.tags,
        "variables": [one.model_dump(mode="json", exclude_defaults=True) for one in new.variables],
        "parameters": new.parameters,
        "examples": [one.model_dump(mode="json") for one in new.examples],
        "includes": [one.model_dump(mode="json") for one in item.pins],
        "digest": item.digest,
    }
    said = {name: _sorted(value) for name, value in front.items() if value not in _EMPTY}
    body = new.template if isinstance(new.template, str) else chats.written(new.template)
    return f"{FENCE}\n{yaml_text.dump(said)}{FENCE}\n{body}"


def read(text: str, place: str, *, name: str, number: int | None = None) -> PromptItem:
    """The version that the text of a file says.

    Args:
        text: what the file holds.
        place: where it is, for the origin.
        name: the prompt, as the path says.
        number: likewise; None: the path says none.

    Raises:
        Invalid: it is none, and why; or it says another name or number than its path.
    """
    above, body = _parted(text)
    front = _front(above)
    if front.digest is not None and above.endswith("\r\n") and "\r\n" in body:
        raise Invalid(
            "It has a digest, and its line breaks are CR LF, which an export does not write above "
            "a template: did git's autocrlf change them? Say `*.md -text` in .gitattributes and "
            "check it out anew, or leave the digest out where that was meant."
        )
    _refuse_other("name", front.name, name)
    _refuse_other("version", front.version, number)
    return found.item(
        {
            "origin": {
                "place": place,
                "author": front.author,
                "at": front.created,
                "tags": front.version_tags,
            },
            "number": front.version if number is None else number,
            "version": {
                **front.model_dump(
                    include={"syntax", "message", "labels", "description", "tags"}
                    | {"variables", "parameters", "examples"}
                ),
                "name": name,
                "template": chats.read(body) if front.kind == "chat" else body,
            },
            "pins": [one.model_dump() for one in front.includes],
            "digest": front.digest,
        }
    )


def decoded(content: bytes) -> str:
    """The text of a file.

    Raises:
        Invalid: it is not UTF-8, or holds a NUL character.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"It is not UTF-8: byte {error.start} is wrong.") from error
    if "\x00" in text:
        raise Invalid(f"It holds a NUL character at {text.index(chr(0))}.")
    return text


_EMPTY: tuple[Any, ...] = (None, "", [], {})


def _sorted(value: Any) -> Any:
    """A JSON value with the members of its objects in order, whatever database they were in."""
    match value:
        case dict():
            return {name: _sorted(value[name]) for name in sorted(value)}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] -- any JSON object
        case list() | tuple():
            return [_sorted(one) for one in value]  # pyright: ignore[reportUnknownVariableType] -- any JSON array
        case _:
            return value


def _parted(text: str) -> tuple[str, str]:
    first, _, rest = text.partition("\n")
    if first.startswith("\ufeff"):
        raise Invalid("It begins with a byte order mark; save it as UTF-8 without one.")
    if first.rstrip("\r") != FENCE:
        raise Invalid(
            f"It does not begin with front matter: write a line {FENCE}, what is to be said of the "
            f"version, and another line {FENCE} before the template."
        )
    start = 0
    while start < len(rest):
        end = rest.find("\n", start)
        line = rest[start:] if end < 0 else rest[start:end]
        after = len(rest) if end < 0 else end + 1
        if line.rstrip("\r") == FENCE:
            return rest[:start], rest[after:]
        start = after
    raise Invalid(f"Its front matter does not end: a line {FENCE} is missing.")


def _front(above: str) -> Front:
    try:
        return Front.model_validate(yaml_text.load(above))
    except ValidationError as error:
        raise Invalid(f"Its front matter: {found.said(error)}") from error
    except Invalid as error:
        raise Invalid(f"Its front matter cannot be read: {error.detail}") from error


def _refuse_other(what: str, said: object, path: object) -> None:
    if said is not None and path is not None and said != path:
        raise Invalid(
            f"It says the {what} {said!r}, and its path says {path!r}; change one of them.",
            field=what,
            value=said,
        )
