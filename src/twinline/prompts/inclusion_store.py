"""Which versions stand in which, in SQL: by the edges of kind ``included``."""

from collections.abc import Collection
from typing import Any, Literal, NamedTuple

from sqlalchemy import RowMapping, text

from twinline.db.graph import INTO, OUT_OF
from twinline.db.session import Reading
from twinline.language.records import Inclusion
from twinline.language.refs import PromptVersionRef

Way = Literal["includes", "included_by"]

DEEP = 8
"""How far walks go: no version is deeper."""

_NAMES = """
array(
    select 'latest' where version.number = (
        select max(number) from prompt_version newest where newest.prompt_id = version.prompt_id)
    union all
    (select label from (
        select distinct on (label) label, number from label_move
        where label_move.prompt_id = version.prompt_id order by label, id desc
    ) named where named.number = version.number order by label)
) as labels
"""
_RETIRED = """exists (
    select 1 from withdrawal where withdrawal.node_id = version.node_id
        and kind = 'retired' and lifted_at is null)"""

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
_CURRENT = text(f"""
select * from (
    select prompt.name, version.number, version.includes, {_NAMES}
    from prompt_version version join prompt on prompt.id = version.prompt_id
    where version.node_id in (
        select target from edge where kind = 'included' and source in (
            select node_id from prompt_version
            where prompt_id = (select id from prompt where name = :name)))
        and not {_RETIRED}
) includer where labels <> '{{}}' order by name, number
""")
_IDS = text("select id from node where ref = any(:refs)")
_VERSIONS = text("""
select node_id from prompt_version
where prompt_id = (select id from prompt where name = :name)
""")


class Placed(NamedTuple):
    """An inclusion, and its place in the order of all from the same roots."""

    inclusion: Inclusion
    place: int


def page(
    tx: Reading, way: Way, roots: Collection[int], *, after: int | None, limit: int
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


def versions(tx: Reading, name: str) -> list[int]:
    """The nodes of all versions of a prompt."""
    return tx.values(_VERSIONS, {"name": name})


def current_includers(tx: Reading, name: str) -> tuple[RowMapping, ...]:
    """The versions in use, the newest and the labelled ones, that include any version of a
    prompt themselves; by name and number, without the retired ones."""
    return tuple(tx.rows(_CURRENT, {"name": name}))


def _placed(row: RowMapping) -> Placed:
    members: dict[str, Any] = dict(row)
    return Placed(Inclusion.model_validate(members), members["place"])
