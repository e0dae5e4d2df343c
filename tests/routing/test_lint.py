"""Each finding is for what is probably a mistake, and for nothing that only looks like it."""

import sys
from types import FrameType
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.routing import naive
from tests.routing.documents import (
    A,
    B,
    Document,
    condition_documents,
    contexts,
    leaf,
    policies,
    policy,
    rule,
)
from twinline.routing.lint import Finding, FindingKind, lint
from twinline.routing.policy import Policy, single

DECLARED = {"s": "string", "n": "number", "b": "boolean", "l": "strings", "v": "version"}


def findings(*rules: Document, **more: Any) -> list[tuple[str, str, str | None]]:
    """What is found, but for the words."""
    return [(one.kind, one.path, one.rule) for one in lint(policy(*rules, **more))]


def kinds(*rules: Document, **more: Any) -> list[str]:
    """The kinds of what is found."""
    return [kind for kind, _, _ in findings(*rules, **more)]


def ruled(*conditions: Document | None) -> list[Document]:
    """Rules r0, r1... of these conditions."""
    return [rule(f"r{number}", B, when) for number, when in enumerate(conditions)]


# --- attributes -------------------------------------------------------------------------


def test_an_attribute_that_was_not_declared_is_found() -> None:
    (found,) = lint(policy(*ruled(leaf("s", "eq", "x"), leaf("t", "eq", "x")), attributes=DECLARED))
    assert found == Finding(
        kind="unknown-attribute",
        path="rules.1.when",
        rule="r1",
        detail="'t' is not among the policy's `attributes`",
    )


def test_a_unit_that_was_not_declared_is_found() -> None:
    found = findings(unit={"by": ["s", "session"]}, attributes=DECLARED)
    assert found == [("unknown-attribute", "unit.by", None)]
    assert findings(unit={"by": ["s", "n"]}, attributes=DECLARED) == []


def test_every_comparison_is_looked_at_wherever_it_is() -> None:
    condition = {"all": [{"any": [{"not": leaf("t", "present")}]}, leaf("s", "lt", 1)]}
    assert findings(rule("r", B, condition), attributes=DECLARED) == [
        ("unknown-attribute", "rules.0.when", "r"),
        ("wrong-type", "rules.0.when", "r"),
    ]


def test_without_declarations_no_attribute_is_judged() -> None:
    assert findings(*ruled(leaf("t", "lt", 1), leaf("t", "prefix", "x")), unit={"by": ["u"]}) == []


FITTING: dict[str, tuple[Any, str]] = {
    # operator and value: the attributes that it can be TRUE for
    "present": (leaf("?", "present"), "s n b l v"),
    "absent": (leaf("?", "absent"), "s n b l v"),
    "eq-string": (leaf("?", "eq", "x"), "s v"),
    "eq-number": (leaf("?", "eq", 1), "n"),
    "eq-float": (leaf("?", "eq", 0.5), "n"),
    "eq-boolean": (leaf("?", "eq", True), "b"),
    "neq-string": (leaf("?", "neq", "x"), "s v"),
    "neq-boolean": (leaf("?", "neq", False), "b"),
    "in-strings": (leaf("?", "in", ["x"]), "s v"),
    "in-numbers": (leaf("?", "in", [1, 2]), "n"),
    "not-in-booleans": (leaf("?", "not_in", [True]), "b"),
    "lt": (leaf("?", "lt", 1), "n"),
    "le": (leaf("?", "le", 1), "n"),
    "gt": (leaf("?", "gt", 1), "n"),
    "ge": (leaf("?", "ge", 1), "n"),
    "prefix": (leaf("?", "prefix", "x"), "s v"),
    "suffix": (leaf("?", "suffix", "x"), "s v"),
    "contains": (leaf("?", "contains", "x"), "s l v"),
    "semver": (leaf("?", "semver", ">=1.0.0"), "v"),
}


@pytest.mark.parametrize("attr", DECLARED)
@pytest.mark.parametrize("way", FITTING)
def test_a_comparison_that_no_value_of_the_type_makes_true_is_found(way: str, attr: str) -> None:
    condition, fitting = FITTING[way]
    found = kinds(rule("r", B, condition | {"attr": attr}), attributes=DECLARED)
    assert found == ([] if attr in fitting.split() else ["wrong-type"])


def test_a_wrong_type_is_told_with_the_right_ones() -> None:
    (found,) = lint(policy(rule("r", B, leaf("n", "contains", "x")), attributes=DECLARED))
    assert found.detail == (
        "'n' is a number, but `contains` here needs a string or strings or version"
    )


# --- unreachable rules ------------------------------------------------------------------

