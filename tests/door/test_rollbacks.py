"""Rollbacks at the door: one side goes back, with evidence about the resulting pair."""

import httpx
import pytest

from tests.support.catalog import Catalog
from twinline.client import Client
from twinline.language.errors import (
    BlockedPair,
    NotFound,
    NothingLive,
    NothingToRollBack,
    Stale,
    UntestedPair,
)
from twinline.language.records import NewEvaluation, NewInference

SLOT = "answer@production"


@pytest.fixture
def catalog(client: Client) -> Catalog:
    """Production went from (model 1, prompt 1) over (1, 2) to (2, 3)."""
    made = Catalog(client)
    for model, prompt in ((1, 1), (1, 2), (2, 3)):
        made.deploy(SLOT, made.bundle(model, prompt))
    return made


def test_the_prompt_goes_back_and_the_model_stays(catalog: Catalog) -> None:
    made = catalog.client.slots.roll_back(
        SLOT, "prompt", reason="it shouts", expected=3, accept_untested=True
    )
    assert (made.number, made.kind, made.undoes, made.reason) == (4, "rollback", 3, "it shouts")
    assert (made.model.number, made.prompt.number) == (2, 2)
    assert catalog.client.inferences.resolve("answer", "production").bundle.ref == made.bundle


def test_the_model_goes_back_and_the_prompt_stays(catalog: Catalog) -> None:
    made = catalog.client.slots.roll_back(
        SLOT, "model", reason="it is slow", expected=3, accept_untested=True
    )
    assert (made.model.number, made.prompt.number, made.undoes) == (1, 3, 3)


def test_both_sides_go_back_each_to_what_it_was_before(catalog: Catalog) -> None:
    made = catalog.client.slots.roll_back(
        SLOT, "both", reason="all is wrong", expected=3, accept_untested=True
    )
    assert (made.model.number, made.prompt.number) == (1, 2)
    assert made.bundle == catalog.bundle(1, 2).ref


def test_going_back_twice_goes_further_back_until_nothing_is_left(catalog: Catalog) -> None:
    numbers: list[tuple[int, int | None]] = []
    for live in (3, 4):
        made = catalog.client.slots.roll_back(
            SLOT, "prompt", reason="further", expected=live, accept_untested=True
        )
        numbers.append((made.prompt.number, made.undoes))
    assert numbers == [(2, 3), (1, 2)]
    with pytest.raises(NothingToRollBack, match="since deployment 1 and has no earlier version"):
        catalog.client.slots.roll_back(SLOT, "prompt", reason="further", expected=5)


def test_a_version_can_be_named_outright(catalog: Catalog) -> None:
    made = catalog.client.slots.roll_back(
        SLOT,
        "prompt",
        reason="the first was best",
        expected=3,
        to="prompts:/support/answer/1",
        accept_untested=True,
    )
    assert (made.prompt.number, made.model.number) == (1, 2)


@pytest.mark.parametrize(
    ("side", "to", "status", "said"),
    [
        ("prompt", "prompts:/support/answer/3", 409, "is at prompts:/support/answer/3 already"),
        ("prompt", "prompts:/support/answer/99", 404, "no version 99"),
        ("prompt", "models:/churn/1", 422, "no version of the prompt side"),
        ("both", "models:/churn/1", 422, "no version of the both side"),
        ("prompt", "nonsense", 422, "is no reference"),
        ("sideways", None, 422, "side"),
    ],
)
def test_what_cannot_be_gone_back_to_is_refused(
    catalog: Catalog, http: httpx.Client, side: str, to: str | None, status: int, said: str
) -> None:
    query = {"side": side} | ({"to": to} if to else {})
    answer = http.get(f"/slots/{SLOT}/rollback/preview", params=query)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text


def test_a_preview_says_what_the_rollback_then_does(catalog: Catalog) -> None:
    foreseen = catalog.client.slots.preview_rollback(SLOT, "prompt")
    assert foreseen.live.number == 3
    assert [(one.side, str(one.put_back)) for one in foreseen.changes] == [
        ("prompt", "prompts:/support/answer/2")
    ]
    made = catalog.client.slots.roll_back(
        SLOT, "prompt", reason="because", expected=foreseen.live.number, accept_untested=True
    )
    assert [pair.bundle for pair in foreseen.pairs] == [made.bundle]


