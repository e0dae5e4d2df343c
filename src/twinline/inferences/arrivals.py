"""What came into the ledger since, in order and exactly once.

An inference may arrive long after it was made, so neither its id nor its time says what is
new. The transaction that brought it does (``arrived``): a mark holds which transactions
were over, as in `recounts`, and what a mark does not cover came after it. A page ends at
the mark that its first question took, so that nothing is told twice or passed over,
whatever commits meanwhile, in whatever order.

Transactions are numbered by the database: a cursor of one that had more of them, as after
a restore, is refused.

Looked through is the time from ``late`` before the mark on: what was made earlier still,
and arrives now, is in the ledger but not told here.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Annotated, NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import text

from twinline.db.session import Reading
from twinline.inferences import affected, store
from twinline.inferences.actions import read_all
from twinline.inferences.selections import PARTS, Scope
from twinline.language import cursors
from twinline.language.errors import Invalid
from twinline.language.ids import AFTER_ALL, BEFORE_ALL, EPOCH, first_id
from twinline.language.records import Arrivals, Inference, Instant, RequestFilter

LISTING = "arrivals"
LOOK = 10_000
"""How many that are new are looked at in one answer, however few of them are wanted."""
KEPT = timedelta(days=7)
"""How old a cursor may be: as old as what is told late may be."""

_MARK = text("""
select (pg_snapshot_xmax(now)::text)::bigint as none_from,
    array(select (pg_snapshot_xip(now)::text)::bigint) as still_open,
    clock_timestamp() as at
from pg_current_snapshot() as now
""")


def _covered(mark: str) -> str:
    return (
        f"(arrived is null or (arrived < :{mark}_none_from"
        f" and arrived <> all(cast(:{mark}_still_open as bigint[]))))"
    )


_NEW = text(f"""
with come as materialized (
    select id, role, slot_id, bundle_id, deployment, status, score from inference
    where id >= :begin and id > :after and arrived >= :arrived_from
        and not {_covered("since")} and {_covered("until")}
    order by id limit :look
)
select array(
    select id from come inference where {store.SERVED_IN}
        and (:everything or exists (select 1 from {PARTS} where {store.WITHIN})){store.BY_MEASURE}
    order by id limit :limit
) as ids, (select id from come order by id offset :look - 1) as looked
""")


class Mark(BaseModel):
    """A moment of the ledger: the transactions that were over by then, and the clock."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    none_from: Annotated[int, Field(ge=0, lt=1 << 63)]
    still_open: tuple[Annotated[int, Field(ge=0, lt=1 << 63)], ...]
    at: Annotated[Instant, Field(ge=EPOCH + timedelta(days=8))]

    @property
    def arrived_from(self) -> int:
        """The first transaction that it does not cover."""
        return min((self.none_from, *self.still_open))


class Position(BaseModel):
    """Where a reader is: all up to ``since`` was told, and of what came until ``until`` what
    has an id up to ``after``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: Mark
    until: Mark | None = None
    after: UUID = BEFORE_ALL


class New(NamedTuple):
    """Of what is new, the first that are wanted; and where looking ended when there is more
    (None: nowhere)."""

    ids: list[UUID]
    looked: UUID | None


class Wanted(NamedTuple):
    """Which requests: those of a filter, of bundles (None: any), at most so late."""

    filter: RequestFilter
    bundles: Collection[int] | None
    late: timedelta


def arrivals(tx: Reading, wanted: Wanted, *, cursor: str | None, last: int, limit: int) -> Arrivals:
    """What arrived since the cursor, the oldest id first; without one the ``last`` so many
    requests that are here, to go on from.

    Raises:
        Invalid: it is no cursor of ours, too old, or of another database.
        NotFound: there is no such slot or environment.
    """
    now = _mark(tx)
    if cursor is None:
        scope = _scope(tx, wanted)
        found = affected.newest(tx, scope, wanted.filter, before=AFTER_ALL, limit=last)
        return _answer(tuple(reversed(found)), Position(since=now), more=False)
    place = _position(cursor, now)
    until = place.until or now
    new = _new(tx, wanted, place, until, limit)
    items = tuple(reversed(read_all(tx, new.ids)))
    after = max(new.ids) if len(new.ids) == limit else new.looked
    if after is None:
        return _answer(items, Position(since=until), more=False)
    return _answer(items, Position(since=place.since, until=until, after=after), more=True)


def _scope(tx: Reading, wanted: Wanted) -> Scope:
    return affected.everything(tx) if wanted.bundles is None else Scope(tuple(wanted.bundles))


def _new(tx: Reading, wanted: Wanted, place: Position, until: Mark, limit: int) -> New:
    part = affected.select(tx, Scope(tuple(wanted.bundles or ())), wanted.filter)
    row = tx.row(
        _NEW,
        {
            **part.values,
            **store.asked(wanted.filter),
            **_values("since", place.since),
            **_values("until", until),
            "everything": wanted.bundles is None,
            "begin": first_id(place.since.at - wanted.late),
            "after": place.after,
            "arrived_from": place.since.arrived_from,
            "limit": limit,
            "look": LOOK,
        },
    )
    assert row is not None
    return New(row["ids"], row["looked"])


def _values(name: str, mark: Mark) -> dict[str, object]:
    return {f"{name}_none_from": mark.none_from, f"{name}_still_open": list(mark.still_open)}


def _mark(tx: Reading) -> Mark:
    row = tx.row(_MARK)
    assert row is not None
    return Mark.model_validate(dict(row))


def _answer(items: tuple[Inference, ...], place: Position, *, more: bool) -> Arrivals:
    return Arrivals(items=items, next=cursors.encode(LISTING, place.model_dump_json()), more=more)


def _position(cursor: str, now: Mark) -> Position:
    said = cursors.decode(LISTING, cursor, str)
    try:
        place = Position.model_validate_json(said or "")
    except ValidationError as error:
        why = "is no cursor of this list; take `next` of its last answer, or none"
        raise _refused(cursor, why) from error
    if (place.until or place.since).none_from > now.none_from:
        raise _refused(
            cursor,
            "is of another database, or of this one before it was restored; begin without a cursor",
        )
    if now.at - place.since.at > KEPT:
        raise _refused(
            cursor,
            f"is of {place.since.at:%Y-%m-%d}, and one holds for {KEPT.days} days; begin without "
            "a cursor, and take what came meanwhile from /inferences.arrow (from, to)",
        )
    return place


def _refused(cursor: str, why: str) -> Invalid:
    return Invalid(f"{cursor!r} {why}.", field="cursor", value=cursor)
