"""The applications that resolve in their own process, and what they resolve from."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.text import Text

from twinline.cli import completion
from twinline.cli.output import AsJson, err, number, plural, show, table_of
from twinline.cli.session import client, server
from twinline.cli.watching import Watch, watch
from twinline.language.records import Fleet, ReportedClient

EnvironmentArgument = Annotated[
    str, typer.Argument(autocompletion=completion.environments, help="As production.")
]


def clients(
    context: typer.Context,
    environment: Annotated[
        str | None,
        typer.Argument(
            autocompletion=completion.environments, help="Default: the profile's, or production."
        ),
    ] = None,
    again: Watch = None,
    as_json: AsJson = False,
) -> None:
    """Show how far each application is behind the newest manifest."""
    settings = server(context).settings
    fleet, wanted = client(context).fleet, environment or settings.environment or "production"

    def look() -> None:
        found = fleet.get(wanted)
        show(found, as_json, lambda: _fleet(found))

    watch(again, look, plain=as_json)


def manifest(
    context: typer.Context,
    environment: EnvironmentArgument,
    file: Annotated[Path, typer.Argument(help="Where to write it.")],
) -> None:
    """Save the signed manifest of an environment, for applications to bring along.

    Give it to the client as ``bootstrap``: it is resolved from when a first start finds
    no server.
    """
    version = client(context).save_manifest(environment, file)
    err.print(f"{file} holds {environment} at version {version}.")


def _fleet(found: Fleet) -> Group:
    if not found.items:
        said = f"{found.environment} is at version {found.version}. No client reported within"
        return Group(Text(f"{said} the last two minutes.", style="dim"))
    style = "bold green" if found.current == found.clients else "bold yellow"
    head = Text(
        f"{found.current} of {plural(found.clients, 'client')} at version {found.version}",
        style=style,
    )
    return Group(
        head,
        Text(),
        table_of(
            ("host", "pid#", "key of", "version#", "from", "stale#", "spooled#", "dropped#",
             "damaged#", "library", "reported"),
            (_row(one) for one in found.items),
        ),
    )  # fmt: skip


def _row(one: ReportedClient) -> tuple[object, ...]:
    return (
        one.host,
        str(one.pid),
        one.owner,
        one.version,
        one.served_from,
        number(one.stale_seconds, " s"),
        one.spooled,
        one.dropped,
        one.damaged,
        one.library,
        one.reported_at,
    )
