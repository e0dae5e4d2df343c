"""``twinline db``: look after the database."""

import typer

from twinline.cli.output import facts, out
from twinline.settings import Settings

app = typer.Typer(help="The database: migrate and check.", no_args_is_help=True)


@app.command("migrate")
def migrate() -> None:
    """Bring the database to this version's schema (`twinline up` does it too)."""
    from twinline.cli import serving  # other commands need no server library
    from twinline.db import migrations  # as above

    with serving.open_database(Settings()) as database:
        out.print(f"The database is at schema {migrations.current(database)}.")


@app.command("check")
def check() -> None:
    """Check that the database can do its work; exit code 6 when it cannot."""
    from twinline import health  # other commands need no server library
    from twinline.cli import serving  # as above

    with serving.open_database(Settings()) as database:
        found = health.check(database)
    out.print(facts(found.checks.items()))
    if not found.ready:
        raise typer.Exit(6)
