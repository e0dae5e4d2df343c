"""``twinline bundles``: pair versions, and say what is known about a pair."""

from typing import Annotated, Literal

import typer

from twinline.cli import completion
from twinline.cli.output import AsCsv, AsJson, digest, facts, model, show, show_list, table_of
from twinline.cli.session import client, read_json
from twinline.language.records import Bundle, PairingStatus

app = typer.Typer(help="Bundles: a model version with a prompt version.", no_args_is_help=True)
Ref = Annotated[
    str,
    typer.Argument(
        autocompletion=completion.bundles,
        help="12 or more characters of its digest, with or without bundles:/.",
    ),
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
def list_bundles(context: typer.Context, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
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
        as_csv=as_csv,
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
