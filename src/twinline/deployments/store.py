"""Slots and deployments, in SQL."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    FromClause,
    Lateral,
    RowMapping,
    Select,
    and_,
    func,
    literal,
    select,
    text,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import distinct_on, insert

from twinline.db.arrays import both_among
from twinline.db.graph import INTO, add_edge, add_node, end_edges, find_node
from twinline.db.names import near
from twinline.db.schema import bundle, deployment, node, slot
from twinline.db.session import Reading, Writing
from twinline.language.records import Deployment, DeploymentKind, Slot
from twinline.language.refs import (
    BundleRef,
    DeploymentRef,
    SlotRef,
)
from twinline.routing.policy import Policy

_TICK = timedelta(microseconds=1)
_NEWEST_WITHOUT = text(f"""
with named as materialized (select node_id from bundle where digest = any(:digests))
select slot.route, slot.environment, coalesce(fine.number, 0) as number
from unnest(cast(:routes as text[]), cast(:environments as text[])) wanted(route, environment)
join slot using (route, environment)
left join lateral (
    select number from deployment made
    where made.slot_id = slot.id and made.bundle not in (select node_id from named) and not exists (
        select 1 from (select made.node_id) each(node_id) {INTO.format(node="each.node_id")}
        where edge.kind = 'deployed_as' and edge.source in (select node_id from named))
    order by number desc limit 1
) fine on true
""")


class EnvironmentSlots(NamedTuple):
    """An environment: how many slots it has, in how many of them something is live, and the
    newest deployment of all of them (None: nothing was ever deployed)."""

    name: str
    slots: int
    live: int
    newest: Deployment | None


_WITH_SPLITS = text("""
select slot.route, slot.environment, max(recent.number) as live,
    max(recent.number) filter (where recent.splits) as number,
    max(recent.at) filter (where recent.splits) as at
from slot cross join lateral (
    select number, at, jsonb_path_exists(policy, '$.rules[*].serve.split') as splits
    from deployment where slot_id = slot.id order by number desc limit :newest
) recent
group by slot.id having bool_or(recent.splits)
order by max(recent.number) = max(recent.number) filter (where recent.splits) desc, at desc
limit :limit
""")


def lock_slot(tx: Writing, ref: SlotRef) -> int:
    """The id of the slot, made when there is none; its history is ours until the
    transaction ends."""
    add_slot(tx, ref)
    wanted = select(slot.c.id).where(_is(ref))
    return tx.value(wanted.with_for_update(key_share=True))


def add_slot(tx: Writing, ref: SlotRef) -> bool:
    """Make a slot; False when it exists."""
    if tx.value(select(slot.c.id).where(_is(ref))):
        return False
    place = {"route": ref.route, "environment": ref.environment}
    node_id = add_node(tx, "slot", ref)
    made = tx.value(
        insert(slot)
        .values(**place, node_id=node_id, created_at=func.clock_timestamp())
        .on_conflict_do_nothing()
        .returning(slot.c.id)
    )
    return made is not None


def append(
    tx: Writing,
    ref: DeploymentRef,
    policy: Policy,
    *,
    kind: DeploymentKind,
    undoes: int | None,
    reason: str,
) -> None:
    """Append to a slot's history, under the lock of `lock_slot`."""
    held = tx.row(select(slot.c.id, slot.c.node_id).where(_is(ref.slot)))
    assert held is not None
    slot_id, node_id = held["id"], add_node(tx, "deployment", ref)
    before = select(func.max(deployment.c.at)).where(deployment.c.slot_id == slot_id)
    at = tx.value(
        deployment.insert()
        .values(
            slot_id=slot_id,
            number=ref.number,
            node_id=node_id,
            policy=policy.document(),
            digest=policy.digest,
            bundle=find_node(tx, policy.default.bundle),
            kind=kind,
            undoes=undoes,
            actor=tx.actor,
            reason=reason,
            at=func.greatest(func.clock_timestamp(), before.scalar_subquery() + literal(_TICK)),
        )
        .returning(deployment.c.at)
    )
    end_edges(tx, "live_in", target=held["node_id"], until=at)
    add_edge(tx, node_id, held["node_id"], "live_in", since=at)
    for served in policy.bundles():
        source = find_node(tx, served)
        assert source is not None
        add_edge(tx, source, node_id, "deployed_as")


