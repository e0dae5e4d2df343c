"""A policy picks a bundle for a context: the same one for the same context, always."""

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import bundles, json_objects
from twinline.language.errors import Invalid
from twinline.language.refs import BundleRef
from twinline.routing.policy import (
    SCHEMA,
    Choice,
    Policy,
    evaluate,
    read_policy,
    single,
    substitute,
)

ONE = BundleRef("1" * 64)
OTHER = BundleRef("2" * 64)
DOCUMENT = {"schema": "routing-policy/1", "default": {"bundle": f"bundles:/{'1' * 64}"}}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "empty": ({}, "default: Field required"),
    "default-missing": ({"schema": SCHEMA}, "default: Field required"),
    "another-schema": ({**DOCUMENT, "schema": "routing-policy/2"}, "schema: Input should be"),
    "schema-null": ({**DOCUMENT, "schema": None}, "schema: Input should be"),
    "unknown-member": ({**DOCUMENT, "rules": []}, "rules: Extra inputs"),
    "schema-by-its-python-name": ({**DOCUMENT, "schema_": SCHEMA}, "schema_: Extra inputs"),
    "unknown-member-inside": (
        {**DOCUMENT, "default": {"bundle": str(ONE), "weight": 1}},
        "default.weight: Extra inputs",
    ),
    "default-is-text": ({**DOCUMENT, "default": str(ONE)}, "default: Input should be"),
    "bundle-missing": ({**DOCUMENT, "default": {}}, "default.bundle: Field required"),
    "bundle-is-no-reference": (
        {**DOCUMENT, "default": {"bundle": "support/answer"}},
        "default.bundle: 'bundles:/support/answer' is not of the form bundles:/",
    ),
    "bundle-of-another-kind": (
        {**DOCUMENT, "default": {"bundle": "models:/churn/3"}},
        "default.bundle: 'models:/churn/3' is not of the form bundles:/",
    ),
    "no-object": ([], "policy: Input should be"),  # pyright: ignore[reportAssignmentType] -- so
}


@pytest.mark.parametrize(("document", "place"), REFUSED.values(), ids=REFUSED)
def test_a_document_of_another_form_is_refused_at_its_place(
    document: dict[str, Any], place: str
) -> None:
    with pytest.raises(Invalid) as refused:
        read_policy(document)
    assert refused.value.detail.startswith("This is no routing-policy/1 policy: ")
    assert place in refused.value.detail
    assert refused.value.fields == {"field": "policy"}


def test_the_policy_for_one_bundle_serves_it_to_everybody() -> None:
    policy = single(ONE)
    assert policy.document() == DOCUMENT
    assert policy.bundles() == (ONE,)


@given(bundles())
def test_a_policy_is_read_back_as_it_was_written(bundle: BundleRef) -> None:
    policy = single(bundle)
    assert read_policy(policy.document()) == policy
    assert read_policy(policy.document()).digest == policy.digest


def test_the_digest_is_that_of_the_content_not_of_the_order_of_members() -> None:
    assert read_policy(dict(reversed(DOCUMENT.items()))).digest == single(ONE).digest
    assert single(OTHER).digest != single(ONE).digest


def test_the_digest_never_changes_between_versions_of_twinline() -> None:
    """Deployments keep it, so another way to take it would disown the history."""
    form = f'{{"default":{{"bundle":"{ONE}"}},"schema":"routing-policy/1"}}'
    assert single(ONE).digest == sha256(form.encode()).hexdigest()


@given(bundles(), json_objects())
def test_without_rules_every_context_gets_the_default(
    bundle: BundleRef, context: dict[str, Any]
) -> None:
    assert evaluate(single(bundle), context) == Choice(bundle, reason="default")


@given(bundles(), json_objects())
def test_the_same_context_gets_the_same_choice(bundle: BundleRef, context: dict[str, Any]) -> None:
    again = read_policy(single(bundle).document())
    assert evaluate(single(bundle), context) == evaluate(again, dict(context))


@given(bundles(), bundles())
def test_what_is_put_in_a_bundle_s_place_is_served_instead(
    before: BundleRef, after: BundleRef
) -> None:
    policy = substitute(single(before), {before: after}.__getitem__)
    assert policy.bundles() == (after,)
    assert policy == single(after)


@given(bundles())
def test_a_bundle_put_in_its_own_place_changes_nothing(bundle: BundleRef) -> None:
    policy = single(bundle)
    assert substitute(policy, lambda old: old) == policy


@given(st.lists(bundles(), min_size=1, max_size=3))
def test_every_bundle_that_can_be_chosen_is_named(known: list[BundleRef]) -> None:
    for bundle in known:
        policy = single(bundle)
        assert evaluate(policy, {}).bundle in policy.bundles()


def test_a_policy_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        single(ONE).default = single(OTHER).default  # pyright: ignore[reportAttributeAccessIssue] -- tested
    assert isinstance(single(ONE), Policy)
