"""How much a change moved, and what comes first."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.rules.test_timeline_rules import ONE, TWO, WHEN, policy, rule, split
from twinline.language.records import Bundle, ChangedSide, ChangeKind, RankedChange, Suspect
from twinline.language.refs import BundleRef, ModelVersionRef, PromptVersionRef
from twinline.routing.policy import Policy
from twinline.timelines import ranking
from twinline.timelines.ranking import Moved, declared, moved, share_of

THREE = BundleRef("3" * 64)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PROMPTS = {ONE: "p1", TWO: "p2", THREE: "p1"}


def default(bundle: BundleRef, *rules: dict[str, Any]) -> Policy:
    return policy(*rules, default={"bundle": str(bundle)})


CONDITIONAL = rule("t", TWO, when=WHEN)
SCHEDULED = rule("t", TWO, schedule={"until": "2026-12-01T00:00:00Z"})
OTHER = {"attr": "tenant", "op": "eq", "value": "b"}

CASES: dict[str, tuple[Policy | None, Policy, Moved | None]] = {
    "the-first": (None, default(ONE), Moved(1.0, (), ("p1",))),
    "the-same": (default(ONE), default(ONE), None),
    "all-of-it": (default(ONE), default(TWO), Moved(1.0, ("p1",), ("p2",))),
    "another-bundle-of-the-same-prompt": (default(ONE), default(THREE), None),
    "a-canary-begins": (default(ONE), default(ONE, split(5_000)), Moved(0.05, ("p1",), ("p2",))),
    "a-ramp": (
        default(ONE, split(5_000)),
        default(ONE, split(20_000)),
        Moved(0.15, ("p1",), ("p2",)),
    ),
    "a-canary-ends": (default(ONE, split(5_000)), default(ONE), Moved(0.05, ("p2",), ("p1",))),
    "a-rule-for-all-hides-the-default": (
        default(ONE, rule("all")),
        default(TWO, rule("all")),
        None,
    ),
    "a-condition-is-not-known": (default(ONE), default(ONE, CONDITIONAL), Moved(None, (), ("p2",))),
    "nor-is-a-schedule": (default(ONE), default(ONE, SCHEDULED), Moved(None, (), ("p2",))),
    "a-condition-ends": (default(ONE, CONDITIONAL), default(ONE), Moved(None, ("p2",), ())),
    "a-condition-for-what-is-served-anyway": (
        default(ONE),
        default(ONE, rule("t", THREE, when=WHEN)),
        None,
    ),
    "which-hides-a-later-one": (
        default(ONE, CONDITIONAL),
        default(ONE, rule("first", THREE, when=OTHER), CONDITIONAL),
        Moved(None, (), ("p1",)),
    ),
    "another-condition": (
        default(ONE, CONDITIONAL),
        default(ONE, rule("t", TWO, when=OTHER)),
        Moved(None, (), ()),
    ),
    "another-name-for-a-rule": (
        default(ONE, CONDITIONAL),
        default(ONE, rule("u", TWO, when=WHEN)),
        None,
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), CASES.values(), ids=CASES)
def test_what_moved(before: Policy | None, after: Policy, expected: Moved | None) -> None:
    was = declared(before) if before else ranking.NOTHING
    assert moved(was, declared(after), PROMPTS.__getitem__) == expected


def test_a_side_is_a_version_or_the_parameters() -> None:
    bundle = Bundle(
        ref=ONE,
        digest=ONE.digest,
        kind="pair",
        model=ModelVersionRef("m", 1),
        prompt=PromptVersionRef("p", 2),
        parameters={"b": 1, "a": 2},
        words=None,
        created_at=NOON,
    )
    sides: list[ChangedSide] = ["prompt", "model", "parameters"]
    said = [ranking.of_side({ONE: bundle}, side)(ONE) for side in sides]
    assert said == ["prompts:/p/2", "models:/m/1", '{"a": 2, "b": 1}']


@pytest.mark.parametrize(
    ("bundle", "of", "share"),
    [
        (ONE, default(ONE), 1.0),
        (TWO, default(ONE), 0.0),
        (TWO, default(ONE, split(5_000)), 0.05),
        (TWO, default(ONE, CONDITIONAL), None),
        (TWO, default(TWO, CONDITIONAL), 1.0),
    ],
)
def test_the_share_of_a_bundle(bundle: BundleRef, of: Policy, share: float | None) -> None:
    assert share_of(bundle, declared(of)) == share


def change(
    name: str,
    kind: ChangeKind = "deployment",
    side: ChangedSide = "prompt",
    share: float | None = 1.0,
    minute: int = 0,
) -> RankedChange:
    return RankedChange(
        kind=kind,
        what=name,
        side=side,
        at=NOON + timedelta(minutes=minute),
        who="a",
        why="",
        before=None,
        after=None,
        share=share,
        reaches=share != 0,
    )


IN_ORDER = [
    change("all of the traffic, later", minute=2),
    change("all of the traffic", side="model", minute=1),
    change("stopped", kind="kill", side="policy"),
    change("half", share=0.5, minute=9),
    change("nobody knows how much", share=None, minute=9),
    change("how the policy does it", side="policy", share=1.0, minute=9),
    change("a policy that moves nothing", side="policy", share=0.0, minute=9),
    change("a result", kind="evaluation", side="policy", share=0.0, minute=9),
    change("a statement", kind="pairing", side="policy", share=0.0, minute=8),
    change("a killed bundle that nobody got", kind="kill", side="policy", share=0.0, minute=1),
    change("a label", kind="label", share=0.0, minute=7),
    change("an alias", kind="alias", side="model", share=0.0, minute=6),
    change("a version", kind="version", share=0.0, minute=5),
]


def test_what_moved_more_and_later_comes_first() -> None:
    expected = sorted(IN_ORDER, key=lambda one: one.what == "")
    kill = next(one for one in IN_ORDER if one.what.startswith("a killed"))
    expected.remove(kill)
    expected.insert(7, kill)  # after the policy that moves nothing, before statements
    for shuffled in (IN_ORDER, IN_ORDER[::-1], IN_ORDER[5:] + IN_ORDER[:5]):
        assert [one.what for one in ranking.ranked(shuffled)] == [one.what for one in expected]


def suspect(of: RankedChange, seconds: float) -> Suspect:
    return Suspect(change=of, seconds_before=seconds, service_before=None, service_after=None)


def test_of_each_side_and_kind_the_nearest_is_suspected_and_what_reaches_first() -> None:
    label = suspect(change("label", kind="label", share=0.0), 1)
    near, far = suspect(change("near"), 10), suspect(change("far"), 20)
    model = suspect(change("model", side="model"), 15)
    assert ranking.nearest([label, far, near, model]) == (near, model, label)
    assert ranking.nearest([]) == ()
