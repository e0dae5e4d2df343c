"""What of a walk is shown, and what is said about the rest."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

Item = TypeVar("Item")
Way = Literal["upstream", "downstream"]


@dataclass(frozen=True)
class Found:
    """The nodes that a walk met: with their hops, or deeper than was asked."""

    depths: Mapping[int, int] = field(default_factory=dict[int, int])
    deeper: frozenset[int] = frozenset()

    def with_level(self, hops: int, ids: Collection[int], *, beyond: bool) -> "Found":
        """The same after another level: a node counts where it was met first."""
        fresh = {id for id in ids if id not in self.depths}
        if beyond:
            return Found(self.depths, self.deeper | fresh)
        depths = {**self.depths, **dict.fromkeys(fresh, hops)}
        return Found(depths, self.deeper - fresh)

    @property
    def nearest(self) -> list[int]:
        """The nodes, the nearest first."""
        return sorted(self.depths, key=lambda id: (abs(self.depths[id]), id))


def cut(items: Sequence[Item], limit: int) -> tuple[Sequence[Item], int]:
    """The first ``limit`` items, and how many are left out."""
    return items[:limit], max(len(items) - limit, 0)


def hops_said(depths: Mapping[Way, int], cut: Collection[Way]) -> str:
    """How deep a walk went where it was ``cut`` short: "3 hops", or "1 hop downstream" when it
    went otherwise in the other direction."""
    if len(set(depths.values())) == 1:
        return _hops(next(iter(depths.values())))
    return " and ".join(f"{_hops(depths[way])} {way}" for way in depths if way in cut)


def _hops(depth: int) -> str:
    return f"{depth} hop{'' if depth == 1 else 's'}"


def why_left_out(
    *,
    over_limit: int,
    limit: int,
    deeper: int,
    hops: str,
    other_kinds: int,
    visited_most: int | None,
) -> str | None:
    """In words, what a walk did not show; None when it showed everything."""
    reasons = [
        f"{other_kinds:,} of other kinds" if other_kinds else "",
        f"{over_limit:,} beyond the limit of {limit:,} nodes" if over_limit else "",
        f"{deeper:,} or more deeper than {hops}" if deeper else "",
        f"what is behind the first {visited_most:,} nodes of a direction" if visited_most else "",
    ]
    return " and ".join(reason for reason in reasons if reason) or None
