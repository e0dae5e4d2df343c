"""What the mirror knows of MLflow's names and versions, in SQL."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import RowMapping, Select, and_, case, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from twinline.db.schema import (
    mirror_alias,
    mirror_drift,
    mirror_series,
    mirror_tag,
    mirror_version,
    node,
)
from twinline.db.session import Reading, Writing
from twinline.language.records import DriftKind, Json, Learnt, MirrorDrift, MirrorKind
from twinline.mirror.naming import Place


class Series(NamedTuple):
    """A name in MLflow as the mirror knows it; times in milliseconds since 1970."""

    id: int
    kind: MirrorKind
    name: str
    created_ms: int
    updated_ms: int
    catalog_name: str
    fingerprint: str | None


class Kept(NamedTuple):
    """A version in MLflow as the mirror keeps it; ``node_id`` None: under its number the
    catalog knows another."""

    id: int
    number: int
    created_ms: int
    digest: str
    fingerprint: str
    node_id: int | None
    state: str
    retired: bool | None


class Present(NamedTuple):
    """A version as it is in MLflow now; ``node_id`` as in `Kept`."""

    number: int
    created_ms: int
    digest: str
    fingerprint: str
    node_id: int | None


# --- names -----------------------------------------------------------------------------


def series_named(tx: Reading, place: Place, names: Collection[str]) -> dict[str, Series]:
    """Those of these names that are known to be there, by name."""
    query = _series().where(*_at(place), mirror_series.c.ended_at.is_(None))
    rows = tx.rows(query.where(mirror_series.c.name.in_(names)))
    return {row["name"]: Series(**row) for row in rows}


def series_made_at(tx: Reading, place: Place, created_ms: int) -> tuple[Series, ...]:
    """What is known to be there and was made at this moment, whatever its name."""
    query = _series().where(*_at(place), mirror_series.c.ended_at.is_(None))
    rows = tx.rows(query.where(mirror_series.c.created_ms == created_ms))
    return tuple(Series(**row) for row in rows)


def beside(tx: Reading, series: Series) -> set[str]:
    """The names of what was made at the same moment, and was seen together with it."""
    other = mirror_series.alias()
    alike = ("server", "workspace", "kind", "created_ms")
    query = select(other.c.name).join(
        mirror_series, and_(*(mirror_series.c[name] == other.c[name] for name in alike))
    )
    together = (
        other.c.id != series.id,
        other.c.ended_at.is_(None),
        other.c.known_since <= mirror_series.c.swept_at,
    )
    return set(tx.values(query.where(mirror_series.c.id == series.id, *together)))


def series_ever(
    tx: Reading, place: Place, kind: MirrorKind, name: str, created_ms: int
) -> Series | None:
    """What bore this name and was made at this moment, there now or not."""
    key = (
        mirror_series.c.kind == kind,
        mirror_series.c.name == name,
        mirror_series.c.created_ms == created_ms,
    )
    row = tx.row(_series().where(*_at(place), *key))
    return Series(**row) if row else None


def is_there(tx: Reading, id: int) -> bool:
    """Whether a series is known to be there still."""
    open_one = exists().where(mirror_series.c.id == id, mirror_series.c.ended_at.is_(None))
    return tx.value(select(open_one))


def catalog_name_is_taken(tx: Reading, kind: MirrorKind, catalog_name: str) -> bool:
    """Whether something in MLflow has, or had, this name in the catalog."""
    taken = exists().where(
        mirror_series.c.kind == kind, mirror_series.c.catalog_name == catalog_name
    )
    return tx.value(select(taken))


def add_series(
    tx: Writing, place: Place, kind: MirrorKind, name: str, created_ms: int, catalog_name: str
) -> Series:
    """Know a name from now on."""
    row = tx.row(
        insert(mirror_series)
        .values(
            **place._asdict(),
            kind=kind,
            name=name,
            created_ms=created_ms,
            updated_ms=0,
            catalog_name=catalog_name,
            known_since=func.clock_timestamp(),
        )
        .returning(*(mirror_series.c[field] for field in Series._fields))
    )
    assert row is not None
    return Series(**row)


def call_series(tx: Writing, id: int, catalog_name: str) -> None:
    """Give a series that has no version yet another name in the catalog."""
    tx.run(_one(id).values(catalog_name=catalog_name))


def reopen_series(tx: Writing, id: int) -> None:
    """A name that was gone, if it was, is there again, and is the same."""
    gone = _one(id).where(mirror_series.c.ended_at.is_not(None))
    tx.run(gone.values(ended_at=None, known_since=func.clock_timestamp()))


def end_series(tx: Writing, id: int) -> None:
    """A name is gone, and so are its aliases and tags."""
    tx.run(_one(id).values(ended_at=func.clock_timestamp()))
    for table in (mirror_alias, mirror_tag):
        open_ones = (table.c.series_id == id, table.c.until.is_(None))
        tx.run(update(table).where(*open_ones).values(until=func.clock_timestamp()))


def settle_series(tx: Writing, id: int, updated_ms: int, fingerprint: str | None) -> None:
    """A name was read whole; without a fingerprint the next sweep has it read again."""
    tx.run(_one(id).values(updated_ms=updated_ms, fingerprint=fingerprint))


def lock_series(tx: Writing, id: int) -> None:
    """Take turns with whoever else keeps versions of this series."""
    tx.run(select(mirror_series.c.id).where(mirror_series.c.id == id).with_for_update())


def _one(id: int) -> Any:
    return update(mirror_series).where(mirror_series.c.id == id)


def _series() -> Select[Any]:
    return select(*(mirror_series.c[field] for field in Series._fields))


def _at(place: Place) -> tuple[Any, ...]:
    return (
        mirror_series.c.server == place.server,
        mirror_series.c.workspace == place.workspace,
    )


# --- versions --------------------------------------------------------------------------


def versions(tx: Reading, series_id: int, numbers: Collection[int]) -> dict[int, Kept]:
    """What is there under these numbers, as far as it is known."""
    query = _kept(series_id).where(mirror_version.c.number.in_(numbers), _present())
    return {row["number"]: Kept(**row) for row in tx.rows(query)}


def held(tx: Reading, series_id: int, numbers: Collection[int]) -> dict[tuple[int, int, str], str]:
    """Which versions of the catalog are what was ever under these numbers: their references,
    by number, when it was made and digest."""
    query = (
        select(mirror_version, node.c.ref)
        .join(node, node.c.id == mirror_version.c.node_id)
        .where(mirror_version.c.series_id == series_id, mirror_version.c.number.in_(numbers))
    )
    rows = tx.rows(query)
    return {(row["number"], row["created_ms"], row["digest"]): row["ref"] for row in rows}


def unlike(tx: Reading, series_id: int, fingerprints: Mapping[int, str]) -> bool:
    """Whether any of these versions is not known as its fingerprint says."""
    known = versions(tx, series_id, fingerprints.keys())
    return any(
        number not in known or known[number].fingerprint != fingerprint
        for number, fingerprint in fingerprints.items()
    )


def numbers(tx: Reading, series_id: int) -> set[int]:
    """The numbers of the versions that are there, as far as it is known."""
    query = select(mirror_version.c.number)
    return set(tx.values(query.where(mirror_version.c.series_id == series_id, _present())))


def numbers_in_catalog(tx: Reading, series_id: int) -> set[int]:
    """The numbers of those that are there and are what the catalog has under them."""
    query = select(mirror_version.c.number).where(mirror_version.c.series_id == series_id)
    return set(tx.values(query.where(_present(), mirror_version.c.node_id.is_not(None))))


def has_versions(tx: Reading, series_id: int) -> bool:
    """Whether any version was ever kept of a series."""
    return tx.value(select(exists().where(mirror_version.c.series_id == series_id)))


def keep_versions(tx: Writing, series_id: int, present: Collection[Present]) -> None:
    """Versions are there as these; again, if they were gone."""
    new = insert(mirror_version).values(state="present", known_since=func.clock_timestamp())
    changed = {"fingerprint": new.excluded.fingerprint, "state": "present"}
    key = ["series_id", "number", "created_ms", "digest"]
    tx.run_many(
        new.on_conflict_do_update(index_elements=key, set_=changed),
        [{"series_id": series_id, **one._asdict()} for one in present],
    )


def set_state(tx: Writing, series_id: int, state: str, only: Collection[int] | None = None) -> None:
    """What is there, under all numbers or some, is gone or replaced."""
    gone = update(mirror_version).where(mirror_version.c.series_id == series_id, _present())
    if only is not None:
        gone = gone.where(mirror_version.c.number.in_(only))
        tags = (mirror_tag.c.series_id == series_id, mirror_tag.c.number.in_(only))
        ended = update(mirror_tag).where(*tags, mirror_tag.c.until.is_(None))
        tx.run(ended.values(until=func.clock_timestamp()))
    tx.run(gone.values(state=state))


def to_retire(tx: Reading, server: str, limit: int) -> tuple[tuple[int, str], ...]:
    """Versions that are gone or replaced and nobody has decided about: id and reference.

    Not those whose content is still there under another number.
    """
    other = mirror_version.alias()
    still = exists().where(other.c.node_id == mirror_version.c.node_id, other.c.state == "present")
    query = (
        select(mirror_version.c.id, node.c.ref)
        .join(mirror_series, mirror_series.c.id == mirror_version.c.series_id)
        .join(node, node.c.id == mirror_version.c.node_id)
        .where(
            mirror_series.c.server == server,
            mirror_version.c.state.in_(("deleted", "replaced")),
            mirror_version.c.retired.is_(None),
            ~still,
        )
        .order_by(mirror_version.c.id)
        .limit(limit)
    )
    return tuple((row["id"], row["ref"]) for row in tx.rows(query))


def set_retired(tx: Writing, id: int, retired: bool) -> None:
    """Whether a version that is gone could be retired; False: it is live."""
    tx.run(update(mirror_version).where(mirror_version.c.id == id).values(retired=retired))


def no_more_retired(tx: Writing, node_ids: Collection[int]) -> set[str]:
    """What is there again counts as retired no more; the references of those that did."""
    them = (mirror_version.c.node_id.in_(node_ids), mirror_version.c.retired.is_(True))
    changed = update(mirror_version).where(*them, node.c.id == mirror_version.c.node_id)
    return set(tx.values(changed.values(retired=None).returning(node.c.ref)))


def reconsider_live(tx: Writing, server: str) -> None:
    """Decide again about what could not be retired because it was live."""
    of_server = select(mirror_series.c.id).where(mirror_series.c.server == server)
    left = (mirror_version.c.retired.is_(False), mirror_version.c.series_id.in_(of_server))
    tx.run(update(mirror_version).where(*left).values(retired=None))


def _kept(series_id: int) -> Select[Any]:
    columns = (mirror_version.c[field] for field in Kept._fields)
    return select(*columns).where(mirror_version.c.series_id == series_id)


def _present() -> Any:
    return mirror_version.c.state == "present"


# --- history ---------------------------------------------------------------------------


def aliases(tx: Reading, series_id: int) -> dict[str, int]:
    """Where each alias of a series is known to be."""
    query = select(mirror_alias.c.alias, mirror_alias.c.number)
    now = (mirror_alias.c.series_id == series_id, mirror_alias.c.until.is_(None))
    return {row["alias"]: row["number"] for row in tx.rows(query.where(*now))}


def move_aliases(
    tx: Writing, series_id: int, left: Collection[str], taken: dict[str, int], learnt: Learnt
) -> None:
    """Aliases are no more where they were, and are elsewhere now."""
    if left:
        them = (mirror_alias.c.series_id == series_id, mirror_alias.c.alias.in_(left))
        ended = update(mirror_alias).where(*them, mirror_alias.c.until.is_(None))
        tx.run(ended.values(until=func.clock_timestamp()))
    begun = insert(mirror_alias).values(since=func.clock_timestamp())
    common = {"series_id": series_id, "learnt": learnt}
    rows = [{**common, "alias": alias, "number": number} for alias, number in taken.items()]
    tx.run_many(begun, rows)


def tags(
    tx: Reading, series_id: int, numbers: Collection[int | None]
) -> dict[int | None, dict[str, str]]:
    """The tags of these versions of a series; None: of the series itself."""
    of = mirror_tag.c.number.in_([number for number in numbers if number is not None])
    if None in numbers:
        of = or_(of, mirror_tag.c.number.is_(None))
    query = select(mirror_tag.c.number, mirror_tag.c.key, mirror_tag.c.value)
    found: dict[int | None, dict[str, str]] = {number: {} for number in numbers}
    open_ones = (mirror_tag.c.series_id == series_id, mirror_tag.c.until.is_(None))
    for row in tx.rows(query.where(*open_ones, of)):
        found[row["number"]][row["key"]] = row["value"]
    return found


def change_tags(
    tx: Writing,
    series_id: int,
    left: Iterable[tuple[int | None, str]],
    set_: Iterable[tuple[int | None, str, str]],
    learnt: Learnt,
) -> None:
    """Tags, each by its version's number and key, are gone or have other values now."""
    for number, key in left:
        it = (
            mirror_tag.c.series_id == series_id,
            mirror_tag.c.number.is_not_distinct_from(number),
            mirror_tag.c.key == key,
        )
        ended = update(mirror_tag).where(*it, mirror_tag.c.until.is_(None))
        tx.run(ended.values(until=func.clock_timestamp()))
    begun = insert(mirror_tag).values(since=func.clock_timestamp())
    common = {"series_id": series_id, "learnt": learnt}
    rows = [{**common, "number": number, "key": key, "value": value} for number, key, value in set_]
    tx.run_many(begun, rows)


