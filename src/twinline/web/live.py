"""What is live where, by every bundle that a policy names."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from twinline.bundles import actions as bundles
from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.language.records import Bundle
from twinline.language.refs import SlotRef
from twinline.routing.policy import read_policy

SLOTS_MOST = 500
"""Slots that are looked through."""

Key = TypeVar("Key")


@dataclass(frozen=True)
class LiveSlot:
    """A slot where something is live, and each bundle that its policy names, the default first."""

    ref: SlotRef
    bundles: tuple[Bundle, ...]


@dataclass(frozen=True)
class Live:
    """Slots where something is live; ``not_looked_at`` says where it was not looked."""

    slots: tuple[LiveSlot, ...]
    not_looked_at: str

    def by(self, key: Callable[[Bundle], Key | None]) -> dict[Key, tuple[SlotRef, ...]]:
        """The slots by something of the bundles in them, each once; None is left out."""
        found: dict[Key, dict[SlotRef, None]] = {}
        for slot in self.slots:
            for one in map(key, slot.bundles):
                if one is not None:
                    found.setdefault(one, {})[slot.ref] = None
        return {one: tuple(slots) for one, slots in found.items()}


def look(tx: Reading) -> Live:
    """What is live in the first slots."""
    page = deployments.list_slots(tx, None, cursor=None, limit=SLOTS_MOST)
    named = {slot.ref: read_policy(slot.live.policy).bundles() for slot in page.items if slot.live}
    known = bundles.read_all(tx, {one for refs in named.values() for one in refs})
    return Live(
        slots=tuple(
            LiveSlot(slot, tuple(known[one] for one in refs)) for slot, refs in named.items()
        ),
        not_looked_at=f"Only the first {SLOTS_MOST:,} slots, by environment and route, were "
        "looked through for what is live; there are more."
        if page.next
        else "",
    )