def find(tx: Reading, ref: DeploymentRef) -> Deployment | None:
    """One entry of a slot's history."""
    row = tx.row(_deployments().where(_is(ref.slot), deployment.c.number == ref.number))
    return _deployment(row) if row else None


def live(tx: Reading, ref: SlotRef, at: datetime | None = None) -> Deployment | None:
    """The newest deployment of a slot, or the one that was newest at ``at``."""
    row = tx.row(_newest(at).where(_is(ref)))
    return _deployment(row) if row else None


def history(tx: Reading, ref: SlotRef, *, before: int | None, limit: int) -> tuple[Deployment, ...]:
    """A slot's deployments, the newest first."""
    ours = select(deployment).where(deployment.c.slot_id == slot.c.id)
    if before is not None:
        ours = ours.where(deployment.c.number < before)
    page = ours.order_by(deployment.c.number.desc()).limit(limit).lateral()
    query = _deployments(page).where(_is(ref)).order_by(page.c.number.desc())
    return tuple(_deployment(row) for row in tx.rows(query))


def between(
    tx: Reading, ref: SlotRef, since: datetime, until: datetime, *, limit: int
) -> tuple[Deployment, ...]:
    """A slot's deployments after ``since`` and up to ``until``, the newest first."""
    within = (deployment.c.slot_id == slot.c.id, deployment.c.at > since, deployment.c.at <= until)
    page = select(deployment).where(*within).order_by(deployment.c.at.desc()).limit(limit).lateral()
    query = _deployments(page).where(_is(ref)).order_by(page.c.number.desc())
    return tuple(_deployment(row) for row in tx.rows(query))


def slots_at(tx: Reading, environment: str, at: datetime) -> tuple[Slot, ...]:
    """The slots that existed at ``at``, with what was live in each; by route."""
    query = (
        _newest(at, or_nothing=True)
        .add_columns(slot.c.created_at)
        .where(slot.c.environment == environment, slot.c.created_at <= at)
        .order_by(slot.c.route)
    )
    return tuple(_slot(row, _deployment(row) if row["number"] else None) for row in tx.rows(query))


def slots_page_at(
    tx: Reading, environment: str, at: datetime, part: str, *, offset: int, limit: int
) -> tuple[Slot, ...]:
    """Of the slots that existed at ``at`` and whose route holds ``part``, in whatever case, up
    to ``limit`` after the first ``offset``, with what was live in each; by route."""
    query = select(slot).where(*_existed(environment, at, part)).order_by(slot.c.route)
    rows = tx.rows(query.offset(offset).limit(limit))
    newest = _newest(at).where(slot.c.id.in_([row["id"] for row in rows]))
    by_slot = {row["slot_id"]: _deployment(row) for row in tx.rows(newest)}
    return tuple(_slot(row, by_slot.get(row["id"])) for row in rows)


def count_at(tx: Reading, environment: str, at: datetime, part: str) -> int:
    """How many slots existed at ``at`` whose route holds ``part``, in whatever case."""
    return tx.value(select(func.count()).select_from(slot).where(*_existed(environment, at, part)))


def first_in(tx: Reading, environment: str) -> datetime | None:
    """When something was live in an environment for the first time."""
    first = select(func.min(deployment.c.at)).join(slot, slot.c.id == deployment.c.slot_id)
    return tx.value(first.where(slot.c.environment == environment, deployment.c.number == 1))


def with_splits(tx: Reading, newest: int, limit: int) -> tuple[RowMapping, ...]:
    """Slots whose newest deployments have a split: route, environment, the number and the time
    of the newest with one, and the live number; those that had one last come first."""
    return tuple(tx.rows(_WITH_SPLITS, {"newest": newest, "limit": limit}))


def environments(tx: Reading) -> list[str]:
    """Environments that have a slot."""
    return tx.values(select(slot.c.environment).distinct())


