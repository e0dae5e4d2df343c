"""``twinline keys``: make, list and revoke API keys."""

from datetime import datetime
from typing import Annotated

import typer
from rich.text import Text

from twinline.cli.output import AsCsv, AsJson, facts, show, show_list, table_of
from twinline.cli.session import client
from twinline.language.records import Role

app = typer.Typer(help="API keys; for admins.", no_args_is_help=True)


@app.command("issue")
def issue(
    context: typer.Context,
    owner: Annotated[str, typer.Argument(help="Who or what uses it.")],
    role: Annotated[Role, typer.Option(help="What it may do.")],
    expires: Annotated[datetime | None, typer.Option(help="When it ends (UTC).")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is shown this once."""
    aware = expires.astimezone() if expires else None
    made = client(context).keys.issue(owner, role, aware)
    show(
        made,
        as_json,
        lambda: facts((("key", Text(made.key, style="bold")), ("role", made.role.value))),
    )


@app.command("list")
def list_keys(context: typer.Context, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List all keys, without their secrets."""
    show_list(
        client(context).keys.list(),
        as_json,
        lambda found: table_of(
            ("key", "owner", "role", "created", "expires", "revoked"),
            (
                (
                    one.prefix,
                    one.owner,
                    one.role.value,
                    one.created_at,
                    one.expires_at,
                    one.revoked_at,
                )
                for one in found
            ),
        ),
        "No keys.",
        as_csv=as_csv,
    )


@app.command("revoke")
def revoke(
    context: typer.Context,
    prefix: Annotated[str, typer.Argument(help="The key's first 12 characters.")],
    as_json: AsJson = False,
) -> None:
    """Revoke a key: it is refused from the next request on."""
    gone = client(context).keys.revoke(prefix)
    show(gone, as_json, lambda: f"{gone.prefix} of {gone.owner} is revoked.")
