"""Say who owns slots and routes, so that people know whom to tell."""

from collections.abc import Iterable

from twinline.access.actions import audit
from twinline.db.session import Reading, Writing
from twinline.deployments import owners_store, store
from twinline.language.nearest import not_found
from twinline.language.records import Owner, Ownership
from twinline.language.refs import SlotRef


def own(tx: Writing, subject: str, new: Owner) -> Ownership:
    """Say who owns a slot (``ROUTE@ENVIRONMENT``), or a route in whatever environment.

    Raises:
        NotFound: there is no such slot, or no slot of this route.
    """
    if not owners_store.is_used(tx, subject):
        raise not_found("slot or route", subject, store.names(tx, subject))
    before = owners_store.ownerships(tx, [subject])
    owners_store.own(tx, subject, new)
    (after,) = owners_store.ownerships(tx, [subject])
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
    known = {one.subject: one for one in owners_store.ownerships(tx, subjects)}
    found = (known.get(one.short) or known.get(one.route) for one in wanted)
    return tuple(dict.fromkeys(one for one in found if one))
