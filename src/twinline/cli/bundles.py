"""``twinline bundles``: pair versions, and say what is known about a pair."""

from typing import Annotated, Literal

import typer

from twinline.cli.output import AsJson, digest, facts, model, number, show, show_list, table_of
from twinline.cli.session import client, read_json
from twinline.language.records import Bundle, NewEvaluation, PairingStatus
from twinline.language.refs import BundleRef

app = typer.Typer(help="Bundles: a model version with a prompt version.", no_args_is_help=True)
Ref = Annotated[
    str, typer.Argument(help="12 or more characters of its digest, with or without bundles:/.")
]
ModelOption = Annotated[str, typer.Option(help="models:/NAME/3 or models:/NAME@champion.")]
PromptOption = Annotated[str, typer.Option(help="prompts:/NAME/7 or prompts:/NAME@production.")]


@app.command("pair")
def pair(
    context: typer.Context,
    model: ModelOption,
    prompt: PromptOption,
    parameters: Annotated[str, typer.Option(help="A JSON object for the pair.")] = "{}",
    as_json: AsJson = False,
) -> None:
    """Make a bundle. The same pair with the same parameters is the same bundle."""
    made = client(context).bundles.pair(model, prompt, read_json(parameters, "--parameters"))
    show(made, as_json, lambda: _facts(made))


@app.command("show")
def read(context: typer.Context, ref: Ref, as_json: AsJson = False) -> None:
    """Show a bundle."""
    found = client(context).bundles.get(ref)
    show(found, as_json, lambda: _facts(found))


@app.command("list")
def list_bundles(context: typer.Context, as_json: AsJson = False) -> None:
    """List bundles, the newest first."""
    show_list(
        client(context).bundles.list(),
        as_json,
        lambda found: table_of(
            ("bundle", "model", "prompt", "parameters", "created"),
            (
                (
                    digest(one.ref),
                    model(one.model, one.pinned) or "unresolved",
                    one.prompt or one.words,
                    one.parameters or "",
                    one.created_at,
                )
                for one in found
            ),
        ),
        "No bundles yet. `twinline bundles pair --model ... --prompt ...` makes one.",
    )


@app.command("state")
def state_pairing(
    context: typer.Context,
    status: Annotated[
        Literal["designed_for", "compatible", "incompatible"],
        typer.Argument(help="How the two go together."),
    ],
    model: ModelOption,
    prompt: PromptOption,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why.")],
    evidence: Annotated[str, typer.Option(help="Where that can be seen.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say how a prompt version and a model version go together; the newest word counts."""
    stated: PairingStatus = status
    made = client(context).bundles.state_pairing(
        model, prompt, stated, reason=reason, evidence=evidence
    )
    show(made, as_json, lambda: f"{made.prompt} with {made.model}: {made.status}")


@app.command("evaluate")
def evaluate(
    context: typer.Context,
    ref: Ref,
    suite: Annotated[str, typer.Option(help="The suite that was run.")],
    passed: Annotated[int, typer.Option(help="Cases that passed.")],
    failed: Annotated[int, typer.Option(help="Cases that failed.")],
    score: Annotated[float | None, typer.Option(help="In [0, 1], higher is better.")] = None,
    threshold: Annotated[float | None, typer.Option(help="The score it had to reach.")] = None,
    evidence: Annotated[str, typer.Option(help="Where the details are.")] = "",
    as_json: AsJson = False,
) -> None:
    """Record how a bundle scored on a suite."""
    new = NewEvaluation(
        subject=BundleRef.parse(ref),
        suite=suite,
        passed=passed,
        failed=failed,
        score=score,
        threshold=threshold,
        evidence=evidence,
    )
    made = client(context).bundles.evaluate(new)
    show(made, as_json, lambda: f"{made.suite}: {made.verdict}")


@app.command("evaluations")
def evaluations(context: typer.Context, ref: Ref, as_json: AsJson = False) -> None:
    """List the newest result of each suite for a bundle."""
    show_list(
        client(context).bundles.evaluations(ref),
        as_json,
        lambda found: table_of(
            ("suite", "verdict", "passed#", "failed#", "score#", "at", "by"),
            (
                (
                    one.suite,
                    one.verdict,
                    one.passed,
                    one.failed,
                    number(one.score),
                    one.at,
                    one.actor,
                )
                for one in found
            ),
        ),
        "No evaluations of this bundle.",
    )


def _facts(bundle: Bundle) -> object:
    return facts(
        (
            ("bundle", bundle.ref),
            ("model", model(bundle.model, bundle.pinned)),
            ("prompt", bundle.prompt),
            ("parameters", bundle.parameters),
            ("unresolved", bundle.words),
            ("created", bundle.created_at),
        )
    )
