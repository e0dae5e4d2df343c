"""A policy is one document: read strictly, digested by content, every bundle known."""

from hashlib import sha256
from itertools import count
from typing import Any

import pytest
from hypothesis import given

from tests.routing.documents import (
    UNIT,
    A,
    B,
    C,
    D,
    Document,
    E,
    document,
    leaf,
    policies,
    policy,
    policy_documents,
    rule,
    split,
    split_document,
)
from tests.strategies import bundles
from twinline.language.errors import Invalid
from twinline.language.refs import BundleRef
from twinline.routing.evaluation import compile_policy
from twinline.routing.policy import (
    DEPTH_MAX,
    HOPS_MAX,
    LEAVES_MAX,
    SCHEMA,
    Policy,
    Serve,
    complete,
    read_policy,
    single,
    split_of,
    substitute,
    with_split,
)

ONE = BundleRef("1" * 64)
OTHER = BundleRef("2" * 64)
DOCUMENT = {"schema": "routing-policy/1", "default": {"bundle": f"bundles:/{'1' * 64}"}}
SPLIT = split_document("salt", control=[[0, 95_000]], canary=[[95_000, 100_000]])
FULL = document(
    rule("regulated", B, leaf("tenant", "in", ["bank-a"]), pin=True),
    rule("dq-low", C, {"any": [leaf("dq.score", "lt", 0.6), leaf("dq.score", "absent")]}),
    rule("summer", D, schedule={"from": "2026-07-01T00:00:00Z", "until": "2026-08-01T00:00:00Z"}),
    rule("canary", SPLIT, {"not": leaf("region", "prefix", "eu")}),
    default=E,
    unit={"by": ["user.id", "session.id"]},
    attributes={"tenant": "string", "dq.score": "number"},
    fallback=[str(C), str(ONE)],
    shadow=[{"bundle": str(OTHER), "sample": 2000}],
)

# --- documents --------------------------------------------------------------------------


def _with_rule(**members: Any) -> Document:
    return {**DOCUMENT, "rules": [{"id": "r", "serve": {"bundle": str(ONE)}, **members}]}


def _serving(serve: Any) -> Document:
    return _with_rule(serve=serve)


