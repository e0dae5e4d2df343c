"""From what a form sent to a record, and what is told of it when it is none."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ValidationError

from twinline.language.errors import Invalid
from twinline.language.refs import BundleRef

Record = TypeVar("Record", bound=BaseModel)

_NUMBER_LENGTH = 9


def filled(kind: type[Record], values: Mapping[str, Any]) -> Record:
    """The record that a form means.

    Raises:
        Invalid: it is none; ``errors`` says of each field what is wrong with it.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        found = {
            _field(item["loc"]): item["msg"].removeprefix("Value error, ")
            for item in error.errors(include_url=False, include_context=False)
        }
        said = "; ".join(f"{name}: {why}" if name else why for name, why in found.items())
        raise Invalid(said, errors=found) from error


def _field(place: tuple[int | str, ...]) -> str:
    """The field's name, without the names of the kinds of value that were tried for it.

    Places in a list are counted from 1, as people count: ``variables.1.name``.
    """
    parts = (str(part + 1) if isinstance(part, int) else part for part in place)
    return ".".join(part for part in parts if "[" not in part)


def whole(text: str) -> int:
    """The number that a text is, as versions and deployments are numbered; 0 when it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _NUMBER_LENGTH else 0


def bundle(text: str) -> BundleRef:
    """The bundle that a text means: by its reference, or by the beginning of its digest.

    Raises:
        InvalidReference: it means none.
    """
    said = text.strip()
    return BundleRef.parse(said if ":/" in said else f"bundles:/{said}")


def moment(text: str, name: str) -> datetime | None:
    """What a field of date and time says, in UTC unless it says otherwise; None when empty.

    Raises:
        Invalid: it is no such moment.
    """
    if not text.strip():
        return None
    try:
        found = datetime.fromisoformat(text.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(
            f"{name}: {text!r} is no moment; write it as 2026-11-18T14:02, in UTC.", field=name
        ) from None


def moved(at: datetime, by: timedelta) -> datetime:
    """``at + by``, or ``at`` where there is no such moment."""
    try:
        return at + by
    except OverflowError:
        return at


def field_moment(at: datetime | None) -> str:
    """A moment as a field of date and time holds it, in UTC: to the second, when it has any."""
    if at is None:
        return ""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S").removesuffix(":00")


def field_end(at: datetime) -> str:
    """The end of a span as `field_moment` holds it: to the next second, when it lies between
    two, so that what was at the end itself stays in the span."""
    return field_moment(moved(at, timedelta(microseconds=-at.microsecond % 1_000_000)))


def done(address: str, word: str) -> RedirectResponse:
    """After a form: to a page that says, by a word of `said.DONE`, what was done."""
    path, _, query = address.partition("?")
    more = f"{query}&done={word}" if query else f"done={word}"
    return RedirectResponse(f"{path}?{more}", 303)


def to(address: str) -> RedirectResponse:
    """After a form: to another page."""
    return RedirectResponse(address, 303)


def own(address: str) -> str:
    """The address when it is one of ours; the overview when it leads elsewhere."""
    try:
        found = urlsplit(address)
    except ValueError:
        return "/"
    leads_away = found.scheme or found.netloc or not address.startswith("/")
    return "/" if leads_away or address.startswith(("//", "/\\")) else address
