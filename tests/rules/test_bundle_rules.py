"""A bundle is its content: both sides by name and content, and the parameters."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given

from tests.strategies import json_objects
from twinline.bundles.rules import pair_digest, served, unresolved_digest
from twinline.language.records import Bundle, ModelVersion, PromptVersion, Variable
from twinline.language.refs import BundleRef, ModelVersionRef, PromptVersionRef

AT = datetime(2026, 7, 1, tzinfo=UTC)
MODEL = ModelVersion(
    ref=ModelVersionRef("churn", 3), name="churn", number=3, source="mlflow",
    source_uri="models:/m-1", pinned=True, digest="1" * 64, run=None, params={}, metrics={},
    tags={}, aliases=(), created_at=AT,
)  # fmt: skip
PROMPT = PromptVersion(
    ref=PromptVersionRef("answer", 7), name="answer", number=7, kind="text",
    template="Answer {{ question }}", variables=(Variable(name="question"),),
    parameters={"tools": []}, digest="2" * 64, message="shorter", author="ana", created_at=AT,
)  # fmt: skip
PARAMETERS = {"temperature": 0.2, "seed": 7}
DIGEST = pair_digest(MODEL, PROMPT, PARAMETERS)

OTHERS = {
    "model-number": (MODEL.model_copy(update={"ref": ModelVersionRef("churn", 4)}), PROMPT),
    "model-name": (MODEL.model_copy(update={"ref": ModelVersionRef("loans", 3)}), PROMPT),
    "model-content": (MODEL.model_copy(update={"digest": "3" * 64}), PROMPT),
    "prompt-number": (MODEL, PROMPT.model_copy(update={"ref": PromptVersionRef("answer", 8)})),
    "prompt-name": (MODEL, PROMPT.model_copy(update={"ref": PromptVersionRef("reply", 7)})),
    "prompt-content": (MODEL, PROMPT.model_copy(update={"digest": "3" * 64})),
    "contents-exchanged": (
        MODEL.model_copy(update={"digest": PROMPT.digest}),
        PROMPT.model_copy(update={"digest": MODEL.digest}),
    ),
}

SAME = {
    "tags": (MODEL.model_copy(update={"tags": {"owner": "ana"}}), PROMPT),
    "aliases": (MODEL.model_copy(update={"aliases": ("champion",)}), PROMPT),
    "metrics": (MODEL.model_copy(update={"metrics": {"auc": 0.9}}), PROMPT),
    "labels": (MODEL, PROMPT.model_copy(update={"labels": ("production",)})),
    "message": (MODEL, PROMPT.model_copy(update={"message": "longer"})),
    "time": (MODEL, PROMPT.model_copy(update={"created_at": AT.replace(year=2027)})),
}


@pytest.mark.parametrize(("model", "prompt"), OTHERS.values(), ids=OTHERS)
def test_another_pair_has_another_digest(model: ModelVersion, prompt: PromptVersion) -> None:
    assert pair_digest(model, prompt, PARAMETERS) != DIGEST


@pytest.mark.parametrize(("model", "prompt"), SAME.values(), ids=SAME)
def test_what_is_not_content_does_not_change_the_digest(
    model: ModelVersion, prompt: PromptVersion
) -> None:
    assert pair_digest(model, prompt, PARAMETERS) == DIGEST


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({}, id="none"),
        pytest.param({"temperature": 0.2}, id="one-missing"),
        pytest.param({**PARAMETERS, "seed": 8}, id="one-changed"),
        pytest.param({**PARAMETERS, "top_p": None}, id="one-more"),
    ],
)
def test_other_parameters_are_another_bundle(parameters: dict[str, Any]) -> None:
    assert pair_digest(MODEL, PROMPT, parameters) != DIGEST


@given(json_objects())
def test_the_same_pair_has_the_same_digest_whatever_the_order(parameters: dict[str, Any]) -> None:
    again = dict(reversed(parameters.items()))
    assert pair_digest(MODEL, PROMPT, parameters) == pair_digest(MODEL, PROMPT, again)


def test_the_digest_never_changes_between_versions_of_twinline() -> None:
    """Bundles are known by it, so another way to take it would make every pair a new one."""
    pair = (
        f'{{"model":{{"digest":"{MODEL.digest}","ref":"models:/churn/3"}},'
        '"parameters":{"seed":7,"temperature":0.2},'
        f'"prompt":{{"digest":"{PROMPT.digest}","ref":"prompts:/answer/7"}},'
        '"schema":"bundle/1"}'
    )
    assert sha256(pair.encode()).hexdigest() == DIGEST
    unresolved = b'{"schema":"unresolved/1","words":{"model":"gpt","prompt":null}}'
    words = {"model": "gpt", "prompt": None}
    assert unresolved_digest(words) == sha256(unresolved).hexdigest()


@given(json_objects(), json_objects())
def test_the_same_words_are_one_unresolved_bundle(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert unresolved_digest(one) == unresolved_digest(dict(reversed(one.items())))
    assert one == other or unresolved_digest(one) != unresolved_digest(other)


@given(json_objects())
def test_no_words_make_an_unresolved_bundle_that_is_a_pair(words: dict[str, Any]) -> None:
    assert unresolved_digest(words) != pair_digest(MODEL, PROMPT, words)


def test_an_application_gets_all_that_it_needs_to_answer() -> None:
    bundle = Bundle(
        ref=BundleRef(DIGEST), digest=DIGEST, kind="pair", model=MODEL.ref, prompt=PROMPT.ref,
        parameters=PARAMETERS, words=None, created_at=AT,
    )  # fmt: skip
    assert served(bundle, MODEL, PROMPT).model_dump(mode="json") == {
        "ref": f"bundles:/{DIGEST}",
        "model": {
            "ref": "models:/churn/3",
            "uri": "models:/m-1",
            "pinned": True,
            "parameters": {"temperature": 0.2, "seed": 7},
        },
        "prompt": {
            "ref": "prompts:/answer/7",
            "kind": "text",
            "template": "Answer {{ question }}",
            "syntax": "twinline",
            "variables": [
                {
                    "name": "question",
                    "type": None,
                    "required": True,
                    "default": None,
                    "description": "",
                    "declared_in": None,
                }
            ],
            "examples": [],
            "includes": [],
            "parameters": {"tools": []},
        },
    }
