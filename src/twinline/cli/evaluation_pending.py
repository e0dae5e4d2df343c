"""``twinline evaluate pending`` and ``ask``: what waits for a runner."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from twinline.cli.evaluation_output import SubjectArgument
from twinline.cli.output import AsCsv, AsJson, short, show, show_list, table_of
from twinline.cli.session import client
from twinline.cli.suites import SuiteArgument
from twinline.cli.watching import Watch, watch
from twinline.language.records import PendingEvaluation, PendingState

_STATE_STYLE: dict[PendingState, str] = {
    "waiting": "yellow",
    "claimed": "cyan",
    "done": "green",
    "given_up": "bold red",
}


def pending(
    context: typer.Context,
    suite: Annotated[str | None, typer.Option(help="Only of this suite.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also what is done.")] = False,
    again: Watch = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List what waits for a runner, is being run, or was given up."""
    evaluations = client(context).evaluations
    states: Sequence[PendingState] = ("waiting", "claimed", "given_up")

    def look() -> None:
        show_list(
            evaluations.pending(suite, states=None if every else states),
            as_json,
            lambda found: table_of(
                ("nr#", "suite", "subject", "state", "attempts#", "by", "last error"),
                (_waiting(one) for one in found),
            ),
            "Nothing waits. `twinline suites attach SUITE PROMPTS` lets new versions wait.",
            as_csv=as_csv,
        )

    watch(again, look, plain=as_json or as_csv)


def ask(
    context: typer.Context, suite: SuiteArgument, subject: SubjectArgument, as_json: AsJson = False
) -> None:
    """Ask for a version or bundle to be evaluated by a runner."""
    made = client(context).evaluations.ask(suite, subject)
    show(made, as_json, lambda: f"{made.subject} waits for {made.suite} as number {made.number}.")


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
