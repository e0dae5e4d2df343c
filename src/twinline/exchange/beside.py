"""What another registry has no place for, carried beside what it shows: declarations,
examples, includes, the author, the digest.

It counts only for what it was written for. Where somebody has since edited the text there, the
text is a new one, which keeps its declarations and examples. A name and labels are always those
that are shown, and another template needs the digest that the server compares.
"""

from typing import Any

from twinline.exchange import found
from twinline.language.canonical import digest
from twinline.language.errors import Invalid
from twinline.language.identity import as_json
from twinline.language.records import Json, NewPromptVersion, PromptItem

_SHOWN_THERE = ("template", "parameters", "message")


def beside(item: PromptItem, shown: NewPromptVersion) -> Json:
    """What goes beside ``shown``, which is all that the other registry says of ``item``."""
    kept = item.model_dump(
        mode="json",
        exclude_defaults=True,
        exclude={"origin": {"place"}, "composed": True, "version": {"labels"}},
    )
    there = shown.model_dump(mode="json")
    version = kept["version"]
    for name in _SHOWN_THERE:
        if version.get(name, there[name]) == there[name]:
            version.pop(name, None)
    return {"item": kept, "shown": _digest(shown)}


def restored(carried: Any, shown: NewPromptVersion, item: Json) -> PromptItem:
    """The version that another registry shows as ``shown``, with what was ``carried`` beside.

    Args:
        carried: what `beside` gave, as far as it is still there.
        shown: what the registry says.
        item: the item's other members as the registry says them; a number, an origin.

    Raises:
        Invalid: it is no version.
    """
    there = shown.model_dump()
    kept, version, of = _parted(carried)
    if of is None:
        return found.item({**item, "version": there})
    origin = {**item["origin"], **kept.pop("origin", {})}
    if of != _digest(shown):
        edited = {name: version[name] for name in ("variables", "examples") if name in version}
        return found.item({**item, "version": {**there, **edited}})
    if "template" in version and "digest" not in kept:
        raise Invalid(
            "What is carried beside it holds another template without its digest; take that away.",
            field="digest",
        )
    whole = {name: there[name] for name in _SHOWN_THERE} | version
    shown_always = {"name": there["name"], "labels": there["labels"]}
    return found.item({**item, **kept, "origin": origin, "version": whole | shown_always})


def name_of(carried: Any) -> str | None:
    """The prompt that something was carried for; None: it does not say."""
    match carried:
        case {"item": {"version": {"name": str(name)}}}:
            return name
        case _:
            return None


def _parted(carried: Any) -> tuple[Json, Json, str | None]:
    """The item that is carried, its version, and of what; None: nothing of ours is carried."""
    match carried:
        case {"item": {"version": {"name": str()} as version, **kept}, "shown": str(of)}:
            if isinstance(kept.get("origin", {}), dict):  # pyright: ignore[reportUnknownMemberType] -- any JSON object
                return kept, version, of  # pyright: ignore[reportUnknownVariableType] -- any JSON objects
        case _:
            pass
    return {}, {}, None


def _digest(shown: NewPromptVersion) -> str | None:
    try:
        return digest([as_json(shown.template), shown.parameters])
    except Invalid:
        return None