def test_a_preview_changes_nothing(catalog: Catalog) -> None:
    before = [one.digest for one in catalog.client.bundles.list()]
    catalog.client.slots.preview_rollback(SLOT, "prompt")
    assert [one.digest for one in catalog.client.bundles.list()] == before
    assert len(list(catalog.client.slots.history(SLOT))) == 3


def test_a_pair_that_served_100_requests_here_is_proven(catalog: Catalog) -> None:
    pair = catalog.bundle(2, 2)
    catalog.serve(SLOT, pair, 99, status="ok", latency_ms=10, score=1)
    catalog.serve("answer@staging", pair, 50)
    assert catalog.client.slots.preview_rollback(SLOT, "prompt").verdict == "untested"
    catalog.serve(SLOT, pair, 1, status="error")
    foreseen = catalog.client.slots.preview_rollback(SLOT, "prompt")
    assert foreseen.verdict == "proven"
    served = foreseen.pairs[0].served_here
    assert (served.requests, served.errors, served.score) == (100, 1, 1.0)
    assert "served 100 requests here with 1.0% errors" in foreseen.pairs[0].why
    catalog.client.slots.roll_back(SLOT, "prompt", reason="proven", expected=3)


def test_a_pair_that_passed_its_suites_is_evaluated_until_one_fails(catalog: Catalog) -> None:
    ref = catalog.bundle(2, 2).ref
    evaluate = catalog.client.evaluations.record
    evaluate(
        NewEvaluation(subject=ref, suite="golden", passed=9, failed=1, score=0.9, threshold=0.8)
    )
    assert catalog.client.slots.preview_rollback(SLOT, "prompt").verdict == "evaluated"
    evaluate(
        NewEvaluation(subject=ref, suite="golden", passed=5, failed=5, score=0.5, threshold=0.8)
    )
    foreseen = catalog.client.slots.preview_rollback(SLOT, "prompt")
    assert (foreseen.verdict, foreseen.pairs[0].why) == ("untested", "failed the suite golden")


def test_an_untested_pair_needs_a_deliberate_yes_and_nothing_changes_without(
    catalog: Catalog,
) -> None:
    with pytest.raises(UntestedPair, match="accept_untested"):
        catalog.client.slots.roll_back(SLOT, "prompt", reason="because", expected=3)
    assert len(list(catalog.client.slots.history(SLOT))) == 3


def test_an_incompatible_pair_is_blocked_whatever_is_accepted(catalog: Catalog) -> None:
    bundle = catalog.bundle(2, 2)
    assert bundle.model is not None
    assert bundle.prompt is not None
    catalog.serve(SLOT, bundle, 100)
    catalog.client.bundles.state_pairing(
        bundle.model, bundle.prompt, "incompatible", reason="it leaks"
    )
    assert catalog.client.slots.preview_rollback(SLOT, "prompt").verdict == "blocked"
    with pytest.raises(BlockedPair, match="incompatible"):
        catalog.client.slots.roll_back(
            SLOT, "prompt", reason="because", expected=3, accept_untested=True
        )


def test_a_rollback_over_an_unseen_deployment_is_refused(
    catalog: Catalog, http: httpx.Client
) -> None:
    with pytest.raises(Stale):
        catalog.client.slots.roll_back(SLOT, "prompt", reason="because", expected=2)
    body = {"side": "prompt", "reason": "because"}
    assert http.post(f"/slots/{SLOT}/rollback", json=body).status_code == 428
    assert len(list(catalog.client.slots.history(SLOT))) == 3


def test_a_double_click_is_one_rollback(catalog: Catalog, http: httpx.Client) -> None:
    body = {"side": "prompt", "reason": "because", "accept_untested": True}
    headers = {"If-Match": '"3"', "Idempotency-Key": "one click"}
    first = http.post(f"/slots/{SLOT}/rollback", json=body, headers=headers)
    again = http.post(f"/slots/{SLOT}/rollback", json=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert len(list(catalog.client.slots.history(SLOT))) == 4


def test_a_slot_without_history_has_nothing_to_go_back_to(client: Client) -> None:
    with pytest.raises(NotFound, match="no slot"):
        client.slots.preview_rollback("no@where", "prompt")
    unresolved = NewInference.model_validate({"slot": "routes:/seen@here", "model": "x"})
    client.inferences.record([unresolved])
    with pytest.raises(NothingLive):
        client.slots.preview_rollback("seen@here", "prompt")
    with pytest.raises(NothingLive):
        client.slots.roll_back("seen@here", "prompt", reason="because", expected=0)
