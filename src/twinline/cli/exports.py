"""``twinline export``: documents in the formats of others."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from twinline.cli import times
from twinline.cli.clients import EnvironmentArgument
from twinline.cli.emission import Emission, FileSink, HttpSink, Progress, Sink, follow
from twinline.cli.lineage import NodeArgument
from twinline.cli.output import err
from twinline.cli.session import client
from twinline.client.exports import Told
from twinline.language.errors import Invalid
from twinline.language.records import Direction, Json

app = typer.Typer(help="What the catalog knows, in the formats of others.", no_args_is_help=True)

BundleArgument = Annotated[
    str, typer.Argument(help="A bundle, by 12 or more characters of its digest.")
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="The file to write; default: print it.")
]


@app.command("cyclonedx")
def cyclonedx(context: typer.Context, bundle: BundleArgument, output: Output = None) -> None:
    """What a bundle is made of: a CycloneDX 1.7 bill of materials with a model card."""
    _write(_document(client(context).exports.cyclonedx(bundle)), output)


@app.command("intoto")
def intoto(
    context: typer.Context,
    bundle: BundleArgument,
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="The bare statement, without its envelope.")
    ] = False,
    output: Output = None,
) -> None:
    """Where a bundle came from: a signed in-toto statement with SLSA provenance."""
    _write(_document(client(context).exports.intoto(bundle, signed=not unsigned)), output)


@app.command("prov")
def prov(context: typer.Context, bundle: BundleArgument, output: Output = None) -> None:
    """How a bundle came to be: its upstream lineage in PROV-JSON."""
    _write(_document(client(context).exports.prov(bundle)), output)


@app.command("graphml")
def graphml(
    context: typer.Context,
    node: NodeArgument,
    direction: Annotated[
        Literal["upstream", "downstream", "both"], typer.Option(help="Which way.")
    ] = "both",
    depth: Annotated[int, typer.Option(help="Hops; 1: direct neighbours.")] = 10,
    limit: Annotated[int, typer.Option(help="Nodes at most.")] = 500,
    output: Output = None,
) -> None:
    """What a version came from and what came from it, in GraphML."""
    way: Direction = direction
    exports = client(context).exports
    _write(exports.graphml(node, direction=way, depth=depth, limit=limit), output)


@app.command("openlineage")
def openlineage(
    context: typer.Context,
    environment: EnvironmentArgument = "production",
    start: Annotated[
        str | None, typer.Option("--from", help=f"Begin of the window. {times.HELP}")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", help="End, at most 24 hours later; default: now."),
    ] = None,
    output: Output = None,
    following: Annotated[
        bool, typer.Option("--follow", help="Tell each minute when it is over, for ever.")
    ] = False,
    to: Annotated[
        str | None,
        typer.Option("--to", help="With --follow: a file to append to, or a URL to POST to."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="With --follow: where to note how far it is; default: beside --to."),
    ] = None,
    sink_key: Annotated[
        str | None,
        typer.Option(envvar="OPENLINEAGE_API_KEY", help="The bearer token for the URL."),
    ] = None,
) -> None:
    """What served: an OpenLineage event for each slot, bundle and minute, one a line."""
    if following:
        _refuse(start or until or output, "--follow goes on from where it was; --to says where to.")
        _follow(context, environment, to, state, sink_key)
        return
    _refuse(to or state, "--to and --state go with --follow.")
    if start is None:
        raise Invalid("Say --from when, or --follow.", field="--from")
    window = times.moment(start, "--from"), times.moment(until or "now", "--until")
    found = client(context).exports.openlineage(environment, *window)
    lines = [json.dumps(event, ensure_ascii=False) + "\n" for event in found]
    _write("".join(lines), output)


def state_file(to: str, environment: str) -> Path:
    """Where the progress of a sink is kept: beside a file, or in the working folder."""
    if _is_url(to):
        return Path(f"openlineage-{environment}.state")
    return Path(f"{to}.state")


def _follow(
    context: typer.Context, environment: str, to: str | None, state: Path | None, key: str | None
) -> None:
    if to is None:
        raise Invalid("--follow needs --to: a file, or a URL.", field="--to")
    exports = client(context).exports

    def ask(start: datetime, end: datetime) -> Told:
        return exports.told(environment, start, end)

    sink: Sink = FileSink(Path(to))
    if _is_url(to):
        sink = HttpSink(to, key)
        context.call_on_close(sink.close)
    progress = Progress(state or state_file(to, environment), environment)
    err.print(f"Telling {environment} to {escape(to)}; Ctrl-C ends it.")
    follow(Emission(ask, sink, progress), lambda said: err.print(escape(said)))


def _is_url(to: str) -> bool:
    return to.startswith(("http://", "https://"))


def _refuse(given: object, why: str) -> None:
    if given:
        raise Invalid(why)


def _document(document: Json) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _write(text: str, output: Path | None) -> None:
    if output is None:
        print(text, end="")
        return
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise Invalid(f"{output} cannot be written: {error}") from error
    err.print(f"{escape(str(output))} is written.")
