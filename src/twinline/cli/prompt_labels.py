"""``twinline prompts label``, ``promote``, ``protect``: labels, and who may move them."""

from typing import Annotated

import typer

from twinline.cli import completion
from twinline.cli.output import AsCsv, AsJson, show, show_list, table_of
from twinline.cli.prompt_output import version_facts
from twinline.cli.session import client
from twinline.cli.slots import Reason

Name = Annotated[
    str, typer.Argument(autocompletion=completion.prompts, help="The prompt, as support/answer.")
]


def move_label(
    context: typer.Context,
    name: Name,
    label: Annotated[str, typer.Argument(help="The label.")],
    version: Annotated[int, typer.Argument(help="The version that it should name.")],
    reason: Reason,
    expected: Annotated[
        int | None, typer.Option(help="Move only if it is on this version now (0: on none).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Move a label to a version."""
    moved = client(context).prompts.move_label(
        name, label, version, reason=reason, expected=expected
    )
    show(moved, as_json, lambda: version_facts(moved))


def remove_label(
    context: typer.Context,
    name: Name,
    label: Annotated[str, typer.Argument(help="The label.")],
    reason: Reason,
    expected: Annotated[
        int | None, typer.Option(help="Remove only if it is on this version now.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take a label off a prompt. Its history stays."""
    gone = client(context).prompts.remove_label(name, label, reason=reason, expected=expected)
    show(gone, as_json, lambda: f"{gone.label} was on version {gone.previous} of {gone.name}.")


def promote(
    context: typer.Context,
    name: Name,
    source: Annotated[str, typer.Argument(help="The label that names the version, as staging.")],
    target: Annotated[str, typer.Argument(help="The label to move there, as production.")],
    reason: Reason,
    expected: Annotated[
        int | None, typer.Option(help="Move only if TARGET is on this version now (0: on none).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Move a label to the version that another label names."""
    moved = client(context).prompts.promote(name, source, target, reason=reason, expected=expected)
    show(moved, as_json, lambda: version_facts(moved))


def protect(
    context: typer.Context,
    label: Annotated[str, typer.Argument(help="The label, as production.")],
    reason: Reason,
    domain: Annotated[str, typer.Option(help="Only in this folder of prompts.")] = "",
    as_json: AsJson = False,
) -> None:
    """Let a label be moved only by releasers and admins."""
    kept = client(context).prompts.protect(label, reason=reason, domain=domain)
    show(kept, as_json, lambda: f"{kept.label} is protected in {kept.domain or 'all prompts'}.")


def unprotect(
    context: typer.Context,
    label: Annotated[str, typer.Argument(help="The label.")],
    reason: Reason,
    domain: Annotated[str, typer.Option(help="The folder that it was protected in.")] = "",
    as_json: AsJson = False,
) -> None:
    """Let everybody who may move labels move this one again."""
    gone = client(context).prompts.unprotect(label, reason=reason, domain=domain)
    where = gone.domain or "all prompts"
    show(gone, as_json, lambda: f"{gone.label} is no longer protected in {where}.")


def protected(context: typer.Context, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List the labels that not everybody may move."""
    show_list(
        client(context).prompts.protected(),
        as_json,
        lambda found: table_of(
            ("label", "domain", "by", "since", "reason"),
            ((one.label, one.domain or "all", one.actor, one.at, one.reason) for one in found),
        ),
        "No label is protected. `twinline prompts protect LABEL -r WHY` protects one.",
        as_csv=as_csv,
    )


def history(
    context: typer.Context, name: Name, as_json: AsJson = False, as_csv: AsCsv = False
) -> None:
    """Who moved which label, from where, when and why."""
    show_list(
        client(context).prompts.history(name),
        as_json,
        lambda found: table_of(
            ("at", "label", "from#", "to#", "by", "reason"),
            ((one.at, one.label, one.previous, one.number, one.actor, one.reason) for one in found),
        ),
        "No label was ever moved.",
        as_csv=as_csv,
    )
