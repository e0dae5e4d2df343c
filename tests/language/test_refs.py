"""References: one parser and one formatter, each the inverse of the other."""

from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from tests.strategies import REFS, any_text
from twinline.language.errors import InvalidReference
from twinline.language.refs import (
    BundleRef,
    CustomRef,
    DatasetRef,
    DecisionRef,
    DeploymentRef,
    EvaluationRef,
    InferenceRef,
    ModelAliasRef,
    ModelVersionRef,
    PromptLabelRef,
    PromptVersionRef,
    Ref,
    RunRef,
    SlotRef,
    parse_ref,
)

ID = UUID("01978f6e-5c3a-7b10-8a2e-2f9c0d1e4b5a")
SLOT = SlotRef("support-answer", "production")

FORMS = {
    "prompts:/support/answer/7": PromptVersionRef("support/answer", 7),
    "prompts:/support/answer@production": PromptLabelRef("support/answer", "production"),
    "models:/churn/3": ModelVersionRef("churn", 3),
    "evaluations:/41": EvaluationRef(41),
    "nodes:/vector-index/tickets/2026": CustomRef("vector-index", "tickets/2026"),
    "models:/a/7/3": ModelVersionRef("a/7", 3),
    "models:/a@b/3": ModelVersionRef("a@b", 3),
    "models:/churn@champion": ModelAliasRef("churn", "champion"),
    "models:/a@b@champion": ModelAliasRef("a@b", "champion"),
    "models:/a/3@champion": ModelAliasRef("a/3", "champion"),
    "runs:/9d2c67": RunRef("9d2c67"),
    "datasets:/tickets/5e1f": DatasetRef("tickets", "5e1f"),
    "datasets:/raw/tickets/7": DatasetRef("raw/tickets", "7"),
    "bundles:/3f9a1c22b1d0": BundleRef("3f9a1c22b1d0"),
    "routes:/support-answer@production": SLOT,
    "deployments:/support-answer@production/12": DeploymentRef(SLOT, 12),
    f"inferences:/{ID}": InferenceRef(ID),
    "decisions:/loan-4711": DecisionRef("loan-4711"),
    "decisions:/eu/loans/7": DecisionRef("eu/loans/7"),
}

REFUSED = {
    "empty": "",
    "no-scheme": "support/answer/7",
    "unknown-scheme": "prompt:/answer/7",
    "scheme-alone": "prompts:/",
    "scheme-in-capitals": "Prompts:/answer/7",
    "two-slashes": "prompts://answer/7",
    "space-before": " prompts:/answer/7",
    "newline-after": "prompts:/answer/7\n",
    "prompt-without-version": "prompts:/answer",
    "prompt-version-0": "prompts:/answer/0",
    "prompt-version-with-leading-zero": "prompts:/answer/07",
    "prompt-version-negative": "prompts:/answer/-1",
    "prompt-version-beyond-nine-digits": "prompts:/answer/1234567890",
    "prompt-version-in-other-digits": "prompts:/answer/٣",
    "prompt-name-empty": "prompts:/7",
    "prompt-name-ends-in-digits": "prompts:/answer/7/8",
    "prompt-name-ends-in-a-part-of-our-urls": "prompts:/answer/versions/8",
    "prompt-name-with-empty-folder": "prompts:/support//answer/7",
    "prompt-name-with-space": "prompts:/support answer/7",
    "prompt-name-beyond-200": f"prompts:/{'a' * 201}/7",
    "label-empty": "prompts:/answer@",
    "label-of-digits": "prompts:/answer@7",
    "label-with-slash": "prompts:/answer@a/b",
    "label-without-name": "prompts:/@production",
    "model-without-version": "models:/churn",
    "model-name-with-control-character": "models:/ch\x07urn/3",
    "model-name-with-lone-surrogate": "models:/\ud800/3",
    "model-alias-of-digits": "models:/churn@3",
    "run-with-folder": "runs:/a/b",
    "run-empty": "runs:/",
    "run-beyond-500": f"runs:/{'a' * 501}",
    "dataset-without-digest": "datasets:/tickets",
    "dataset-digest-empty": "datasets:/tickets/",
    "bundle-of-eleven-characters": "bundles:/3f9a1c22b1d",
    "bundle-of-65-characters": f"bundles:/{'a' * 65}",
    "bundle-in-capitals": "bundles:/3F9A1C22B1D0",
    "slot-without-environment": "routes:/support-answer",
    "slot-without-route": "routes:/@production",
    "slot-environment-in-capitals": "routes:/support-answer@Production",
    "deployment-without-number": "deployments:/support-answer@production",
    "deployment-0": "deployments:/support-answer@production/0",
    "deployment-without-slot": "deployments:/12",
    "deployment-without-environment": "deployments:/support-answer/12",
    "inference-no-uuid": "inferences:/12",
    "inference-in-capitals": f"inferences:/{str(ID).upper()}",
    "inference-without-dashes": f"inferences:/{ID.hex}",
    "inference-in-braces": f"inferences:/{{{ID}}}",
    "decision-empty": "decisions:/",
    "decision-with-newline": "decisions:/loan\n4711",
}


