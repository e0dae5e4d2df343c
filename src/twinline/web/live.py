"""What is live where, by the default bundle of each policy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.language.records import Deployment, Slot

SLOTS_MOST = 500
"""Slots that are looked through."""

Key = TypeVar("Key")


@dataclass(frozen=True)
class Live:
    """Slots where something is live; ``not_looked_at`` says where it was not looked."""

    slots: tuple[Slot, ...]
    not_looked_at: str

    def by(self, key: Callable[[Deployment], Key]) -> dict[Key, tuple[Slot, ...]]:
        """The slots by something of what is live in them."""
        found: dict[Key, tuple[Slot, ...]] = {}
        for slot in self.slots:
            if slot.live:
                found[key(slot.live)] = (*found.get(key(slot.live), ()), slot)
        return found


def look(tx: Reading) -> Live:
    """What is live in the first slots."""
    page = deployments.list_slots(tx, None, cursor=None, limit=SLOTS_MOST)
    return Live(
        slots=tuple(slot for slot in page.items if slot.live),
        not_looked_at=f"Only the first {SLOTS_MOST:,} slots, by environment and route, were "
        "looked through for what is live; there are more."
        if page.next
        else "",
    )
