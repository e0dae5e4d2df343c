"""``twinline recall``: declare a version bad, and take it out everywhere."""

from collections.abc import Iterable
from typing import Annotated, Literal

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from twinline.cli.lineage import NodeArgument
from twinline.cli.output import (
    AsCsv,
    AsJson,
    err,
    facts,
    out,
    plural,
    short,
    show,
    show_list,
    table_of,
)
from twinline.cli.session import client
from twinline.cli.slots import VERDICT_STYLE, Reason
from twinline.language.records import (
    LiveUse,
    Recall,
    RecallDetails,
    RecallExecution,
    RecallPlan,
    RecallVerdict,
    SlotPlan,
    UnsafeSlot,
    WhenUnsafe,
)

app = typer.Typer(
    help="Recalls: declare a version bad, see what it reached, take it out everywhere.",
    no_args_is_help=True,
)
NumberArgument = Annotated[int, typer.Argument(help="The recall, as `twinline recall list` says.")]
_DID_STYLE = {"changed": "green", "fallback": "yellow", "killed": "bold red", "left": "bold yellow"}


@app.command("create")
def create(
    context: typer.Context, node: NodeArgument, reason: Reason, as_json: AsJson = False
) -> None:
    """Recall a version, run, dataset or bundle: nothing built on it can go live any more.

    What is live stays live until `twinline recall execute`.
    """
    made = client(context).recalls.create(node, reason)
    show(made, as_json, lambda: details_of(made))