@pytest.mark.parametrize(("text", "ref"), FORMS.items(), ids=FORMS)
def test_every_form_is_read_and_written_as_documented(text: str, ref: Ref) -> None:
    assert parse_ref(text) == ref
    assert str(ref) == text


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_is_no_reference_is_refused_and_named(text: str) -> None:
    with pytest.raises(InvalidReference) as refused:
        parse_ref(text)
    assert refused.value.fields["value"] == text
    assert repr(text) in refused.value.detail


def test_every_kind_of_reference_has_a_strategy() -> None:
    assert set(REFS) == set(Ref.__subclasses__())


@pytest.mark.parametrize("kind", REFS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_reading_is_the_inverse_of_writing(kind: type[Ref], data: st.DataObject) -> None:
    ref = data.draw(REFS[kind])
    assert parse_ref(str(ref)) == ref
    assert kind.parse(str(ref)) == ref


@given(
    st.sampled_from(sorted({kind.scheme for kind in REFS})),
    st.text("a0127f@/._-: \n", max_size=20) | any_text(),
)
def test_writing_is_the_inverse_of_reading(scheme: str, rest: str) -> None:
    """Whatever is read at all is written again as it was: there is one spelling of each."""
    text = f"{scheme}:/{rest}"
    try:
        ref = parse_ref(text)
    except InvalidReference:
        return
    assert str(ref) == text


@given(any_text() | st.from_regex(r"(prompts|models|routes|inferences):/[\w@/.-]*"))
def test_nothing_but_invalid_reference_is_raised(text: str) -> None:
    for kind in (Ref, *REFS):
        with suppress(InvalidReference):
            assert isinstance(kind.parse(text), kind)


@pytest.mark.parametrize("kind", REFS, ids=lambda kind: kind.__name__)
def test_an_example_is_of_its_own_kind(kind: type[Ref]) -> None:
    assert isinstance(parse_ref(kind.example), kind)
    assert kind.example.startswith(f"{kind.scheme}:/")


def test_a_reference_of_another_kind_is_refused_with_the_form_that_was_expected() -> None:
    with pytest.raises(InvalidReference, match=r"not of the form models:/churn/3") as refused:
        ModelVersionRef.parse("prompts:/answer/7")
    assert refused.value.fields["expected"] == "models:/churn/3"


def test_a_slot_is_read_with_or_without_its_scheme() -> None:
    assert SlotRef.parse("support-answer@production") == SLOT
    assert SlotRef.parse("routes:/support-answer@production") == SLOT
    assert SLOT.short == "support-answer@production"


def test_a_bundle_is_read_with_or_without_its_scheme() -> None:
    assert BundleRef.parse("3f9a1c22b1d0") == BundleRef("3f9a1c22b1d0")
    assert BundleRef.parse("bundles:/3f9a1c22b1d0") == BundleRef("3f9a1c22b1d0")
    with pytest.raises(InvalidReference, match="not of the form bundles:/"):
        BundleRef.parse("routes:/a@b")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("prompts", "is no reference; one begins with prompts:/, m", id="scheme"),
        pytest.param("prompts:/answer", "is not of the form prompts:/support/answer/7", id="form"),
        pytest.param("models:/@a", "is not of the form models:/churn/3", id="form-of-a-model"),
        pytest.param("routes:/@dev", "is not of the form routes:/support-answer@p", id="slot"),
        pytest.param("prompts:/a/7/8", "may not end in '7': that is read as", id="name"),
        pytest.param("inferences:/12", "badly formed hexadecimal UUID string", id="uuid"),
    ],
)
def test_the_error_says_in_one_line_what_was_expected(text: str, words: str) -> None:
    with pytest.raises(InvalidReference) as refused:
        parse_ref(text)
    assert words in refused.value.detail
    assert "\n" not in refused.value.detail


class Holder(BaseModel):
    model: ModelVersionRef | ModelAliasRef


def test_in_a_record_a_reference_is_its_text() -> None:
    held = Holder.model_validate_json('{"model": "models:/churn@champion"}')
    assert held.model == ModelAliasRef("churn", "champion")
    assert held.model_dump(mode="json") == {"model": "models:/churn@champion"}
    assert Holder(model=ModelVersionRef("churn", 3)).model == ModelVersionRef("churn", 3)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param(7, "a reference is a string", id="number"),
        pytest.param("models:/churn", "is not of the form", id="no-reference"),
        pytest.param("prompts:/answer/7", "is not of the form models:/churn/3", id="other-kind"),
    ],
)
def test_in_a_record_what_is_no_reference_is_a_validation_error(
    value: object, message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        TypeAdapter(ModelVersionRef).validate_python(value)


def test_the_schema_of_a_reference_is_a_string_with_an_example() -> None:
    assert TypeAdapter(BundleRef).json_schema() == {
        "type": "string",
        "title": "BundleRef",
        "description": "`bundles:/DIGEST`; 12 characters of the digest are enough to ask.",
        "examples": ["bundles:/9f86d081884c"],
    }
