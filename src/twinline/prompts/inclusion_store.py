"""Which versions stand in which, in SQL: by the edges of kind ``included``."""

from collections.abc import Collection
from typing import Any, Literal, NamedTuple

from sqlalchemy import RowMapping, text

from twinline.db.graph import INTO, OUT_OF
from twinline.db.session import Reading
from twinline.language.records import Inclusion
from twinline.language.refs import PromptVersionRef

Way = Literal["includes", "included_by"]

NUMBERS_END = 1_000_000_000
DEEP = 8
"""How far walks go: no version is deeper."""

_NAMES = """
array(
    select 'latest' where version.number = (
        select max(number) from prompt_version newest where newest.prompt_id = version.prompt_id)
    union all
    (select label from prompt_label
        where prompt_label.prompt_id = version.prompt_id and prompt_label.number = version.number
        order by label)
) as labels
"""
# The way from the roots, once for each version that was found: by its shortest way, or by its
# longest. A place orders them by depth and then by age.
_WALK = """
with recursive found(id, via, depth) as (
    select edge.{there}, edge.{here}, cast(1 as bigint) from edge
    where edge.kind = 'included' and edge.{here} = any(cast(:roots as bigint[]))
    union
    select edge.{there}, edge.{here}, found.depth + 1 from found {edges}
    where edge.kind = 'included' and found.depth < :deep
),
once as (select distinct on (id) id, via, depth from found order by id, depth {first}, via)
select node.ref as version, next.ref as via, once.depth, (once.depth << 48) + once.id as place,
    {names}
from once join node on node.id = once.id join node next on next.id = once.via
join prompt_version version on version.node_id = once.id
where (once.depth << 48) + once.id > :after
order by place limit :limit
"""
_UP = {"here": "target", "there": "source", "edges": INTO.format(node="found.id")}
_DOWN = {"here": "source", "there": "target", "edges": OUT_OF.format(node="found.id")}
_NEAREST = {
    "includes": text(_WALK.format(**_UP, first="asc", names=_NAMES)),
    "included_by": text(_WALK.format(**_DOWN, first="asc", names=_NAMES)),
}
_DEEPEST = text(_WALK.format(**_UP, first="desc", names="array[]::text[] as labels"))
_HOLDERS = f"""
with recursive found(id, depth) as (
    select edge.target, cast(1 as bigint) from edge
    where edge.kind = 'included' and edge.source = any(cast(:roots as bigint[]))
    union
    select edge.target, found.depth + 1 from found {OUT_OF.format(node="found.id")}
    where edge.kind = 'included' and found.depth < :deep
),
holders as (select id, min(depth) as depth from found group by id),
"""
# What is in use is found before anything else is asked: most holders were followed by others.
_IN_USE = f"""{_HOLDERS}
newest as (
    select prompt_id, coalesce(max(number) filter (where withdrawn is null), max(number)) as number
    from prompt_version version left join (
        select node_id as withdrawn from withdrawal where lifted_at is null
    ) gone on withdrawn = version.node_id
    where prompt_id = any(array(
        select prompt_id from holders join prompt_version on node_id = holders.id))
    group by prompt_id
),
used as (
    select holders.id, depth, version.prompt_id
    from holders join prompt_version version on version.node_id = holders.id
    where (version.prompt_id, version.number) in (select prompt_id, number from newest)
        or (version.prompt_id, version.number) in (select prompt_id, number from prompt_label)
)
"""
_USED = text(f"{_IN_USE} select id, depth from used order by depth, id")
_USING = text(f"{_IN_USE} select distinct name from used join prompt on prompt.id = prompt_id")
_HOLDING = text(f"""{_HOLDERS}
named as (select id, ref from node where ref = any(:refs))
select ref from named where id in (select id from holders)
""")
_IDS = text("select id from node where ref = any(:refs)")
_VERSIONS = text("""
select node_id from prompt_version
where prompt_id = (select id from prompt where name = :name) and number < :below
""")


class Placed(NamedTuple):
    """An inclusion, and its place in the order of all from the same roots."""

    inclusion: Inclusion
    place: int


def page(
    tx: Reading, way: Way, roots: Collection[int], *, after: int | None, limit: int | None
) -> tuple[Placed, ...]:
    """What stands in some versions, or what they stand in: the nearest first."""
    values = {"roots": list(roots), "after": after or 0, "limit": limit, "deep": DEEP}
    return tuple(_placed(row) for row in tx.rows(_NEAREST[way], values))


def includes(tx: Reading, refs: Collection[PromptVersionRef]) -> tuple[Inclusion, ...]:
    """All that stands in some versions, each by the longest way there; the nearest first."""
    values = {"roots": ids(tx, refs), "after": 0, "limit": None, "deep": DEEP}
    return tuple(_placed(row).inclusion for row in tx.rows(_DEEPEST, values))


def ids(tx: Reading, refs: Collection[PromptVersionRef]) -> list[int]:
    """The nodes of these versions."""
    return tx.values(_IDS, {"refs": [str(ref) for ref in refs]})


def versions(tx: Reading, name: str, *, below: int = NUMBERS_END) -> list[int]:
    """The nodes of a prompt's versions, of those below a number."""
    return tx.values(_VERSIONS, {"name": name, "below": below})


def used_holders(tx: Reading, roots: Collection[int]) -> dict[int, int]:
    """The versions in use, each prompt's newest that is not withdrawn and the labelled ones,
    in which any of some versions stands: how deep, by node, the nearest first."""
    rows = tx.rows(_USED, {"roots": list(roots), "deep": DEEP})
    return {row["id"]: row["depth"] for row in rows}


def holding(
    tx: Reading, roots: Collection[int], refs: Collection[PromptVersionRef]
) -> set[PromptVersionRef]:
    """Those of these versions in which any of some others stands."""
    values = {"roots": list(roots), "deep": DEEP, "refs": [str(ref) for ref in refs]}
    return {PromptVersionRef.parse(ref) for ref in tx.values(_HOLDING, values)}


def includers_in_use(tx: Reading, name: str) -> list[str]:
    """The prompts in whose newest or labelled versions a prompt stands, directly or not."""
    return tx.values(_USING, {"roots": versions(tx, name), "deep": DEEP})


def _placed(row: RowMapping) -> Placed:
    members: dict[str, Any] = dict(row)
    return Placed(Inclusion.model_validate(members), members["place"])
