"""A policy in words."""

from typing import Any

import pytest

from twinline.routing.policy import Policy, read_policy
from twinline.web import policies

A, B = f"bundles:/{'a' * 64}", f"bundles:/{'b' * 64}"


def policy(**rule: Any) -> Policy:
    document: dict[str, Any] = {"schema": "routing-policy/1", "default": {"bundle": A}}
    if rule:
        document["rules"] = [{"id": "one", "serve": {"bundle": B}, **rule}]
    return read_policy(document)


def leaf(attr: str, op: str, value: Any = None) -> dict[str, Any]:
    said = {"attr": attr, "op": op}
    return said if value is None else {**said, "value": value}


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (leaf("tenant", "eq", "bank"), 'tenant is "bank"'),
        (leaf("age", "ge", 18), "age ≥ 18"),
        (leaf("beta", "neq", True), "beta is not true"),
        (leaf("user.id", "absent"), "user.id is not there"),
        (leaf("app", "semver", ">=2.0.0"), 'app is a version in ">=2.0.0"'),
        (leaf("n", "in", list(range(12))), "n is one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"),
        ({"not": leaf("a", "present")}, "not (a is there)"),
        (
            {"all": [leaf("a", "present"), {"any": [leaf("b", "lt", 1), leaf("c", "gt", 2)]}]},
            "a is there and (b < 1 or c > 2)",
        ),
        ({"any": [{"all": [leaf("a", "present")]}]}, "a is there"),
        ({"all": []}, "always"),
        ({"any": []}, "never"),
    ],
)
def test_a_condition_is_read_as_it_is_meant(when: dict[str, Any], said: str) -> None:
    rule, default = policies.lines(policy(when=when), {})
    assert rule.who == said
    assert default.who == "everybody else"


def test_without_rules_everybody_gets_the_default() -> None:
    (line,) = policies.lines(policy(), {})
    assert (line.name, line.who) == ("default", "everybody")
    assert str(line.serves[0].bundle) == A


def test_a_schedule_and_a_pin_are_told() -> None:
    schedule = {"from": "2026-01-02T03:04:00Z", "until": "2026-02-03T04:05:00Z"}
    rule, _ = policies.lines(policy(schedule=schedule, pin=True), {})
    assert rule.note == (
        "from 2026-01-02 03:04Z until 2026-02-03 04:05Z; this or nothing: no fallback"
    )