REFUSED: dict[str, tuple[Any, str]] = {
    "empty": ({}, "default: Field required"),
    "default-missing": ({"schema": SCHEMA}, "default: Field required"),
    "schema-missing": ({"default": DOCUMENT["default"]}, "schema: Field required"),
    "another-schema": ({**DOCUMENT, "schema": "routing-policy/2"}, "schema: Input should be"),
    "schema-null": ({**DOCUMENT, "schema": None}, "schema: Input should be"),
    "unknown-member": ({**DOCUMENT, "weights": []}, "weights: Extra inputs"),
    "schema-by-its-python-name": ({**DOCUMENT, "schema_": SCHEMA}, "schema_: Extra inputs"),
    "unknown-member-inside": (
        {**DOCUMENT, "default": {"bundle": str(ONE), "weight": 1}},
        "default.weight: Extra inputs",
    ),
    "default-is-text": ({**DOCUMENT, "default": str(ONE)}, "default: Input should be"),
    "default-is-a-split": ({**DOCUMENT, "default": {"split": SPLIT}}, "default.bundle: Field requ"),
    "bundle-missing": ({**DOCUMENT, "default": {}}, "default.bundle: Field required"),
    "bundle-is-no-reference": (
        {**DOCUMENT, "default": {"bundle": "support/answer"}},
        "default.bundle: 'bundles:/support/answer' is not of the form bundles:/",
    ),
    "bundle-of-another-kind": (
        {**DOCUMENT, "default": {"bundle": "models:/churn/3"}},
        "default.bundle: 'models:/churn/3' is not of the form bundles:/",
    ),
    "bundle-is-a-number": ({**DOCUMENT, "default": {"bundle": 1}}, "default.bundle: a reference"),
    "no-object": ([], "policy: Input should be"),
    "null": (None, "policy: Input should be"),
    "rules-object": ({**DOCUMENT, "rules": {}}, "rules: Input should be"),
    "rule-text": ({**DOCUMENT, "rules": ["r"]}, "rules.0: Input should be"),
    "rule-id-missing": ({**DOCUMENT, "rules": [{"serve": DOCUMENT["default"]}]}, "rules.0.id: Fie"),
    "rule-id-empty": (_with_rule(id=""), "rules.0.id: String should match"),
    "rule-id-digits": (_with_rule(id="7"), "rules.0.id: String should match"),
    "rule-id-twice": (
        document(rule("a", A), rule("b", A), rule("a", B)),
        "policy: Value error, the rule id 'a' is there twice",
    ),
    "too-many-rules": (
        document(*(rule(f"r{number}", A) for number in range(501))),
        "rules: Tuple should have at most 500",
    ),
    "rule-unknown-member": (_with_rule(If={}), "rules.0.If: Extra inputs"),
    "serve-missing": ({**DOCUMENT, "rules": [{"id": "r"}]}, "rules.0.serve: Field required"),
    "serve-text": (_serving(str(ONE)), "rules.0.serve: Input should be"),
    "serve-empty": (_serving({}), "rules.0.serve.bundle: Field required"),
    "serve-bundle-and-split": (
        {**_serving({"bundle": str(ONE), "split": SPLIT}), "unit": UNIT},
        "rules.0.serve.bundle: Extra inputs",
    ),
    "serve-wrong-bundle": (_serving({"bundle": "x"}), "rules.0.serve.bundle: 'bundles:/x' is not"),
    "serve-split-text": (_serving({"split": "x"}), "rules.0.serve.split: Input should be"),
    "arm-wrong-bundle": (
        _serving({"split": {"salt": "s", "arms": [{"name": "a", "bundle": "x", "ranges": []}]}}),
        "rules.0.serve.split.arms.0.bundle: 'bundles:/x' is not",
    ),
    "pin-text": (_with_rule(pin="perhaps"), "rules.0.pin: Input should be a valid boolean"),
    "schedule-empty-window": (
        _with_rule(schedule={"from": "2026-07-01T00:00:00Z", "until": "2026-07-01T00:00:00Z"}),
        "rules.0.schedule: Value error, `from` must be before `until`",
    ),
    "schedule-backwards": (
        _with_rule(schedule={"from": "2026-07-02T00:00:00Z", "until": "2026-07-01T00:00:00Z"}),
        "rules.0.schedule: Value error, `from` must be before `until`",
    ),
    "schedule-backwards-by-time-zone": (
        _with_rule(schedule={"from": "2026-07-01T00:00:00Z", "until": "2026-07-01T01:00:00+02:00"}),
        "rules.0.schedule: Value error, `from` must be before `until`",
    ),
    "schedule-without-time-zone": (
        _with_rule(schedule={"from": "2026-07-01T00:00:00"}),
        "rules.0.schedule.from: Input should have timezone info",
    ),
    "schedule-by-its-python-name": (
        _with_rule(schedule={"from_": "2026-07-01T00:00:00Z"}),
        "rules.0.schedule.from_: Extra inputs",
    ),
    "unit-empty": ({**DOCUMENT, "unit": {"by": []}}, "unit.by: Tuple should have at least 1"),
    "unit-long": ({**DOCUMENT, "unit": {"by": ["u"] * 11}}, "unit.by: Tuple should have at most"),
    "unit-text": ({**DOCUMENT, "unit": {"by": "user"}}, "unit.by: Input should be"),
    "unit-missing-for-a-split": (
        document(rule("r", SPLIT)),
        'policy: Value error, splits and shadows need `unit`, as in {"by": ["user.id"]}',
    ),
    "unit-missing-for-a-shadow": (
        document(shadow=[{"bundle": str(A), "sample": 1}]),
        "policy: Value error, splits and shadows need `unit`",
    ),
    "salt-twice": (
        document(rule("a", SPLIT), rule("b", SPLIT), unit=UNIT),
        "policy: Value error, the salt 'salt' is in two splits",
    ),
    "attribute-type": (
        {**DOCUMENT, "attributes": {"user": "text"}},
        "attributes.user: Input should be 'string', 'number'",
    ),
    "attribute-named-like-a-kind": (
        {**DOCUMENT, "attributes": {"leaf": "text"}},
        "attributes.leaf: Input should be 'string', 'number'",
    ),
    "attribute-empty": ({**DOCUMENT, "attributes": {"": "string"}}, "attributes."),
    "fallback-long": (
        {**DOCUMENT, "fallback": [str(A)] * (HOPS_MAX + 1)},
        "fallback: Tuple should have at most 4",
    ),
    "fallback-wrong-bundle": ({**DOCUMENT, "fallback": [str(A), "x"]}, "fallback.1: 'bundles:/x'"),
    "shadow-sample-below": (
        document(unit=UNIT, shadow=[{"bundle": str(A), "sample": -1}]),
        "shadow.0.sample: Input should be greater",
    ),
    "shadow-sample-above": (
        document(unit=UNIT, shadow=[{"bundle": str(A), "sample": 100_001}]),
        "shadow.0.sample: Input should be less",
    ),
    "shadow-sample-share": (
        document(unit=UNIT, shadow=[{"bundle": str(A), "sample": 0.02}]),
        "shadow.0.sample: Input should be a valid integer",
    ),
    "shadow-long": (
        document(unit=UNIT, shadow=[{"bundle": str(A), "sample": 1}] * 11),
        "shadow: Tuple should have at most 10",
    ),
}