# --- drift -----------------------------------------------------------------------------


def add_drift(
    tx: Writing,
    series_id: int,
    kind: DriftKind,
    learnt: Learnt,
    *,
    number: int | None = None,
    before: Json,
    after: Json | None = None,
) -> None:
    """Keep that something is no longer what the catalog knows it as."""
    tx.run(
        insert(mirror_drift).values(
            series_id=series_id,
            number=number,
            kind=kind,
            before=before,
            after=after,
            found_at=func.clock_timestamp(),
            learnt=learnt,
        )
    )


def drift(
    tx: Reading, model: str | None = None, *, before: int | None = None, limit: int
) -> tuple[MirrorDrift, ...]:
    """What was found, of a model or of everything, the newest first."""
    live = exists().where(
        mirror_version.c.series_id == mirror_drift.c.series_id,
        mirror_version.c.retired.is_(False),
        or_(
            mirror_drift.c.number.is_(None),
            mirror_version.c.number == mirror_drift.c.number,
        ),
    )
    place = (mirror_series.c.server, mirror_series.c.workspace, mirror_series.c.name)
    query = (
        select(
            mirror_drift,
            *place,
            mirror_series.c.catalog_name,
            mirror_series.c.kind.label("what"),
            case((live, True), else_=False).label("live"),
        )
        .join(mirror_series, mirror_series.c.id == mirror_drift.c.series_id)
        .order_by(mirror_drift.c.id.desc())
        .limit(limit)
    )
    if model is not None:
        query = query.where(mirror_series.c.kind == "model", mirror_series.c.catalog_name == model)
    if before is not None:
        query = query.where(mirror_drift.c.id < before)
    return tuple(_drift(row) for row in tx.rows(query))


def _drift(row: RowMapping) -> MirrorDrift:
    return MirrorDrift.model_validate(dict(row))
