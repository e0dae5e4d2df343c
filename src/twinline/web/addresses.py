"""Where everything has its page."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from twinline.language.errors import InvalidReference
from twinline.language.records import Deployment
from twinline.language.refs import (
    BundleRef,
    DecisionRef,
    DeploymentRef,
    EvaluationRef,
    InferenceRef,
    ModelVersionRef,
    PromptVersionRef,
    Ref,
    SlotRef,
    parse_ref,
)

_TICK = timedelta(microseconds=1)


def path(*parts: object) -> str:
    """An address below the root, each part of it as typed: slashes in a name stay slashes."""
    return "/" + "/".join(quote(str(part), safe="/@:") for part in parts)


def asked(page: str, /, **query: Any) -> str:
    """A page with what is asked of it; what is None or empty is left out."""
    said = {name.rstrip("_"): value for name, value in query.items() if value not in (None, "")}
    return f"{page}?{urlencode(said, doseq=True)}" if said else page


def prompt(name: str) -> str:
    """A prompt."""
    return path("prompts", name)


def above_prompt(name: str) -> list[tuple[str, str]]:
    """What a prompt lies in, for its crumbs: all prompts, then each folder."""
    folders = name.split("/")[:-1]
    ways = ("/".join(folders[: deep + 1]) for deep in range(len(folders)))
    return [
        ("Prompts", "/prompts"),
        *((way.rpartition("/")[2], asked("/prompts", folder=way)) for way in ways),
    ]


def prompt_version(name: str, number: int) -> str:
    """A version of a prompt."""
    return path("prompts", name, "versions", number)


def model(name: str) -> str:
    """A model."""
    return path("models", name)


def model_version(name: str, number: int) -> str:
    """A version of a model."""
    return path("models", name, "versions", number)


def slot(short: str) -> str:
    """A slot, by ``ROUTE@ENVIRONMENT``."""
    return path("slots", short)


def deployment(short: str, number: int) -> str:
    """A deployment of a slot."""
    return path("slots", short, "deployments", number)


def deploy(short: str, **choice: str | Ref) -> str:
    """Where something is deployed to a slot, with what is chosen already."""
    return asked(path("slots", short, "deploy"), **choice)


def roll_back(short: str, **way: str) -> str:
    """The ways back of a slot, or one of them: a ``side``, and ``to`` which version."""
    return asked(path("slots", short, "rollback"), **way)


def environment(name: str) -> str:
    """An environment."""
    return path("environments", name)


def changed(slot: SlotRef, since: datetime | None = None, until: datetime | None = None) -> str:
    """What changed in a slot from a moment, or from a day ago, until another, or until now."""
    begin, end = (one and one.isoformat() for one in (since, until))
    return asked("/changes", slot=slot.short, from_=begin, to=end)


def changed_since(live: Deployment) -> str:
    """What changed in a slot since what is live there, which is itself among it."""
    return changed(live.slot, live.at - _TICK)


def lineage(ref: str) -> str:
    """The lineage of anything."""
    return asked("/lineage", node=ref)


def impact(node: Ref | str) -> str:
    """The impact of anything."""
    return asked("/impact", node=node)


def recall(number: int) -> str:
    """A recall."""
    return path("recalls", number)


def recalling(node: Ref | str) -> str:
    """Where it is looked at what recalling something would do; its recall, when it has one."""
    return asked("/recall", node=node)


def of(ref: Ref | str) -> str:
    """The page that tells most of a reference; text that is none is looked for."""
    try:
        found = parse_ref(ref) if isinstance(ref, str) else ref
    except InvalidReference:
        return asked("/search", q=str(ref))
    match found:
        case PromptVersionRef():
            return prompt_version(found.name, found.number)
        case ModelVersionRef():
            return model_version(found.name, found.number)
        case BundleRef():
            return path("bundles", found.digest)
        case SlotRef():
            return slot(found.short)
        case DeploymentRef():
            return deployment(found.slot.short, found.number)
        case EvaluationRef():
            return path("evaluations", found.number)
        case InferenceRef():
            return path("inferences", found.id)
        case DecisionRef():
            return asked("/inferences", decision=found.reference)
        case _:
            return lineage(str(found))
