"""Families: things of one name, whose rows stand on one card."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from twinline.language.records import Edge, Node

HEADINGS = {
    "sources": "Your own",
    "dataset": "Datasets",
    "run": "Runs",
    "model": "Model versions",
    "prompt": "Prompt versions",
    "bundle": "Bundles",
    "evaluation": "Evaluations",
    "deployment": "Deployments",
    "slot": "Slots",
    "custom": "Your own",
}
"""The lanes from the left. What people added stands before all else if things only come
from it, and behind all else if not."""


@dataclass(frozen=True, eq=False)
class Family:
    """Things of one name, in their lane."""

    lane: str
    kind: str
    name: str
    nodes: tuple[Node, ...]

    @property
    def nearest(self) -> int:
        """Hops from the root to the nearest of them."""
        return min(abs(node.depth) for node in self.nodes)


def families_of(nodes: Iterable[Node], edges: Sequence[Edge]) -> list[Family]:
    """The families of a graph, by lane and name. Edges are in an order that says which counts
    where a thing belongs to several."""
    names = _names(edges)
    targets = {edge.target for edge in edges}
    sources = {edge.source for edge in edges}
    found: dict[tuple[str, str, str], list[Node]] = defaultdict(list)
    for node in nodes:
        first = node.kind == "custom" and node.ref in sources - targets
        lane = "sources" if first else node.kind
        found[lane, node.kind, names.get(node.ref) or _name(node)].append(node)
    return [Family(*key, tuple(found[key])) for key in sorted(found)]


def label_of(node: Node) -> str:
    """Which one of its family a thing is."""
    rest = _rest_of(node.ref)
    match node.kind:
        case "model" | "prompt":
            return f"v{_tail(node.ref)}"
        case "deployment" | "evaluation":
            return f"{node.kind} {_tail(node.ref)}"
        case "slot":
            return rest.rpartition("@")[2]
        case "custom":
            return rest.partition("/")[2]
        case "bundle":
            return rest[:12]
        case "dataset" | "run":
            return _tail(node.ref)


def _names(edges: Iterable[Edge]) -> dict[str, str]:
    """The families of what has no name of its own, by what it belongs to."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for edge in edges:
        match edge.kind:
            case "made":
                found[edge.source].setdefault("made", _head(edge.target))
            case "model_of" | "prompt_of":
                found[edge.target][edge.kind] = _head(edge.source)
            case "evaluated":
                of = _head(edge.source) or _tail(edge.source)[:12]
                found[edge.target].setdefault("evaluated", f"of {of}")
            case _:
                pass
    order = ("made", "prompt_of", "model_of", "evaluated")
    return {
        ref: " + ".join(said[key] for key in order if key in said) for ref, said in found.items()
    }


def _name(node: Node) -> str:
    match node.kind:
        case "run" | "bundle" | "evaluation":
            return f"{node.kind}s"
        case "slot":
            return _rest_of(node.ref).rpartition("@")[0]
        case "custom":
            return _rest_of(node.ref).partition("/")[0]
        case "dataset" | "model" | "prompt" | "deployment":
            return _head(node.ref)


def _rest_of(ref: str) -> str:
    return ref.partition(":/")[2]


def _head(ref: str) -> str:
    return _rest_of(ref).rpartition("/")[0]


def _tail(ref: str) -> str:
    return _rest_of(ref).rpartition("/")[2]
