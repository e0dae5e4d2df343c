"""``twinline audit``: who did what, and whether the log is whole."""

from itertools import islice
from typing import Annotated

import typer

from twinline.cli.output import AsCsv, AsJson, short, show, show_list, table_of
from twinline.cli.session import client

app = typer.Typer(help="The audit log; for auditors.", no_args_is_help=True)


@app.command("log")
def log(
    context: typer.Context,
    most: Annotated[int, typer.Option(help="How many events.")] = 50,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """The newest events: who did what, when, to what and why."""
    show_list(
        islice(client(context).audit.events(), most),
        as_json,
        lambda found: table_of(
            ("nr#", "at", "by", "action", "subject", "why"),
            (
                (one.seq, one.at, one.actor, one.action, short(one.subject), one.why)
                for one in found
            ),
        ),
        "Nothing happened yet.",
        as_csv=as_csv,
    )


@app.command("verify")
def verify(context: typer.Context, as_json: AsJson = False) -> None:
    """Recompute every hash; exit code 1 when the log is not whole."""
    found = client(context).audit.verify()
    show(
        found,
        as_json,
        lambda: (
            f"{found.events:,} events, all whole."
            if found.whole
            else f"Broken at event {found.broken_at}."
        ),
    )
    if not found.whole:
        raise typer.Exit(1)