def environment_slots(tx: Reading) -> tuple[EnvironmentSlots, ...]:
    """Every environment that has a slot, by name."""
    newest = _newest(or_nothing=True).subquery()
    place = newest.c.environment
    counted = (
        func.count().over(partition_by=place).label("slots"),
        func.count(newest.c.number).over(partition_by=place).label("live"),
    )
    query = (
        select(newest, *counted)
        .ext(distinct_on(place))
        .order_by(place, newest.c.at.desc().nulls_last(), newest.c.route)
    )
    return tuple(
        EnvironmentSlots(
            row["environment"],
            row["slots"],
            row["live"],
            _deployment(row) if row["number"] else None,
        )
        for row in tx.rows(query)
    )


def live_within(
    tx: Reading, refs: Iterable[SlotRef], since: datetime, until: datetime, *, limit: int
) -> tuple[Deployment, ...]:
    """What was live in these slots at ``since`` or later, up to ``until``: of each slot the
    newest ``limit`` deployments, in the order of their numbers."""
    before = deployment.alias()
    begin = (
        select(func.max(before.c.at))
        .where(before.c.slot_id == slot.c.id, before.c.at <= since)
        .correlate(slot)
        .scalar_subquery()
    )
    within = (
        deployment.c.slot_id == slot.c.id,
        deployment.c.at >= func.coalesce(begin, since),
        deployment.c.at <= until,
    )
    page = select(deployment).where(*within).order_by(deployment.c.at.desc()).limit(limit).lateral()
    query = _deployments(page).where(_among(refs)).order_by(slot.c.id, page.c.number)
    return tuple(_deployment(row) for row in tx.rows(query))


def sides(tx: Reading, slots: Collection[SlotRef]) -> tuple[RowMapping, ...]:
    """Slot, number, kind, and both sides (references) of each deployment of these slots that
    made another bundle the default than the one before it; the oldest first."""
    before = func.lag(deployment.c.bundle).over(
        partition_by=deployment.c.slot_id, order_by=deployment.c.number
    )
    made = (
        select(deployment, slot.c.route, slot.c.environment, before.label("before"))
        .join(slot, slot.c.id == deployment.c.slot_id)
        .where(_among(slots))
        .subquery()
    )
    model, prompt = node.alias(), node.alias()
    query = (
        select(
            made.c.route,
            made.c.environment,
            made.c.number,
            made.c.kind,
            model.c.ref.label("model"),
            prompt.c.ref.label("prompt"),
        )
        .join(bundle, bundle.c.node_id == made.c.bundle)
        .join(model, model.c.id == bundle.c.model_version)
        .join(prompt, prompt.c.id == bundle.c.prompt_version)
        .where(made.c.before.is_distinct_from(made.c.bundle))
        .order_by(made.c.slot_id, made.c.number)
    )
    return tuple(tx.rows(query))


def live_of_each(tx: Reading, slots: Collection[SlotRef]) -> tuple[Deployment, ...]:
    """What is live in these slots; a slot where nothing is is left out."""
    return tuple(_deployment(row) for row in tx.rows(_newest().where(_among(slots))))


def live_under(tx: Reading, route: str, limit: int) -> tuple[Deployment, ...]:
    """What is live in the slots of a route, by environment."""
    query = _newest().where(slot.c.route == route).order_by(slot.c.environment).limit(limit)
    return tuple(_deployment(row) for row in tx.rows(query))


def newest_without(
    tx: Reading, slots: Collection[SlotRef], bundles: Collection[BundleRef]
) -> dict[SlotRef, int]:
    """The number of the newest deployment in each of these slots that names none of these
    bundles, 0 where every one does."""
    values = {
        "routes": [one.route for one in slots],
        "environments": [one.environment for one in slots],
        "digests": [one.digest for one in bundles],
    }
    return {
        SlotRef(row["route"], row["environment"]): row["number"]
        for row in tx.rows(_NEWEST_WITHOUT, values)
    }


def find_slot(tx: Reading, ref: SlotRef) -> Slot | None:
    """A slot with what is live in it."""
    row = tx.row(select(slot).where(_is(ref)))
    return _slot(row, live(tx, ref)) if row else None


