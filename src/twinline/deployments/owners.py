"""Say who owns slots and routes, so that people know whom to tell."""

from collections.abc import Iterable

from sqlalchemy import func, text
from sqlalchemy.dialects.postgresql import insert

from twinline.access.actions import audit
from twinline.db.schema import ownership
from twinline.db.session import Reading, Writing
from twinline.language.records import Owner, Ownership
from twinline.language.refs import SlotRef

_OWNERSHIPS = text("select * from ownership where subject = any(:subjects) order by subject")


def own(tx: Writing, subject: str, new: Owner) -> Ownership:
    """Say who owns a slot (``ROUTE@ENVIRONMENT``), or a route in whatever environment."""
    before = _find(tx, [subject])
    values = {"actor": tx.actor, "at": func.clock_timestamp(), **new.model_dump()}
    tx.run(
        insert(ownership)
        .values(subject=subject, **values)
        .on_conflict_do_update(index_elements=["subject"], set_=values)
    )
    (after,) = _find(tx, [subject])
    audit(
        tx,
        "slot.own",
        subject,
        before=before[0].model_dump(mode="json") if before else None,
        after=after.model_dump(mode="json"),
    )
    return after


def of(tx: Reading, slots: Iterable[SlotRef]) -> tuple[Ownership, ...]:
    """Who owns these slots: of each the owner of the slot itself, else that of its route."""
    wanted = list(slots)
    subjects = {one.short for one in wanted} | {one.route for one in wanted}
    known = {one.subject: one for one in _find(tx, subjects)}
    found = (known.get(one.short) or known.get(one.route) for one in wanted)
    return tuple(dict.fromkeys(one for one in found if one))


def _find(tx: Reading, subjects: Iterable[str]) -> list[Ownership]:
    rows = tx.rows(_OWNERSHIPS, {"subjects": list(subjects)})
    return [Ownership.model_validate(dict(row)) for row in rows]
