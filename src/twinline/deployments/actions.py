"""Deploy to slots, read their history, and choose what answers a request."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from twinline.access.actions import audit
from twinline.bundles import actions as bundles
from twinline.db.session import Reading, Writing
from twinline.deployments import rules, store
from twinline.deployments.rules import Frame, Step
from twinline.language import cursors
from twinline.language.errors import BlockedPair, NotFound, NothingLive, Stale
from twinline.language.nearest import not_found
from twinline.language.records import Deployment, DeploymentKind, NewDeployment, Page, Slot
from twinline.language.refs import (
    BundleRef,
    DeploymentRef,
    ModelVersionRef,
    PromptVersionRef,
    Ref,
    SlotRef,
    parse_ref,
)
from twinline.routing.policy import Choice, Policy, evaluate, read_policy, single, substitute


@dataclass(frozen=True)
class Chosen:
    """What the live policy of a slot chose, and the deployment that it belongs to."""

    deployment: Deployment
    choice: Choice


def deploy(tx: Writing, ref: SlotRef, new: NewDeployment, expected: int) -> Deployment:
    """Make a bundle or a policy live in a slot.

    ``expected`` is the number of the live deployment that the caller looked at, 0 for
    none.

    Raises:
        NotFound: the policy names a bundle that does not exist.
        Stale: another deployment is live by now.
        BlockedPair: a pair in it is declared incompatible.
    """
    lock(tx, ref, expected)
    policy = single(new.bundle) if new.bundle else read_policy(new.policy or {})
    complete = substitute(policy, lambda short: _deployable(tx, short))
    return append(tx, ref, complete, kind="deploy", undoes=None, reason=new.reason)


def lock(tx: Writing, ref: SlotRef, expected: int) -> Deployment | None:
    """What is live in a slot; nobody else can change it until this transaction ends.

    Raises:
        Stale: it is not the deployment that the caller looked at.
    """
    store.lock_slot(tx, ref)
    live = store.live(tx, ref)
    number = live.number if live else 0
    if number != expected:
        raise Stale(
            f"{ref.short} is at deployment {number}, not at {expected}: somebody changed it "
            "since you looked. Look again, then decide again.",
            live=number,
            expected=expected,
        )
    return live


def append(
    tx: Writing,
    ref: SlotRef,
    policy: Policy,
    *,
    kind: DeploymentKind,
    undoes: int | None,
    reason: str,
) -> Deployment:
    """Append to the history of a slot that this transaction has locked."""
    before = store.live(tx, ref)
    next_ref = DeploymentRef(ref, before.number + 1 if before else 1)
    store.append(tx, next_ref, policy, kind=kind, undoes=undoes, reason=reason)
    made = store.find(tx, next_ref)
    assert made is not None
    audit(
        tx,
        f"deployment.{kind}",
        str(next_ref),
        why=reason,
        before=_essence(before) if before else None,
        after=_essence(made),
    )
    return made


def choose(tx: Reading, ref: SlotRef, context: dict[str, Any]) -> Chosen:
    """Evaluate the live policy of a slot for a request's context.

    Raises:
        NotFound: there is no such slot.
        NothingLive: nothing was deployed to it.
    """
    deployment = live(tx, ref)
    return Chosen(deployment, evaluate(read_policy(deployment.policy), context))


def live(tx: Reading, ref: SlotRef, at: datetime | None = None) -> Deployment:
    """What is live in a slot, or was live at ``at``.

    Raises:
        NotFound: there is no such slot.
        NothingLive: nothing is, or was by then, deployed to it.
    """
    found = store.live(tx, ref, at)
    if found is None:
        read_slot(tx, ref)
        when = f" at {at.isoformat()}" if at else ""
        raise NothingLive(
            f"Nothing was live in {ref.short}{when}; `twinline deploy` makes something live.",
            slot=str(ref),
        )
    return found


def read_slot(tx: Reading, ref: SlotRef) -> Slot:
    """A slot with what is live in it.

    Raises:
        NotFound: there is no such slot.
    """
    found = store.find_slot(tx, ref)
    if found is None:
        raise not_found("slot", ref.short, store.names(tx, ref.short))
    return found


def exists(tx: Reading, ref: SlotRef) -> bool:
    """Whether there is such a slot."""
    return store.find_slot(tx, ref) is not None


def ensure_slot(tx: Writing, ref: SlotRef) -> None:
    """Make the slot when there is none, say because requests already name it."""
    if store.add_slot(tx, ref):
        audit(tx, "slot.create", str(ref))


def list_slots(
    tx: Reading, environment: str | None, *, cursor: str | None, limit: int
) -> Page[Slot]:
    """Slots with what is live in each."""
    listing = f"slots of {environment or 'every environment'}"
    last = cursors.decode(listing, cursor, str)
    after = SlotRef.parse(last) if last else None
    items = store.slots(tx, environment, after=after, limit=limit)
    return cursors.page(listing, items, limit, lambda end: str(end.ref))


def find(tx: Reading, ref: DeploymentRef) -> Deployment | None:
    """One entry of a slot's history, None when there is none."""
    return store.find(tx, ref)


def bundles_of(tx: Reading, ref: DeploymentRef) -> tuple[BundleRef, ...]:
    """The bundles that a deployment can serve; none when it does not exist."""
    found = store.find(tx, ref)
    return read_policy(found.policy).bundles() if found else ()


def history(tx: Reading, ref: SlotRef, *, cursor: str | None, limit: int) -> Page[Deployment]:
    """A slot's deployments, the newest first.

    Raises:
        NotFound: there is no such slot.
    """
    read_slot(tx, ref)
    listing = f"deployments of {ref.short}"
    before = cursors.decode(listing, cursor, int)
    items = store.history(tx, ref, before=before, limit=limit)
    return cursors.page(listing, items, limit, lambda last: last.number)


def undo_stack(
    tx: Reading, ref: SlotRef, side: Literal["prompt", "model"]
) -> tuple[Frame[PromptVersionRef | ModelVersionRef], ...]:
    """The versions that a side of a slot can go back through, the current one last."""
    steps = [Step(row["number"], row["kind"], row[side]) for row in store.sides(tx, ref)]
    return tuple(Frame(_version_ref(frame.value), frame.since) for frame in rules.undo_stack(steps))


def _version_ref(text: str) -> PromptVersionRef | ModelVersionRef:
    ref: Ref = parse_ref(text)
    assert isinstance(ref, PromptVersionRef | ModelVersionRef)
    return ref


def _deployable(tx: Reading, ref: BundleRef) -> BundleRef:
    bundle = bundles.read(tx, ref)
    if bundle.model is None or bundle.prompt is None:
        raise NotFound(
            f"{bundle.ref} stands for a pair that could not be resolved; it cannot be deployed.",
            kind="bundle",
            name=str(ref),
        )
    pairing = bundles.pairing(tx, bundle.model, bundle.prompt)
    if pairing and pairing.status == "incompatible":
        raise BlockedPair(
            f"{bundle.prompt} and {bundle.model} are declared incompatible by {pairing.actor}: "
            f"{pairing.reason}. State another pairing first if that is no longer so.",
            bundle=str(bundle.ref),
        )
    return bundle.ref


def _essence(deployment: Deployment) -> dict[str, object]:
    return deployment.model_dump(mode="json", include={"ref", "kind", "bundle", "digest"})
