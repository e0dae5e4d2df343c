"""Nodes and edges of people's own, and retirements."""

from typing import Annotated

import typer

from twinline.cli import times
from twinline.cli.lineage import NodeArgument
from twinline.cli.output import AsCsv, AsJson, facts, show, show_list, table_of
from twinline.cli.session import client, read_json
from twinline.cli.slots import Reason
from twinline.language.records import CustomNode, Edge, Withdrawal

app = typer.Typer(
    help="Things of your own in the lineage: indexes, feature tables, tools, reports.",
    no_args_is_help=True,
)
TypeArgument = Annotated[str, typer.Argument(help="What it is, as `vector-index`.")]
NameArgument = Annotated[str, typer.Argument(help="Its name, as `tickets`.")]
SourceArgument = Annotated[str, typer.Argument(help="The reference that it comes from.")]
TargetArgument = Annotated[str, typer.Argument(help="The reference that comes from it.")]
KindOption = Annotated[str, typer.Option("--kind", "-k", help="A word of yours, as `feeds`.")]


@app.command("add")
def add(
    context: typer.Context,
    type: TypeArgument,
    name: NameArgument,
    description: Annotated[str, typer.Option("--description", "-d", help="What it is.")] = "",
    owner: Annotated[str, typer.Option(help="Whom to tell.")] = "",
    properties: Annotated[str, typer.Option(help="A JSON object.")] = "{}",
    since: Annotated[str | None, typer.Option(help=f"Since when. {times.HELP}")] = None,
    as_json: AsJson = False,
) -> None:
    """Add a node, or say anew what it is."""
    found = client(context).lineage.add_node(
        type,
        name,
        description=description,
        owner=owner,
        properties=read_json(properties, "--properties"),
        since=times.moment_or_none(since, "--since"),
    )
    show(found, as_json, lambda: facts(_node(found)))


@app.command("list")
def list_nodes(
    context: typer.Context,
    type: Annotated[str | None, typer.Option(help="Only of this type.")] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List what people added."""
    show_list(
        client(context).lineage.nodes(type),
        as_json,
        lambda found: table_of(
            ("node", "since", "owner", "description"),
            ((one.ref, one.since, one.owner, one.description) for one in found),
        ),
        "Nothing yet; `twinline nodes add` adds something.",
        as_csv=as_csv,
    )


@app.command("connect")
def connect(
    context: typer.Context,
    source: SourceArgument,
    target: TargetArgument,
    kind: KindOption = "feeds",
    since: Annotated[str | None, typer.Option(help=f"Since when. {times.HELP}")] = None,
    evidence: Annotated[str, typer.Option(help="How you know, as a JSON object.")] = "{}",
    as_json: AsJson = False,
) -> None:
    """Say that one node comes from another, or uses it."""
    found = client(context).lineage.connect(
        source,
        target,
        kind,
        since=times.moment_or_none(since, "--since"),
        evidence=read_json(evidence, "--evidence"),
    )
    show(found, as_json, lambda: facts(_edge(found)))


@app.command("disconnect")
def disconnect(
    context: typer.Context,
    source: SourceArgument,
    target: TargetArgument,
    reason: Reason,
    kind: KindOption = "feeds",
    until: Annotated[str | None, typer.Option(help=f"Until when. {times.HELP}")] = None,
    as_json: AsJson = False,
) -> None:
    """Say that an edge of yours holds no longer; that it did is kept."""
    found = client(context).lineage.disconnect(
        source, target, kind, reason=reason, until=times.moment_or_none(until, "--until")
    )
    show(found, as_json, lambda: facts(_edge(found)))


@app.command("retire")
def retire(
    context: typer.Context, node: NodeArgument, reason: Reason, as_json: AsJson = False
) -> None:
    """Retire a version, a bundle or a node: nothing built on it goes live any more."""
    found = client(context).lineage.retire(node, reason=reason)
    show(found, as_json, lambda: facts(_withdrawal(found)))


@app.command("retired")
def retired(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Lifted ones too.")] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List what is retired."""
    found = client(context).lineage.retirements()
    show_list(
        (one for one in found if every or one.lifted_at is None),
        as_json,
        lambda rows: table_of(
            ("nr#", "node", "since", "by", "why", "lifted"),
            ((one.number, one.node, one.at, one.actor, one.reason, one.lifted_at) for one in rows),
        ),
        "Nothing is retired.",
        as_csv=as_csv,
    )


@app.command("restore")
def restore(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="As `twinline nodes retired` lists it.")],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Let people build on a retired version again."""
    found = client(context).lineage.lift(number, reason=reason)
    show(found, as_json, lambda: facts(_withdrawal(found)))


def _node(one: CustomNode) -> list[tuple[str, object]]:
    return [
        ("node", one.ref),
        ("since", one.since),
        ("owner", one.owner),
        ("description", one.description),
        ("properties", one.properties),
    ]


def _edge(one: Edge) -> list[tuple[str, object]]:
    words = f"{one.source} -{one.kind}-> {one.target}"
    return [("edge", words), ("since", one.since), ("until", one.until)]


def _withdrawal(one: Withdrawal) -> list[tuple[str, object]]:
    return [
        ("number", one.number),
        (one.kind, one.node),
        ("since", one.at),
        ("by", one.actor),
        ("why", one.reason),
        ("lifted", one.lifted_at),
        ("because", one.lifted_reason),
    ]
