"""What a policy serves depends on policy, withdrawn bundles, context and second alone."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.routing import naive
from tests.routing.documents import (
    INFINITY,
    NAN,
    UNIT,
    A,
    B,
    C,
    D,
    Document,
    E,
    contexts,
    leaf,
    policies,
    policy,
    rule,
    split_document,
)
from tests.strategies import bundles, json_objects
from twinline.language.refs import BundleRef
from twinline.routing.buckets import BUCKETS, bucket, unit_hash
from twinline.routing.compiler import compile_unit
from twinline.routing.evaluation import (
    Choice,
    Evaluator,
    IsActive,
    Outcome,
    RuleTrace,
    compile_policy,
    explain,
)
from twinline.routing.policy import Policy, read_policy, single

NOW = int(datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp())
EU, VIP = leaf("region", "eq", "eu"), leaf("vip", "eq", True)
HALVES = split_document("salt", left=[[0, 50_000]], right=[[50_000, 100_000]])
"""Serves A to the left and B to the right."""


def without(withdrawn: Collection[BundleRef]) -> IsActive:
    """All bundles but these are active."""
    return lambda bundle: bundle not in withdrawn


def compiled(of: Policy, withdrawn: Collection[BundleRef] = ()) -> Evaluator[Choice]:
    """The policy as a function that tells its choices as they are."""
    return compile_policy(of, lambda choice: choice, without(withdrawn))


def outcome(
    of: Policy, context: Document, withdrawn: Collection[BundleRef] = (), now: int = NOW
) -> Outcome[Choice]:
    """What the policy comes to for a context."""
    return compiled(of, withdrawn)(context, now)


def choice(of: Policy, context: Document, withdrawn: Collection[BundleRef] = ()) -> Choice:
    """What the policy chooses for a context."""
    return outcome(of, context, withdrawn).made


def unit_in(arm: str) -> str:
    """A unit that falls into the left or the right half."""
    halves = {True: "left", False: "right"}
    return next(
        unit
        for unit in (f"user-{number}" for number in range(100))
        if halves[bucket("salt", unit) < 50_000] == arm
    )


# --- rules ------------------------------------------------------------------------------

RULES = policy(
    rule("vip", B, VIP),
    rule("eu", C, EU),
    rule("not-eu", D, {"not": EU}),
    default=A,
)
FIRES: dict[str, tuple[Document, Choice, tuple[str, ...]]] = {
    "first-that-is-true": ({"vip": True, "region": "eu"}, Choice(B, B, "rule", "vip"), ()),
    "false-goes-on": ({"vip": False, "region": "eu"}, Choice(C, C, "rule", "eu"), ()),
    "opposite": ({"vip": False, "region": "us"}, Choice(D, D, "rule", "not-eu"), ()),
    "unknown-goes-on": ({"region": "eu"}, Choice(C, C, "rule", "eu"), ("vip",)),
    "wrong-type-goes-on": ({"vip": 1, "region": "us"}, Choice(D, D, "rule", "not-eu"), ("vip",)),
    "neither-a-condition-nor-its-opposite": ({}, Choice(A, A, "default"), ("vip", "region")),
    "null-is-unknown": ({"vip": None, "region": None}, Choice(A, A, "default"), ("vip", "region")),
}


@pytest.mark.parametrize(("context", "chosen", "unknown"), FIRES.values(), ids=FIRES)
def test_the_first_rule_that_is_true_serves(
    context: Document, chosen: Choice, unknown: tuple[str, ...]
) -> None:
    assert outcome(RULES, context) == Outcome(chosen, None, unknown, ())


def test_a_rule_without_a_condition_always_serves() -> None:
    assert choice(policy(rule("all", B), rule("later", C)), {}) == Choice(B, B, "rule", "all")


def test_an_unknown_attribute_is_told_once_in_the_order_asked() -> None:
    known = policy(
        rule("one", B, {"any": [leaf("z", "eq", 1), leaf("y", "eq", 1)]}),
        rule("two", B, {"any": [leaf("a", "eq", 1), leaf("z", "eq", 2)]}),
        rule("three", C, leaf("here", "eq", 1)),
        rule("never-asked", D, leaf("b", "eq", 1)),
    )
    assert outcome(known, {"here": 1}) == Outcome(
        Choice(C, C, "rule", "three"), None, ("z", "y", "a"), ()
    )


@given(bundles(), json_objects())
def test_without_rules_every_context_gets_the_default(bundle: BundleRef, context: Document) -> None:
    found = outcome(single(bundle), context)
    assert found == Outcome(Choice(bundle, bundle, "default"), None, (), ())
    assert found.bucket is None


# --- schedules --------------------------------------------------------------------------

START, END = "2026-07-01T12:00:00Z", "2026-07-01T12:00:10Z"
WINDOWS: dict[str, tuple[Document, int, bool]] = {
    "before": ({"from": START, "until": END}, -1, False),
    "first-second": ({"from": START, "until": END}, 0, True),
    "last-second": ({"from": START, "until": END}, 9, True),
    "end": ({"from": START, "until": END}, 10, False),
    "after": ({"from": START, "until": END}, 11, False),
    "open-end-before": ({"from": START}, -1, False),
    "open-end-first-second": ({"from": START}, 0, True),
    "open-end-in-the-far-future": ({"from": START}, 10**12, True),
    "open-start-in-the-far-past": ({"until": END}, -NOW, True),
    "open-start-last-second": ({"until": END}, 9, True),
    "open-start-end": ({"until": END}, 10, False),
    "no-bounds": ({}, 0, True),
    "another-time-zone-before": ({"from": "2026-07-01T14:00:00+02:00"}, -1, False),
    "another-time-zone": ({"from": "2026-07-01T14:00:00+02:00"}, 0, True),
    "from-within-a-second-before": ({"from": "2026-07-01T12:00:00.5Z"}, 0, False),
    "from-within-a-second": ({"from": "2026-07-01T12:00:00.5Z"}, 1, True),
    "until-within-a-second": ({"until": "2026-07-01T12:00:00.5Z"}, 0, True),
    "until-within-a-second-after": ({"until": "2026-07-01T12:00:00.5Z"}, 1, False),
}


@pytest.mark.parametrize(("schedule", "seconds", "in_force"), WINDOWS.values(), ids=WINDOWS)
def test_a_rule_is_in_force_from_its_start_up_to_its_end(
    schedule: Document, seconds: int, in_force: bool
) -> None:
    timed = policy(rule("timed", B, EU, schedule=schedule))
    found = outcome(timed, {"region": "eu"}, now=NOW + seconds)
    assert found.made.reason == ("rule" if in_force else "default")
    assert explain(timed, {"region": "eu"}, NOW + seconds) == (RuleTrace("timed", in_force, True),)


def test_a_rule_that_is_not_in_force_asks_for_nothing() -> None:
    timed = policy(rule("timed", B, EU, schedule={"until": START}))
    assert outcome(timed, {}).unknown == ()


# --- units and splits -------------------------------------------------------------------

SPLIT = policy(rule("half", HALVES), default=E, unit=UNIT)


@pytest.mark.parametrize(("arm", "bundle"), [("left", A), ("right", B)])
def test_a_unit_gets_the_arm_that_owns_its_bucket(arm: str, bundle: BundleRef) -> None:
    unit = unit_in(arm)
    found = outcome(SPLIT, {"user": unit})
    assert found.made == Choice(bundle, bundle, "split", "half", arm, "salt")
    assert found.unit == unit_hash("salt", unit)
    assert found.bucket == bucket("salt", unit)


def test_each_end_of_each_range_is_where_it_says() -> None:
    """By units that fall exactly onto the buckets at the edges."""
    units = {bucket("salt", f"user-{number}"): f"user-{number}" for number in range(20_000)}
    places = sorted(units)
    for edge in places[100:-100:500]:
        cut = policy(
            rule(
                "r",
                split_document("salt", a=[[edge, edge + 1]], b=[[0, edge], [edge + 1, 100_000]]),
            ),
            unit=UNIT,
        )
        served = compiled(cut)
        near = places[places.index(edge) - 1 : places.index(edge) + 2]
        arms = [served({"user": units[place]}, NOW).made.arm for place in near]
        assert arms == ["b", "a", "b"]


def test_the_first_and_the_last_bucket_belong_to_their_arms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for hash, arm in ((0, "left"), (2**63 - 1, "left"), (2**63, "right"), (2**64 - 1, "right")):
        monkeypatch.setattr(
            "twinline.routing.evaluation.unit_hasher", lambda _, hash=hash: lambda _: hash
        )
        assert compiled(SPLIT)({"user": "x"}, NOW).made.arm == arm


def test_an_arm_without_buckets_serves_nobody() -> None:
    empty = policy(rule("r", split_document(a=[], b=[[0, 100_000]])), unit=UNIT)
    served = compiled(empty)
    assert {served({"user": f"{n}"}, NOW).made.arm for n in range(1000)} == {"b"}


def test_arms_serve_their_shares() -> None:
    cut = split_document(
        "s", a=[[0, 10_000], [90_000, 95_000]], b=[[10_000, 90_000]], c=[[95_000, 100_000]]
    )
    served = compiled(policy(rule("r", cut), unit=UNIT))
    arms = [served({"user": f"user-{number}"}, NOW).made.arm for number in range(20_000)]
    for arm, share in (("a", 0.15), ("b", 0.80), ("c", 0.05)):
        assert abs(arms.count(arm) / 20_000 - share) < 0.012


SAME = {"string": "42", "integer": 42, "float": 42.0}
OTHERS = {"leading-zero": "042", "with-fraction": "42.0", "space": "42 ", "negative": -42}


@pytest.mark.parametrize("unit", SAME.values(), ids=SAME)
def test_a_whole_number_is_the_unit_of_its_digits(unit: Any) -> None:
    assert outcome(SPLIT, {"user": unit}).unit == unit_hash("salt", "42")


@pytest.mark.parametrize("unit", OTHERS.values(), ids=OTHERS)
def test_other_texts_are_other_units(unit: Any) -> None:
    assert outcome(SPLIT, {"user": unit}).unit == unit_hash("salt", str(unit))
    assert outcome(SPLIT, {"user": unit}).unit != unit_hash("salt", "42")


TEXTS: dict[str, tuple[Any, str | None]] = {
    "zero": (0, "0"),
    "minus-zero": (-0.0, "0"),
    "largest": (2**53 - 1, "9007199254740991"),
    "largest-float": (2.0**53 - 1, "9007199254740991"),
    "smallest": (-(2**53) + 1, "-9007199254740991"),
    "megabyte": ("x" * 1_000_000, "x" * 1_000_000),
    "beyond-what-json-keeps": (2**53, None),
    "float-beyond-what-json-keeps": (2.0**53, None),
    "far-beyond": (10**400, None),
    "far-below": (-1e300, None),
    "fraction": (42.5, None),
    "nan": (NAN, None),
    "infinity": (INFINITY, None),
    "minus-infinity": (-INFINITY, None),
    "true": (True, None),
    "null": (None, None),
    "empty": ("", None),
    "list": (["user"], None),
    "object": ({"id": "user"}, None),
}


@pytest.mark.parametrize(("value", "text"), TEXTS.values(), ids=TEXTS)
def test_a_unit_is_text_or_a_number_that_every_language_writes_alike(
    value: Any, text: str | None
) -> None:
    assert compile_unit(("user",))({"user": value}) == text


UNITS: dict[str, tuple[Document, str | None]] = {
    "first": ({"user.id": "u", "session": "s"}, "u"),
    "second": ({"session": "s"}, "s"),
    "nested": ({"user": {"id": "u"}, "session": "s"}, "u"),
    "null-gives-way": ({"user.id": None, "session": "s"}, "s"),
    "empty-gives-way": ({"user.id": "", "session": "s"}, "s"),
    "unusable-gives-way": ({"user.id": True, "session": "s"}, "s"),
    "none": ({"user": "u"}, None),
}


@pytest.mark.parametrize(("context", "unit"), UNITS.values(), ids=UNITS)
def test_the_first_attribute_that_is_there_is_the_unit(context: Document, unit: str | None) -> None:
    assert compile_unit(("user.id", "session"))(context) == unit


@pytest.mark.parametrize("value", [None, "", True, NAN, [], {}], ids=repr)
def test_without_a_unit_a_split_serves_the_default(value: Any) -> None:
    two = policy(
        rule("asks", C, leaf("z", "eq", 1)),
        rule("half", HALVES),
        rule("later", D),
        default=E,
        unit={"by": ["user", "session.id"]},
    )
    assert outcome(two, {"user": value}) == Outcome(
        Choice(E, E, "unit-missing", "half"), None, ("z", "user", "session.id"), ()
    )


# --- withdrawn bundles ------------------------------------------------------------------

FALLBACK = {"fallback": [str(C), str(D)]}
PLAIN = policy(rule("r", B, EU), default=A, **FALLBACK)
PINNED = policy(rule("r", B, EU, pin=True), default=A, **FALLBACK)
WITHDRAWN: dict[str, tuple[Policy, Document, set[BundleRef], Choice]] = {
    "rule": (PLAIN, {"region": "eu"}, {B}, Choice(B, C, "rule", "r")),
    "rule-second-hop": (PLAIN, {"region": "eu"}, {B, C}, Choice(B, D, "rule", "r")),
    "rule-no-hop-left": (
        PLAIN, {"region": "eu"}, {B, C, D}, Choice(B, None, "no-active-bundle", "r"),
    ),
    # The default is no fallback: whoever wants it as one says so.
    "rule-not-the-default": (
        PLAIN, {"region": "eu"}, {B, C, D}, Choice(B, None, "no-active-bundle", "r"),
    ),
    "fallback-that-is-not-needed": (PLAIN, {"region": "eu"}, {C, D}, Choice(B, B, "rule", "r")),
    "default": (PLAIN, {}, {A}, Choice(A, C, "default")),
    "default-no-hop-left": (PLAIN, {}, {A, C, D}, Choice(A, None, "no-active-bundle")),
    "pinned-and-active": (PINNED, {"region": "eu"}, {C, D}, Choice(B, B, "rule", "r")),
    "pinned-fails-closed": (
        PINNED, {"region": "eu"}, {B}, Choice(B, None, "no-active-bundle", "r"),
    ),
    "pin-is-the-rule-s-alone": (PINNED, {}, {A}, Choice(A, C, "default")),
    "no-fallback": (
        policy(default=A), {}, {A}, Choice(A, None, "no-active-bundle"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("of", "context", "withdrawn", "chosen"), WITHDRAWN.values(), ids=WITHDRAWN
)
def test_a_withdrawn_bundle_gives_way_to_the_first_fallback_that_is_active(
    of: Policy, context: Document, withdrawn: set[BundleRef], chosen: Choice
) -> None:
    assert choice(of, context, withdrawn) == chosen


@pytest.mark.parametrize(
    ("pin", "served", "reason"), [(False, C, "split"), (True, None, "no-active-bundle")]
)
def test_a_withdrawn_arm_stays_assigned(pin: bool, served: BundleRef | None, reason: Any) -> None:
    cut = policy(rule("half", HALVES, pin=pin), default=E, unit=UNIT, **FALLBACK)
    found = outcome(cut, {"user": unit_in("left")}, {A})
    assert found.made == Choice(A, served, reason, "half", "left", "salt")
    assert found.unit == unit_hash("salt", unit_in("left"))
    untouched = outcome(cut, {"user": unit_in("right")}, {A})
    assert untouched.made == Choice(B, B, "split", "half", "right", "salt")


def test_the_default_for_a_missing_unit_gives_way_too() -> None:
    cut = policy(rule("half", HALVES), default=E, unit=UNIT, **FALLBACK)
    assert choice(cut, {}, {E}) == Choice(E, C, "unit-missing", "half")
    assert choice(cut, {}, {E, C, D}) == Choice(E, None, "no-active-bundle", "half")


@given(policies(), contexts(), st.data())
def test_what_is_withdrawn_is_never_served_and_changes_no_assignment(
    of: Policy, context: Document, data: st.DataObject
) -> None:
    withdrawn = data.draw(st.sets(st.sampled_from(of.bundles())))
    before, after = outcome(of, context), outcome(of, context, withdrawn)
    assert after.made.bundle not in withdrawn
    if after.made.bundle is None:
        assert after.made.reason in ("no-active-bundle", "unit-missing")
    assert (after.made.assigned, after.made.arm, after.made.rule, after.unit) == (
        before.made.assigned,
        before.made.arm,
        before.made.rule,
        before.unit,
    )
    assert before.made.bundle in (before.made.assigned, None)


def test_a_pinned_split_without_a_unit_serves_nothing() -> None:
    cut = policy(rule("half", HALVES, pin=True), default=E, unit=UNIT, **FALLBACK)
    assert choice(cut, {}) == Choice(E, None, "unit-missing", "half")


# --- shadows ----------------------------------------------------------------------------


def shadowed(*samples: tuple[BundleRef, int], rules: tuple[Document, ...] = ()) -> Policy:
    """A policy with these shadows."""
    shadow = [{"bundle": str(bundle), "sample": sample} for bundle, sample in samples]
    return policy(*rules, default=E, unit=UNIT, shadow=shadow)


def test_a_shadow_is_cast_by_its_share_of_the_units_whatever_their_arm() -> None:
    served = compiled(shadowed((C, 20_000), rules=(rule("half", HALVES),)))
    found = [served({"user": f"user-{number}"}, NOW) for number in range(20_000)]
    for arm in ("left", "right"):
        shadows = [one.shadow for one in found if one.made.arm == arm]
        assert set(shadows) == {(), (C,)}
        assert abs(shadows.count((C,)) / len(shadows) - 0.2) < 0.02


def test_shadows_of_two_bundles_are_independent() -> None:
    served = compiled(shadowed((B, 50_000), (C, 50_000)))
    found = [served({"user": f"user-{number}"}, NOW).shadow for number in range(10_000)]
    for shadow in ((), (B,), (C,), (B, C)):
        assert abs(found.count(shadow) / 10_000 - 0.25) < 0.03


def test_a_larger_sample_keeps_the_units_of_the_smaller() -> None:
    small, large = compiled(shadowed((C, 1_000))), compiled(shadowed((C, 30_000)))
    for number in range(5_000):
        context = {"user": f"user-{number}"}
        assert large(context, NOW).shadow == (C,) or not small(context, NOW).shadow


def test_a_sample_of_none_or_all_is_none_or_all() -> None:
    served = compiled(shadowed((B, 0), (C, BUCKETS)))
    assert {served({"user": f"{number}"}, NOW).shadow for number in range(2_000)} == {(C,)}


def test_without_a_unit_there_is_no_shadow_and_nothing_is_missing() -> None:
    assert outcome(shadowed((C, BUCKETS)), {}) == Outcome(Choice(E, E, "default"), None, (), ())


def test_a_shadow_changes_nothing_about_what_is_served() -> None:
    context = {"user": "user-1"}
    with_it = outcome(shadowed((C, BUCKETS), rules=(rule("half", HALVES),)), context)
    assert with_it._replace(shadow=()) == outcome(SPLIT, context)
    assert with_it.shadow == (C,)


def test_a_withdrawn_bundle_is_not_run_as_a_shadow_either() -> None:
    """It was recalled because it should not run."""
    two = shadowed((B, BUCKETS), (C, BUCKETS))
    assert outcome(two, {"user": "user-1"}, {C}).shadow == (B,)


# --- pure -------------------------------------------------------------------------------


@given(policies(), contexts(), st.integers(0, 4 * 10**9))
def test_the_same_asked_again_comes_to_the_same(of: Policy, context: Document, now: int) -> None:
    evaluate = compiled(of)
    first = evaluate(context, now)
    evaluate({"user": "another", "a": 1}, now + 1)
    assert evaluate(context, now) == first
    assert evaluate(dict(reversed(context.items())), now) == first
    assert compiled(read_policy(of.document()))(context, now) == first


@given(policies(), contexts(), st.integers(0, 4 * 10**9))
def test_the_context_is_left_as_it_was(of: Policy, context: Document, now: int) -> None:
    before = repr(context)
    compiled(of)(context, now)
    assert repr(context) == before


@given(policies(), contexts(), st.integers(0, 4 * 10**9))
def test_the_outcome_is_that_of_the_document_read_by_hand(
    of: Policy, context: Document, now: int
) -> None:
    found = compiled(of)(context, now)
    fired = next((one for one in of.document().get("rules", []) if _fires(one, context, now)), None)
    assert found.made.rule == (fired["id"] if fired else None)
    if fired is None:
        assert found.made == Choice(of.default.bundle, of.default.bundle, "default")
    elif "bundle" in fired["serve"]:
        assert str(found.made.assigned) == fired["serve"]["bundle"]
        assert found.made.reason == "rule"
    elif found.bucket is None:
        assert (found.made.assigned, found.made.reason) == (of.default.bundle, "unit-missing")
    else:
        owner = next(
            arm
            for arm in fired["serve"]["split"]["arms"]
            for start, end in arm["ranges"]
            if start <= found.bucket < end
        )
        assert (found.made.arm, str(found.made.assigned)) == (owner["name"], owner["bundle"])
        assert found.made.salt == fired["serve"]["split"]["salt"]


def _fires(one: Document, context: Document, now: int) -> bool:
    schedule = one.get("schedule", {})
    start, end = schedule.get("from"), schedule.get("until")
    return (
        (start is None or datetime.fromisoformat(start).timestamp() <= now)
        and (end is None or now < datetime.fromisoformat(end).timestamp())
        and ("when" not in one or naive.truth(one["when"], context) is True)
    )


# --- choices made into answers --------------------------------------------------------


def test_each_choice_is_made_into_an_answer_once_and_not_for_each_request() -> None:
    of = policy(rule("half", HALVES, EU), rule("vip", C, VIP), default=E, unit=UNIT)
    seen: list[Choice] = []

    def make(choice: Choice) -> str:
        seen.append(choice)
        return f"answer {len(seen)}"

    evaluate = compile_policy(of, make)
    assert {(one.assigned, one.reason, one.rule, one.arm) for one in seen} == {
        (E, "default", None, None),
        (E, "unit-missing", "half", None),
        (A, "split", "half", "left"),
        (B, "split", "half", "right"),
        (C, "rule", "vip", None),
    }
    answers = {choice: f"answer {number}" for number, choice in enumerate(seen, 1)}
    for context in ({}, {"region": "eu"}, {"region": "eu", "user": "u"}, {"vip": True}):
        assert evaluate(context, NOW).made == answers[choice(of, context)]
    assert len(seen) == 5


def test_without_word_of_withdrawn_bundles_all_are_active() -> None:
    assert compile_policy(PLAIN, lambda choice: choice)({}, NOW) == outcome(PLAIN, {})


# --- explain ----------------------------------------------------------------------------


def test_each_rule_is_explained_up_to_the_one_that_fired() -> None:
    context = {"region": "us"}
    assert explain(RULES, context, NOW) == (
        RuleTrace("vip", True, None),
        RuleTrace("eu", True, False),
        RuleTrace("not-eu", True, True),
    )
    assert explain(policy(rule("all", B), rule("later", C)), {}, NOW) == (
        RuleTrace("all", True, True),
    )
    assert explain(single(A), {}, NOW) == ()


@given(policies(), contexts(), st.integers(0, 4 * 10**9))
def test_the_explanation_agrees_with_the_outcome(of: Policy, context: Document, now: int) -> None:
    traces = explain(of, context, now)
    fired = [trace.id for trace in traces if trace.in_force and trace.truth]
    rule_id = compiled(of)(context, now).made.rule
    assert fired == ([] if rule_id is None else [rule_id])
    ids = [one.id for one in of.rules]
    assert [trace.id for trace in traces] == (ids[: ids.index(rule_id) + 1] if rule_id else ids)
