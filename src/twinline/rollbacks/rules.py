"""How much is known about a pair, in one word."""

from collections.abc import Iterable, Sequence

from twinline.language.records import (
    Bundle,
    Evaluation,
    PairingStatus,
    Service,
    SideChange,
    Verdict,
    Withdrawal,
)
from twinline.language.refs import ModelVersionRef, PromptVersionRef

PROVEN_REQUESTS = 100
_WORST_FIRST: tuple[Verdict, ...] = ("blocked", "untested", "evaluated", "proven")


def verdict(
    pairing: PairingStatus | None,
    served_here: Service,
    evaluations: Sequence[Evaluation],
    stopped: str | None = None,
) -> tuple[Verdict, str]:
    """The verdict on a pair for one slot, and why.

    ``blocked``: declared incompatible, or ``stopped`` says why else it must not serve.
    ``proven``: served at least 100 requests here. ``evaluated``: every suite's newest
    evaluation passed. Otherwise ``untested``.
    """
    if pairing == "incompatible":
        return "blocked", "the pair is declared incompatible"
    if stopped is not None:
        return "blocked", stopped
    served = served_here.requests
    if served >= PROVEN_REQUESTS:
        return "proven", f"served {served:,} requests here with {_error_rate(served_here)} errors"
    failed = [result.suite for result in evaluations if result.verdict == "failed"]
    if failed:
        return "untested", f"failed the suite {', '.join(failed)}"
    if evaluations:
        return "evaluated", f"passed the suite {', '.join(one.suite for one in evaluations)}"
    return "untested", (
        f"served {served} requests here, fewer than {PROVEN_REQUESTS}, and has no evaluation"
    )


def sides_after(
    bundle: Bundle, changes: Iterable[SideChange]
) -> tuple[ModelVersionRef, PromptVersionRef]:
    """The sides that a deployed bundle has when these changes are made to it."""
    model, prompt = bundle.model, bundle.prompt
    for change in changes:
        match change.put_back:
            case ModelVersionRef() if change.taken_out == model:
                model = change.put_back
            case PromptVersionRef() if change.taken_out == prompt:
                prompt = change.put_back
            case _:
                pass
    assert model is not None
    assert prompt is not None
    return model, prompt


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict on a change is that on its worst pair."""
    return min(verdicts, key=_WORST_FIRST.index)


def why_withdrawn(withdrawal: Withdrawal) -> str:
    """Why something should not go live, in words."""
    return f"{withdrawal.node} is {withdrawal.kind} by {withdrawal.actor}: {withdrawal.reason}"


def _error_rate(service: Service) -> str:
    return f"{service.error_rate or 0:.1%}"
