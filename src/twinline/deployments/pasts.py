"""What each side of a slot was at, and what it can go back through."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from twinline.db.session import Reading
from twinline.deployments import rules, store
from twinline.deployments.rules import Frame, Step
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


def of_slot(tx: Reading, slot: SlotRef) -> Past:
    """The past of a slot, read once; empty for a slot that is not there or has no deployment."""
    history = [
        (row["number"], row["kind"], {side: _version(row[side]) for side in SIDES})
        for row in store.sides(tx, slot)
    ]
    stacks: dict[OneSide, tuple[Frame[Version], ...]] = {
        side: rules.undo_stack(Step(number, kind, at[side]) for number, kind, at in history)
        for side in SIDES
    }
    return Past(stacks, frozenset(version for *_, at in history for version in at.values()))


def _version(text: str) -> Version:
    ref = parse_ref(text)
    assert isinstance(ref, Version)
    return ref
