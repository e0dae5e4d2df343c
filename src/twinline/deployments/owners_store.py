"""Who owns slots and routes, in SQL."""

from collections.abc import Iterable

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert

from twinline.db.schema import ownership, slot
from twinline.db.session import Reading, Writing
from twinline.language.records import Owner, Ownership

_OWNERSHIPS = text("select * from ownership where subject = any(:subjects) order by subject")


def is_used(tx: Reading, subject: str) -> bool:
    """Whether there is a slot of this name, or any of this route."""
    named = (slot.c.route == subject) | (slot.c.route + "@" + slot.c.environment == subject)
    return tx.value(select(slot.c.id).where(named).limit(1)) is not None


def own(tx: Writing, subject: str, new: Owner) -> None:
    """Keep who owns a slot or a route from now on."""
    values = {"actor": tx.actor, "at": func.clock_timestamp(), **new.model_dump()}
    tx.run(
        insert(ownership)
        .values(subject=subject, **values)
        .on_conflict_do_update(index_elements=["subject"], set_=values)
    )


def ownerships(tx: Reading, subjects: Iterable[str]) -> tuple[Ownership, ...]:
    """Who owns these slots and routes, as far as anybody said."""
    rows = tx.rows(_OWNERSHIPS, {"subjects": list(subjects)})
    return tuple(Ownership.model_validate(dict(row)) for row in rows)