@app.command("list")
def list_recalls(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Lifted ones too.")] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List what is recalled."""
    found = (one for one in client(context).recalls.list() if every or one.lifted_at is None)
    show_list(
        found,
        as_json,
        lambda recalls: table_of(
            ("nr#", "what", "by", "since", "why", "bundles#", "requests#", "executed", "lifted"),
            (_row(one) for one in recalls),
        ),
        "Nothing is recalled.",
        as_csv=as_csv,
    )


@app.command("show")
def show_recall(context: typer.Context, number: NumberArgument, as_json: AsJson = False) -> None:
    """What a recall reached, what was done about it, and where it is still live."""
    found = client(context).recalls.get(number)
    show(found, as_json, lambda: details_of(found))


@app.command("plan")
def plan(context: typer.Context, number: NumberArgument, as_json: AsJson = False) -> None:
    """What executing would do about each slot; nothing is done yet."""
    found = client(context).recalls.plan(number)
    show(found, as_json, lambda: plan_of(found))


@app.command("execute")
def execute(
    context: typer.Context,
    number: NumberArgument,
    reason: Reason,
    digest: Annotated[
        str | None, typer.Option("--plan", help="Only this plan, by its digest; default: now's.")
    ] = None,
    unsafe: Annotated[
        Literal["refuse", "leave", "fallback", "kill"],
        typer.Option(help="What happens to slots without a safe way back."),
    ] = "refuse",
    accept_untested: Annotated[
        bool, typer.Option("--accept-untested", help="Go on without evidence about pairs.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Carry the plan out after showing it: for all slots at once, or for none."""
    api = client(context).recalls
    foreseen = api.plan(number)
    if not as_json:
        out.print(plan_of(foreseen))
    if not yes and not typer.confirm(f"Execute recall {number}?", default=False, err=True):
        err.print("Nothing was changed.")
        raise typer.Exit(1)
    how: WhenUnsafe = unsafe
    made = api.execute(
        number,
        plan=digest or foreseen.digest,
        reason=reason,
        accept_untested=accept_untested,
        unsafe=how,
    )
    show(made, as_json, lambda: _execution(made.execution[-1]))


@app.command("lift")
def lift(
    context: typer.Context, number: NumberArgument, reason: Reason, as_json: AsJson = False
) -> None:
    """End a recall; history keeps it, and nothing is deployed by it."""
    lifted = client(context).recalls.lift(number, reason)
    show(lifted, as_json, lambda: details_of(lifted))


@app.command("verify")
def verify(context: typer.Context, number: NumberArgument, as_json: AsJson = False) -> None:
    """Count anew what the report counted. Ends with 1 when it is not the same."""
    verdict = client(context).recalls.verify(number)
    show(verdict, as_json, lambda: _verdict(verdict))
    if not verdict.same:
        raise typer.Exit(1)


def details_of(recall: RecallDetails) -> Group:
    """A recall with its report, for people."""
    report = recall.report
    lifted = recall.lifted_at is not None
    state = Text("lifted", style="green") if lifted else Text("recalled", style="bold red")
    head = facts(
        (
            ("recall", str(recall.number)),
            ("what", recall.node),
            ("state", state),
            ("by", recall.actor),
            ("since", recall.at),
            ("why", recall.reason),
            ("lifted by", recall.lifted_by),
            ("lifted because", recall.lifted_reason),
            ("report", recall.report_digest),
        )
    )
    reached = Text(
        f"\nIt had reached {plural(len(report.bundles), 'bundle')}, "
        f"{plural(report.requests, 'request')} ({plural(report.errors, 'error')} as first "
        f"recorded) and {plural(report.decision_requests, 'request')} with a decision."
    )
    return Group(
        head,
        reached,
        *([_counts(recall)] if report.counts else []),
        *(_execution(one) for one in recall.execution),
        _live(recall.still_live),
    )


def plan_of(plan: RecallPlan) -> Tree:
    """What an execution would do, slot by slot, for people."""
    tree = Tree(Text.assemble((f"recall {plan.recall} ", "bold"), plan.node))
    for slot in plan.slots:
        _slot(tree, slot)
    for slot in plan.unsafe:
        _unsafe(tree, slot)
    if not plan.slots and not plan.unsafe:
        tree.add(Text("nothing live is built on it", style="green"))
    tree.add(Text(f"plan {plan.digest}", style="dim"))
    return tree


def _slot(tree: Tree, slot: SlotPlan) -> None:
    verdict = (slot.verdict, VERDICT_STYLE[slot.verdict])
    moved = plural(slot.requests_last_hour, "request")
    place = tree.add(
        Text.assemble((slot.slot.short, "bold"), "  ", verdict, f"  {moved} in the last hour")
    )
    for change in slot.changes:
        place.add(Text(f"{change.side}: {change.taken_out} -> {change.put_back}"))
    for one in {
        str(one.version): one for change in slot.changes for one in change.skipped
    }.values():
        place.add(Text(f"passed over {one.version}: {one.why}", style="yellow"))
    for pair in slot.pairs:
        place.add(Text(f"{short(pair.bundle)} {pair.why}"))


def _unsafe(tree: Tree, slot: UnsafeSlot) -> None:
    stopped = "  (stopped already)" if slot.killed else ""
    place = tree.add(
        Text.assemble((slot.slot.short, "bold"), "  ", ("unsafe", "bold red"), stopped)
    )
    place.add(Text(slot.why))
    place.add(Text(f"fallback: {short(slot.fallback) if slot.fallback else 'none that is safe'}"))


def _counts(recall: RecallDetails) -> Table:
    return table_of(
        ("bundle", "requests#", "errors#", "decisions#", "first", "last"),
        (
            (
                short(one.bundle),
                one.requests,
                one.errors,
                one.decision_requests,
                one.first_at,
                one.last_at,
            )
            for one in recall.report.counts
        ),
    )


def _execution(done: RecallExecution) -> Group:
    head = Text(f"\nExecuted by {done.by}, {done.at:%Y-%m-%d %H:%M}Z: {done.reason}")
    rows = (
        (
            one.slot.short,
            Text(one.did, style=_DID_STYLE[one.did]),
            one.deployment.number if one.deployment else one.kill,
            one.why,
        )
        for one in done.slots
    )
    return Group(head, table_of(("slot", "did", "nr#", "why"), rows))


def _live(uses: Iterable[LiveUse]) -> Text:
    slots = ", ".join(use.slot.short for use in uses)
    if not slots:
        return Text("\nNothing live is built on it.", style="green")
    return Text(f"\nStill live in {slots}", style="bold red")


def _verdict(verdict: RecallVerdict) -> Text:
    later = f"{plural(verdict.arrived_later, 'request')} arrived later."
    if verdict.same:
        return Text(
            f"The report of recall {verdict.recall} counts the same. {later}", style="green"
        )
    return Text(
        f"The report of recall {verdict.recall} is NOT what is counted now: kept "
        f"{verdict.report_digest}, counted {verdict.recomputed}. {later}",
        style="bold red",
    )


def _row(recall: Recall) -> tuple[object, ...]:
    return (
        recall.number,
        recall.node,
        recall.actor,
        recall.at,
        recall.reason,
        recall.bundles,
        recall.requests,
        recall.executed_at,
        recall.lifted_at,
    )
