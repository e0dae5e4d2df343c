"""Resolve requests, record inferences, add outcomes."""

from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

import typer
from rich.progress import track

from twinline.cli.output import AsJson, err, facts, model, show
from twinline.cli.session import client, read_json, read_text
from twinline.cli.slots import SlotArgument
from twinline.language.records import BatchResult, NewInference, NewOutcome, Resolution
from twinline.language.refs import SlotRef

BATCH = 1_000


def resolve(
    context: typer.Context,
    slot: SlotArgument,
    about: Annotated[
        str, typer.Option("--context", "-c", help="The request's context, a JSON object.")
    ] = "{}",
    record: Annotated[
        bool, typer.Option("--record/--no-record", help="Record the inference.")
    ] = True,
    decision: Annotated[str | None, typer.Option(help="Your own reference.")] = None,
    as_json: AsJson = False,
) -> None:
    """Which bundle answers a request."""
    ref = SlotRef.parse(slot)
    found = client(context).inferences.resolve(
        ref.route,
        ref.environment,
        read_json(about, "--context"),
        record=record,
        decision=decision,
    )
    show(found, as_json, lambda: _facts(found))


def record(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="JSON lines, one inference each; - for stdin.")],
    as_json: AsJson = False,
) -> None:
    """Record inferences from a file. Give them ids, and it can be run again."""
    api = client(context)
    lines = [line for line in read_text(file).splitlines() if line.strip()]
    given = [NewInference.model_validate(read_json(line, "a line")) for line in lines]
    starts = range(0, len(given), BATCH)
    shown = track(starts, "Recording", console=err, disable=as_json, transient=True)
    total = _sum([api.inferences.record(given[start : start + BATCH]) for start in shown])
    counts = ("recorded", "duplicates", "unresolved", "refused")
    show(total, as_json, lambda: facts((name, str(getattr(total, name))) for name in counts))
    if total.refused:
        raise typer.Exit(1)


def outcome(
    context: typer.Context,
    id: Annotated[UUID, typer.Argument(help="The inference.")],
    status: Annotated[Literal["ok", "error"] | None, typer.Option(help="How it ended.")] = None,
    latency_ms: Annotated[float | None, typer.Option(help="In milliseconds.")] = None,
    input_tokens: Annotated[int | None, typer.Option(help="Tokens in.")] = None,
    output_tokens: Annotated[int | None, typer.Option(help="Tokens out.")] = None,
    cost_usd: Annotated[float | None, typer.Option(help="In US dollars.")] = None,
    score: Annotated[float | None, typer.Option(help="In [0, 1], higher is better.")] = None,
    source: Annotated[str, typer.Option(help="Who says so, as judge.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say what came of an inference; of each measure the newest known value counts."""
    kept = client(context).inferences.add_outcome(
        id,
        NewOutcome(
            status=status,
            latency_ms=latency_ms,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cost_usd=cost_usd,
            score=score,
            source=source,
        ),
    )
    show(kept, as_json, lambda: f"outcome {kept.number} of {kept.inference}")


def _sum(results: list[BatchResult]) -> BatchResult:
    return BatchResult(
        items=tuple(item for result in results for item in result.items),
        recorded=sum(result.recorded for result in results),
        duplicates=sum(result.duplicates for result in results),
        unresolved=sum(result.unresolved for result in results),
        refused=sum(result.refused for result in results),
    )


def _facts(found: Resolution) -> object:
    return facts(
        (
            ("bundle", found.bundle.ref),
            ("model", model(found.bundle.model.ref, found.bundle.model.pinned)),
            ("uri", found.bundle.model.uri),
            ("prompt", found.bundle.prompt.ref),
            ("template", found.bundle.prompt.template),
            ("deployment", found.deployment),
            ("reason", found.reason),
            ("rule", found.rule),
            ("arm", found.arm),
            ("unknown", found.unknown),
            ("instead of", found.assigned),
            ("shadow", tuple(run.bundle.ref for run in found.shadow)),
            ("inference", found.inference_id),
        )
    )
