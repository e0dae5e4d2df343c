"""``twinline evaluate missing``, ``waive`` and ``waivers``: what lacks before going live."""

from typing import Annotated

import typer
from rich.text import Text

from twinline.cli.output import AsCsv, AsJson, short, show, show_list, table_of
from twinline.cli.session import client
from twinline.cli.slots import Reason, SlotArgument
from twinline.cli.suites import PlaceArgument, SuiteArgument
from twinline.language.records import MissingEvaluations

CONFLICT = 4
"""The exit code of a deployment that would be refused."""

BundleArgument = Annotated[str, typer.Argument(help="The bundle, as bundles:/3f9a1c22b1d0.")]


def missing(
    context: typer.Context, slot: SlotArgument, bundle: BundleArgument, as_json: AsJson = False
) -> None:
    """Which suites a bundle has to pass before it can go live. Ends with 4, as the deployment
    would, when there are any."""
    found = client(context).evaluations.missing(slot, bundle)
    show(found, as_json, lambda: _lacks(found))
    if found.missing:
        raise typer.Exit(CONFLICT)


def waive(
    context: typer.Context,
    suite: SuiteArgument,
    bundle: BundleArgument,
    place: PlaceArgument,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Let a bundle go live somewhere without having passed a suite. Admins may, with a reason."""
    made = client(context).evaluations.waive(suite, bundle, place, reason=reason)
    show(
        made, as_json, lambda: f"{short(made.bundle)} may go live in {made.place} without {suite}."
    )


def waivers(context: typer.Context, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List who let which bundle off which suite, and why."""
    show_list(
        client(context).evaluations.waivers(),
        as_json,
        lambda found: table_of(
            ("nr#", "suite", "bundle", "in", "by", "at", "why"),
            (
                (one.number, one.suite, short(one.bundle), one.place, one.actor, one.at, one.reason)
                for one in found
            ),
        ),
        "Nobody was let off anything.",
        as_csv=as_csv,
    )


def _lacks(found: MissingEvaluations) -> object:
    if not found.missing:
        return Text(f"{short(found.bundle)} has passed all that {found.slot.short} requires.")
    return table_of(
        ("suite", "subject", "what is wrong", "run by"),
        ((one.suite, short(one.subject), one.why, one.command) for one in found.missing),
    )
