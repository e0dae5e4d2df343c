"""Which side goes, what a plan's digest is over, and what a report adds up to."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

from twinline.language.canonical import digest
from twinline.language.records import (
    Bundle,
    BundleCount,
    PairPreflight,
    RecallOutcome,
    Side,
    SideChange,
    SlotPlan,
    UnsafeSlot,
    Verdict,
)

_BEST_FIRST: tuple[Verdict, ...] = ("proven", "evaluated", "untested", "blocked")


@dataclass(frozen=True)
class Option:
    """One way for a slot to get rid of what is bad.

    ``since`` is the deployment with which the side got its current version.
    """

    side: Side
    since: int
    verdict: Verdict
    changes: tuple[SideChange, ...]
    pairs: tuple[PairPreflight, ...]


def sides_to_try(bad: Iterable[Bundle], versions: Collection[str]) -> tuple[Side, ...]:
    """The sides that could go so that these bundles are no longer downstream of what is
    recalled; ``versions`` are the ones that are.

    When every bundle is bad through one side, that side alone; otherwise each side, and
    both.
    """
    through = {(str(one.prompt) in versions, str(one.model) in versions) for one in bad}
    if through == {(True, False)}:
        return ("prompt",)
    if through == {(False, True)}:
        return ("model",)
    return ("prompt", "model", "both")


def best(options: Sequence[Option]) -> Option:
    """The option with the best evidence; then one side before both; then the side that
    changed last."""
    return min(
        options,
        key=lambda one: (_BEST_FIRST.index(one.verdict), one.side == "both", -one.since),
    )


def plan_digest(recall: int, slots: Iterable[SlotPlan], unsafe: Iterable[UnsafeSlot]) -> str:
    """The digest over every change that a plan makes. Evidence is left out: it grows with
    each request, and executing looks at it again."""
    return digest(
        {
            "schema": "recall-plan/1",
            "recall": recall,
            "slots": [_changed(one) for one in slots],
            "unsafe": [
                {"live": str(one.live), "fallback": str(one.fallback) if one.fallback else None}
                for one in unsafe
            ],
        }
    )


def _changed(plan: SlotPlan) -> dict[str, Any]:
    return {
        "live": str(plan.live),
        "side": plan.side,
        "pairs": [[str(pair.replaces), str(pair.bundle)] for pair in plan.pairs],
    }


def totals(counts: Sequence[BundleCount]) -> dict[str, Any]:
    """What the counts of all bundles add up to."""
    return {
        "requests": sum(one.requests for one in counts),
        "errors": sum(one.errors for one in counts),
        "decision_requests": sum(one.decision_requests for one in counts),
        "cost_usd": fsum(one.cost_usd for one in counts),
        "first_at": min((one.first_at for one in counts), default=None),
        "last_at": max((one.last_at for one in counts), default=None),
    }


def changes_something(outcomes: Iterable[RecallOutcome]) -> bool:
    """Whether an execution did anything at all."""
    return any(one.did != "left" for one in outcomes)
