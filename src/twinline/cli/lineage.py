"""Explain a request, walk the lineage, count the impact."""

from typing import Annotated, Literal
from uuid import UUID

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from twinline.cli.output import (
    AsJson,
    facts,
    number,
    percent,
    short,
    show,
    show_list,
    table_of,
)
from twinline.cli.session import client
from twinline.language.records import Direction, Explanation, Impact, Lineage, Tally

NodeArgument = Annotated[
    str, typer.Argument(help="A reference, as prompts:/support/answer/7 or datasets:/NAME/DIGEST.")
]


def explain(
    context: typer.Context,
    id: Annotated[UUID, typer.Argument(help="The inference.")],
    as_json: AsJson = False,
) -> None:
    """The whole story of one request, up to the datasets."""
    found = client(context).inferences.explain(id)
    show(found, as_json, lambda: story(found))


def walk(
    context: typer.Context,
    node: NodeArgument,
    direction: Annotated[
        Literal["upstream", "downstream", "both"], typer.Option(help="Which way.")
    ] = "both",
    depth: Annotated[int, typer.Option(help="Hops; 1: direct neighbours.")] = 10,
    limit: Annotated[int, typer.Option(help="Nodes at most.")] = 500,
    as_json: AsJson = False,
) -> None:
    """What a version came from, and what came from it."""
    way: Direction = direction
    found = client(context).lineage.walk(node, direction=way, depth=depth, limit=limit)
    show(found, as_json, lambda: trees(found))


def impact(
    context: typer.Context,
    node: NodeArgument,
    list_requests: Annotated[
        bool, typer.Option("--list", help="List the requests instead of counting them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Everything that a version touched: requests, slots, days; where it is live now."""
    api = client(context)
    if not list_requests:
        found = api.lineage.impact(node)
        show(found, as_json, lambda: impact_of(found))
        return
    show_list(
        api.lineage.affected(node),
        as_json,
        lambda found: table_of(
            ("inference", "at", "deployment", "status", "score#", "decision"),
            (
                (
                    one.id,
                    one.at,
                    one.deployment,
                    one.measured.status,
                    number(one.measured.score),
                    one.decision,
                )
                for one in found
            ),
        ),
        "No requests.",
    )


def story(found: Explanation) -> Tree:
    """One request's story as a tree, from the answer up to the data."""
    one, measured = found.inference, found.inference.measured
    tree = Tree(Text.assemble(("request ", "bold"), str(one.id), f"  {one.at:%Y-%m-%d %H:%M:%SZ}"))
    tree.add(
        f"outcome: {measured.status or 'unknown'}, {number(measured.latency_ms, ' ms')}, "
        f"score {number(measured.score)}"
    )
    if found.deployment:
        by = found.deployment
        tree.add(
            f"chosen by {by.ref} ({by.kind}, {by.actor}, {by.at:%Y-%m-%d %H:%M:%SZ}): {by.reason}"
        )
    bundle = tree.add(f"bundle {short(found.bundle.ref)}")
    if found.bundle.words:
        bundle.add(f"unresolved: {found.bundle.words}")
    if found.prompt:
        bundle.add(f"prompt {found.prompt.ref} by {found.prompt.author}: {found.prompt.message}")
    if found.model:
        model = bundle.add(f"model {found.model.ref} from {found.model.source_uri}")
        if found.run:
            run = model.add(f"run {found.run.ref} {found.run.name}".rstrip())
            for dataset in found.datasets:
                run.add(f"dataset {dataset.ref}")
    return tree


def trees(found: Lineage) -> Group:
    """A walk as two trees, upstream and downstream; nodes that recur are shown once each."""
    ends = {
        "upstream": [(edge.target, edge.source) for edge in found.edges],
        "downstream": [(edge.source, edge.target) for edge in found.edges],
    }
    drawn: list[RenderableType] = []
    for way, pairs in ends.items():
        if found.direction in (way, "both"):
            tree = Tree(Text.assemble((short(found.root), "bold"), (f"  {way}", "dim")))
            _grow(tree, found.root, pairs, {found.root})
            if not tree.children:
                tree.add(Text("nothing", style="dim"))
            drawn.append(tree)
    if found.why_left_out:
        drawn.append(Text(f"Not shown: {found.why_left_out}.", style="yellow"))
    return Group(*drawn)


def _grow(tree: Tree, at: str, pairs: list[tuple[str, str]], seen: set[str]) -> None:
    for here, there in pairs:
        if here == at:
            branch = tree.add(short(there) + (" …" if there in seen else ""))
            if there not in seen:
                seen.add(there)
                _grow(branch, there, pairs, seen)


def impact_of(found: Impact) -> Group:
    """Counts for people: in all, by slot, by day."""
    slots = table_of(
        ("slot", "live now", "requests#", "errors#", "cost#", "score#", "last"),
        (
            (
                slot.slot.short if slot.slot else "(no slot)",
                slot.live,
                slot.service.requests,
                percent(slot.service.errors, slot.service.requests),
                _dollars(slot.service.cost_usd),
                number(slot.service.score),
                slot.service.last_at,
            )
            for slot in found.slots
        ),
    )
    days = table_of(
        ("day", "requests#", "errors#"),
        ((f"{day.day:%Y-%m-%d}", day.requests, day.errors) for day in found.days),
    )
    live = ", ".join(slot.short for slot in found.live) or "nowhere"
    head = Text.assemble((found.root, "bold"), ("  live now: ", "dim"), live)
    return Group(head, _service(found.service), Text(), slots, Text(), days)


def _service(service: Tally) -> Table:
    return facts(
        (
            ("requests", service.requests),
            ("errors", f"{service.errors:,} ({percent(service.errors, service.requests)})"),
            ("with a decision", service.decision_requests),
            ("score", number(service.score)),
            ("cost", _dollars(service.cost_usd)),
            ("first seen", service.first_at),
            ("last seen", service.last_at),
        )
    )


def _dollars(amount: float) -> str | None:
    return f"${amount:,.4f}" if amount else None
