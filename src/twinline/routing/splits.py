"""Splits: arms that own ranges of the 100,000 buckets, and moving as few as possible.

A split keeps its ranges, not its percentages, and its salt for life. A ramp edits
ranges, so that only the buckets that must move do, and every other unit stays where
it is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from pydantic import Field, model_validator

from twinline.language.errors import Invalid
from twinline.language.names import Word
from twinline.language.records.base import Request
from twinline.language.refs import BundleRef
from twinline.routing.buckets import BUCKETS

Bound = Annotated[int, Field(ge=0, le=BUCKETS, strict=True)]
Range = tuple[Bound, Bound]
"""Buckets from the first number up to, but not with, the second."""


class Arm(Request):
    """A named part of a split, the bundle that it serves, and the buckets that it owns."""

    name: Word
    bundle: BundleRef
    ranges: Annotated[tuple[Range, ...], Field(max_length=1000)]

    @property
    def size(self) -> int:
        """How many of the 100,000 buckets it owns."""
        return sum(end - start for start, end in self.ranges)


class Split(Request):
    """Divides units among arms; each bucket belongs to exactly one."""

    salt: Annotated[str, Field(min_length=1, max_length=100, examples=["9b1d0f6e"])]
    arms: Annotated[tuple[Arm, ...], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _whole(self) -> "Split":
        problem = _twice([arm.name for arm in self.arms]) or _uncovered(self.arms)
        if problem:
            raise ValueError(problem)
        return self

    def arm(self, name: str) -> Arm:
        """The arm of that name.

        Raises:
            Invalid: there is none.
        """
        for arm in self.arms:
            if arm.name == name:
                return arm
        known = ", ".join(arm.name for arm in self.arms)
        raise Invalid(f"The split has no arm {name!r}; it has {known}.", field="arm", value=name)


@dataclass(frozen=True)
class Move:
    """Buckets that go from one arm to another."""

    donor: str
    receiver: str
    buckets: int

    def __str__(self) -> str:
        return f"{self.buckets:,} of {BUCKETS:,} buckets: {self.donor} -> {self.receiver}"


def ramp(
    split: Split, arm: str, share: float, donor: str | None = None
) -> tuple[Split, tuple[Move, ...]]:
    """The split with ``arm`` at ``share`` (in [0, 1]) of the buckets, and what moved.

    Only the difference moves, so it is the minimum. What the arm gains comes from
    ``donor``, by default from the others in proportion to their sizes; what it loses
    goes to them likewise.

    Raises:
        Invalid: the share is outside [0, 1]; there is no such arm; the donor has too
            few buckets; there is no other arm.
    """
    if not 0 <= share <= 1:
        raise Invalid(f"A share is in [0, 1]; this is {share}.", field="share", value=share)
    wanted, others = round(share * BUCKETS), _others(split, arm, donor)
    gain = wanted - split.arm(arm).size
    owned = {one.name: list(one.ranges) for one in split.arms}
    moves = [
        _give(owned, name, arm, count) if gain > 0 else _give(owned, arm, name, count)
        for name, count in _parts(abs(gain), others, gaining=gain > 0).items()
        if count
    ]
    arms = tuple(one.model_copy(update={"ranges": _merged(owned[one.name])}) for one in split.arms)
    return split.model_copy(update={"arms": arms}), tuple(moves)


def moves(before: Split, after: Split) -> tuple[Move, ...]:
    """Which buckets change their arm between two splits of one salt."""
    found: dict[tuple[str, str], int] = {}
    for start, end in pairwise(_bounds(before, after)):
        pair = (_owner(before, start), _owner(after, start))
        if pair[0] != pair[1]:
            found[pair] = found.get(pair, 0) + end - start
    return tuple(Move(donor, receiver, count) for (donor, receiver), count in found.items())


def _others(split: Split, arm: str, donor: str | None) -> dict[str, int]:
    split.arm(arm)
    if donor is not None:
        split.arm(donor)
    others = {one.name: one.size for one in split.arms if one.name != arm}
    if donor is not None:
        others = {name: size for name, size in others.items() if name == donor}
    if not others:
        raise Invalid("A ramp needs another arm to take from.", field="donor", value=donor)
    return others


def _parts(count: int, others: Mapping[str, int], *, gaining: bool) -> dict[str, int]:
    """``count`` divided in proportion to the sizes, by largest remainders."""
    total = sum(others.values())
    if gaining and count > total:
        names = ", ".join(others)
        raise Invalid(
            f"{names} can give {total:,} buckets, not {count:,}; take a smaller share or another "
            "donor.",
            field="share",
        )
    weights = others if total else dict.fromkeys(others, 1)
    whole = sum(weights.values())
    parts = {name: count * size // whole for name, size in weights.items()}
    by_remainder = sorted(weights, key=lambda name: -(count * weights[name] % whole))
    for name in by_remainder[: count - sum(parts.values())]:
        parts[name] += 1
    return parts


def _give(owned: dict[str, list[Range]], donor: str, receiver: str, count: int) -> Move:
    """Move the donor's last ``count`` buckets."""
    left = count
    while left:
        start, end = owned[donor].pop()
        taken = min(left, end - start)
        if start < end - taken:
            owned[donor].append((start, end - taken))
        owned[receiver].append((end - taken, end))
        left -= taken
    owned[receiver].sort()
    return Move(donor, receiver, count)


def _merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    merged: list[Range] = []
    for start, end in sorted(ranges):
        if merged and merged[-1][1] == start:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return tuple(merged)


def _bounds(*splits: Split) -> list[int]:
    bounds = (
        bound for split in splits for arm in split.arms for range in arm.ranges for bound in range
    )
    return sorted(set(bounds))


def _owner(split: Split, bucket: int) -> str:
    return next(
        arm.name for arm in split.arms for start, end in arm.ranges if start <= bucket < end
    )


def _twice(names: list[str]) -> str | None:
    twice = {name for name in names if names.count(name) > 1}
    return f"the arm {min(twice)!r} is there twice" if twice else None


def _uncovered(arms: tuple[Arm, ...]) -> str | None:
    """Which buckets belong to two arms or to none; None when all is well."""
    expected = 0
    for start, end, name in sorted((*range, arm.name) for arm in arms for range in arm.ranges):
        if end <= start:
            return f"the range [{start}, {end}] of {name!r} is empty"
        if start < expected:
            return f"buckets {start} to {min(expected, end) - 1} belong to {name!r} and another arm"
        if start > expected:
            return f"buckets {expected} to {start - 1} belong to no arm"
        expected = end
    return None if expected == BUCKETS else f"buckets {expected} to {BUCKETS - 1} belong to no arm"
