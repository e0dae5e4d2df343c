"""How often a request is tried, and how long is waited in between.

Each wait is twice the one before, and by chance up to half as long again, so that many
clients that were refused together do not come back together. What the server asks for
(``Retry-After``, RFC 9110, section 10.2.3) is waited for, unless that is beyond the time
that the request has in all: then it is over at once. Chance takes at most half of what
would be left.
"""

import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST_WAIT_SECONDS = 0.2


class Tries:
    """The tries of one request.

    Args:
        most: how many there may be.
        total_seconds: how long they may take in all, with the waiting.
    """

    def __init__(self, most: int, total_seconds: float) -> None:
        self._left = most
        self._until = time.monotonic() + total_seconds
        self._wait = FIRST_WAIT_SECONDS

    def timeout(self, seconds: float) -> float:
        """How long the next try may be silent: so long, or what is left of the time."""
        return min(seconds, max(self._until - time.monotonic(), 0.001))

    def again(self, asked_seconds: float = 0.0) -> bool:
        """Wait for the next try; False at once when there is none left, or no time."""
        self._left -= 1
        wait = max(self._wait, asked_seconds)
        spare = self._until - time.monotonic() - wait
        if not self._left or spare <= 0:
            return False
        self._wait *= 2
        time.sleep(wait + min(wait, spare) * random.random() / 2)  # noqa: S311 -- jitter
        return True


def asked_seconds(retry_after: str | None) -> float:
    """What ``Retry-After`` asks for, in seconds or by a date; 0 for nothing readable."""
    if not retry_after:
        return 0.0
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max((aware - datetime.now(UTC)).total_seconds(), 0.0)
