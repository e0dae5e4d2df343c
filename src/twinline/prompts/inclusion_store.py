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


def includers_below(tx: Reading, name: str, number: int) -> tuple[Inclusion, ...]:
    """All that any version of a prompt below a number stands in, the nearest first."""
    roots = versions(tx, name, below=number)
    found = page(tx, "included_by", roots, after=None, limit=None)
    return tuple(one.inclusion for one in found)


def includers_in_use(tx: Reading, name: str) -> set[str]:
    """The prompts in whose newest or labelled versions a prompt stands, directly or not."""
    found = includers_below(tx, name, NUMBERS_END)
    return {one.version.name for one in found if one.labels}


def _placed(row: RowMapping) -> Placed:
    members: dict[str, Any] = dict(row)
    return Placed(Inclusion.model_validate(members), members["place"])
