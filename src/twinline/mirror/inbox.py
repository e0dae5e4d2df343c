"""The inbox of webhook deliveries: kept when they come, looked at later."""

from typing import Any

from pydantic import BaseModel, ValidationError
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from twinline.db.schema import mirror_inbox
from twinline.db.session import Reading, Writing
from twinline.language.records import Json, MirrorKind
from twinline.mirror import marks
from twinline.mirror.naming import DEFAULT, Place

KEPT_DAYS = 7
_KEPT = text(f"make_interval(days => {KEPT_DAYS})")


class _Named(BaseModel):
    name: str


class Hint(BaseModel):
    """What a delivery says, as far as it is believed: that something about a name moved."""

    entity: str
    data: _Named
    workspace: str = DEFAULT

    @property
    def kind(self) -> MirrorKind:
        """What it is about."""
        return "prompt" if self.entity.startswith("prompt") else "model"


def keep(tx: Writing, server: str, delivery_id: str, payload: Json) -> bool:
    """Keep a delivery; False when it came before."""
    new = insert(mirror_inbox).values(
        server=server,
        delivery_id=delivery_id,
        payload=payload,
        state="waiting",
        received_at=func.clock_timestamp(),
    )
    made = tx.value(new.on_conflict_do_nothing().returning(mirror_inbox.c.id))
    if made is not None:
        tx.announce(marks.TOPIC)
    return made is not None


def take_some(tx: Writing, server: str, workspaces: tuple[str, ...], limit: int) -> int:
    """Mark what the oldest waiting deliveries hint at; how many these were.

    A delivery about what is not mirrored is ``ignored``.
    """
    waiting = (mirror_inbox.c.server == server, mirror_inbox.c.state == "waiting")
    query = select(mirror_inbox.c.id, mirror_inbox.c.payload).where(*waiting)
    rows = tx.rows(query.order_by(mirror_inbox.c.id).limit(limit).with_for_update())
    names: dict[tuple[Place, MirrorKind], list[str]] = {}
    for row in rows:
        hint = _hint(row["payload"])
        known = hint is not None and hint.workspace in workspaces
        if hint is not None and known:
            named = (Place(server, hint.workspace), hint.kind)
            names.setdefault(named, []).append(hint.data.name)
        _done(tx, row["id"], "done" if known else "ignored")
    for place, kind in sorted(names):  # as whoever else marks the same names
        marks.mark_many(tx, place, kind, names[place, kind], "webhook")
    return len(rows)


def depth(tx: Reading) -> int:
    """How many deliveries wait."""
    waiting = mirror_inbox.c.state == "waiting"
    return tx.value(select(func.count()).select_from(mirror_inbox).where(waiting))


def forget(tx: Writing) -> None:
    """Drop what was looked at long ago; a replay of it would be stale anyway."""
    old = mirror_inbox.c.received_at < func.clock_timestamp() - _KEPT
    tx.run(delete(mirror_inbox).where(mirror_inbox.c.state != "waiting", old))


def _done(tx: Writing, id: int, state: str) -> None:
    done: dict[str, Any] = {"state": state, "done_at": func.clock_timestamp()}
    tx.run(update(mirror_inbox).where(mirror_inbox.c.id == id).values(done))


def _hint(payload: Json) -> Hint | None:
    try:
        return Hint.model_validate(payload)
    except ValidationError:
        return None
