"""What a request may say: its members judged together, and moments kept in UTC."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, ValidationError

from twinline.language.records import (
    ApiKey,
    ExecuteRecall,
    NewDeployment,
    NewInference,
    NewKey,
    NewOutcome,
    NewPromptVersion,
    NewRecall,
    Reason,
    RollbackRequest,
    Service,
)

BUNDLE = "bundles:/9f86d081884c"
NOTHING = Service(
    requests=0, errors=0, decision_requests=0, latency_ms=None, input_tokens=0, output_tokens=0,
    cost_usd=0, scored=0, score=None, first_at=None, last_at=None,
)  # fmt: skip

TAKEN: dict[str, tuple[type[BaseModel], dict[str, Any]]] = {
    "deploy-a-bundle": (NewDeployment, {"bundle": BUNDLE, "reason": "why"}),
    "deploy-a-policy": (NewDeployment, {"policy": {}, "reason": "why"}),
    "roll-back-either-side": (RollbackRequest, {"side": "model", "reason": "why"}),
    "roll-back-both": (RollbackRequest, {"side": "both", "reason": "why"}),
    "roll-back-to-a-prompt": (
        RollbackRequest,
        {"side": "prompt", "to": "prompts:/answer/1", "reason": "why"},
    ),
    "roll-back-to-a-model": (
        RollbackRequest,
        {"side": "model", "to": "models:/churn/1", "reason": "why"},
    ),
    "inference-by-bundle": (NewInference, {"bundle": BUNDLE}),
    "inference-by-model-and-prompt": (NewInference, {"model": "gpt", "prompt": "answer"}),
    "inference-by-model-alone": (NewInference, {"model": "gpt"}),
    "inference-by-prompt-alone": (NewInference, {"prompt": "answer"}),
    "inference-under-a-deployment": (
        NewInference,
        {"bundle": BUNDLE, "slot": "answer@dev", "deployment": 1},
    ),
    "outcome-with-a-measure": (NewOutcome, {"score": 0}),
    "prompt-with-a-label": (
        NewPromptVersion,
        {"name": "answer", "template": "x", "labels": ["production"]},
    ),
}

REFUSED: dict[str, tuple[type[BaseModel], dict[str, Any], str]] = {
    "deploy-nothing": (NewDeployment, {"reason": "why"}, "either bundle or policy"),
    "deploy-bundle-and-policy": (
        NewDeployment,
        {"bundle": BUNDLE, "policy": {}, "reason": "why"},
        "either bundle or policy",
    ),
    "deploy-without-reason": (NewDeployment, {"bundle": BUNDLE}, "reason"),
    "roll-back-prompt-to-a-model": (
        RollbackRequest,
        {"side": "prompt", "to": "models:/churn/1", "reason": "why"},
        "version of the side that goes back",
    ),
    "roll-back-model-to-a-prompt": (
        RollbackRequest,
        {"side": "model", "to": "prompts:/answer/1", "reason": "why"},
        "version of the side that goes back",
    ),
    "roll-back-both-to-one-version": (
        RollbackRequest,
        {"side": "both", "to": "prompts:/answer/1", "reason": "why"},
        "version of the side that goes back",
    ),
    "recall-without-reason": (NewRecall, {"node": "runs:/r"}, "reason"),
    "execution-of-no-plan": (ExecuteRecall, {"reason": "why", "plan": "newest"}, "plan"),
    "execution-of-another-kind": (
        ExecuteRecall,
        {"reason": "why", "plan": "0" * 64, "unsafe": "ignore"},
        "unsafe",
    ),
    "inference-without-a-pair": (NewInference, {"trace_id": "t"}, "name the pair"),
    "inference-by-bundle-and-model": (
        NewInference,
        {"bundle": BUNDLE, "model": "gpt"},
        "name the pair",
    ),
    "deployment-without-slot": (
        NewInference,
        {"bundle": BUNDLE, "deployment": 1},
        "`deployment` needs `slot`",
    ),
    "outcome-that-says-nothing": (NewOutcome, {"source": "judge"}, "at least one measure"),
    "outcome-with-unknown-member": (NewOutcome, {"score": 1, "stars": 5}, "stars"),
    "score-beyond-1": (NewOutcome, {"score": 1.1}, "less than or equal to 1"),
    "latency-nan": (NewOutcome, {"latency_ms": float("nan")}, "finite"),
    "latency-negative": (NewOutcome, {"latency_ms": -1}, "greater than or equal to 0"),
    "label-of-ours": (
        NewPromptVersion,
        {"name": "answer", "template": "x", "labels": ["latest"]},
        "kept by the system",
    ),
    "template-empty": (NewPromptVersion, {"name": "answer", "template": ""}, "template"),
    "chat-empty": (NewPromptVersion, {"name": "answer", "template": []}, "template"),
}


@pytest.mark.parametrize(("kind", "members"), TAKEN.values(), ids=TAKEN)
def test_these_requests_are_taken(kind: type[BaseModel], members: dict[str, Any]) -> None:
    assert kind.model_validate(members).model_fields_set == set(members)


@pytest.mark.parametrize(("kind", "members", "reason"), REFUSED.values(), ids=REFUSED)
def test_these_requests_are_refused(
    kind: type[BaseModel], members: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        kind.model_validate(members)


def test_a_template_s_shape_says_its_kind() -> None:
    chat = [{"role": "user", "content": "x"}, {"type": "placeholder", "name": "history"}]
    assert NewPromptVersion.model_validate({"name": "a", "template": "x"}).kind == "text"
    assert NewPromptVersion.model_validate({"name": "a", "template": chat}).kind == "chat"


def test_a_moment_is_kept_in_utc_and_needs_its_zone() -> None:
    at = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    key = NewKey.model_validate({"owner": "ana", "role": "viewer", "expires_at": at})
    assert key.expires_at == at
    assert key.expires_at.tzinfo is UTC
    with pytest.raises(ValidationError, match="timezone"):
        NewKey.model_validate({"owner": "ana", "role": "viewer", "expires_at": "2026-07-01T12:00"})


def test_an_error_rate_of_nothing_is_unknown_not_zero() -> None:
    assert NOTHING.error_rate is None
    assert NOTHING.model_copy(update={"requests": 4, "errors": 1}).error_rate == 0.25
    assert NOTHING.model_copy(update={"requests": 4}).error_rate == 0


def test_a_record_ignores_what_a_newer_server_says() -> None:
    members = {**NOTHING.model_dump(), "p42_ms": 7}
    assert Service.model_validate(members) == NOTHING


def test_a_record_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        NOTHING.requests = 1  # pyright: ignore[reportAttributeAccessIssue] -- what is tested


def test_a_request_is_frozen_too() -> None:
    outcome = NewOutcome(score=1, id=UUID(int=1))
    with pytest.raises(ValidationError, match="frozen"):
        outcome.score = 0  # pyright: ignore[reportAttributeAccessIssue] -- what is tested


def test_a_key_without_its_secret_has_no_place_for_it() -> None:
    assert not {"key", "hash", "secret"} & set(ApiKey.model_fields)


@pytest.mark.parametrize("reason", ["", "ab", "x" * 1001], ids=["empty", "two", "beyond-1000"])
def test_a_reason_has_between_3_and_1000_characters(reason: str) -> None:
    class Holder(BaseModel):
        reason: Reason

    with pytest.raises(ValidationError):
        Holder(reason=reason)