P, Q, R = leaf("p", "eq", 1), leaf("q", "eq", 1), leaf("r", "eq", 1)
COVERED: dict[str, tuple[Document | None, Document | None]] = {
    "always": (None, P),
    "always-twice": (None, None),
    "the-same": (P, P),
    "the-same-but-for-the-kind-of-number": (P, leaf("p", "eq", 1.0)),
    "the-same-group": ({"all": [P, Q]}, {"all": [P, Q]}),
    "the-same-opposite": ({"not": P}, {"not": P}),
    "all-of-nothing": ({"all": []}, P),
    "one-of-all": (P, {"all": [Q, P]}),
    "all-in-another-order": ({"all": [P, Q]}, {"all": [Q, P]}),
    "all-of-more": ({"all": [P, Q]}, {"all": [R, Q, P]}),
    "any-of-more": ({"any": [P, Q]}, P),
    "any-of-any": ({"any": [P, Q, R]}, {"any": [R, P]}),
    "each-of-any": (P, {"any": [P, {"all": [P, Q]}]}),
    "any-behind-any-in-another-order": ({"any": [P, Q]}, {"any": [Q, P]}),
}
NOT_COVERED: dict[str, tuple[Document | None, Document | None]] = {
    "always-behind": (P, None),
    "another": (P, Q),
    "another-value": (P, leaf("p", "eq", 2)),
    "another-operator": (P, leaf("p", "neq", 1)),
    "opposite": (P, {"not": P}),
    "all-is-narrower": ({"all": [P, Q]}, P),
    "any-is-wider": (P, {"any": [P, Q]}),
    "any-of-nothing": ({"any": []}, P),
    "any-behind-all": ({"all": [P, Q]}, {"any": [P, Q]}),
    "opposite-of-narrower": ({"not": {"any": [P, Q]}}, {"not": P}),
    # Equal in Python, not in our language: a boolean is no number.
    "true-is-not-one": (leaf("p", "eq", True), leaf("p", "eq", 1)),
    "nor-in-a-list": (leaf("p", "in", [True]), leaf("p", "in", [1])),
}


@pytest.mark.parametrize(("first", "second"), COVERED.values(), ids=COVERED)
def test_a_rule_behind_one_that_fires_whenever_it_would_is_found(
    first: Document | None, second: Document | None
) -> None:
    assert findings(*ruled(first, second)) == [("unreachable-rule", "rules.1", "r1")]


@pytest.mark.parametrize(("first", "second"), NOT_COVERED.values(), ids=NOT_COVERED)
def test_a_rule_that_can_still_fire_is_not_found(
    first: Document | None, second: Document | None
) -> None:
    assert "unreachable-rule" not in kinds(*ruled(first, second))


def test_the_first_rule_that_covers_it_is_named_once() -> None:
    found = lint(policy(*ruled(P, Q, {"all": [P, Q]}, None, R)))
    assert [(one.rule, one.detail) for one in found] == [
        ("r2", "the rule 'r0' before it fires whenever this one would"),
        ("r4", "the rule 'r3' before it fires whenever this one would"),
    ]


def test_a_rule_that_is_not_always_in_force_makes_none_unreachable() -> None:
    schedule = {"schedule": {"until": "2026-07-01T00:00:00Z"}}
    assert kinds(rule("r0", B, P, **schedule), rule("r1", B, P)) == []
    assert kinds(rule("r0", B, P), rule("r1", B, P, **schedule)) == ["unreachable-rule"]


@given(condition_documents(), condition_documents(), contexts())
def test_a_rule_that_is_called_unreachable_never_fires(
    first: Document, second: Document, context: Document
) -> None:
    if "unreachable-rule" in kinds(*ruled(first, second)):
        fired = naive.truth(first, context) is True
        assert fired or naive.truth(second, context) is not True


def test_deep_conditions_are_looked_over_all_the_same() -> None:
    """In steps that grow with the size of the two, not with the ways through them."""
    deep, other = P, Q
    for _ in range(10):
        deep, other = {"any": [deep]}, {"all": [other]}
    assert _calls(policy(*ruled(deep, other))) < 20_000


