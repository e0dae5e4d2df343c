"""``twinline evaluate``: record, compare and list results, and see what waits for a runner."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import TypeAdapter
from rich.console import Group
from rich.table import Table
from rich.text import Text

from twinline.cli import evaluation_worker
from twinline.cli.output import (
    UNKNOWN,
    AsJson,
    facts,
    number,
    plural,
    short,
    show,
    show_list,
    table_of,
)
from twinline.cli.session import client, read_text
from twinline.cli.slots import Reason, SlotArgument
from twinline.cli.suites import PlaceArgument, SuiteArgument
from twinline.language.errors import Invalid
from twinline.language.records import (
    CaseResult,
    Evaluation,
    EvaluationComparison,
    EvaluationVerdict,
    MissingEvaluations,
    NewEvaluation,
    PendingEvaluation,
    PendingState,
    SuiteComparison,
)
from twinline.language.refs import EvaluationRef

app = typer.Typer(
    help="Evaluations: how versions and bundles scored, and what waits to be scored.",
    no_args_is_help=True,
)
app.command("worker")(evaluation_worker.worker)
SubjectArgument = Annotated[
    str, typer.Argument(help="A prompt version, a model version or a bundle, as prompts:/p/3.")
]
BundleArgument = Annotated[str, typer.Argument(help="The bundle, as bundles:/3f9a1c22b1d0.")]
CASES_SHOWN = 10

_VERDICT_STYLE: dict[EvaluationVerdict, str] = {"passed": "green", "failed": "bold red"}
_STATE_STYLE: dict[PendingState, str] = {
    "waiting": "yellow",
    "claimed": "cyan",
    "done": "green",
    "given_up": "bold red",
}
_cases = TypeAdapter(tuple[CaseResult, ...])


@app.command("record")
def record(
    context: typer.Context,
    subject: SubjectArgument,
    suite: Annotated[str, typer.Option(help="The suite that was run.")],
    passed: Annotated[int | None, typer.Option(help="Cases that passed.")] = None,
    failed: Annotated[int | None, typer.Option(help="Cases that failed.")] = None,
    score: Annotated[float | None, typer.Option(help="In [0, 1], higher is better.")] = None,
    threshold: Annotated[float | None, typer.Option(help="The score it had to reach.")] = None,
    cases: Annotated[
        Path | None,
        typer.Option(help='A JSON list of {"id", "passed", "score"}, - for stdin; they count.'),
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="As datasets:/NAME/DIGEST.")] = None,
    run: Annotated[str | None, typer.Option(help="The MLflow run, as runs:/ID.")] = None,
    evidence: Annotated[str, typer.Option(help="Where the details are.")] = "",
    note: Annotated[str, typer.Option(help="What people should know of it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Record how a version or bundle scored on a suite; the newest result counts."""
    listed = _cases.validate_json(read_text(cases)) if cases else ()
    if not listed and (passed is None or failed is None):
        raise Invalid("Give --passed and --failed, or --cases.")
    good = sum(case.passed for case in listed)
    counted = len(listed) - good
    if listed and score is None:
        score = good / len(listed)
    new = NewEvaluation.model_validate(
        {
            "subject": subject,
            "suite": suite,
            "passed": good if passed is None else passed,
            "failed": counted if failed is None else failed,
            "score": score,
            "threshold": threshold,
            "cases": listed,
            "dataset": dataset,
            "run": run,
            "evidence": evidence,
            "note": note,
        }
    )
    made = client(context).evaluations.record(new)
    show(made, as_json, lambda: _facts(made))


@app.command("list")
def list_evaluations(
    context: typer.Context,
    subject: Annotated[str | None, typer.Argument(help="Only of this version or bundle.")] = None,
    suite: Annotated[str | None, typer.Option(help="Only of this suite.")] = None,
    as_json: AsJson = False,
) -> None:
    """List results, the newest first."""
    show_list(
        client(context).evaluations.list(subject, suite=suite),
        as_json,
        _results,
        "No evaluations. `twinline evaluate record` keeps one.",
    )


@app.command("show")
def read(
    context: typer.Context,
    evaluation: Annotated[str, typer.Argument(help="As evaluations:/41, or its number.")],
    as_json: AsJson = False,
) -> None:
    """Show a result, and the cases that failed."""
    api = client(context).evaluations
    text = evaluation if ":/" in evaluation else f"evaluations:/{evaluation}"
    found = api.get(EvaluationRef.parse(text))
    failed = [] if as_json or not found.cases else list(api.cases(found.ref, failed=True))
    show(found, as_json, lambda: Group(_facts(found), *_ids("failed", "red", failed)))


@app.command("compare")
def compare(
    context: typer.Context,
    old: SubjectArgument,
    new: Annotated[str, typer.Argument(help="What to compare it with; labels are looked up.")],
    as_json: AsJson = False,
) -> None:
    """How two versions or bundles did, suite by suite, and which cases went the other way."""
    found = client(context).evaluations.compare(old, new)
    show(found, as_json, lambda: comparison_of(found))


