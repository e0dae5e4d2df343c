"""When an attempt that failed may be followed by the next."""

from datetime import timedelta

RETRY_SECONDS_FIRST = 5
RETRY_SECONDS_MAX = 300


def pause_after(attempts: int) -> timedelta:
    """How long a pending evaluation rests after its ``attempts``-th failure: 5 s, and each
    time twice as long, up to five minutes."""
    return timedelta(seconds=min(RETRY_SECONDS_FIRST * 2 ** (attempts - 1), RETRY_SECONDS_MAX))
