"""Link slots with aliases, look at links, and decide about proposals."""

from collections.abc import Iterable

from twinline.access.actions import audit
from twinline.aliases import rules, store
from twinline.aliases.following import deploy_version
from twinline.aliases.rules import Link
from twinline.db.session import Reading, Writing
from twinline.deployments import actions as deployments
from twinline.language import cursors
from twinline.language.errors import Conflict, Invalid, NotFound
from twinline.language.nearest import not_found
from twinline.language.records import (
    AliasLink,
    Deployment,
    ForeignMove,
    MoveOutcome,
    NewAliasLink,
    Page,
)
from twinline.language.refs import ModelVersionRef, SlotRef
from twinline.models import actions as models

TOPIC = "aliases"
"""What is announced when a link is to be looked after at once."""


def link(tx: Writing, ref: SlotRef, new: NewAliasLink) -> AliasLink:
    """Have an alias in MLflow go with a slot, instead of what went with it before.

    Raises:
        NotFound: there is no such slot.
        Invalid: moves shall be reverted, but nothing written.
        Conflict: the alias of the model that is live belongs to another slot.
    """
    if new.foreign == "revert" and not new.writes:
        raise Invalid(
            "A link that reverts the moves of others writes; send `writes` true, or `alert`.",
            field="foreign",
            value=new.foreign,
        )
    model = _model(tx, ref)
    store.claim_lock(tx)
    holder = store.holder(tx, model, new.alias) if model else None
    if model and holder and holder != ref:
        raise taken(model, new.alias, holder)
    before = store.find(tx, ref)
    store.put_link(tx, ref, new, model)
    store.supersede(tx, ref)
    after = read(tx, ref)
    audit(
        tx,
        "alias.link",
        str(ref),
        before=_essence(rules.record(before)) if before else None,
        after=_essence(after),
    )
    tx.announce(TOPIC)
    return after


def unlink(tx: Writing, ref: SlotRef) -> AliasLink:
    """Let a slot and its alias go their own ways; the alias stays where it is in MLflow.

    Raises:
        NotFound: the slot is not linked.
    """
    store.lock_link(tx, ref)
    before = read(tx, ref)
    store.supersede(tx, ref)
    store.drop_link(tx, ref)
    audit(tx, "alias.unlink", str(ref), before=_essence(before))
    return before


def read(tx: Reading, ref: SlotRef) -> AliasLink:
    """A link, and how things stand.

    Raises:
        NotFound: the slot is not linked.
    """
    return rules.record(_found(tx, ref))


def list_links(tx: Reading, *, cursor: str | None, limit: int) -> Page[AliasLink]:
    """All links, by environment and route."""
    last = cursors.decode("alias links", cursor, str)
    found = store.page(tx, after=SlotRef.parse(last) if last else None, limit=limit)
    items = tuple(rules.record(one) for one in found)
    return cursors.page("alias links", items, limit, lambda end: str(end.slot))


def links_of(tx: Reading, refs: Iterable[SlotRef]) -> tuple[AliasLink, ...]:
    """The links of those of these slots that have one."""
    return tuple(rules.record(one) for one in store.of_slots(tx, refs))


def links_with(tx: Reading, model: str, limit: int) -> tuple[AliasLink, ...]:
    """Up to ``limit`` links of slots in which a model is live, or whose alias is on it."""
    return tuple(rules.record(one) for one in store.of_model(tx, model, limit))


def moves(tx: Reading, ref: SlotRef, *, cursor: str | None, limit: int) -> Page[ForeignMove]:
    """What others did to the alias of a slot, the newest first.

    Raises:
        NotFound: there is no such slot.
    """
    deployments.read_slot(tx, ref)
    return _moves(tx, f"alias moves of {ref.short}", ref, None, cursor, limit)


