"""``twinline evaluate compare``: what two versions or bundles scored."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Group
from rich.text import Text

from twinline.cli.evaluation_output import VERDICT_STYLE, SubjectArgument, named
from twinline.cli.output import UNKNOWN, AsJson, short, show, table_of
from twinline.cli.session import client
from twinline.language.records import (
    Evaluation,
    EvaluationComparison,
    EvaluationVerdict,
    SuiteComparison,
)


def compare(
    context: typer.Context,
    old: SubjectArgument,
    new: Annotated[str, typer.Argument(help="What to compare it with; labels are looked up.")],
    as_json: AsJson = False,
) -> None:
    """How two versions or bundles did, suite by suite, and which cases went the other way."""
    found = client(context).evaluations.compare(old, new)
    show(found, as_json, lambda: comparison_of(found))


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
            *named(f"fixed in {one.suite}", "green", one.fixed or ()),
            *named(f"broken in {one.suite}", "red", one.broken or ()),
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
    return Text.assemble((f"{now}{one.verdict}", VERDICT_STYLE[one.verdict]), counts, score)


def _signed(difference: float | None) -> Text:
    if difference is None:
        return Text(UNKNOWN, style="dim")
    style = "green" if difference > 0 else "red" if difference < 0 else "dim"
    return Text(f"{difference:+.4f}", style=style)
