"""Links to aliases and the moves of others, in SQL."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, Select, case, func, literal, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from twinline.aliases.rules import Link, Move, Put
from twinline.db.schema import alias_link, alias_move, deployment, slot
from twinline.db.session import Reading, Writing
from twinline.language.records import ForeignMove, MoveOutcome, NewAliasLink
from twinline.language.refs import ModelVersionRef, SlotRef

_TURN_SECONDS = 30
"""How long a process has a link for itself; longer than all that it asks MLflow in one turn."""

_CLAIMS = 0x7477_616C  # an advisory lock of our own: "twal"

_LINKS = """
select alias_link.*, route, environment, coalesce(live.number, 0) as live_number,
    node.ref as live_model, coalesce(model.source = 'mlflow', false) as of_mlflow, (
        select min(deployment.at) from deployment
        where deployment.slot_id = alias_link.slot_id and number > settled) as deployed_at, (
        select number from alias_move
        where alias_move.slot_id = alias_link.slot_id and outcome = 'proposed') as proposal
from alias_link join slot on slot.id = alias_link.slot_id
left join lateral (
    select number, bundle from deployment where deployment.slot_id = slot.id
    order by number desc limit 1) live on true
left join bundle on bundle.node_id = live.bundle
left join model_version on model_version.node_id = bundle.model_version
left join node on node.id = model_version.node_id
left join model on model.id = model_version.model_id
"""
_BY_SLOT = text(f"{_LINKS} where route = :route and environment = :environment")
_PAGE = text(f"""
{_LINKS} where (environment, route) > (:environment, :route)
order by environment, route limit :limit
""")
_ALL = text(_LINKS)
_OF_SLOTS = text(f"""
{_LINKS} join unnest(cast(:environments as text[]), cast(:routes as text[]))
    as wanted (of_environment, of_route) on of_environment = environment and of_route = route
""")
_OF_MODEL = text(f"""
{_LINKS} where model.name = :model or alias_link.model = :model
    or regexp_replace(written, '/[^/]*$', '') = :written
order by environment, route limit :limit
""")

_TAKE = text("""
update alias_link set turn = turn + 1,
    turn_until = clock_timestamp() + make_interval(secs => :seconds)
where slot_id = (
    select slot_id from alias_link
    where (turn_until is null or turn_until < clock_timestamp())
        and (next_at <= clock_timestamp() or exists (
            select 1 from deployment
            where deployment.slot_id = alias_link.slot_id and number > seen_live))
    order by next_at limit 1 for update skip locked)
