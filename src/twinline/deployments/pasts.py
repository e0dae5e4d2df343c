"""What each side of a slot was at, and what it can go back through."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

from twinline.db.session import Reading
from twinline.deployments import rules, store
from twinline.deployments.rules import Frame, Step
from twinline.language.records import DeploymentKind
from twinline.language.refs import ModelVersionRef, PromptVersionRef, SlotRef, parse_ref

OneSide = Literal["prompt", "model"]
Version = PromptVersionRef | ModelVersionRef
SIDES: tuple[OneSide, ...] = ("prompt", "model")


@dataclass(frozen=True)
class Past:
    """A slot's past: for each side the versions that it can go back through, the current one
    last; and every version that a side was ever at. An arm that some requests got is not
    enough for that."""

    stacks: Mapping[OneSide, tuple[Frame[Version], ...]]
    every: frozenset[Version]


class _Change(NamedTuple):
    """A deployment with another default than the one before it: nothing else moves a side."""

    number: int
    kind: DeploymentKind
    at: Mapping[OneSide, Version]


def of_slot(tx: Reading, slot: SlotRef) -> Past:
    """The past of a slot; empty when it is not there or has no deployment."""
    return of_slots(tx, [slot])[slot]


def of_slots(tx: Reading, slots: Collection[SlotRef]) -> dict[SlotRef, Past]:
    """The pasts of slots, read at once."""
    changes: dict[SlotRef, list[_Change]] = {slot: [] for slot in slots}
    read = cache(_version)
    for row in store.sides(tx, slots):
        at: dict[OneSide, Version] = {side: read(row[side]) for side in SIDES}
        place = SlotRef(row["route"], row["environment"])
        changes[place].append(_Change(row["number"], row["kind"], at))
    return {slot: _past(found) for slot, found in changes.items()}


def _past(changes: Sequence[_Change]) -> Past:
    stacks: dict[OneSide, tuple[Frame[Version], ...]] = {
        side: rules.undo_stack(Step(one.number, one.kind, one.at[side]) for one in changes)
        for side in SIDES
    }
    return Past(stacks, frozenset(version for one in changes for version in one.at.values()))


def _version(text: str) -> Version:
    ref = parse_ref(text)
    assert isinstance(ref, Version)
    return ref
