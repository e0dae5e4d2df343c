"""``twinline prompts access``: who read which version."""

from typing import Annotated

import typer

from twinline.cli.output import AsCsv, AsJson, show_list, table_of
from twinline.cli.session import client


def accesses(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The prompt, as support/answer.")],
    version: Annotated[int | None, typer.Option(help="Only this version.")] = None,
    by_version: Annotated[
        bool,
        typer.Option("--by-version", help="When each version was last in use, and how often."),
    ] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Who read which version, through which door and how often, day by day."""
    prompts = client(context).prompts
    if by_version:
        show_list(
            (one for one in prompts.uses(name) if version in (None, one.number)),
            as_json,
            lambda found: table_of(
                ("version#", "reads#", "readers#", "requests#", "last used"),
                (
                    (one.number, one.count, one.principals, one.requests, one.last_used_at)
                    for one in found
                ),
            ),
            "No versions.",
            as_csv=as_csv,
        )
        return
    show_list(
        prompts.accesses(name, version=version),
        as_json,
        lambda found: table_of(
            ("day", "version#", "by", "through", "reads#", "first", "last"),
            (
                (
                    one.day.isoformat(),
                    one.number,
                    one.principal,
                    one.door,
                    one.count,
                    one.first_at,
                    one.last_at,
                )
                for one in found
            ),
        ),
        "Nobody read it yet; a read is listed about a second later.",
        as_csv=as_csv,
    )