returning slot_id
""")
_NEXT = text("""
select extract(epoch from min(greatest(next_at, turn_until)) - clock_timestamp())::float8
from alias_link
""")

_puts: TypeAdapter[tuple[Put, ...]] = TypeAdapter(tuple[Put, ...])


# --- what people ask for ----------------------------------------------------------------


def claim_lock(tx: Writing) -> None:
    """Let nobody else take an alias of a model for a slot until this transaction ends."""
    tx.run(select(func.pg_advisory_xact_lock(_CLAIMS)))


def holder(tx: Reading, model: str, alias: str) -> SlotRef | None:
    """The slot that an alias of a model belongs to."""
    held = (alias_link.c.model == model, alias_link.c.alias == alias)
    row = tx.row(
        select(slot.c.route, slot.c.environment)
        .join(alias_link, alias_link.c.slot_id == slot.c.id)
        .where(*held)
    )
    return SlotRef(row["route"], row["environment"]) if row else None


def put_link(tx: Writing, ref: SlotRef, new: NewAliasLink, model: str | None) -> None:
    """Keep what is asked for; whoever works on the link loses their turn.

    What is known of the alias is kept as long as it is the same alias of the same model.
    """
    now = func.clock_timestamp()
    asked: dict[str, Any] = {
        "alias": new.alias,
        "writes": new.writes,
        "foreign_moves": new.foreign,
        "actor": tx.actor,
        "at": now,
        "asked_at": now,
        "next_at": now,
        "model": model,
    }
    if not new.writes:
        asked["puts"] = []  # what is there is theirs from now on
    fresh = {"settled": 0, "seen_live": 0, "tries": 0, "trouble": None, "note": None}
    statement = insert(alias_link).values({"slot_id": _id(ref), "puts": [], **asked})
    old = alias_link.c
    same = (old.model == statement.excluded.model) & (old.alias == statement.excluded.alias)
    known = {"known": old.known, "looked_at": old.looked_at}
    kept = {name: case((same, column)) for name, column in known.items()}
    tx.run(
        statement.on_conflict_do_update(
            index_elements=["slot_id"],
            set_={**asked, **fresh, **kept, "turn": old.turn + 1, "turn_until": None},
        )
    )


def lock_link(tx: Writing, ref: SlotRef) -> None:
    """Let nobody else change a link until this transaction ends; a link is always locked before
    its moves."""
    tx.run(select(alias_link.c.slot_id).where(alias_link.c.slot_id == _id(ref)).with_for_update())


def drop_link(tx: Writing, ref: SlotRef) -> None:
    """Forget a link; the moves of others are kept."""
    tx.run(alias_link.delete().where(alias_link.c.slot_id == _id(ref)))


def find(tx: Reading, ref: SlotRef) -> Link | None:
    """A link with what is known of it and what is live in its slot."""
    row = tx.row(_BY_SLOT, {"route": ref.route, "environment": ref.environment})
    return _link(row) if row else None


def page(tx: Reading, *, after: SlotRef | None, limit: int) -> tuple[Link, ...]:
    """Links by environment and route."""
    last = (after.environment, after.route) if after else ("", "")
    values = {"environment": last[0], "route": last[1], "limit": limit}
    return tuple(_link(row) for row in tx.rows(_PAGE, values))


def every(tx: Reading) -> tuple[Link, ...]:
    """All links."""
    return tuple(_link(row) for row in tx.rows(_ALL))


def of_slots(tx: Reading, refs: Iterable[SlotRef]) -> tuple[Link, ...]:
    """The links of these slots."""
    wanted = list(refs)
    values = {
        "environments": [one.environment for one in wanted],
        "routes": [one.route for one in wanted],
    }
    return tuple(_link(row) for row in tx.rows(_OF_SLOTS, values))


def of_model(tx: Reading, model: str, limit: int) -> tuple[Link, ...]:
    """Links of slots in which a model is live, and those whose alias is looked after on it or
    was written to it; by environment and route."""
    written = str(ModelVersionRef(model, 1)).rpartition("/")[0]
    values = {"model": model, "written": written, "limit": limit}
    return tuple(_link(row) for row in tx.rows(_OF_MODEL, values))


def names(tx: Reading) -> list[str]:
    """The linked slots as people write them."""
    linked = select(slot.c.route + "@" + slot.c.environment)
    return tx.values(linked.join(alias_link, alias_link.c.slot_id == slot.c.id))


# --- who works on what ------------------------------------------------------------------


def take(tx: Writing) -> SlotRef | None:
    """Take the turn with the link that waits longest, None when none does."""
    taken = tx.value(_TAKE, {"seconds": _TURN_SECONDS})
    if taken is None:
        return None
    row = tx.row(select(slot.c.route, slot.c.environment).where(slot.c.id == taken))
    assert row is not None
    return SlotRef(row["route"], row["environment"])


def next_seconds(tx: Reading) -> float | None:
    """In how many seconds the next link waits to be looked at, None when there is none."""
    return tx.value(_NEXT)


def note(tx: Writing, link: Link, **values: Any) -> bool:
    """Keep what was found about a link; False when the turn is somebody else's by now."""
    ours = (alias_link.c.slot_id == _id(link.slot), alias_link.c.turn == link.turn)
    kept = tx.value(update(alias_link).where(*ours).values(values).returning(alias_link.c.slot_id))
    return kept is not None


def note_puts(tx: Writing, link: Link, puts: Iterable[Put]) -> bool:
    """Keep where our alias is or may be; False as for `note`."""
    return note(tx, link, puts=_puts.dump_python(tuple(puts), mode="json"))


def ask_again(tx: Writing, ref: SlotRef, why: str) -> None:
    """Have the alias written, wherever it is; whoever works on the link loses their turn."""
    now = func.clock_timestamp()
    tx.run(
        update(alias_link)
        .where(alias_link.c.slot_id == _id(ref))
        .values(
            settled=0,
            note=why,
            asked_at=now,
            next_at=now,
            turn=alias_link.c.turn + 1,
            turn_until=None,
        )
    )


