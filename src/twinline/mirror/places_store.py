"""How far each place is swept, and how it stands, in SQL."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select, text, true, update
from sqlalchemy.dialects.postgresql import insert

from twinline.db.schema import mirror_mark, mirror_place, mirror_series
from twinline.db.session import Reading, Writing
from twinline.language.records import Json, MirrorPlace
from twinline.mirror.marks import mark_many
from twinline.mirror.naming import Place

_DUE = text("""
select sweep,
    fully_swept_at is null or full_sweep_at <= clock_timestamp()
        or fully_swept_at + make_interval(secs => :full_seconds) <= clock_timestamp() as full,
    swept_at is null or sweep_at <= clock_timestamp()
        or swept_at + make_interval(secs => :seconds) <= clock_timestamp() as fast,
    watermark_ms, clock_timestamp() as now
from mirror_place where server = :server and workspace = :workspace
""")

_STANDING = text("""
select place.*, sweep ->> 'pace' as sweeping, coalesce((sweep ->> 'names')::bigint, 0)
        as swept_names,
    coalesce(series, 0) as series, coalesce(versions, 0) as versions,
    coalesce(drift, 0) as drift, coalesce(waiting, 0) as waiting, coalesce(stuck, 0) as stuck,
    case when swept_at is not null then
        extract(epoch from clock_timestamp() - least(swept_at, oldest))::float8
    end as behind_seconds
from mirror_place place
left join (
    select server, workspace, count(*) as series from mirror_series
    where ended_at is null group by server, workspace
) named using (server, workspace)
left join (
    select server, workspace, count(*) as versions
    from mirror_version join mirror_series series on series.id = series_id
    where state = 'present' and ended_at is null group by server, workspace
) numbered using (server, workspace)
left join (
    select server, workspace, count(*) as drift
    from mirror_drift join mirror_series series on series.id = series_id
    group by server, workspace
) drifted using (server, workspace)
left join (
    select server, workspace, count(*) as waiting, min(since) as oldest,
        count(trouble) filter (where not_before > clock_timestamp()) as stuck
    from mirror_mark group by server, workspace
) marked using (server, workspace)
order by server, workspace
""")


def workspaces(tx: Reading, server: str) -> set[str]:
    """The workspaces of a server that are mirrored."""
    return set(tx.values(select(mirror_place.c.workspace).where(mirror_place.c.server == server)))


def know(tx: Writing, place: Place) -> None:
    """Know a place from now on."""
    new = insert(mirror_place).values(**place._asdict(), known_since=func.clock_timestamp())
    tx.run(new.on_conflict_do_nothing())


def take_turn(tx: Writing, place: Place) -> None:
    """Make names of a place known one transaction after another."""
    key = (mirror_place.c.server == place.server, mirror_place.c.workspace == place.workspace)
    tx.run(select(mirror_place.c.server).where(*key).with_for_update(key_share=True))


def due(tx: Reading, place: Place, seconds: float, full_seconds: float) -> dict[str, Any]:
    """The sweep under way, if any, and which kind of sweep would be due."""
    cadence = {"seconds": seconds, "full_seconds": full_seconds}
    row = tx.row(_DUE, {**place._asdict(), **cadence})
    assert row is not None
    return dict(row)


def keep_sweep(tx: Writing, place: Place, sweep: Json | None) -> None:
    """How far the sweep under way has come; None: there is none."""
    tx.run(_one(place).values(sweep=sweep))


def see_names(tx: Writing, place: Place, names: list[str], began: datetime) -> None:
    """A sweep has seen these names."""
    seen = (mirror_series.c.name.in_(names), mirror_series.c.ended_at.is_(None))
    tx.run(update(mirror_series).where(*_at(place), *seen).values(swept_at=began))


def mark_unseen(tx: Writing, place: Place, began: datetime) -> None:
    """Mark the names that a sweep should have seen and did not."""
    unseen = or_(mirror_series.c.swept_at.is_(None), mirror_series.c.swept_at < began)
    known = (mirror_series.c.ended_at.is_(None), mirror_series.c.known_since < began)
    query = select(mirror_series.c.kind, mirror_series.c.name).where(*_at(place), *known, unseen)
    for row in tx.rows(query):
        mark_many(tx, place, row["kind"], [row["name"]], "sweep")


def finish_sweep(
    tx: Writing, place: Place, began: datetime, *, full: bool, watermark_ms: int | None
) -> None:
    """A sweep has seen everything, as it was at some time since it ``began``."""
    done: dict[str, Any] = {"sweep": None, "swept_at": began, "watermark_ms": watermark_ms}
    asked = {"sweep_at": mirror_place.c.sweep_at}
    if full:
        done["fully_swept_at"] = began
        asked["full_sweep_at"] = mirror_place.c.full_sweep_at
    for name, column in asked.items():
        # asked for since this sweep began: another one answers that
        done[name] = func.nullif(func.greatest(column, began), began)
    tx.run(_one(place).values(done))


def ask_sweep(tx: Writing, place: Place, *, full: bool, in_seconds: float = 0) -> None:
    """Have a place swept in a while, whatever its turn."""
    column = "full_sweep_at" if full else "sweep_at"
    at = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, in_seconds)
    tx.run(_one(place).values({column: at}))


def note_synced(tx: Writing, place: Place) -> None:
    """Everything was there once, as soon as a whole sweep left nothing to read."""
    key = (mirror_mark.c.server == place.server, mirror_mark.c.workspace == place.workspace)
    waiting = select(true()).select_from(mirror_mark).where(*key).exists()
    done = (mirror_place.c.synced_at.is_(None), mirror_place.c.swept_at.is_not(None), ~waiting)
    tx.run(_one(place).where(*done).values(synced_at=func.clock_timestamp()))


def note_trouble(tx: Writing, place: Place, trouble: str | None) -> None:
    """Why a place cannot be read; None: it can."""
    since = func.coalesce(mirror_place.c.trouble_since, func.clock_timestamp()) if trouble else None
    other = mirror_place.c.trouble.is_distinct_from(trouble)
    tx.run(_one(place).where(other).values(trouble=trouble, trouble_since=since))


def standing(tx: Reading) -> tuple[MirrorPlace, ...]:
    """How every place stands."""
    return tuple(MirrorPlace.model_validate(dict(row)) for row in tx.rows(_STANDING))


def _one(place: Place) -> Any:
    key = (mirror_place.c.server == place.server, mirror_place.c.workspace == place.workspace)
    return update(mirror_place).where(*key)


def _at(place: Place) -> tuple[Any, ...]:
    return (
        mirror_series.c.server == place.server,
        mirror_series.c.workspace == place.workspace,
    )
