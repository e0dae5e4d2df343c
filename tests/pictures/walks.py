"""Walks to draw: small ones by hand, large ones like a catalog's, and any that there can be."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

from twinline.language.records import Edge, Lineage, Node

AT = datetime(2026, 9, 1, 12, tzinfo=UTC)
KINDS = {
    "datasets": "dataset", "runs": "run", "models": "model", "prompts": "prompt",
    "bundles": "bundle", "evaluations": "evaluation", "deployments": "deployment",
    "routes": "slot", "nodes": "custom",
}  # fmt: skip

Facts = Mapping[str, Mapping[str, Any]]


def node(ref: str, at: datetime = AT, **more: Any) -> Node:
    kind = KINDS[ref.partition(":/")[0]]
    return Node.model_validate({"ref": ref, "kind": kind, "created_at": at, "depth": 0, **more})


def walk(
    root: str, edges: Iterable[tuple[str, str, str]], facts: Facts | None = None, **more: Any
) -> Lineage:
    """What ``GET /lineage`` answers for these edges (source, target, kind)."""
    known = list(edges)
    depths = _depths(root, [edge[:2] for edge in known])
    refs = dict.fromkeys([root, *(end for edge in known for end in edge[:2])])
    return Lineage.model_validate(
        {
            "root": root,
            "direction": "both",
            "nodes": tuple(
                node(
                    ref,
                    AT + timedelta(hours=number),
                    depth=depths[ref],
                    **(facts or {}).get(ref, {}),
                )
                for number, ref in enumerate(refs)
                if ref in depths
            ),
            "edges": tuple(
                Edge(source=source, target=target, kind=kind, since=AT)
                for source, target, kind in known
                if source in depths and target in depths
            ),
            "left_out": 0,
            "why_left_out": None,
            **more,
        }
    )


def _depths(root: str, edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    depths = {root: 0}
    for sign in (-1, 1):
        level, hops, seen = {root}, 0, {root}
        while level:
            hops += sign
            pairs = edges if sign > 0 else [(target, source) for source, target in edges]
            level = {other for one, other in pairs if one in level} - seen
            seen |= level
            depths = {**dict.fromkeys(sorted(level), hops), **depths}
    return depths


def catalog(routes: int, versions: int, seed: int = 7) -> Lineage:
    """All that came of one dataset: models of many names, each in bundles, deployments and
    slots, with a report that feeds back into a dataset."""
    chance, root = Random(seed), "datasets:/tickets/5e1f0a7c"
    edges: list[tuple[str, str, str]] = []
    facts: dict[str, dict[str, Any]] = {}
    for route in range(routes):
        name = f"support/answer-{route}"
        for number in range(1, versions + 1):
            run, model = f"runs:/{chance.getrandbits(128):032x}", f"models:/{name}/{number}"
            edges += [(root, run, "trained"), (run, model, "made")]
            facts[model] = {"pinned": chance.random() < 0.8}
            if chance.random() < 0.1:
                facts[model]["withdrawn"] = chance.choice(["retired", "recalled"])
            for environment in chance.sample(["dev", "staging", "production"], 2):
                bundle = f"bundles:/{chance.getrandbits(256):064x}"
                deployment = f"deployments:/{name}@{environment}/{number}"
                edges += [(model, bundle, "model_of"), (bundle, deployment, "deployed_as")]
                slot = f"routes:/{name}@{environment}"
                if number == versions:
                    edges += [
                        (deployment, slot, "live_in"),
                        (slot, f"nodes:/report/{name}", "feeds"),
                    ]
        edges.append((f"nodes:/report/{name}", f"datasets:/{name}-feedback/{route:08x}", "sampled"))
        edges.append((f"datasets:/{name}-feedback/{route:08x}", run, "trained"))
    return walk(root, edges, facts)


HOSTILE = [
    "<script>alert(1)</script>", "&amp;\"'><svg onload=alert(1)>", "]]>", "--><g onclick='x'>",
    "javascript:alert(1)", "a" * 200, "W" * 80, "模型/" * 20, "🙂" * 60, "ﷺ" * 30,
    "x\u202egnp.exe", "\x00\x1b[31m\ufffe", "مرحبا بالعالم " * 6, "tab\there\nand there",
    " ", "i" * 500,
]  # fmt: skip


def hostile() -> Lineage:
    """A bundle of models and datasets whose names mean harm."""
    bundle = f"bundles:/{'ab' * 32}"
    edges = [
        edge
        for name in HOSTILE
        for edge in (
            (f"datasets:/{name}/{name}", f"models:/{name}/1", name),
            (f"models:/{name}/1", bundle, "model_of"),
            (bundle, f"nodes:/{name}/{name}", "feeds"),
        )
    ]
    facts = {f"models:/{name}/1": {"withdrawn": "recalled", "pinned": False} for name in HOSTILE}
    return walk(bundle, edges, facts)


def looping() -> Lineage:
    """Twenty reports, each of which goes back into one dataset, and the last of which comes
    from the first."""
    data, reports = "datasets:/tickets/1", [f"nodes:/report-{at:02}/weekly" for at in range(20)]
    there = [(data, report, "feeds") for report in reports]
    back = [(report, data, "sampled") for report in reports]
    return walk(data, [*there, *back, (reports[0], reports[-1], "summed")])


_names = st.sampled_from(HOSTILE) | st.text(min_size=1, max_size=30) | st.sampled_from("abc")
_kinds = st.sampled_from([
    "trained", "made", "model_of", "prompt_of", "derived", "included", "evaluated",
    "deployed_as", "live_in",
]) | _names  # fmt: skip


@st.composite
def walks(draw: st.DrawFn, most: int = 25) -> Lineage:
    """Any graph over any names, as no catalog would have it: cycles, loops, edges of any kind
    between things of any kind."""
    refs = st.builds("{}:/{}/{}".format, st.sampled_from(list(KINDS)), _names, st.integers(1, 9))
    chosen = draw(st.lists(refs, min_size=1, max_size=most, unique=True))
    nodes = [
        node(
            ref,
            AT + timedelta(days=draw(st.integers(0, 3))),
            depth=draw(st.integers(-4, 4)),
            withdrawn=draw(st.sampled_from([None, None, "retired", "recalled"])),
            pinned=draw(st.sampled_from([None, True, False])),
        )
        for ref in chosen
    ]
    some = st.sampled_from(chosen)
    ends = draw(st.lists(st.tuples(some, some, _kinds), max_size=2 * most))
    return Lineage(
        root=draw(some),
        direction=draw(st.sampled_from(["both", "upstream", "downstream"])),
        as_of=draw(st.none() | st.just(AT)),
        nodes=tuple(nodes),
        edges=tuple(Edge(source=a, target=b, kind=kind, since=AT) for a, b, kind in ends),
        left_out=draw(st.integers(0, 3)),
        why_left_out=draw(st.none() | _names),
    )
