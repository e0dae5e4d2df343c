"""Deploy to slots, read their history, and choose what answers a request."""

import secrets
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import NamedTuple

from twinline.access.actions import audit
from twinline.bundles import actions as bundles
from twinline.db.session import Reading, Writing
from twinline.deployments import live_store, store
from twinline.deployments.live_store import LiveBundle, LivePrompt
from twinline.deployments.store import EnvironmentSlots
from twinline.environments import actions as environments
from twinline.evaluations import requirements
from twinline.kills import actions as kills
from twinline.language import cursors
from twinline.language.errors import (
    BlockedPair,
    BundleWithdrawn,
    NotFound,
    NothingLive,
    Stale,
    TwinlineError,
)
from twinline.language.nearest import not_found
from twinline.language.records import Deployment, DeploymentKind, NewDeployment, Page, Slot
from twinline.language.refs import BundleRef, DeploymentRef, PromptVersionRef, SlotRef
from twinline.routing.policy import Policy, complete, single, substitute
from twinline.withdrawals import actions as withdrawals

HISTORY_PAGE = 100
LIVE_SHOWN = 20
LIVE_VERSIONS = 200


class SplitSlot(NamedTuple):
    """A slot, its newest deployment with a split, when that was made, and whether it is live."""

    slot: SlotRef
    deployment: DeploymentRef
    at: datetime
    is_live: bool


def deploy(tx: Writing, ref: SlotRef, new: NewDeployment, expected: int) -> Deployment:
    """Make a bundle or a policy live in a slot.

    ``expected`` is the number of the live deployment that the caller looked at, 0 for
    none. A split without a salt keeps that of the live split in the rule of its name,
    or gets a random one.

    Raises:
        Invalid: the policy is not of the form of one, or changes the salt of a split.
        NotFound: the policy names a bundle that does not exist.
        Stale: another deployment is live by now.
        BlockedPair: a pair in it is declared incompatible.
        BundleWithdrawn: a bundle in it is killed, or it is built on what is withdrawn.
        NotEvaluated: a bundle in it has not passed a suite that the slot requires.
    """
    live = lock(tx, ref, expected)
    if new.bundle:
        policy = single(new.bundle)
    else:
        policy = complete(new.policy or {}, live.policy if live else None, _salt)
    policy = deployable(tx, policy)
    requirements.refuse(ref, requirements.missing_of_all(tx, ref, policy.bundles()))
    return append(tx, ref, policy, kind="deploy", undoes=None, reason=new.reason)


def deployable(tx: Reading, policy: Policy, foreseen: BundleRef | None = None) -> Policy:
    """The same policy with its bundles by their whole digests, when all may go live; one that
    is ``foreseen``, and not made yet, is not looked at.

    Raises:
        NotFound, BlockedPair, BundleWithdrawn: the message begins with the place in
            the policy.
    """
    whole = {foreseen: foreseen} if foreseen else dict[BundleRef, BundleRef]()
    for place, bundle in policy.places():
        if bundle in whole:
            continue
        try:
            whole[bundle] = fit_to_serve(tx, bundle)
        except TwinlineError as error:
            raise type(error)(f"{place}: {error.detail}", **error.fields, path=place) from error
    return substitute(policy, whole.__getitem__)


def lock(tx: Writing, ref: SlotRef, expected: int) -> Deployment | None:
    """What is live in a slot; nobody else can change it, nor retire anything, until this
    transaction ends.

    Raises:
        Stale: it is not the deployment that the caller looked at.
    """
    withdrawals.before_deploying(tx)
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
    environments.changed(tx, ref.environment)
    audit(
        tx,
        f"deployment.{kind}",
        str(next_ref),
        why=reason,
        before=_essence(before) if before else None,
        after=_essence(made),
    )
    return made


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


def live_or_none(tx: Reading, ref: SlotRef, at: datetime) -> Deployment | None:
    """What was live in a slot at ``at``; None when nothing was."""
    return store.live(tx, ref, at)


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


def slots_with(tx: Reading, part: str, limit: int) -> tuple[SlotRef, ...]:
    """Slots whose name, ``ROUTE@ENVIRONMENT``, holds ``part`` in whatever case, by name."""
    return tuple(SlotRef.parse(name) for name in store.names_with(tx, part, limit))


def with_splits(tx: Reading, newest: int, limit: int) -> tuple[SplitSlot, ...]:
    """Slots that have a split among their ``newest`` deployments, those where one is live
    first."""
    return tuple(
        SplitSlot(
            slot := SlotRef(row["route"], row["environment"]),
            DeploymentRef(slot, row["number"]),
            row["at"],
            row["number"] == row["live"],
        )
        for row in store.with_splits(tx, newest, limit)
    )


def live_in(tx: Reading, environment: str, at: datetime | None = None) -> tuple[Deployment, ...]:
    """What is live in each slot of an environment, or was at ``at``; by route."""
    return store.live_in(tx, environment, at)


def live_with(tx: Reading, prompt: PromptVersionRef) -> tuple[LiveBundle, ...]:
    """Up to 20 bundles with a prompt version that are live, by slot."""
    return live_store.live_with(tx, prompt, LIVE_SHOWN)


