"""``twinline models names``: which versions are meant by the names in traces."""

from typing import Annotated

import typer

from twinline.cli.output import AsCsv, AsJson, facts, show, show_list, table_of
from twinline.cli.session import client
from twinline.cli.slots import Reason
from twinline.language.records import ModelName

app = typer.Typer(
    help="Names that providers and traces use, and the versions that they mean.",
    no_args_is_help=True,
)
Provider = Annotated[
    str, typer.Argument(help="As traces say it, as openai or aws.bedrock; *: whichever.")
]
Name = Annotated[
    str, typer.Argument(help="The model as traces say it; with * at its end all that begin so.")
]


@app.command("set")
def keep(
    context: typer.Context,
    provider: Provider,
    name: Name,
    version: Annotated[str, typer.Argument(help="As models:/gpt-4o/1.")],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Say which version a name means, for traces that come from now on."""
    kept = client(context).models.keep_name(provider, name, version, reason=reason)
    show(kept, as_json, lambda: _facts(kept))


@app.command("list")
def list_names(context: typer.Context, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List the names that mean versions."""
    show_list(
        client(context).models.names(),
        as_json,
        lambda found: table_of(
            ("provider", "name", "version", "by", "at", "reason"),
            ((one.provider, one.name, one.version, one.actor, one.at, one.reason) for one in found),
        ),
        "No names yet; `twinline models names set openai 'gpt-4o*' models:/gpt-4o/1` sets one.",
        as_csv=as_csv,
    )


@app.command("drop")
def drop(context: typer.Context, provider: Provider, name: Name, as_json: AsJson = False) -> None:
    """Let a name mean nothing any more."""
    dropped = client(context).models.drop_name(provider, name)
    show(dropped, as_json, lambda: _facts(dropped))


def _facts(one: ModelName) -> object:
    return facts(
        (
            ("provider", one.provider),
            ("name", one.name),
            ("version", one.version),
            ("by", one.actor),
            ("at", one.at),
            ("reason", one.reason),
        )
    )
