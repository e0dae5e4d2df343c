"""Where aliases and tags in MLflow were, and who put them there, in SQL."""

from typing import Any

from sqlalchemy import Select, Table, select, text

from twinline.db.names import near
from twinline.db.schema import mirror_alias, mirror_series, mirror_tag
from twinline.db.session import Reading, Writing
from twinline.language.records import MirrorAlias, MirrorKind, MirrorTag
from twinline.mirror.naming import Place
from twinline.mirror.store import Series

_TOLD = """
with told as (
    select distinct on (entity, key) entity, key, after, actor from (
        select * from mlflow_change
        where server = :server and workspace = :workspace and name = :name
            and entity in ('registered_model_alias', 'registered_model_tag', 'model_version_tag')
        order by number desc limit 1000
    ) latest
    order by entity, key, number desc
)
"""
"""The last that was told of each alias and tag, of as many changes of a name as are looked at:
whatever moved since the mirror read it last is among them, unless more than these did."""

_BY_ALIASES = """
update mirror_alias held set actor = told.actor from told
where held.series_id = :id and held.until is null and held.actor is null
    and told.entity = 'registered_model_alias' and told.key ->> 'alias' = held.alias
    and told.after ->> 'version' = held.number::text
"""

_BY_TAGS = """
update mirror_tag held set actor = told.actor from told
where held.series_id = :id and held.until is null and held.actor is null
    and told.entity <> 'registered_model_alias' and told.key ->> 'key' = held.key
    and told.key ->> 'version' is not distinct from held.number::text
    and told.after ->> 'value' = held.value
"""


def name_actors(tx: Writing, place: Place, series: Series) -> None:
    """Keep who put aliases and tags where they are, as far as MLflow's outbox told it."""
    values = {**place._asdict(), "name": series.name, "id": series.id}
    for update in (_BY_ALIASES, _BY_TAGS):
        tx.run(text(_TOLD + update), values)


def near_names(tx: Reading, kind: MirrorKind, word: str) -> list[str]:
    """What the catalog calls names in MLflow, for finding those like ``word``."""
    return tx.values(near(mirror_series.c.catalog_name, word).where(mirror_series.c.kind == kind))


def aliases(
    tx: Reading, series_id: int, *, before: int | None, limit: int
) -> tuple[MirrorAlias, ...]:
    """Where the aliases of a name were, the newest first; only below the id ``before``."""
    rows = tx.rows(_page(mirror_alias, series_id, before, limit))
    return tuple(MirrorAlias.model_validate(dict(row)) for row in rows)


def tags(tx: Reading, series_id: int, *, before: int | None, limit: int) -> tuple[MirrorTag, ...]:
    """What the tags of a name and of its versions were; as `aliases`."""
    rows = tx.rows(_page(mirror_tag, series_id, before, limit))
    return tuple(MirrorTag.model_validate(dict(row)) for row in rows)


def _page(table: Table, series_id: int, before: int | None, limit: int) -> Select[Any]:
    columns = [column for column in table.c if column.name != "series_id"]
    query = select(*columns).where(table.c.series_id == series_id)
    if before is not None:
        query = query.where(table.c.id < before)
    return query.order_by(table.c.id.desc()).limit(limit)