def _calls(of: Policy) -> int:
    """How many functions of ours it takes to look a policy over."""
    called = 0

    def counting(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal called
        called += event == "call" and frame.f_code.co_filename == lint.__code__.co_filename

    sys.setprofile(counting)
    try:
        lint(of)
    finally:
        sys.setprofile(None)
    return called


# --- never true -------------------------------------------------------------------------

ONE, TWO = leaf("p", "eq", 1), leaf("p", "eq", 2)
CONTRADICTIONS: dict[str, tuple[Document, str]] = {
    "any-of-nothing": ({"any": []}, "`any` of nothing is never TRUE"),
    "two-values": ({"all": [ONE, TWO]}, "`all` wants 'p' to be two values at once"),
    "two-values-apart": ({"all": [ONE, Q, TWO]}, "`all` wants 'p' to be two values at once"),
    "two-types": ({"all": [ONE, leaf("p", "eq", "1")]}, "`all` wants 'p' to be two values"),
    "true-and-one": ({"all": [ONE, leaf("p", "eq", True)]}, "`all` wants 'p' to be two values"),
    "inside-all": ({"all": [Q, {"any": []}]}, "`any` of nothing"),
    "deep-inside-all": ({"all": [Q, {"all": [{"all": [ONE, TWO]}]}]}, "`all` wants 'p'"),
    "each-of-any": ({"any": [{"any": []}, {"all": [ONE, TWO]}]}, "`any` of nothing"),
}
POSSIBLE: dict[str, Document] = {
    "all-of-nothing": {"all": []},
    "either-value": {"any": [ONE, TWO]},
    "the-same-twice": {"all": [ONE, ONE]},
    "the-same-as-a-float": {"all": [ONE, leaf("p", "eq", 1.0)]},
    "two-attributes": {"all": [ONE, leaf("q", "eq", 2)]},
    "one-of-any": {"any": [{"any": []}, ONE]},
    "two-that-it-is-not": {"all": [leaf("p", "neq", 1), leaf("p", "neq", 2)]},
    "list-and-value": {"all": [leaf("p", "in", [1, 2]), ONE]},
    "not-any-of-nothing": {"not": {"any": []}},
    "not-two-values": {"not": {"all": [ONE, TWO]}},
}


@pytest.mark.parametrize(("condition", "detail"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_rule_that_no_context_fires_is_found(condition: Document, detail: str) -> None:
    (found,) = lint(policy(rule("r", B, condition)))
    assert (found.kind, found.path, found.rule) == ("never-true", "rules.0.when", "r")
    assert found.detail.startswith(detail)


@pytest.mark.parametrize("condition", POSSIBLE.values(), ids=POSSIBLE)
def test_a_rule_that_some_context_fires_is_not_found(condition: Document) -> None:
    assert findings(rule("r", B, condition)) == []


@given(condition_documents(), contexts())
def test_a_rule_that_is_called_never_true_never_is(condition: Document, context: Document) -> None:
    if {"never-true", "unknown-disables"} & set(kinds(rule("r", B, condition))):
        never = "never-true" in kinds(rule("r", B, condition))
        assert not never or naive.truth(condition, context) is not True


# --- absence that disables --------------------------------------------------------------

GONE, LOW = leaf("dq.score", "absent"), leaf("dq.score", "lt", 0.6)
DISABLING: dict[str, Document] = {
    "lower": {"all": [LOW, GONE]},
    "in-another-order": {"all": [GONE, Q, LOW]},
    "unequal": {"all": [GONE, leaf("dq.score", "neq", 1)]},
    "inside-all": {"all": [Q, {"all": [GONE, LOW]}]},
    "inside-any": {"any": [Q, {"all": [GONE, LOW]}]},
}
ENABLING: dict[str, Document] = {
    "any": {"any": [LOW, GONE]},
    "another-attribute": {"all": [GONE, leaf("dq.rows", "lt", 1)]},
    "present": {"all": [leaf("dq.score", "present"), LOW]},
    "absent-alone": {"all": [GONE]},
    "absent-twice": {"all": [GONE, GONE]},
    "opposite-of-the-group": {"not": {"all": [GONE, LOW]}},
    "any-inside-all": {"all": [Q, {"any": [GONE, LOW]}]},
}


@pytest.mark.parametrize("condition", DISABLING.values(), ids=DISABLING)
def test_an_absent_attribute_that_is_compared_too_is_found(condition: Document) -> None:
    (found,) = lint(policy(rule("r", B, condition)))
    assert (found.kind, found.path, found.rule) == ("unknown-disables", "rules.0.when", "r")
    assert found.detail == (
        "`all` asks for 'dq.score' to be absent and compares it: where it is absent the "
        "comparison is UNKNOWN, and the rule does not fire; say `any`"
    )


@pytest.mark.parametrize("condition", ENABLING.values(), ids=ENABLING)
def test_an_absent_attribute_that_may_be_is_not_found(condition: Document) -> None:
    assert findings(rule("r", B, condition)) == []


def test_each_such_attribute_is_found() -> None:
    both = {"all": [GONE, LOW, leaf("a", "absent"), leaf("a", "eq", 1)]}
    assert kinds(rule("r", B, both)) == ["unknown-disables", "unknown-disables"]


# --- all of it --------------------------------------------------------------------------


def test_a_policy_for_one_bundle_has_nothing_to_be_found() -> None:
    assert lint(single(A)) == ()


@given(policies())
def test_a_finding_names_a_rule_and_its_place(of: Policy) -> None:
    ids = [one.id for one in of.rules]
    for found in lint(of):
        assert found.kind in get_args(FindingKind)
        if found.rule is None:
            assert found.path == "unit.by"
        else:
            assert found.path.split(".")[:2] == ["rules", str(ids.index(found.rule))]


@given(st.lists(condition_documents(), max_size=4))
def test_looking_over_changes_nothing_and_finds_the_same_again(conditions: list[Document]) -> None:
    of = policy(*ruled(*conditions))
    before = of.document()
    assert lint(of) == lint(of)
    assert of.document() == before
