"""``twinline evaluate``: record, compare and list results, and see what waits for a runner."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter
from rich.console import Group
from rich.table import Table
from rich.text import Text

from twinline.cli import (
    evaluation_comparison,
    evaluation_pending,
    evaluation_requirements,
    evaluation_worker,
)
from twinline.cli.evaluation_output import VERDICT_STYLE, SubjectArgument, named
from twinline.cli.output import AsCsv, AsJson, facts, number, short, show, show_list, table_of
from twinline.cli.session import client, read_text
from twinline.cli.watching import Watched
from twinline.language.errors import Invalid
from twinline.language.records import (
    CaseResult,
    Evaluation,
    NewEvaluation,
)
from twinline.language.refs import EvaluationRef

app = typer.Typer(
    help="Evaluations: how versions and bundles scored, and what waits to be scored.",
    no_args_is_help=True,
)
app.command("worker")(evaluation_worker.worker)
app.command("compare")(evaluation_comparison.compare)
app.command("pending", cls=Watched)(evaluation_pending.pending)
app.command("ask")(evaluation_pending.ask)
app.command("missing")(evaluation_requirements.missing)
app.command("waive")(evaluation_requirements.waive)
app.command("waivers")(evaluation_requirements.waivers)

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
        counts = {"--passed": passed, "--failed": failed}
        missing = " and ".join(name for name, count in counts.items() if count is None)
        raise Invalid(f"A result needs {missing}, or --cases.")
    said = {"passed": passed, "failed": failed, "score": score}
    new = NewEvaluation.of(
        listed,
        subject=subject,
        suite=suite,
        threshold=threshold,
        dataset=dataset,
        run=run,
        evidence=evidence,
        note=note,
        **{name: value for name, value in said.items() if value is not None},
    )
    made = client(context).evaluations.record(new)
    show(made, as_json, lambda: _facts(made))


@app.command("list")
def list_evaluations(
    context: typer.Context,
    subject: Annotated[str | None, typer.Argument(help="Only of this version or bundle.")] = None,
    suite: Annotated[str | None, typer.Option(help="Only of this suite.")] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List results, the newest first."""
    show_list(
        client(context).evaluations.list(subject, suite=suite),
        as_json,
        _results,
        "No evaluations. `twinline evaluate record` keeps one.",
        as_csv=as_csv,
    )


@app.command("newest")
def newest(
    context: typer.Context, subject: SubjectArgument, as_json: AsJson = False, as_csv: AsCsv = False
) -> None:
    """List the newest result of each suite for a version or bundle: the ones that count."""
    show_list(
        client(context).evaluations.newest(subject),
        as_json,
        _results,
        f"{subject} was never evaluated. `twinline evaluate ask SUITE {subject}` asks for it.",
        as_csv=as_csv,
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
    ids = [case.id for case in failed]
    show(found, as_json, lambda: Group(_facts(found), *named("failed", "red", ids)))


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


def _verdict(one: Evaluation) -> Text:
    return Text(one.verdict, style=VERDICT_STYLE[one.verdict])
