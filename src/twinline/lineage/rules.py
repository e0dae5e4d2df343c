"""What of a walk is shown, and what is said about the rest."""

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def cut(items: Sequence[Item], limit: int) -> tuple[Sequence[Item], int]:
    """The first ``limit`` items, and how many are left out."""
    return items[:limit], max(len(items) - limit, 0)


def why_left_out(beyond_limit: int, limit: int, beyond_depth: int, depth: int) -> str | None:
    """In words, what a walk did not show; None when it showed everything."""
    reasons = [
        f"{beyond_limit} beyond the limit of {limit} nodes" if beyond_limit else "",
        f"{beyond_depth} or more deeper than {depth} hops" if beyond_depth else "",
    ]
    return " and ".join(reason for reason in reasons if reason) or None