@app.command("pending")
def pending(
    context: typer.Context,
    suite: Annotated[str | None, typer.Option(help="Only of this suite.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also what is done.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what waits for a runner, is being run, or was given up."""
    states: Sequence[PendingState] = ("waiting", "claimed", "given_up")
    show_list(
        client(context).evaluations.pending(suite, states=None if every else states),
        as_json,
        lambda found: table_of(
            ("nr#", "suite", "subject", "state", "attempts#", "by", "last error"),
            (_waiting(one) for one in found),
        ),
        "Nothing waits. `twinline suites attach SUITE PROMPTS` lets new versions wait.",
    )


@app.command("ask")
def ask(
    context: typer.Context, suite: SuiteArgument, subject: SubjectArgument, as_json: AsJson = False
) -> None:
    """Ask for a version or bundle to be evaluated by a runner."""
    made = client(context).evaluations.ask(suite, subject)
    show(made, as_json, lambda: f"{made.subject} waits for {made.suite} as number {made.number}.")


@app.command("missing")
def missing(
    context: typer.Context, slot: SlotArgument, bundle: BundleArgument, as_json: AsJson = False
) -> None:
    """Which suites a bundle has to pass before it can go live. Ends with 1 when there are any."""
    found = client(context).evaluations.missing(slot, bundle)
    show(found, as_json, lambda: _lacks(found))
    if found.missing:
        raise typer.Exit(1)


@app.command("waive")
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


@app.command("waivers")
def waivers(context: typer.Context, as_json: AsJson = False) -> None:
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
    )


def _results(found: Sequence[Evaluation]) -> Table:
    columns = ("nr#", "suite", "subject", "verdict", "passed#", "failed#", "score#", "by", "at")
    return table_of(
        columns,
        (
            (
                one.ref.number,
                one.suite,
                short(one.subject),
                _verdict(one),
                one.passed,
                one.failed,
                number(one.score),
                one.actor,
                one.at,
            )
            for one in found
        ),
    )


def _facts(one: Evaluation) -> Table:
    wanted = f" (passes from {one.threshold:.4g})" if one.threshold is not None else ""
    return facts(
        (
            ("evaluation", one.ref),
            ("suite", one.suite),
            ("subject", one.subject),
            ("verdict", _verdict(one)),
            ("cases", f"{one.passed:,} passed, {one.failed:,} failed"),
            ("score", f"{one.score:.4g}{wanted}" if one.score is not None else None),
            ("dataset", one.dataset),
            ("run", one.run),
            ("evidence", one.evidence),
            ("note", one.note),
            ("by", one.actor),
            ("at", one.at),
        )
    )


def comparison_of(found: EvaluationComparison) -> Group:
    """How two subjects did on each suite, for people."""
    title = Text(f"{short(found.old)} → {short(found.new)}", style="bold")
    if not found.suites:
        return Group(title, Text("Neither was evaluated.", style="dim"))
    table = table_of(
        ("suite", "old", "new", "difference#", "fixed#", "broken#"),
        (_row(one) for one in found.suites),
    )
    flips = (
        line
        for one in found.suites
        for line in (
            *_named(f"fixed in {one.suite}", "green", one.fixed or ()),
            *_named(f"broken in {one.suite}", "red", one.broken or ()),
        )
    )
    return Group(title, table, *flips)


def _row(one: SuiteComparison) -> tuple[object, ...]:
    return (
        one.suite,
        _side(one.old, None),
        _side(one.new, one.turned),
        _signed(one.difference),
        _counted(one.fixed, "green"),
        _counted(one.broken, "bold red"),
    )


def _counted(cases: Sequence[str] | None, style: str) -> Text:
    return Text(UNKNOWN if cases is None else f"{len(cases):,}", style=style if cases else "dim")


def _side(one: Evaluation | None, turned: EvaluationVerdict | None) -> Text:
    if one is None:
        return Text("not run", style="dim")
    counts = f" {one.passed}/{one.passed + one.failed}"
    score = "" if one.score is None else f" {one.score:.4g}"
    now = "now " if turned else ""
    return Text.assemble((f"{now}{one.verdict}", _VERDICT_STYLE[one.verdict]), counts, score)


def _signed(difference: float | None) -> Text:
    if difference is None:
        return Text(UNKNOWN, style="dim")
    style = "green" if difference > 0 else "red" if difference < 0 else "dim"
    return Text(f"{difference:+.4f}", style=style)


def _ids(how: Literal["failed"], style: str, cases: Sequence[CaseResult]) -> Sequence[Text]:
    return _named(how, style, [case.id for case in cases])


def _named(how: str, style: str, ids: Sequence[str]) -> Sequence[Text]:
    """The first of these cases in one line, and how many are not said."""
    if not ids:
        return ()
    more = len(ids) - CASES_SHOWN
    rest = f" and {plural(more, 'more case')}; --json lists all" if more > 0 else ""
    return (Text.assemble((f"{how}: ", style), ", ".join(ids[:CASES_SHOWN]), rest),)


def _waiting(one: PendingEvaluation) -> tuple[object, ...]:
    return (
        one.number,
        one.suite,
        short(one.subject),
        Text(one.state.replace("_", " "), style=_STATE_STYLE[one.state]),
        f"{one.attempts}/{one.attempts_max}",
        one.claimed_by or one.actor,
        one.last_error or "",
    )


def _lacks(found: MissingEvaluations) -> object:
    if not found.missing:
        return Text(f"{short(found.bundle)} has passed all that {found.slot.short} requires.")
    return table_of(
        ("suite", "subject", "newest", "run by"),
        (
            (one.suite, short(one.subject), one.newest or "never run", one.command)
            for one in found.missing
        ),
    )


def _verdict(one: Evaluation) -> Text:
    return Text(one.verdict, style=_VERDICT_STYLE[one.verdict])