# --- what others did --------------------------------------------------------------------


def add_move(
    tx: Writing,
    link: Link,
    move: Move,
    outcome: MoveOutcome,
    why: str,
    deployment_number: int | None = None,
) -> int:
    """Keep a move that was not ours, and what came of it; its number."""
    return tx.value(
        insert(alias_move)
        .values(
            slot_id=_id(link.slot),
            alias=link.alias,
            model=link.model,
            before=move.before,
            after=move.after,
            found_at=func.clock_timestamp(),
            live=link.live_number,
            outcome=outcome,
            why=why,
            deployment=deployment_number,
        )
        .returning(alias_move.c.number)
    )


def supersede(tx: Writing, ref: SlotRef) -> None:
    """End the proposal of a slot that waits, if one does: something newer happened."""
    waits = (alias_move.c.slot_id == _id(ref), alias_move.c.outcome == "proposed")
    tx.run(update(alias_move).where(*waits).values(outcome="superseded"))


def decide(
    tx: Writing, number: int, outcome: MoveOutcome, deployment_number: int | None = None
) -> bool:
    """Keep what a person decided about a proposal; False when it does not wait any more."""
    waits = (alias_move.c.number == number, alias_move.c.outcome == "proposed")
    decided = update(alias_move).where(*waits).values(
        outcome=outcome,
        deployment=deployment_number,
        decided_by=tx.actor,
        decided_at=func.clock_timestamp(),
    )  # fmt: skip
    return tx.value(decided.returning(alias_move.c.number)) is not None


def find_move(tx: Reading, number: int) -> ForeignMove | None:
    """A move that was not ours."""
    row = tx.row(_moves().where(alias_move.c.number == number))
    return ForeignMove.model_validate(dict(row)) if row else None


def moves(
    tx: Reading,
    ref: SlotRef | None,
    outcomes: Iterable[MoveOutcome] | None,
    *,
    before: int | None,
    limit: int,
) -> tuple[ForeignMove, ...]:
    """Moves that were not ours, the newest first."""
    query = _moves().order_by(alias_move.c.number.desc()).limit(limit)
    if ref is not None:
        query = query.where(
            tuple_(slot.c.route, slot.c.environment) == (ref.route, ref.environment)
        )
    if outcomes is not None:
        query = query.where(alias_move.c.outcome.in_(list(outcomes)))
    if before is not None:
        query = query.where(alias_move.c.number < before)
    return tuple(ForeignMove.model_validate(dict(row)) for row in tx.rows(query))


def reverts_within(tx: Reading, ref: SlotRef, age: timedelta) -> int:
    """How often the alias of a slot was put back in the last ``age``."""
    put_back = (alias_move.c.slot_id == _id(ref), alias_move.c.outcome == "reverted")
    recent = alias_move.c.found_at > func.clock_timestamp() - literal(age)
    return tx.value(select(func.count()).select_from(alias_move).where(*put_back, recent))


def outcomes(tx: Reading) -> dict[str, int]:
    """How many moves came to what."""
    counted = select(alias_move.c.outcome, func.count().label("moves"))
    return {row["outcome"]: row["moves"] for row in tx.rows(counted.group_by(alias_move.c.outcome))}


def _moves() -> Select[Any]:
    newest = (
        select(func.max(deployment.c.number))
        .where(deployment.c.slot_id == alias_move.c.slot_id)
        .scalar_subquery()
    )
    stale = (alias_move.c.outcome == "proposed") & (newest > alias_move.c.live)
    ref = literal("routes:/") + slot.c.route + "@" + slot.c.environment
    return select(alias_move, ref.label("slot"), stale.label("stale")).join(
        slot, slot.c.id == alias_move.c.slot_id
    )


def _id(ref: SlotRef) -> Any:
    is_ = (slot.c.route == ref.route, slot.c.environment == ref.environment)
    return select(slot.c.id).where(*is_).scalar_subquery()


def _link(row: RowMapping) -> Link:
    ref = SlotRef(row["route"], row["environment"])
    return Link.model_validate({**row, "slot": ref, "foreign": row["foreign_moves"]})
