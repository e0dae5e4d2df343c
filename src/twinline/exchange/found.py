"""What was found somewhere: the versions that could be read, and what could not, and why."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import ValidationError

from twinline.language.errors import Invalid
from twinline.language.records import ImportedItem, PromptItem

FILE_BYTES_MAX = 4 << 20
"""What a file with one version may hold; no template is larger than a quarter of it."""


class Found(NamedTuple):
    """Items as `Client.prompts.import_` takes them, and those that are refused already."""

    items: tuple[PromptItem, ...]
    refused: tuple[ImportedItem, ...]


def gathered(places: Iterable[tuple[str, Callable[[], PromptItem]]]) -> Found:
    """Read one item at each place."""
    items: list[PromptItem] = []
    refused: list[ImportedItem] = []
    for place, read in places:
        try:
            items.append(read())
        except Invalid as error:
            refused.append(refusal(place, error.detail))
    return Found(tuple(items), tuple(refused))


def refusal(place: str, reason: str) -> ImportedItem:
    """The report of what could not be read."""
    return ImportedItem(place=place, name="", outcome="refused", reason=reason)


def item(members: Mapping[str, Any]) -> PromptItem:
    """A prompt version of these members.

    Raises:
        Invalid: it would be none; every wrong member is named.
    """
    try:
        return PromptItem.model_validate(members)
    except ValidationError as error:
        raise Invalid(said(error)) from error


def instant(seconds: float) -> datetime | None:
    """The moment so many seconds after 1970 began; None: it is in no year from 1 to 9999."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def said(error: ValidationError) -> str:
    """What is wrong with which member."""
    return "; ".join(
        f"{'.'.join(map(str, one['loc']))}: {one['msg'].removeprefix('Value error, ')}"
        for one in error.errors()[:5]
    )
