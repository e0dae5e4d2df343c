"""Walk the lineage graph."""

from typing import Annotated, Literal, get_args

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from twinline.cli import times
from twinline.cli.output import AsJson, short, show, table_of
from twinline.cli.session import client
from twinline.language.errors import Invalid
from twinline.language.records import Lineage, NodeKind

_kinds: TypeAdapter[NodeKind] = TypeAdapter(NodeKind)
NodeArgument = Annotated[
    str, typer.Argument(help="A reference, as prompts:/support/answer/7 or datasets:/NAME/DIGEST.")
]


def walk(
    context: typer.Context,
    node: NodeArgument,
    direction: Annotated[
        Literal["upstream", "downstream", "both"], typer.Option(help="Which way.")
    ] = "both",
    depth: Annotated[int, typer.Option(help="Hops; 1: direct neighbours.")] = 10,
    limit: Annotated[int, typer.Option(help="Nodes at most.")] = 500,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only nodes of this kind; may be given again.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help=f"As it was then. {times.HELP}")] = None,
    as_json: AsJson = False,
) -> None:
    """What a version came from, and what came from it."""
    found = client(context).lineage.walk(
        node,
        direction=direction,
        depth=depth,
        limit=limit,
        kinds=[_kind(one) for one in kind or ()],
        as_of=times.moment_or_none(as_of, "--as-of"),
    )
    show(found, as_json, lambda: trees(found))


def _kind(text: str) -> NodeKind:
    try:
        return _kinds.validate_python(text)
    except ValidationError as error:
        known = ", ".join(get_args(NodeKind))
        raise Invalid(f"--kind {text!r} is none of {known}.", field="--kind") from error


def trees(found: Lineage) -> Group:
    """A walk as two trees, upstream and downstream; nodes that recur are shown once each.

    Nodes that hang on nothing else that is shown, because of the kinds asked for, follow.
    """
    ends = {
        "upstream": [(edge.target, edge.source) for edge in found.edges],
        "downstream": [(edge.source, edge.target) for edge in found.edges],
    }
    marks = {one.ref for one in found.nodes if one.pinned is False}
    drawn: list[RenderableType] = []
    placed = {found.root}
    for way, pairs in ends.items():
        if found.direction in (way, "both"):
            tree = Tree(Text.assemble((_named(found.root, marks), "bold"), (f"  {way}", "dim")))
            seen = {found.root}
            _grow(tree, found.root, pairs, seen, marks)
            placed |= seen
            if not tree.children:
                tree.add(Text("nothing", style="dim"))
            drawn.append(tree)
    apart = [one for one in found.nodes if one.ref not in placed]
    if apart:
        rows = ((_named(one.ref, marks), one.kind, one.depth) for one in apart)
        drawn.append(table_of(("reached by what is not shown", "kind", "hops#"), rows))
    if found.why_left_out:
        drawn.append(Text(f"Not shown: {found.why_left_out}.", style="yellow"))
    return Group(*drawn)


def _named(ref: str, marks: set[str]) -> str:
    """A reference, marked when its provider may change what answers."""
    return f"{short(ref)} (unpinned)" if ref in marks else short(ref)


def _grow(
    tree: Tree, at: str, pairs: list[tuple[str, str]], seen: set[str], marks: set[str]
) -> None:
    for here, there in pairs:
        if here == at:
            branch = tree.add(Text(_named(there, marks) + (" …" if there in seen else "")))
            if there not in seen:
                seen.add(there)
                _grow(branch, there, pairs, seen, marks)
