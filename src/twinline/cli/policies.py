"""``twinline policies``: look at policies, and at what they do with a context."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.text import Text

from twinline.cli import times
from twinline.cli.output import AsJson, facts, show, table_of
from twinline.cli.session import client, read_json, read_text
from twinline.cli.slots import SlotArgument
from twinline.language.errors import NothingLive
from twinline.language.records import PolicyExplanation, PolicyVerdict

app = typer.Typer(help="Routing policies: check one, show one, try contexts.", no_args_is_help=True)

PolicyFile = Annotated[Path, typer.Argument(help="A policy as JSON; - for stdin.")]
_TRUTH = {True: "TRUE", False: "FALSE", None: "UNKNOWN"}


def read_policy_file(file: Path) -> dict[str, Any]:
    """The policy document in a file."""
    return read_json(read_text(file), str(file))


@app.command("check")
def check(context: typer.Context, file: PolicyFile, as_json: AsJson = False) -> None:
    """Say whether a policy could be deployed, and what in it is probably not meant.

    Ends with 1 when something was found.
    """
    verdict = client(context).policies.check(read_policy_file(file))
    show(verdict, as_json, lambda: _verdict(verdict))
    if verdict.findings:
        raise typer.Exit(1)


@app.command("show")
def show_policy(context: typer.Context, slot: SlotArgument) -> None:
    """Print the policy that is live in a slot, as JSON that can be edited and deployed."""
    live = client(context).slots.get(slot).live
    if live is None:
        raise NothingLive(f"Nothing is live in {slot}.", slot=slot)
    print(json.dumps(live.policy, indent=2, ensure_ascii=False))


@app.command("schema")
def schema(context: typer.Context) -> None:
    """Print the JSON Schema of policies, for editors."""
    print(json.dumps(client(context).policies.schema(), indent=2))


@app.command("explain")
def explain(
    context: typer.Context,
    slot: SlotArgument,
    about: Annotated[str, typer.Option("--context", "-c", help="A JSON object.")] = "{}",
    policy: Annotated[Path | None, typer.Option(help="Try this one, not the live one.")] = None,
    at: Annotated[str | None, typer.Option(help=f"As if it were then. {times.HELP}")] = None,
    as_json: AsJson = False,
) -> None:
    """Say which rule decides for a context, and why; nothing is recorded."""
    document = read_policy_file(policy) if policy else None
    wanted = read_json(about, "--context")
    found = client(context).policies.explain(
        slot, wanted, policy=document, at=times.moment_or_none(at, "--at")
    )
    show(found, as_json, lambda: _explanation(found))


def _verdict(verdict: PolicyVerdict) -> object:
    if not verdict.findings:
        return Text(f"Good: {len(verdict.bundles)} bundles, nothing to remark.", style="green")
    return table_of(
        ("kind", "place", "rule", "what"),
        ((found.kind, found.path, found.rule, found.detail) for found in verdict.findings),
    )


def _explanation(found: PolicyExplanation) -> Group:
    rules = table_of(
        ("rule", "in force", "condition", "fired"),
        ((one.id, one.in_force, _TRUTH[one.truth], one.fired) for one in found.rules),
    )
    outcome = facts(
        (
            ("reason", found.reason),
            ("rule", found.rule),
            ("arm", found.arm),
            ("unit", found.unit),
            ("bucket", found.bucket),
            ("unknown", found.unknown),
            ("assigned", found.assigned),
            ("bundle", found.bundle or Text("nothing may be served", style="bold red")),
            ("shadow", found.shadow),
            ("deployment", found.deployment),
        )
    )
    return Group(*([rules, Text()] if found.rules else []), outcome)
