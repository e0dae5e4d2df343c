"""Which minutes an export may be asked for."""

from datetime import datetime, timedelta

from twinline.language.errors import Invalid
from twinline.language.ids import EPOCH

WINDOW_MOST = timedelta(hours=24)


def window(start: datetime, end: datetime, now: datetime) -> tuple[datetime, datetime]:
    """The whole minutes from ``start`` up to ``end`` that are over by now.

    A minute is said whole or not at all, so both are rounded down to one. The window is
    empty when none of its minutes is over.

    Raises:
        Invalid: ``start`` is after ``end``, or more than 24 hours before it.
    """
    if start > end:
        raise Invalid(
            f"The window ends before it begins: from {start.isoformat()} to {end.isoformat()}.",
            field="from",
            value=start.isoformat(),
        )
    if end - start > WINDOW_MOST:
        raise Invalid(
            f"From {start.isoformat()} to {end.isoformat()} is more than 24 hours; ask for one "
            "day after another.",
            field="to",
            value=end.isoformat(),
        )
    first = max(whole_minute(start), EPOCH)
    return first, max(first, min(whole_minute(end), whole_minute(now)))


def whole_minute(at: datetime) -> datetime:
    """The minute that a moment is in, by its begin."""
    return at.replace(second=0, microsecond=0)
