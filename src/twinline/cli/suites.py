"""``twinline suites``: named ways to score, and where they are wanted."""

from typing import Annotated, Literal

import typer

from twinline.cli.output import AsCsv, AsJson, facts, number, show, show_list, table_of
from twinline.cli.session import client
from twinline.cli.slots import Reason
from twinline.language.records import SubjectKind, Suite

app = typer.Typer(
    help="Suites: named ways to score versions, where they are attached and required.",
    no_args_is_help=True,
)
SuiteArgument = Annotated[str, typer.Argument(help="The suite, as golden-questions.")]
PlaceArgument = Annotated[
    str, typer.Argument(help="An environment, as production, or a slot, as support@production.")
]
PromptsArgument = Annotated[
    str, typer.Argument(help="A prompt, as support/answer, a folder, as support/, or '*'.")
]


@app.command("define")
def define(
    context: typer.Context,
    name: SuiteArgument,
    scores: Annotated[
        Literal["prompt", "model", "bundle"], typer.Option(help="What it scores; it stays so.")
    ] = "prompt",
    threshold: Annotated[
        float | None, typer.Option(help="The score that passes; default: no case may fail.")
    ] = None,
    command: Annotated[str, typer.Option(help="How it is run, for people.")] = "",
    description: Annotated[str, typer.Option(help="What it is, for people.")] = "",
    attempts: Annotated[int, typer.Option(help="Runs that may fail until it is given up.")] = 3,
    reason: Annotated[
        str | None, typer.Option("--reason", "-r", help="Why it changes, when it exists.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a suite is, for the first time or anew."""
    kind: SubjectKind = scores
    made = client(context).suites.define(
        name,
        scores=kind,
        threshold=threshold,
        command=command,
        description=description,
        attempts_max=attempts,
        reason=reason,
    )
    show(made, as_json, lambda: _facts(made))


@app.command("list")
def list_suites(context: typer.Context, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List suites by name."""
    show_list(
        client(context).suites.list(),
        as_json,
        lambda found: table_of(
            ("suite", "scores", "passes from#", "attached to", "required in", "run by"),
            (
                (
                    one.name,
                    one.scores,
                    number(one.threshold),
                    one.prompts,
                    [where.place for where in one.required_in],
                    one.command,
                )
                for one in found
            ),
        ),
        "No suites yet. `twinline suites define NAME --threshold 0.9` makes one.",
        as_csv=as_csv,
    )


@app.command("show")
def read(context: typer.Context, name: SuiteArgument, as_json: AsJson = False) -> None:
    """Show a suite."""
    found = client(context).suites.get(name)
    show(found, as_json, lambda: _facts(found))


@app.command("attach")
def attach(
    context: typer.Context, name: SuiteArgument, prompts: PromptsArgument, as_json: AsJson = False
) -> None:
    """From now on each new version of these prompts waits for a runner of the suite."""
    made = client(context).suites.attach(name, prompts)
    show(made, as_json, lambda: _facts(made))


@app.command("detach")
def detach(
    context: typer.Context,
    name: SuiteArgument,
    prompts: PromptsArgument,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Evaluate new versions of these prompts no more."""
    made = client(context).suites.detach(name, prompts, reason=reason)
    show(made, as_json, lambda: _facts(made))


@app.command("require")
def require(
    context: typer.Context,
    name: SuiteArgument,
    place: PlaceArgument,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Let nothing be deployed there that has not passed the suite. Going back is not held up."""
    made = client(context).suites.require(name, place, reason=reason)
    show(made, as_json, lambda: _facts(made))


@app.command("release")
def release(
    context: typer.Context,
    name: SuiteArgument,
    place: PlaceArgument,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Require the suite there no more."""
    made = client(context).suites.release(name, place, reason=reason)
    show(made, as_json, lambda: _facts(made))


def _facts(suite: Suite) -> object:
    return facts(
        (
            ("suite", suite.name),
            ("is", suite.description),
            (
                "scores",
                f"{suite.scores}s" if suite.scores == "bundle" else f"{suite.scores} versions",
            ),
            (
                "passes from",
                number(suite.threshold) if suite.threshold is not None else "no failure",
            ),
            ("run by", suite.command),
            ("given up after", f"{suite.attempts_max} attempts"),
            ("attached to", suite.prompts),
            *(
                ("required in", f"{one.place}, by {one.actor}: {one.reason}")
                for one in suite.required_in
            ),
            ("by", suite.actor),
            ("at", suite.at),
        )
    )