def slots(
    tx: Reading, environment: str | None, *, after: SlotRef | None, limit: int
) -> tuple[Slot, ...]:
    """Slots with what is live in each, by environment and route."""
    query = select(slot).order_by(slot.c.environment, slot.c.route).limit(limit)
    if environment is not None:
        query = query.where(slot.c.environment == environment)
    if after is not None:
        place = tuple_(slot.c.environment, slot.c.route)
        query = query.where(place > tuple_(after.environment, after.route))
    rows = tx.rows(query)
    newest = _newest().where(slot.c.id.in_([row["id"] for row in rows]))
    by_slot = {row["slot_id"]: _deployment(row) for row in tx.rows(newest)}
    return tuple(_slot(row, by_slot.get(row["id"])) for row in rows)


def live_in(tx: Reading, environment: str, at: datetime | None = None) -> tuple[Deployment, ...]:
    """The newest deployment of each slot of an environment, by route, now or at ``at``."""
    rows = tx.rows(_newest(at).where(slot.c.environment == environment))
    return tuple(_deployment(row) for row in sorted(rows, key=lambda row: row["route"]))


def names(tx: Reading, word: str) -> list[str]:
    """Slots as people write them, for finding those like ``word``."""
    return tx.values(near(slot.c.route + "@" + slot.c.environment, word))


def names_with(tx: Reading, part: str, limit: int) -> list[str]:
    """Slots as people write them that hold ``part``, in whatever case."""
    name = slot.c.route + "@" + slot.c.environment
    query = select(name).where(name.icontains(part, autoescape=True))
    return tx.values(query.order_by(slot.c.route, slot.c.environment).limit(limit))


def _existed(environment: str, at: datetime, part: str) -> tuple[Any, ...]:
    holds = slot.c.route.icontains(part, autoescape=True)
    return slot.c.environment == environment, slot.c.created_at <= at, holds


def _is(ref: SlotRef) -> Any:
    return and_(slot.c.route == ref.route, slot.c.environment == ref.environment)


def _among(refs: Iterable[SlotRef]) -> Any:
    places = [(one.route, one.environment) for one in refs]
    return both_among(slot.c.route, slot.c.environment, places)


def _newest(at: datetime | None = None, *, or_nothing: bool = False) -> Select[Any]:
    """What is live in each slot, or was at ``at``: one step down an index for each slot.

    With ``or_nothing`` also the slots in which nothing is: their columns are null.
    """
    newest = select(deployment).where(deployment.c.slot_id == slot.c.id)
    if at is None:
        newest = newest.order_by(deployment.c.number.desc())
    else:
        newest = newest.where(deployment.c.at <= at).order_by(deployment.c.at.desc())
    return _deployments(newest.limit(1).lateral(), outer=or_nothing)


def _deployments(of: FromClause = deployment, *, outer: bool = False) -> Select[Any]:
    """Deployments from ``of``, with what their records show beside the table's columns."""
    model, prompt = node.alias(), node.alias()
    return (
        select(
            of,
            slot.c.route,
            slot.c.environment,
            bundle.c.digest.label("bundle_digest"),
            model.c.ref.label("model"),
            prompt.c.ref.label("prompt"),
        )
        .select_from(slot)
        .join(of, true() if isinstance(of, Lateral) else of.c.slot_id == slot.c.id, isouter=outer)
        .join(bundle, bundle.c.node_id == of.c.bundle, isouter=outer)
        .join(model, model.c.id == bundle.c.model_version, isouter=outer)
        .join(prompt, prompt.c.id == bundle.c.prompt_version, isouter=outer)
    )


def _deployment(row: RowMapping) -> Deployment:
    ref = SlotRef(row["route"], row["environment"])
    return Deployment.model_validate(
        {
            **row,
            "ref": DeploymentRef(ref, row["number"]),
            "slot": ref,
            "bundle": BundleRef(row["bundle_digest"]),
        }
    )


def _slot(row: RowMapping, newest: Deployment | None) -> Slot:
    ref = SlotRef(row["route"], row["environment"])
    return Slot.model_validate({**row, "ref": ref, "live": newest})
