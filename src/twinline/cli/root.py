"""The root of the command line: options for all commands, errors, exit codes."""

import sys
from typing import Annotated

import typer
from pydantic import ValidationError
from typer.core import TyperGroup
from typer.main import get_command

import twinline
from twinline.cli import (
    audit,
    bundles,
    clients,
    completion,
    config,
    db,
    evaluate,
    explain,
    exports,
    impact,
    keys,
    kills,
    lineage,
    mlflow,
    models,
    nodes,
    policies,
    prompt_content,
    recalls,
    requests,
    slots,
    splits,
    suites,
    tail,
    timelines,
    up,
)
from twinline.cli.demo import command as demo
from twinline.cli.examples import EXIT_CODES_SAID, add_examples
from twinline.cli.next_steps import Typed, tell
from twinline.cli.watching import Watched
from twinline.language.errors import Invalid, TwinlineError

EXIT_CODES = {401: 5, 403: 5, 404: 3, 409: 4, 412: 4, 428: 4, 503: 6}

app = typer.Typer(
    help="The lineage catalog for the pair behind every AI answer: a model version and a prompt "
    "version.",
    epilog=EXIT_CODES_SAID,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up")(up.up)
app.command("demo")(demo.demo)
app.command("deploy")(slots.deploy)
app.command("rollback")(slots.roll_back)
app.command("live", cls=Watched)(slots.live)
app.command("history")(slots.history)
app.command("timeline")(timelines.timeline)
app.command("changes")(timelines.changes)
app.command("blame")(timelines.blame)
app.command("divergences")(timelines.divergences)
app.command("ramp")(splits.ramp)
app.command("experiment")(splits.experiment)
app.command("kill")(kills.kill)
app.command("lift")(kills.lift)
app.command("kills")(kills.list_kills)
app.command("clients", cls=Watched)(clients.clients)
app.command("manifest")(clients.manifest)
app.command("resolve")(requests.resolve)
app.command("record")(requests.record)
app.command("outcome")(requests.outcome)
app.command("tail")(tail.tail)
app.command("explain")(explain.explain)
app.command("lineage")(lineage.walk)
app.command("impact")(impact.impact)
app.command("prospect")(impact.prospect)
app.command("own")(impact.own)
app.add_typer(nodes.app, name="nodes")
app.add_typer(policies.app, name="policies")
app.add_typer(prompt_content.app, name="prompts")
app.add_typer(models.app, name="models")
app.add_typer(mlflow.app, name="mlflow")
app.add_typer(bundles.app, name="bundles")
app.add_typer(suites.app, name="suites")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(exports.app, name="export")
app.add_typer(recalls.app, name="recall")
app.add_typer(config.app, name="config")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="audit")
app.add_typer(db.app, name="db")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"twinline {twinline.__version__}")
        raise typer.Exit


@app.callback()
def root(
    url: Annotated[
        str | None, typer.Option(help="The server; default TWINLINE_URL or http://127.0.0.1:8420.")
    ] = None,
    api_key: Annotated[str | None, typer.Option(help="The key; default TWINLINE_API_KEY.")] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            autocompletion=completion.profiles,
            help="A profile of the config file; default TWINLINE_PROFILE, or its own.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Options that every command takes."""
    del version, url, api_key, profile  # the first has answered; options() has the others


def command_line() -> TyperGroup:
    """All commands, each with the example that its help shows."""
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    add_examples(group)
    return group


def main() -> None:
    """Run the command line; errors of ours become one clear line, what to type next, and an
    exit code."""
    commands = command_line()
    try:
        commands()
    except TwinlineError as error:
        tell(error, Typed.read(sys.argv[1:], commands))
        sys.exit(EXIT_CODES.get(error.status, 1))
    except ValidationError as error:
        found = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or error.title}: {item['msg']}"
            for item in error.errors()
        ).replace(": Value error, ", ": ")
        tell(Invalid(found), Typed.read(sys.argv[1:], commands))
        sys.exit(2)