@pytest.mark.parametrize(("found", "place"), REFUSED.values(), ids=REFUSED)
def test_a_document_of_another_form_is_refused_at_its_place(found: Any, place: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_policy(found)
    problems = refused.value.detail.removeprefix("This is no routing-policy/1 policy: ")
    assert problems != refused.value.detail
    assert any(problem.startswith(place) for problem in problems.split("; "))
    assert refused.value.fields == {"field": "policy"}


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        read_policy({**DOCUMENT, "rules": [{"id": "r"}], "fallback": ["x"]})
    assert "rules.0.serve: Field required; fallback.0: " in refused.value.detail


def test_the_policy_for_one_bundle_is_its_default_alone() -> None:
    read = single(ONE)
    assert read.document() == DOCUMENT
    assert read.bundles() == (ONE,)
    assert list(read.places()) == [("default.bundle", ONE)]


def test_a_full_document_is_kept_as_it_was_sent() -> None:
    assert read_policy(FULL).document() == FULL


def test_what_is_the_default_is_not_kept() -> None:
    spelled_out = {
        **DOCUMENT,
        "unit": None,
        "attributes": {},
        "rules": [],
        "fallback": [],
        "shadow": [],
    }
    assert read_policy(spelled_out).document() == DOCUMENT
    assert read_policy(spelled_out).digest == single(ONE).digest
    rules = [{"id": "r", "when": None, "schedule": None, "pin": False, "serve": {"bundle": str(A)}}]
    assert read_policy({**DOCUMENT, "rules": rules}).document()["rules"] == [rule("r", A)]


@given(policy_documents())
def test_a_policy_is_read_back_as_it_was_written(found: Document) -> None:
    read = read_policy(found)
    assert read_policy(read.document()) == read
    assert read_policy(read.document()).document() == read.document()
    assert read_policy(read.document()).digest == read.digest


def test_values_keep_their_types() -> None:
    values = [True, 1, 1.5, "1", False, 0, ""]
    of = policy(*(rule(f"r{n}", A, leaf("a", "eq", value)) for n, value in enumerate(values)))
    kept = [one["when"]["value"] for one in of.document()["rules"]]
    assert [(type(value), value) for value in kept] == [(type(value), value) for value in values]


# --- digests ----------------------------------------------------------------------------


def test_the_digest_is_that_of_the_content_not_of_the_order_of_members() -> None:
    assert read_policy(dict(reversed(DOCUMENT.items()))).digest == single(ONE).digest
    assert single(OTHER).digest != single(ONE).digest


def test_the_digest_is_that_of_the_order_of_rules() -> None:
    one, other = rule("one", A, leaf("a", "present")), rule("other", B, leaf("b", "present"))
    assert policy(one, other).digest != policy(other, one).digest


def test_the_digest_is_that_of_the_moment_not_of_its_time_zone() -> None:
    here = rule("r", A, schedule={"from": "2026-07-01T02:00:00+02:00"})
    there = rule("r", A, schedule={"from": "2026-07-01T00:00:00Z"})
    assert policy(here).digest == policy(there).digest


def test_the_digest_never_changes_between_versions_of_twinline() -> None:
    """Deployments keep it, so another way to take it would disown the history."""
    form = f'{{"default":{{"bundle":"{ONE}"}},"schema":"routing-policy/1"}}'
    assert single(ONE).digest == sha256(form.encode()).hexdigest()


FULL_DIGEST = "dab974fa6f4e18f0e153350918b1636d2ee24a3061941d4bab523ee9d2ea9387"


def test_nor_does_that_of_a_full_document() -> None:
    assert read_policy(FULL).digest == FULL_DIGEST


UNKEPT = {
    "integer-that-no-double-is-equal-to": 2**53 + 1,
    "integer-beyond-double": 10**400,
    "lone-surrogate": "\ud800",
}


@pytest.mark.parametrize("value", UNKEPT.values(), ids=UNKEPT)
def test_a_value_that_json_cannot_carry_is_refused_when_it_is_read(value: Any) -> None:
    """Later there would be a policy without a digest."""
    with pytest.raises(Invalid, match=r"rules\.0\.when\.value: "):
        policy(rule("r", A, leaf("a", "eq", value)))
    with pytest.raises(Invalid, match=r"rules\.0\.when\.value: "):
        policy(rule("r", A, leaf("a", "in", [value])))


# --- bundles ----------------------------------------------------------------------------


def test_every_place_of_a_bundle_is_named() -> None:
    assert list(read_policy(FULL).places()) == [
        ("default.bundle", E),
        ("rules.0.serve.bundle (regulated)", B),
        ("rules.1.serve.bundle (dq-low)", C),
        ("rules.2.serve.bundle (summer)", D),
        ("rules.3.serve.split (canary, arm control)", A),
        ("rules.3.serve.split (canary, arm canary)", B),
        ("fallback.0", C),
        ("fallback.1", ONE),
        ("shadow.0.bundle", OTHER),
    ]


def test_every_bundle_is_named_once_the_default_first() -> None:
    assert read_policy(FULL).bundles() == (E, B, C, D, A, ONE, OTHER)


@given(policies())
def test_bundles_are_those_of_the_places_each_once(of: Policy) -> None:
    named = [bundle for _, bundle in of.places()]
    assert of.bundles()[0] == of.default.bundle
    assert set(of.bundles()) == set(named)
    assert len(set(of.bundles())) == len(of.bundles())
    assert list(of.bundles()) == sorted(set(named), key=named.index)


@given(policies())
def test_no_bundle_of_the_document_is_in_no_place(of: Policy) -> None:
    def found(value: Any) -> list[str]:
        match value:
            case dict():
                return [text for member in value.values() for text in found(member)]
            case list():
                return [text for item in value for text in found(item)]
            case str() if value.startswith("bundles:/"):
                return [value]
            case _:
                return []

    assert sorted(found(of.document())) == sorted(str(bundle) for _, bundle in of.places())


@given(bundles(), bundles())
def test_what_is_put_in_a_bundle_s_place_is_served_instead(
    before: BundleRef, after: BundleRef
) -> None:
    assert substitute(single(before), {before: after}.__getitem__) == single(after)


@given(policies())
def test_a_bundle_put_in_its_own_place_changes_nothing(of: Policy) -> None:
    same = substitute(of, lambda old: old)
    assert same == of
    assert same.digest == of.digest


@given(policies())
def test_bundles_are_put_in_every_place_in_order_and_nothing_else_changes(of: Policy) -> None:
    numbers = count()
    put = [BundleRef(f"{number:064x}") for number in range(100)]
    changed = substitute(of, lambda _old: put[next(numbers)])
    assert [place for place, _ in changed.places()] == [place for place, _ in of.places()]
    assert sorted(bundle.digest for _, bundle in changed.places()) == [
        bundle.digest for bundle in put[: len(list(of.places()))]
    ]
    back = dict(
        zip((one for _, one in changed.places()), (one for _, one in of.places()), strict=True)
    )
    assert substitute(changed, back.__getitem__) == of
    assert read_policy(changed.document()) == changed


@given(policies())
def test_to_put_twice_is_to_put_the_second_of_the_first(of: Policy) -> None:
    def first(bundle: BundleRef) -> BundleRef:
        return BundleRef(sha256(bundle.digest.encode()).hexdigest())

    def second(bundle: BundleRef) -> BundleRef:
        return BundleRef(bundle.digest[::-1])

    assert substitute(substitute(of, first), second) == substitute(
        of, lambda old: second(first(old))
    )


# --- splits -----------------------------------------------------------------------------

OTHER_SPLIT = split_document("other", all=[[0, 100_000]])
TWO_SPLITS = policy(rule("one", SPLIT), rule("plain", B), rule("two", OTHER_SPLIT), unit=UNIT)


def test_the_splits_are_told_with_their_rules() -> None:
    assert [(rule.id, split.salt) for rule, split in TWO_SPLITS.splits()] == [
        ("one", "salt"),
        ("two", "other"),
    ]


def test_a_split_is_found_by_its_rule_and_the_only_one_without() -> None:
    found, its = split_of(TWO_SPLITS, "two")
    assert (found.id, its.salt) == ("two", "other")
    found, its = split_of(read_policy(FULL), None)
    assert (found.id, its.salt) == ("canary", "salt")


NO_SPLIT: dict[str, tuple[Policy, str | None, str]] = {
    "several": (TWO_SPLITS, None, "one, two"),
    "no-such-rule": (TWO_SPLITS, "three", "one, two"),
    "rule-without-one": (TWO_SPLITS, "plain", "one, two"),
    "none-at-all": (single(ONE), None, "none"),
}


@pytest.mark.parametrize(("of", "rule_id", "known"), NO_SPLIT.values(), ids=NO_SPLIT)
def test_a_split_that_is_not_there_is_refused_with_those_that_are(
    of: Policy, rule_id: str | None, known: str
) -> None:
    with pytest.raises(Invalid) as refused:
        split_of(of, rule_id)
    assert refused.value.detail.endswith(f"those of the live policy: {known}.")
    assert refused.value.fields == {"field": "rule", "value": rule_id}


def test_another_split_is_put_into_its_rule_alone() -> None:
    put = split("salt", control=[[0, 80_000]], canary=[[80_000, 100_000]])
    changed = with_split(TWO_SPLITS, "one", put)
    assert split_of(changed, "one")[1] == put
    expected = TWO_SPLITS.document()
    expected["rules"][0]["serve"]["split"] = put.model_dump(mode="json")
    assert changed.document() == expected
    assert with_split(changed, "one", split_of(TWO_SPLITS, "one")[1]) == TWO_SPLITS


# --- salts ------------------------------------------------------------------------------


def _unsalted(**members: Any) -> Document:
    return {name: part for name, part in SPLIT.items() if name != "salt"} | members


def salts(of: Policy) -> list[str]:
    """The salt of each split."""
    return [split.salt for _, split in of.splits()]


def _new_salts() -> Any:
    numbers = count(1)
    return lambda: f"new-{next(numbers)}"


LIVE = document(rule("one", SPLIT), rule("plain", B), unit=UNIT)
COMPLETED: dict[str, tuple[Document, Document | None, list[str]]] = {
    "nothing-live": (document(rule("one", _unsalted()), unit=UNIT), None, ["new-1"]),
    "kept-by-the-rule": (document(rule("one", _unsalted()), unit=UNIT), LIVE, ["salt"]),
    "another-rule": (document(rule("other", _unsalted()), unit=UNIT), LIVE, ["new-1"]),
    "rule-that-had-no-split": (document(rule("plain", _unsalted()), unit=UNIT), LIVE, ["new-1"]),
    "several": (
        document(*(rule(id, _unsalted()) for id in ("a", "one", "b")), unit=UNIT),
        LIVE,
        ["new-1", "salt", "new-2"],
    ),
    "said-as-it-is": (document(rule("one", SPLIT), unit=UNIT), LIVE, ["salt"]),
    "said-for-another-rule": (document(rule("other", OTHER_SPLIT), unit=UNIT), LIVE, ["other"]),
    "said-with-nothing-live": (document(rule("one", SPLIT), unit=UNIT), None, ["salt"]),
    "no-split": (document(rule("one", B)), LIVE, []),
    "no-rules": (DOCUMENT, LIVE, []),
}


@pytest.mark.parametrize(("found", "live", "expected"), COMPLETED.values(), ids=COMPLETED)
def test_a_split_keeps_its_salt_and_a_new_one_gets_a_new_one(
    found: Document, live: Document | None, expected: list[str]
) -> None:
    assert salts(complete(found, live, _new_salts())) == expected


@given(policies())
def test_a_policy_with_its_salts_is_completed_to_itself(of: Policy) -> None:
    assert complete(of.document(), None, _new_salts()) == of
    assert complete(of.document(), of.document(), _new_salts()) == of


def test_completing_leaves_the_document_as_it_was() -> None:
    found = document(rule("one", _unsalted()), unit=UNIT)
    before = repr(found)
    complete(found, LIVE, _new_salts())
    assert repr(found) == before


def test_another_salt_for_a_split_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        complete(document(rule("one", OTHER_SPLIT), unit=UNIT), LIVE, _new_salts())
    assert "rule 'one' has the salt 'salt'; with 'other'" in refused.value.detail
    assert refused.value.fields == {"field": "policy", "rule": "one"}


INCOMPLETE: dict[str, tuple[Any, str]] = {
    "no-object": ([], "policy: Input should be"),
    "rules-text": ({**DOCUMENT, "rules": "x"}, "rules: Input should be"),
    "rule-text": ({**DOCUMENT, "rules": ["x"]}, "rules.0: Input should be"),
    "id-missing": (
        {**document(unit=UNIT), "rules": [{"serve": {"split": _unsalted()}}]},
        "rules.0.id: Field required",
    ),
    "split-text": (document({"id": "r", "serve": {"split": "x"}}), "rules.0.serve.split: Input"),
    "salt-null": (document(rule("one", _unsalted(salt=None))), "rules.0.serve.split.salt: Input"),
    "salt-empty": (document(rule("one", _unsalted(salt=""))), "rules.0.serve.split.salt: String"),
    "arms-missing": (document(rule("one", {})), "rules.0.serve.split.arms: Field required"),
    # What else is wrong is not lost on the way.
    "bundle-beside-the-split": (
        document({"id": "one", "serve": {"split": _unsalted(), "bundle": str(A)}}, unit=UNIT),
        "rules.0.serve.bundle: Extra inputs",
    ),
}


@pytest.mark.parametrize(("found", "problem"), INCOMPLETE.values(), ids=INCOMPLETE)
def test_what_is_wrong_besides_the_salt_is_refused_as_ever(found: Any, problem: str) -> None:
    with pytest.raises(Invalid) as refused:
        complete(found, LIVE, _new_salts())
    assert problem in refused.value.detail


# --- frozen -----------------------------------------------------------------------------


def test_a_policy_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        single(ONE).default = Serve(bundle=OTHER)  # pyright: ignore[reportAttributeAccessIssue] -- tested
    with pytest.raises(ValueError, match="frozen"):
        read_policy(FULL).rules[0].pin = False  # pyright: ignore[reportAttributeAccessIssue] -- tested


def test_a_condition_may_be_nested_so_deep_and_no_deeper() -> None:
    def nested(levels: int) -> dict[str, Any]:
        inner: dict[str, Any] = {"attr": "a", "op": "present"}
        for level in range(levels - 1):
            inner = {("all", "any")[level % 2]: [inner]}
        rule = {"id": "deep", "when": inner, "serve": {"bundle": str(ONE)}}
        return {**DOCUMENT, "rules": [rule]}

    deepest = compile_policy(read_policy(nested(DEPTH_MAX)), lambda choice: choice)
    assert deepest({"a": 1}, 0).made.rule == "deep"
    assert deepest({}, 0).made.rule is None
    with pytest.raises(Invalid, match="the condition of rule 'deep' is nested too deep"):
        read_policy(nested(DEPTH_MAX + 1))


def test_a_policy_compares_so_often_and_no_oftener() -> None:
    def comparing(times: int) -> dict[str, Any]:
        many = [{"attr": f"a{number}", "op": "eq", "value": number} for number in range(times)]
        rule = {"id": "many", "when": {"any": many}, "serve": {"bundle": str(ONE)}}
        return {**DOCUMENT, "rules": [rule]}

    most = compile_policy(read_policy(comparing(LEAVES_MAX)), lambda choice: choice)
    assert most({f"a{LEAVES_MAX - 1}": LEAVES_MAX - 1}, 0).made.rule == "many"
    with pytest.raises(Invalid, match="compare 2,001 times in all, more than 2,000"):
        read_policy(comparing(LEAVES_MAX + 1))
