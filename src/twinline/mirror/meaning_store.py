"""What the mirror knows of names, numbers and aliases over time, in SQL."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import exists, select

from twinline.db.schema import (
    mirror_alias,
    mirror_drift,
    mirror_place,
    mirror_series,
    mirror_version,
    node,
)
from twinline.db.session import Reading
from twinline.language.records import Json, MirrorKind
from twinline.mirror.naming import Place


class Bearer(NamedTuple):
    """Something that bears, or bore, a name in MLflow; ``ended_at`` None: it still does."""

    id: int
    created_ms: int
    ended_at: datetime | None


class Stay(NamedTuple):
    """A time that an alias was on a number; ``until`` None: it still is."""

    number: int
    since: datetime
    until: datetime | None


class Content(NamedTuple):
    """What is, or was, under a number; ``ref`` None: the catalog has it under none."""

    created_ms: int
    digest: str
    state: str
    ref: str | None


class Change(NamedTuple):
    """When something else, or nothing, was found under a number, and what was there before."""

    found_at: datetime
    before: Json


def is_mirrored(tx: Reading, place: Place) -> bool:
    """Whether a place was ever looked at."""
    it = (mirror_place.c.server == place.server, mirror_place.c.workspace == place.workspace)
    return tx.value(select(exists().where(*it)))


def called(tx: Reading, kind: MirrorKind, catalog_name: str) -> int | None:
    """The series that the catalog calls so."""
    it = (mirror_series.c.kind == kind, mirror_series.c.catalog_name == catalog_name)
    return tx.value(select(mirror_series.c.id).where(*it))


def origin(tx: Reading, kind: MirrorKind, catalog_name: str) -> tuple[Place, str] | None:
    """Where in MLflow that is which the catalog calls so, and its name there."""
    it = (mirror_series.c.kind == kind, mirror_series.c.catalog_name == catalog_name)
    columns = (mirror_series.c.server, mirror_series.c.workspace, mirror_series.c.name)
    row = tx.row(select(*columns).where(*it))
    return (Place(row["server"], row["workspace"]), row["name"]) if row else None


def bearers(tx: Reading, place: Place, kind: MirrorKind, name: str) -> tuple[Bearer, ...]:
    """All that ever bore a name in MLflow, the newest first."""
    it = (
        mirror_series.c.server == place.server,
        mirror_series.c.workspace == place.workspace,
        mirror_series.c.kind == kind,
        mirror_series.c.name == name,
    )
    columns = (mirror_series.c[field] for field in Bearer._fields)
    rows = tx.rows(select(*columns).where(*it).order_by(mirror_series.c.created_ms.desc()))
    return tuple(Bearer(**row) for row in rows)


def stays(tx: Reading, series_id: int, alias: str) -> tuple[Stay, ...]:
    """Where an alias was, the oldest first."""
    it = (mirror_alias.c.series_id == series_id, mirror_alias.c.alias == alias)
    columns = (mirror_alias.c[field] for field in Stay._fields)
    rows = tx.rows(select(*columns).where(*it).order_by(mirror_alias.c.since, mirror_alias.c.id))
    return tuple(Stay(**row) for row in rows)


def contents(tx: Reading, series_id: int, number: int) -> tuple[Content, ...]:
    """All that ever was under a number."""
    of_version = (mirror_version.c[field] for field in ("created_ms", "digest", "state"))
    query = select(*of_version, node.c.ref).outerjoin(node, node.c.id == mirror_version.c.node_id)
    it = (mirror_version.c.series_id == series_id, mirror_version.c.number == number)
    return tuple(Content(**row) for row in tx.rows(query.where(*it)))


def changes(tx: Reading, series_id: int, number: int) -> tuple[Change, ...]:
    """What was found to have happened to a number, the oldest first."""
    it = (mirror_drift.c.series_id == series_id, mirror_drift.c.number == number)
    query = select(mirror_drift.c.found_at, mirror_drift.c.before)
    rows = tx.rows(query.where(*it).order_by(mirror_drift.c.id))
    return tuple(Change(**row) for row in rows)
