"""Withdraw nodes, lift that, and say what is withdrawn."""

from collections.abc import Collection
from datetime import datetime
from typing import TypeVar

from twinline.access.actions import audit
from twinline.db.graph import find_node, find_nodes
from twinline.db.session import Reading, Writing
from twinline.language import cursors
from twinline.language.errors import Conflict, NotFound, VersionWithdrawn
from twinline.language.records import Page, Withdrawal, WithdrawalKind
from twinline.language.refs import BundleRef, ModelVersionRef, PromptVersionRef, Ref
from twinline.withdrawals import store

Subject = TypeVar("Subject", bound=BundleRef | PromptVersionRef | ModelVersionRef)
TOPIC = "withdrawal"
"""What is announced, with the reference, when a node was withdrawn or let go on."""


def before_deploying(tx: Writing) -> None:
    """Let nothing be retired until this transaction ends: what is fit to go live stays so."""
    store.share_lock(tx)


def before_retiring(tx: Writing) -> None:
    """Let nothing be deployed until this transaction ends: what is live nowhere stays so."""
    store.own_lock(tx)


def withdraw(tx: Writing, ref: Ref, kind: WithdrawalKind, reason: str) -> tuple[Withdrawal, bool]:
    """Withdraw an existing node, and whether it was not until now."""
    node_id = find_node(tx, ref)
    assert node_id is not None
    made = store.add(tx, node_id, kind, reason)
    if made is None:
        standing = store.standing(tx, node_id, kind)
        if standing is None:
            raise Conflict(
                f"{ref} was {kind} and let go on just now; look again, then say it again."
            )
        return standing, False
    tx.announce(f"{TOPIC} {ref}")
    audit(tx, f"node.{kind}", str(ref), why=reason, after=made.model_dump(mode="json"))
    return made, True


def lift(tx: Writing, kind: WithdrawalKind, number: int, reason: str) -> Withdrawal:
    """End a withdrawal.

    Raises:
        NotFound: there is none of this kind and number.
        Conflict: it is lifted already.
    """
    before = read(tx, kind, number)
    if not store.lift(tx, number, reason):
        raise Conflict(f"{before.node} is no longer {kind}: {before.lifted_by} lifted that.")
    after = read(tx, kind, number)
    tx.announce(f"{TOPIC} {after.node}")
    _audit_lift(tx, before, after)
    return after


def retire_whole(
    tx: Writing, versions: Collection[int], reason: str
) -> tuple[tuple[Withdrawal, ...], bool]:
    """Retire all versions of a prompt, given by their nodes, in few statements: what is in
    force then, and whether any is new.

    That the prompt changes is announced by whoever holds it, once for all.
    """
    numbers = set(store.retire_whole(tx, versions, reason))
    found = store.retired(tx, versions)
    for one in found:
        if one.number in numbers:
            audit(tx, "node.retired", one.node, why=reason, after=one.model_dump(mode="json"))
    return found, bool(numbers)


def lift_whole(tx: Writing, versions: Collection[int], reason: str) -> tuple[Withdrawal, ...]:
    """Let those versions of a prompt go on that were retired with the whole; announced as by
    `retire_whole`."""
    before = [one for one in store.retired(tx, versions) if one.whole]
    numbers = [one.number for one in before]
    store.lift_all(tx, numbers, reason)
    after = store.numbered(tx, numbers)
    for was, one in zip(before, after, strict=True):
        _audit_lift(tx, was, one)
    return after


def _audit_lift(tx: Writing, before: Withdrawal, after: Withdrawal) -> None:
    audit(
        tx,
        f"node.{after.kind}.lift",
        after.node,
        why=after.lifted_reason or "",
        before=before.model_dump(mode="json"),
        after=after.model_dump(mode="json"),
    )


def read(tx: Reading, kind: WithdrawalKind, number: int) -> Withdrawal:
    """A withdrawal, in force or lifted.

    Raises:
        NotFound: there is none of this kind and number.
    """
    found = store.find(tx, number)
    if found is None or found.kind != kind:
        noun = {"retired": "retirement", "recalled": "recall"}[kind]
        raise NotFound(f"There is no {noun} {number}.", kind=noun, name=str(number))
    return found


def list_withdrawals(
    tx: Reading, kind: WithdrawalKind, *, cursor: str | None, limit: int
) -> Page[Withdrawal]:
    """Every withdrawal of a kind, the newest first."""
    before = cursors.decode(kind, cursor, int)
    items = store.page(tx, kind, before=before, limit=limit)
    return cursors.page(kind, items, limit, lambda last: last.number)


def against(
    tx: Reading, ref: BundleRef | PromptVersionRef | ModelVersionRef
) -> tuple[Withdrawal, ...]:
    """Why an existing bundle or version should not go live: it, a side of it, or what that
    came from is withdrawn. Nothing when it may."""
    node_id = find_node(tx, ref)
    return store.against(tx, node_id) if node_id is not None else ()


def against_any(tx: Reading, refs: Collection[Subject]) -> dict[Subject, tuple[Withdrawal, ...]]:
    """Why some of these bundles and versions should not be live, in few statements where none
    is withdrawn."""
    maybe = set(store.maybe_against(tx, refs)) if refs else set[int]()
    nodes = {str(ref): ref for ref in refs}
    ids = find_nodes(tx, nodes) if maybe else {}
    found = {nodes[ref]: store.against(tx, id) for ref, id in ids.items() if id in maybe}
    return {ref: why for ref, why in found.items() if why}


def standing(tx: Reading, ref: Ref, kind: WithdrawalKind) -> Withdrawal | None:
    """The withdrawal of this kind that is in force for a node itself."""
    node_id = find_node(tx, ref)
    return store.standing(tx, node_id, kind) if node_id is not None else None


def let_go(tx: Reading, versions: Collection[int], *, whole: bool) -> bool:
    """Whether any of these versions, given by their nodes, was retired and let go on, and none
    is retired now; ``whole``: was retired with the whole."""
    return not store.retired(tx, versions) and store.was_lifted(tx, versions, whole=whole)


def refuse_withdrawn(tx: Reading, ref: PromptVersionRef | ModelVersionRef, what: str) -> None:
    """Return when nothing is in force `against` a version.

    Raises:
        VersionWithdrawn: ``what`` cannot be done with it.
    """
    for why in against(tx, ref):
        raise VersionWithdrawn(
            f"{what}: {why.node} is {why.kind} since {why.at:%Y-%m-%d %H:%M}Z by {why.actor}: "
            f"{why.reason}. Take another version, or lift that first.",
            node=why.node,
            withdrawal=why.number,
        )


def between(
    tx: Reading, bundles: Collection[BundleRef], since: datetime, until: datetime, limit: int
) -> tuple[Withdrawal, ...]:
    """What these bundles came from that was withdrawn, or let go on, after ``since`` and up to
    ``until``, the newest first."""
    return store.between(tx, bundles, since, until, limit)
