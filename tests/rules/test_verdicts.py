"""How much is known about a pair: from declared bad to proven, in that order."""

from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinline.language.records import (
    Bundle,
    Evaluation,
    PairingStatus,
    Service,
    SideChange,
    Verdict,
)
from twinline.language.refs import BundleRef, EvaluationRef, ModelVersionRef, PromptVersionRef
from twinline.rollbacks.rules import PROVEN_REQUESTS, sides_after, verdict, worst

AT = datetime(2026, 7, 1, tzinfo=UTC)
DIGEST = "1" * 64
MODEL, EARLIER_MODEL = ModelVersionRef("churn", 3), ModelVersionRef("churn", 2)
PROMPT, EARLIER_PROMPT = PromptVersionRef("answer", 7), PromptVersionRef("answer", 6)


def served(requests: int, errors: int = 0) -> Service:
    return Service(
        requests=requests, errors=errors, decision_requests=0, latency_ms=None, input_tokens=0,
        output_tokens=0, cost_usd=0, scored=0, score=None, first_at=None, last_at=None,
    )  # fmt: skip


def evaluated(**suites: bool) -> list[Evaluation]:
    return [
        Evaluation(
            ref=EvaluationRef(1), subject=BundleRef(DIGEST), suite=suite, passed=1,
            failed=0 if good else 1, score=None, threshold=None,
            verdict="passed" if good else "failed", evidence="", actor="ana", at=AT,
        )
        for suite, good in suites.items()
    ]  # fmt: skip


CASES: dict[
    str, tuple[PairingStatus | None, Service, list[Evaluation], Verdict, tuple[str, ...]]
] = {
    "nothing-known": (
        None, served(0), [], "untested", ("0 requests", "no evaluation"),
    ),
    "one-request-short-of-proven": (
        None, served(99), [], "untested", ("99 requests", "no evaluation"),
    ),
    "served-enough": (None, served(100), [], "proven", ("100 requests", "0.0% errors")),
    "served-much-with-errors": (
        None, served(12_345, 432), [], "proven", ("12,345 requests", "3.5% errors"),
    ),
    "passed-one-suite": (None, served(0), evaluated(golden=True), "evaluated",
        ("passed", "suite golden")),
    "passed-every-suite": (None, served(99), evaluated(golden=True, tone=True), "evaluated",
        ("passed", "suite golden, tone")),
    "failed-one-suite-of-two": (None, served(99), evaluated(golden=True, tone=False), "untested",
        ("failed", "suite tone")),
    "failed-two-suites": (None, served(0), evaluated(golden=False, tone=False), "untested",
        ("failed", "suite golden, tone")),
    "served-enough-although-it-failed": (None, served(100), evaluated(tone=False), "proven",
        ("100 requests", "0.0% errors")),
    "served-enough-and-passed": (None, served(100), evaluated(tone=True), "proven",
        ("100 requests", "0.0% errors")),
    "incompatible": ("incompatible", served(0), [], "blocked",
        ("declared incompatible",)),
    "incompatible-whatever-it-served": ("incompatible", served(10_000), evaluated(golden=True),
        "blocked", ("declared incompatible",)),
    "a-statement-of-fit-is-no-evidence": ("designed_for", served(0), [], "untested",
        ("0 requests", "no evaluation")),
    "nor-is-compatible": ("compatible", served(0), [], "untested",
        ("0 requests", "no evaluation")),
}  # fmt: skip


@pytest.mark.parametrize(
    ("pairing", "service", "evaluations", "expected", "why"), CASES.values(), ids=CASES
)
def test_the_verdict_on_a_pair_that(
    pairing: PairingStatus | None,
    service: Service,
    evaluations: list[Evaluation],
    expected: Verdict,
    why: tuple[str, ...],
) -> None:
    found, said = verdict(pairing, service, evaluations)
    assert found == expected
    assert [words for words in why if words not in said] == []


def test_a_hundred_requests_prove_a_pair() -> None:
    assert PROVEN_REQUESTS == 100


ORDER: tuple[Verdict, ...] = ("blocked", "untested", "evaluated", "proven")


@pytest.mark.parametrize(("one", "other"), list(product(ORDER, ORDER)))
def test_a_change_is_as_good_as_its_worst_pair(one: Verdict, other: Verdict) -> None:
    assert worst([one, other]) == ORDER[min(ORDER.index(one), ORDER.index(other))]


@given(st.lists(st.sampled_from(ORDER), min_size=1))
def test_the_worst_is_one_of_them_and_none_is_worse(verdicts: list[Verdict]) -> None:
    found = worst(verdicts)
    assert found in verdicts
    assert all(ORDER.index(found) <= ORDER.index(one) for one in verdicts)


BUNDLE = Bundle(
    ref=BundleRef(DIGEST), digest=DIGEST, kind="pair", model=MODEL, prompt=PROMPT,
    parameters={}, words=None, created_at=AT,
)  # fmt: skip
PROMPT_BACK = SideChange(side="prompt", taken_out=PROMPT, put_back=EARLIER_PROMPT, undoes=2)
MODEL_BACK = SideChange(side="model", taken_out=MODEL, put_back=EARLIER_MODEL, undoes=3)
OTHER_MODEL_BACK = MODEL_BACK.model_copy(update={"taken_out": ModelVersionRef("other", 3)})
OTHER_PROMPT_BACK = PROMPT_BACK.model_copy(update={"taken_out": PromptVersionRef("other", 7)})

SIDES = {
    "no-change": ([], (MODEL, PROMPT)),
    "prompt-back-keeps-the-model": ([PROMPT_BACK], (MODEL, EARLIER_PROMPT)),
    "model-back-keeps-the-prompt": ([MODEL_BACK], (EARLIER_MODEL, PROMPT)),
    "both-back": ([PROMPT_BACK, MODEL_BACK], (EARLIER_MODEL, EARLIER_PROMPT)),
    "both-back-in-any-order": ([MODEL_BACK, PROMPT_BACK], (EARLIER_MODEL, EARLIER_PROMPT)),
    "a-model-that-it-has-not": ([OTHER_MODEL_BACK], (MODEL, PROMPT)),
    "a-prompt-that-it-has-not": ([OTHER_PROMPT_BACK], (MODEL, PROMPT)),
}


@pytest.mark.parametrize(("changes", "sides"), SIDES.values(), ids=SIDES)
def test_the_sides_of_a_bundle_after(
    changes: list[SideChange], sides: tuple[ModelVersionRef, PromptVersionRef]
) -> None:
    assert sides_after(BUNDLE, changes) == sides