def live_of(
    tx: Reading,
    names: Collection[str],
    *,
    also: Collection[int] = (),
    versions: int,
    slots: int = LIVE_SHOWN,
) -> tuple[LivePrompt, ...]:
    """The versions of these prompts that are live anywhere, by prompt: the newest ``versions``
    of each first and those numbered in ``also``, each with the first ``slots`` of its slots."""
    return live_store.live_of(tx, names, also=also, versions=versions, slots=slots)


def live_by_number(tx: Reading, name: str, also: Collection[int] = ()) -> dict[int, LivePrompt]:
    """The newest 200 versions of a prompt that are live, and those numbered in ``also``, by
    number; those that are live nowhere are not in it."""
    return {
        one.prompt.number: one for one in live_of(tx, [name], also=also, versions=LIVE_VERSIONS)
    }


def slots_at(tx: Reading, environment: str, at: datetime) -> tuple[Slot, ...]:
    """The slots of an environment that existed at ``at``, with what was live in each."""
    return store.slots_at(tx, environment, at)


def slots_page_at(
    tx: Reading, environment: str, at: datetime, part: str, *, offset: int, limit: int
) -> tuple[Slot, ...]:
    """Some of the slots that existed at ``at`` and whose route holds ``part``, in whatever
    case: up to ``limit`` after the first ``offset``, by route, with what was live in each."""
    return store.slots_page_at(tx, environment, at, part, offset=offset, limit=limit)


def count_at(tx: Reading, environment: str, at: datetime, part: str) -> int:
    """How many slots existed at ``at`` whose route holds ``part``, in whatever case."""
    return store.count_at(tx, environment, at, part)


def live_within(
    tx: Reading, refs: Collection[SlotRef], since: datetime, until: datetime, *, limit: int
) -> tuple[Deployment, ...]:
    """What was live in these slots from ``since`` up to ``until``: of each slot the newest
    ``limit`` deployments, the oldest of them first."""
    return store.live_within(tx, refs, since, until, limit=limit) if refs else ()


def environments_known(tx: Reading) -> tuple[EnvironmentSlots, ...]:
    """Every environment that has a slot, by name, with what is in it."""
    return store.environment_slots(tx)


def live_since(tx: Reading, environment: str) -> datetime | None:
    """When something was live in an environment for the first time; None: never.

    Raises:
        NotFound: no slot is in an environment of that name.
    """
    first = store.first_in(tx, environment)
    if first is None and environment not in (known := store.environments(tx)):
        raise not_found("environment", environment, known)
    return first


def find(tx: Reading, ref: DeploymentRef) -> Deployment | None:
    """One entry of a slot's history, None when there is none."""
    return store.find(tx, ref)


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


def between(
    tx: Reading, ref: SlotRef, since: datetime, until: datetime, *, limit: int
) -> tuple[Deployment, ...]:
    """A slot's deployments after ``since`` and up to ``until``, the newest first."""
    return store.between(tx, ref, since, until, limit=limit)


def entries(tx: Reading, ref: SlotRef, *, before: int | None, limit: int) -> tuple[Deployment, ...]:
    """A slot's deployments below the number ``before``, the newest first."""
    return store.history(tx, ref, before=before, limit=limit)


def whole_history(tx: Reading, ref: SlotRef, before: int | None = None) -> Iterator[Deployment]:
    """A slot's deployments (those below ``before``), the newest first, read as far as they
    are wanted."""
    while items := store.history(tx, ref, before=before, limit=HISTORY_PAGE):
        yield from items
        before = items[-1].number


def live_of_each(tx: Reading, slots: Collection[SlotRef]) -> dict[SlotRef, Deployment]:
    """What is live in these slots; a slot where nothing is is left out."""
    return {one.slot: one for one in store.live_of_each(tx, slots)}


def live_under(tx: Reading, route: str, limit: int) -> tuple[Deployment, ...]:
    """What is live in up to ``limit`` slots of a route, by environment."""
    return store.live_under(tx, route, limit)


def brought_in(
    tx: Reading, slots: Collection[SlotRef], bundles: Collection[BundleRef]
) -> dict[SlotRef, int]:
    """For each of these slots, in all of which one of these bundles is live, the number of the
    deployment since which one of them always was."""
    return {slot: one + 1 for slot, one in store.newest_without(tx, slots, bundles).items()}


def fit_to_serve(tx: Reading, ref: BundleRef) -> BundleRef:
    """A bundle by its whole digest, when it may go live.

    Raises:
        NotFound, BlockedPair, BundleWithdrawn: why it may not.
    """
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
    stopped = kills.note(tx, bundle.ref)
    if stopped:
        raise BundleWithdrawn(
            f"{bundle.ref} is killed since {stopped.at:%Y-%m-%d %H:%M}Z by {stopped.by}: "
            f"{stopped.reason}. Lift that first, or name another bundle.",
            bundle=str(bundle.ref),
        )
    for why in withdrawals.against(tx, bundle.ref):
        raise BundleWithdrawn(
            f"{bundle.ref} cannot go live: {why.node} is {why.kind} since "
            f"{why.at:%Y-%m-%d %H:%M}Z by {why.actor}: {why.reason}. Name another bundle, or lift "
            "that first.",
            bundle=str(bundle.ref),
            node=why.node,
        )
    return bundle.ref


def _salt() -> str:
    return secrets.token_hex(8)


def _essence(deployment: Deployment) -> dict[str, object]:
    return deployment.model_dump(mode="json", include={"ref", "kind", "bundle", "digest"})
