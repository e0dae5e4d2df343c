"""What a picture shows: a card for each family of things, a row for each thing in it.

A family is what has one name: a prompt's versions, a slot's deployments, the bundles of
one prompt and model. Of many siblings the nearest are shown, and how many more there are.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Literal, NamedTuple

from twinline.language.records import Edge, Lineage, Node
from twinline.pictures.families import HEADINGS, Family, families_of, label_of
from twinline.pictures.text import day, minute

ROWS_MOST = 8
"""Rows of one card, with the one that says how many more there are."""

CARDS_MOST = 24
"""Cards of one lane, likewise."""

OPEN_MOST = 150
"""Things in a picture whose cards are all open."""

ROWS_OPEN_MOST = 48
"""Of more things, the nearest cards to the root are open, with about so many rows in all."""

ROWS_ASKED_MOST = 48
"""Rows of a card that somebody opened."""

Tone = Literal["root", "upstream", "downstream", "aside"]
Mark = Literal["recalled", "retired", "unpinned", "live"]


class Row(NamedTuple):
    """A thing: what to say of it, and how it is marked. ``ref`` is None of "+ 96 more"."""

    ref: str | None
    label: str
    title: str
    tone: Tone
    marks: tuple[Mark, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Card:
    """A family: its rows, or none when it is closed; then the note says how many there are.

    ``family`` is by what it can be opened; empty when it shows all that it can.
    """

    kind: str
    lane: int
    name: str
    title: str
    rows: tuple[Row, ...]
    note: str
    family: str = ""


class End(NamedTuple):
    """Where a line ends: a card, by its place, and the row; None: at its heading."""

    card: int
    row: int | None


class Link(NamedTuple):
    """One line for all edges of a kind between two ends."""

    source: End
    target: End
    kind: str
    tone: Tone
    title: str


_Places = Mapping[str, int | None]
"""On which row of its card each thing is."""


@dataclass(frozen=True)
class Board:
    """Everything that a picture shows, before anything has its place."""

    title: str
    description: str
    captions: tuple[str, ...]
    headings: tuple[str, ...]
    cards: tuple[Card, ...]
    links: tuple[Link, ...]


def board(lineage: Lineage, opened: Collection[str] = ()) -> Board:
    """What the picture of a walk shows, with the cards of some families opened. The same walk
    gives the same, in whatever order its nodes and edges are."""
    nodes = {node.ref: node for node in lineage.nodes}
    edges = sorted(
        (edge for edge in lineage.edges if edge.source in nodes and edge.target in nodes),
        key=lambda edge: (edge.source, edge.target, edge.kind, edge.since),
    )
    live = {edge.source for edge in edges if edge.kind == "live_in"}
    families = families_of(nodes.values(), edges)
    lanes = [lane for lane in HEADINGS if any(family.lane == lane for family in families)]
    cards: list[Card] = []
    ends: dict[str, End] = {}
    for card, rows in _cards(families, lanes, lineage.root, live, opened):
        ends |= {ref: End(len(cards), row) for ref, row in rows.items()}
        cards.append(card)
    return Board(
        title=f"Lineage of {lineage.root}",
        description=_description(lineage, families),
        captions=tuple(_captions(lineage)),
        headings=tuple(_heading(lane, families) for lane in lanes),
        cards=tuple(cards),
        links=tuple(_links(edges, nodes, ends, lineage.root)),
    )


def _cards(
    families: Sequence[Family],
    lanes: Sequence[str],
    root: str,
    live: set[str],
    asked: Collection[str],
) -> Iterator[tuple[Card, _Places]]:
    opened = _opened(families) | {family for family in families if _key(family) in asked}
    for place, lane in enumerate(lanes):
        near, far = _nearest([family for family in families if family.lane == lane])
        for family in near:
            closed = _closed(family, place)
            most = ROWS_ASKED_MOST if _key(family) in asked else ROWS_MOST
            yield _open(closed, family, root, live, most) if family in opened else closed
        if far:
            yield _rest(far, place)


def _opened(families: Sequence[Family]) -> set[Family]:
    """Those that show their rows: all, or those that are nearest."""
    if sum(len(family.nodes) for family in families) <= OPEN_MOST:
        return set(families)
    nearest = sorted(families, key=lambda family: (family.nearest, family.name))
    rows = accumulate(min(len(family.nodes), ROWS_MOST) for family in nearest)
    return {family for family, total in zip(nearest, rows, strict=True) if total <= ROWS_OPEN_MOST}


def _nearest(families: Sequence[Family]) -> tuple[list[Family], list[Family]]:
    """The families of a lane that are shown, in their order, and the others."""
    if len(families) <= CARDS_MOST:
        return list(families), []
    ranked = sorted(families, key=lambda one: (one.nearest, -len(one.nodes), one.name))
    shown = set(ranked[: CARDS_MOST - 1])
    return [one for one in families if one in shown], [one for one in families if one not in shown]


def _closed(family: Family, lane: int) -> tuple[Card, _Places]:
    card = Card(
        kind=family.kind,
        lane=lane,
        name=family.name,
        title=f"{family.name}, {HEADINGS[family.lane].lower()}: {_count(family.nodes)}",
        rows=(),
        note=_count(family.nodes),
        family=_key(family),
    )
    return card, dict.fromkeys((node.ref for node in family.nodes), None)


def _key(family: Family) -> str:
    return f"{family.kind}:{family.name}"


def _open(
    closed: tuple[Card, _Places], family: Family, root: str, live: set[str], most: int
) -> tuple[Card, _Places]:
    card, _ = closed
    shown, hidden = _rows(family.nodes, root, most)
    rows = [_row(node, root, live) for node in shown]
    places: dict[str, int | None] = {node.ref: place for place, node in enumerate(shown)}
    if hidden:
        more = f"+ {len(hidden):,} more"
        places |= dict.fromkeys((node.ref for node in hidden), len(rows))
        title = f"{more} of {family.name}: {_count(hidden)}"
        rows.append(Row(None, more, title, "aside", note=_withdrawn(hidden)))
    opens = card.family if hidden and most < ROWS_ASKED_MOST else ""
    return replace(card, rows=tuple(rows), family=opens), places


def _rows(nodes: Sequence[Node], root: str, most: int) -> tuple[list[Node], list[Node]]:
    """Those that are shown, the newest first, and those that are not."""
    by_age = sorted(
        nodes, key=lambda node: (node.created_at, len(node.ref), node.ref), reverse=True
    )
    if len(nodes) <= most:
        return by_age, []
    nearest = sorted(by_age, key=lambda node: (node.ref != root, abs(node.depth)))
    shown = {node.ref for node in nearest[: most - 1]}
    return (
        [node for node in by_age if node.ref in shown],
        [node for node in by_age if node.ref not in shown],
    )


def _row(node: Node, root: str, live: set[str]) -> Row:
    tone = _tone(node, root)
    marks = tuple(_marks(node, live))
    facts = [
        node.ref,
        f"{node.kind}, created {minute(node.created_at)}",
        *marks,
        "asked for" if tone == "root" else _hops(node),
    ]
    return Row(
        ref=node.ref,
        label=label_of(node),
        title=", ".join(fact for fact in facts if fact),
        tone=tone,
        marks=marks,
        note=day(node.created_at),
    )


def _rest(families: Sequence[Family], lane: int) -> tuple[Card, _Places]:
    """One card for all families of a lane that have none."""
    nodes = [node for family in families for node in family.nodes]
    more = f"+ {len(families):,} more"
    card = Card(
        kind=families[0].kind,
        lane=lane,
        name=more,
        title=f"{more} names, {HEADINGS[families[0].lane].lower()}: {_count(nodes)}",
        rows=(),
        note=_count(nodes),
    )
    return card, dict.fromkeys((node.ref for node in nodes), None)


def _count(nodes: Sequence[Node]) -> str:
    withdrawn = _withdrawn(nodes)
    return f"{len(nodes):,}, {withdrawn}" if withdrawn else f"{len(nodes):,}"


def _withdrawn(nodes: Iterable[Node]) -> str:
    count = sum(node.withdrawn is not None for node in nodes)
    return f"{count:,} withdrawn" if count else ""


def _marks(node: Node, live: set[str]) -> Iterator[Mark]:
    if node.withdrawn:
        yield node.withdrawn
    if node.pinned is False:
        yield "unpinned"
    if node.ref in live:
        yield "live"


def _tone(node: Node, root: str) -> Tone:
    if node.ref == root:
        return "root"
    if node.depth:
        return "upstream" if node.depth < 0 else "downstream"
    return "aside"


def _hops(node: Node) -> str:
    many = abs(node.depth)
    said = "hop" if many == 1 else "hops"
    return f"{many} {said} {'upstream' if node.depth < 0 else 'downstream'}" if many else ""


def _links(
    edges: Iterable[Edge], nodes: Mapping[str, Node], ends: Mapping[str, End], root: str
) -> Iterator[Link]:
    """Each line once, however many edges it stands for; none within one row."""
    found: dict[tuple[End, End, str, Tone], list[Edge]] = defaultdict(list)
    for edge in edges:
        source, target = ends[edge.source], ends[edge.target]
        if source != target:
            tone = _edge_tone(nodes[edge.source], nodes[edge.target], root)
            found[source, target, edge.kind, tone].append(edge)
    for (source, target, kind, tone), same in found.items():
        yield Link(source, target, kind, tone, _edge_title(same))


def _edge_tone(source: Node, target: Node, root: str) -> Tone:
    tones: set[Tone] = {_tone(source, root), _tone(target, root)}
    tones.discard("root")
    return tones.pop() if len(tones) == 1 else "aside"


def _edge_title(edges: Sequence[Edge]) -> str:
    first = edges[0]
    said = f"{first.kind}: {first.source} → {first.target}, since {minute(first.since)}"
    if first.until:
        said += f", until {minute(first.until)}"
    return f"{said}, and {len(edges) - 1:,} more" if len(edges) > 1 else said


def _heading(lane: str, families: Iterable[Family]) -> str:
    count = sum(len(family.nodes) for family in families if family.lane == lane)
    return f"{HEADINGS[lane]} · {count:,}"


def _captions(lineage: Lineage) -> Iterator[str]:
    ways = {"both": "upstream and downstream"}.get(lineage.direction, lineage.direction)
    when = f"as of {minute(lineage.as_of)}" if lineage.as_of else "as it is now"
    yield f"{ways[0].upper()}{ways[1:]}, {when}"
    if lineage.left_out:
        yield f"Left out: {lineage.why_left_out or f'{lineage.left_out:,}'}"


def _description(lineage: Lineage, families: Sequence[Family]) -> str:
    counts = [_heading(lane, families) for lane in HEADINGS]
    said = ", ".join(one for one in counts if not one.endswith("· 0"))
    withdrawn = [f"{node.ref} is {node.withdrawn}" for node in lineage.nodes if node.withdrawn]
    many = f"; and {len(withdrawn) - 5:,} more" if len(withdrawn) > 5 else ""
    return ". ".join(
        [
            *_captions(lineage),
            said.replace(" ·", ":"),
            *(["; ".join(sorted(withdrawn)[:5]) + many] if withdrawn else []),
        ]
    )
