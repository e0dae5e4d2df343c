"""What a prompt version is to a client that knows names, texts and versions."""

from twinline.language.errors import Conflict, Invalid
from twinline.language.names import LATEST, is_semantic
from twinline.language.records import LabelMove, Message, Prompt, PromptVersion
from twinline.language.refs import PromptLabelRef, PromptVersionRef
from twinline.language.templates import VARIABLE
from twinline.plain.records import PlainMove, PlainPrompt


def wanted(
    name: str, version: str | None, environment: str | None
) -> PromptVersionRef | PromptLabelRef:
    """The version that is asked for; the newest when nothing says which.

    Raises:
        Invalid: both a version and an environment are given.
    """
    if version is not None and environment is not None:
        raise Invalid(
            f"Version {version!r} and environment {environment!r} were both given, and may be two "
            "versions; leave one of them out.",
            field="environment",
            value=environment,
        )
    if version is not None and version.isdigit():
        return PromptVersionRef(name, int(version))
    return PromptLabelRef(name, version or environment or LATEST)


def row(version: PromptVersion, prompt: Prompt, asked: str | None = None) -> PlainPrompt:
    """A version in plain words; ``asked`` is the version that it was asked for by."""
    text = text_of(version)
    versions = sorted(filter(is_semantic, version.labels), key=_order)
    shown = asked if asked in versions else next(reversed(versions), str(version.number))
    return PlainPrompt(
        id=str(version.ref).partition(":/")[2],
        name=version.name,
        version=shown,
        number=version.number,
        system_prompt=text,
        content=text,
        description=prompt.description,
        environments=tuple(label for label in version.labels if label not in versions),
        author=version.author,
        created_at=version.created_at,
    )


def text_of(version: PromptVersion) -> str | None:
    """The one text of a version with what it includes, its variables without blanks; None for
    a chat that says more than its system message, and for what only jinja2 can fill in."""
    match version.whole:
        case _ if version.syntax == "jinja2":
            return None
        case str(text):
            return VARIABLE.sub(r"{{\1}}", text)
        case (Message(role="system", content=content),):
            return VARIABLE.sub(r"{{\1}}", content)
        case _:
            return None


def with_text(found: PlainPrompt) -> PlainPrompt:
    """The version, provided that it has one text.

    Raises:
        Conflict: it is a chat, or written in jinja2.
    """
    if found.content is None:
        raise Conflict(
            f"{found.name!r} version {found.number} is a chat of several messages or written in "
            "jinja2, so there is no one text to put values in; read it at "
            f"/api/v1/prompts/{found.name}.",
            name=found.name,
            number=found.number,
        )
    return found


def refuse_other(version: PromptVersion, given: str | int, labels: dict[str, int]) -> None:
    """Refuse a version that somebody gives if it names, or will name, other content.

    Raises:
        Conflict: it does.
    """
    said = str(given)
    there = int(said) if said.isdigit() else labels.get(said)
    if there not in (None, version.number):
        raise Conflict(
            f"The version {said!r} of {version.name!r} is version number {there} and has other "
            f"content than this, which is number {version.number}; take another version.",
            name=version.name,
            version=said,
            number=version.number,
        )


def promotion(move: LabelMove) -> PlainMove:
    """The move of a label in plain words."""
    return PlainMove(
        environment=move.label,
        version=move.number,
        previous=move.previous,
        reason=move.reason,
        actor=move.actor,
        at=move.at,
    )


def _order(version: str) -> tuple[list[int], bool, str]:
    numbers, _, early = version.removeprefix("v").partition("-")
    return [int(one) for one in numbers.split(".")], not early, early
