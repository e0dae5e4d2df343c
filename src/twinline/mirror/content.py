"""What makes a version in MLflow this version: digests of it, and prompts as we keep them."""

import json
from typing import Any

from pydantic import ValidationError

from twinline.language.canonical import digest
from twinline.language.records import MirrorKind, NewPromptVersion
from twinline.mirror import answers, rules

_CONTENT = (
    answers.PROMPT_TEXT,
    answers.PROMPT_TYPE,
    answers.PROMPT_RESPONSE_FORMAT,
    answers.PROMPT_MODEL_CONFIG,
)
_MESSAGE_CHARACTERS_MAX = 1000


def identity(kind: MirrorKind, version: answers.Version) -> str:
    """The digest of what must not change under a version's number: where a model is and which
    run made it; a prompt's template and configuration."""
    if kind == "prompt":
        return digest({key: tag for key, tag in _tags(version).items() if key in _CONTENT})
    return digest({"source": version.source, "run": version.run_id, "model": version.model_id})


def fingerprint(kind: MirrorKind, version: answers.Version) -> str:
    """The digest of all that the catalog takes over from a version, but for its aliases."""
    return digest(
        {
            "created": version.created_ms,
            "identity": identity(kind, version),
            "tags": _tags(version),
        }
    )


def series_fingerprint(model: answers.RegisteredModel) -> str:
    """The digest of what a list of names says of one; another one means: look again.

    Making and deleting a version moves its time, aliases and tags stand there themselves.
    """
    return digest(
        {
            "created": model.created_ms,
            "updated": model.updated_ms,
            "tags": {tag.key: tag.value for tag in model.tags},
            "aliases": {alias.alias: alias.version for alias in model.aliases},
        }
    )


def tags(given: tuple[answers.Entry, ...]) -> dict[str, str]:
    """The tags whose history is kept: all but those that are a prompt's content."""
    return {key: value for key, value in rules.entries(given).items() if key not in _CONTENT}


def prompt(name: str, version: answers.Version) -> NewPromptVersion:
    """A prompt's version, to be kept in our registry by ``name``.

    A template with control flow is marked as Jinja2, as which MLflow renders it. A chat that
    holds more than roles and texts (pictures, say) is kept as the JSON text that
    it is in MLflow.

    Raises:
        Invalid: it has no text, or one that our registry refuses.
    """
    given = _tags(version)
    text = given.get(answers.PROMPT_TEXT, "")
    parameters = {
        "response_format": _json(given.get(answers.PROMPT_RESPONSE_FORMAT)),
        "model_config": _json(given.get(answers.PROMPT_MODEL_CONFIG)),
    }
    members = {
        "name": name,
        "parameters": {key: value for key, value in parameters.items() if value is not None},
        "syntax": "jinja2" if "{%" in text and "%}" in text else "twinline",
        "message": rules.cut(version.description, _MESSAGE_CHARACTERS_MAX),
    }
    if given.get(answers.PROMPT_TYPE) == "chat":
        try:
            return NewPromptVersion.model_validate({**members, "template": _json(text)})
        except ValidationError:
            pass
    what = f"The MLflow prompt version {version.name!r} {version.version}"
    return rules.made(NewPromptVersion, what, **members, template=text)


def _tags(version: answers.Version) -> dict[str, str]:
    return {tag.key: tag.value for tag in version.tags}


def _json(text: str | None) -> Any:
    try:
        return rules.keepable(json.loads(text)) if text else None
    except (ValueError, RecursionError):
        return None
