"""Which side goes when something is recalled, what a plan's digest is over, and sums."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinline.language.records import (
    Bundle,
    BundleCount,
    PairPreflight,
    RecallOutcome,
    Service,
    Side,
    SlotPlan,
    UnsafeSlot,
    Verdict,
    Withdrawal,
)
from twinline.language.refs import (
    BundleRef,
    DeploymentRef,
    ModelVersionRef,
    PromptVersionRef,
    SlotRef,
)
from twinline.recalls.rules import (
    Option,
    best,
    changes_something,
    plan_digest,
    sides_to_try,
    totals,
)
from twinline.rollbacks.rules import verdict, why_withdrawn

AT = datetime(2026, 7, 1, tzinfo=UTC)
SLOT = SlotRef("answer", "production")
NOTHING = Service(
    requests=0, errors=0, decision_requests=0, latency_ms=None, input_tokens=0, output_tokens=0,
    cost_usd=0, scored=0, score=None, first_at=None, last_at=None,
)  # fmt: skip


def ref(number: int) -> BundleRef:
    return BundleRef(f"{number:064x}")


def bundle(model: int, prompt: int) -> Bundle:
    return Bundle(
        ref=ref(model * 10 + prompt), digest=ref(model * 10 + prompt).digest, kind="pair",
        model=ModelVersionRef("m", model), prompt=PromptVersionRef("p", prompt), parameters={},
        words=None, created_at=AT,
    )  # fmt: skip


ALL: tuple[Side, ...] = ("prompt", "model", "both")
SIDES: dict[str, tuple[list[Bundle], set[str], tuple[Side, ...]]] = {
    "through-the-prompt": ([bundle(1, 1)], {"prompts:/p/1"}, ("prompt",)),
    "through-the-model": ([bundle(1, 1)], {"models:/m/1"}, ("model",)),
    "through-both": ([bundle(1, 1)], {"models:/m/1", "prompts:/p/1"}, ALL),
    "the-bundle-itself": ([bundle(1, 1)], set(), ALL),
    "two-through-one-prompt": ([bundle(1, 1), bundle(2, 1)], {"prompts:/p/1"}, ("prompt",)),
    "two-through-two-models": (
        [bundle(1, 1), bundle(2, 1)], {"models:/m/1", "models:/m/2"}, ("model",),
    ),
    "one-through-each": ([bundle(1, 1), bundle(2, 2)], {"models:/m/1", "prompts:/p/2"}, ALL),
    "one-through-the-prompt-and-one-itself": ([bundle(1, 1), bundle(1, 2)], {"prompts:/p/1"}, ALL),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "versions", "sides"), SIDES.values(), ids=SIDES)
def test_the_sides_that_are_tried_when_it_is_bad(
    bad: list[Bundle], versions: set[str], sides: tuple[Side, ...]
) -> None:
    assert sides_to_try(bad, versions) == sides


def option(side: Side, verdict: Verdict, since: int = 1) -> Option:
    return Option(side, since, verdict, (), ())


BEST = {
    "the-better-evidence": (
        [option("prompt", "untested", 9), option("model", "evaluated"), option("both", "proven")],
        "both",
    ),
    "evaluated-before-untested": (
        [option("prompt", "untested", 9), option("model", "evaluated")], "model",
    ),
    "one-side-before-both": ([option("both", "proven", 9), option("prompt", "proven")], "prompt"),
    "the-side-that-changed-last": (
        [option("prompt", "proven", 3), option("model", "proven", 4)], "model",
    ),
    "and-the-other-way-round": (
        [option("prompt", "proven", 4), option("model", "proven", 3)], "prompt",
    ),
    "the-first-when-all-is-level": (
        [option("prompt", "proven"), option("model", "proven")], "prompt",
    ),
    "the-only-one": ([option("both", "untested")], "both"),
}  # fmt: skip


@pytest.mark.parametrize(("options", "side"), BEST.values(), ids=BEST)
def test_of_several_ways_the_best_is(options: list[Option], side: Side) -> None:
    assert best(options).side == side


def pair(old: int, new: int, **more: Any) -> PairPreflight:
    return PairPreflight(
        bundle=ref(new), replaces=ref(old), model=ModelVersionRef("m", 1),
        prompt=PromptVersionRef("p", 1), parameters={}, served_here=NOTHING, evaluations=(),
        pairing=None, **({"verdict": "proven", "why": "it ran"} | more),
    )  # fmt: skip


def planned(**more: Any) -> SlotPlan:
    members: dict[str, Any] = {
        "slot": SLOT, "live": DeploymentRef(SLOT, 3), "places": ("default.bundle",),
        "side": "prompt", "changes": (), "pairs": (pair(1, 2),), "verdict": "proven", "undoes": 3,
        "requests_last_hour": 0,
    }  # fmt: skip
    return SlotPlan.model_validate(members | more)


def unsafe(**more: Any) -> UnsafeSlot:
    members: dict[str, Any] = {
        "slot": SLOT, "live": DeploymentRef(SLOT, 3), "places": (), "bad": (), "why": "none",
        "undoes": 3, "fallback": None, "killed": False,
    }  # fmt: skip
    return UnsafeSlot.model_validate(members | more)


DIFFERENT = {
    "another-recall": (2, [planned()], []),
    "another-deployment-is-live": (1, [planned(live=DeploymentRef(SLOT, 4))], []),
    "another-pair": (1, [planned(pairs=(pair(1, 3),))], []),
    "another-side": (1, [planned(side="both")], []),
    "no-slot": (1, [], []),
    "an-unsafe-slot": (1, [planned()], [unsafe()]),
    "an-unsafe-slot-with-a-fallback": (1, [planned()], [unsafe(fallback=ref(9))]),
}
SAME = {
    "more-traffic": (1, [planned(requests_last_hour=7)], []),
    "more-evidence": (1, [planned(verdict="evaluated", pairs=(pair(1, 2, why="it was"),))], []),
}


@pytest.mark.parametrize(("number", "slots", "others"), DIFFERENT.values(), ids=DIFFERENT)
def test_a_plan_has_another_digest_with(
    number: int, slots: list[SlotPlan], others: list[UnsafeSlot]
) -> None:
    assert plan_digest(number, slots, others) != plan_digest(1, [planned()], [])


@pytest.mark.parametrize(("number", "slots", "others"), SAME.values(), ids=SAME)
def test_a_plan_has_the_same_digest_with(
    number: int, slots: list[SlotPlan], others: list[UnsafeSlot]
) -> None:
    assert plan_digest(number, slots, others) == plan_digest(1, [planned()], [])


@st.composite
def counts(draw: st.DrawFn) -> BundleCount:
    first = AT + timedelta(seconds=draw(st.integers(0, 1000)))
    return BundleCount(
        bundle=ref(draw(st.integers(0, 9))),
        requests=draw(st.integers(1, 1000)),
        errors=draw(st.integers(0, 10)),
        decision_requests=draw(st.integers(0, 10)),
        cost_usd=draw(st.floats(0, 1e6)),
        first_at=first,
        last_at=first + timedelta(seconds=draw(st.integers(0, 1000))),
    )


@given(st.lists(counts()).flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
def test_totals_are_sums_whatever_the_order(
    given: tuple[list[BundleCount], list[BundleCount]],
) -> None:
    one, other = given
    found = totals(one)
    assert found == totals(other)
    assert found["requests"] == sum(count.requests for count in one)
    assert found["errors"] == sum(count.errors for count in one)
    assert found["decision_requests"] == sum(count.decision_requests for count in one)
    assert (found["first_at"] is None) == (not one)
    assert all(found["first_at"] <= count.first_at for count in one)
    assert all(found["last_at"] >= count.last_at for count in one)


@pytest.mark.parametrize(
    ("did", "changes"),
    [((), False), (("left",), False), (("left", "killed"), True), (("changed",), True)],
)
def test_an_execution_that_only_leaves_changes_nothing(did: tuple[str, ...], changes: bool) -> None:
    outcomes = [
        RecallOutcome.model_validate(
            {"slot": SLOT, "did": one, "deployment": None, "kill": None, "why": "because"}
        )
        for one in did
    ]
    assert changes_something(outcomes) == changes


def test_what_is_stopped_is_blocked_whatever_it_served() -> None:
    served = NOTHING.model_copy(update={"requests": 10_000})
    assert verdict(None, served, [], "it is killed") == ("blocked", "it is killed")
    assert (
        verdict("incompatible", served, [], "it is killed")[1]
        == "the pair is declared incompatible"
    )


def test_a_withdrawal_in_words() -> None:
    withdrawal = Withdrawal(
        number=1, kind="recalled", node="models:/m/1", reason="it leaks", actor="ana", at=AT,
        lifted_by=None, lifted_reason=None, lifted_at=None,
    )  # fmt: skip
    assert why_withdrawn(withdrawal) == "models:/m/1 is recalled by ana: it leaks"