def proposals(
    tx: Reading, ref: SlotRef | None, *, waiting: bool, cursor: str | None, limit: int
) -> Page[ForeignMove]:
    """Proposals, the newest first; with ``waiting`` only those that nobody decided about."""
    decided: tuple[MoveOutcome, ...] = ("accepted", "declined", "superseded")
    kinds: tuple[MoveOutcome, ...] = ("proposed",) if waiting else ("proposed", *decided)
    listing = f"alias proposals of {ref.short if ref else 'every slot'} {kinds}"
    return _moves(tx, listing, ref, kinds, cursor, limit)


def accept(tx: Writing, number: int, expected: int, reason: str) -> Deployment:
    """Deploy what a proposal proposes, over the deployment that the caller looked at.

    Raises:
        NotFound: there is no such proposal.
        Stale: another deployment is live than ``expected``.
        Conflict: the proposal does not wait any more, or another model is live by now.
        BlockedPair, BundleWithdrawn: what it proposes may not go live.
    """
    proposal = _proposal(tx, number)
    deployments.lock(tx, proposal.slot, expected)
    to = ModelVersionRef(proposal.model, proposal.after or 0)
    made = deploy_version(tx, proposal.slot, to, expected, reason)
    if not store.decide(tx, number, "accepted", made.number):
        raise _decided(_proposal(tx, number))
    audit(tx, "alias.accept", str(made.ref), why=reason, after={"proposal": number})
    return made


def decline(tx: Writing, number: int, reason: str) -> ForeignMove:
    """Stay with what is live; a link that writes puts the alias back.

    Raises:
        NotFound: there is no such proposal.
        Conflict: it does not wait any more.
    """
    proposal = _proposal(tx, number)
    store.lock_link(tx, proposal.slot)
    if not store.decide(tx, number, "declined"):
        raise _decided(_proposal(tx, number))
    store.ask_again(tx, proposal.slot, f"{tx.actor} declined to follow it")
    audit(tx, "alias.decline", str(proposal.slot), why=reason, after={"proposal": number})
    tx.announce(TOPIC)
    return _proposal(tx, number)


def taken(model: str, alias: str, by: SlotRef) -> Conflict:
    """The error for an alias of a model that belongs to another slot."""
    return Conflict(
        f"The alias {alias!r} of {model!r} goes with {by.short} already, and can tell of one slot "
        "only; take another alias, or unlink that one.",
        alias=alias,
        model=model,
        slot=str(by),
    )


def _model(tx: Reading, ref: SlotRef) -> str | None:
    """The model of MLflow that is live in a slot."""
    live = deployments.read_slot(tx, ref).live
    if live is None or models.read_version(tx, live.model).source != "mlflow":
        return None
    return live.model.name


def _moves(
    tx: Reading,
    listing: str,
    ref: SlotRef | None,
    kinds: tuple[MoveOutcome, ...] | None,
    cursor: str | None,
    limit: int,
) -> Page[ForeignMove]:
    before = cursors.decode(listing, cursor, int)
    items = store.moves(tx, ref, kinds, before=before, limit=limit)
    return cursors.page(listing, items, limit, lambda last: last.number)


def _found(tx: Reading, ref: SlotRef) -> Link:
    found = store.find(tx, ref)
    if found is None:
        raise not_found("linked slot", ref.short, store.names(tx))
    return found


def _proposal(tx: Reading, number: int) -> ForeignMove:
    found = store.find_move(tx, number)
    if found is None or found.outcome not in ("proposed", "accepted", "declined", "superseded"):
        raise NotFound(
            f"There is no proposal {number}; `twinline mlflow proposals` lists them.",
            kind="proposal",
            name=str(number),
        )
    return found


def _decided(proposal: ForeignMove) -> Conflict:
    by = f" by {proposal.decided_by}" if proposal.decided_by else ""
    return Conflict(
        f"Proposal {proposal.number} does not wait any more: it was {proposal.outcome}{by}.",
        proposal=proposal.number,
    )


def _essence(link: AliasLink) -> dict[str, object]:
    return link.model_dump(mode="json", include={"alias", "writes", "foreign"})
