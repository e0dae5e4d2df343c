"""Moments as people write them: ISO 8601, or how long ago, or a day and a time of day."""

import re
from datetime import UTC, datetime, time, timedelta

from twinline.language.errors import Invalid

HELP = "As 2026-11-20T14:02Z, 2h, `3d ago`, or `yesterday 14:02`; UTC unless it says otherwise."

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_ago = re.compile(r"([0-9]{1,9}(?:\.[0-9]+)?) ?([smhdw])(?: ago)?")
_day = re.compile(r"(today|yesterday)(?: ([0-2]?[0-9]):([0-5][0-9])(?::([0-5][0-9]))?)?")


def moment(text: str, option: str, now: datetime | None = None) -> datetime:
    """The moment that a text names, seen from ``now`` (default: the clock); in UTC.

    ``2h`` is two hours ago (``s m h d w``); ``yesterday`` alone is its midnight.

    Raises:
        Invalid: it is none of these; the message names the ``option``.
    """
    seen_from = (now or datetime.now(UTC)).astimezone(UTC)
    try:
        found = _relative(text.strip().lower(), seen_from) or datetime.fromisoformat(text.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"{option} {text!r} is no time. {HELP}", field=option, value=text) from error


def moment_or_none(text: str | None, option: str) -> datetime | None:
    """The moment that an option names; None when it was not given."""
    return None if text is None else moment(text, option)


def _relative(text: str, now: datetime) -> datetime | None:
    if text == "now":
        return now
    if found := _ago.fullmatch(text):
        return now - timedelta(**{_UNITS[found[2]]: float(found[1])})
    if found := _day.fullmatch(text):
        date = now.date() - timedelta(days=1 if found[1] == "yesterday" else 0)
        hour, minute, second = (int(part or 0) for part in found.groups()[1:])
        return datetime.combine(date, time(hour, minute, second), UTC)
    return None
