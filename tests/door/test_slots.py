"""Slots at the door: deploy, look, look back."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.support.catalog import Catalog
from twinline.client import Client
from twinline.language.errors import BlockedPair, NotFound, NothingLive, Stale

SLOT = "answer@production"


@pytest.fixture
def catalog(client: Client) -> Catalog:
    return Catalog(client)


def test_the_newest_deployment_is_live_and_numbers_have_no_gap(catalog: Catalog) -> None:
    for prompt in (1, 2, 3):
        catalog.deploy(SLOT, catalog.bundle(1, prompt))
    history = list(catalog.client.slots.history(SLOT))
    assert [one.number for one in history] == [3, 2, 1]
    assert catalog.client.slots.get(SLOT).live == history[0]
    assert [one.prompt.number for one in history] == [3, 2, 1]


def test_what_was_live_at_a_time_is_told(catalog: Catalog) -> None:
    made = [catalog.deploy(SLOT, catalog.bundle(1, prompt)) for prompt in (1, 2)]
    live_at = catalog.client.slots.get
    assert live_at(SLOT, at=made[0].at).live == made[0]
    assert live_at(SLOT, at=made[1].at - timedelta(microseconds=1)).live == made[0]
    assert live_at(SLOT, at=made[1].at).live == made[1]
    with pytest.raises(NothingLive, match="Nothing was live"):
        live_at(SLOT, at=made[0].at - timedelta(microseconds=1))


def test_a_time_without_its_zone_is_refused(catalog: Catalog, http: httpx.Client) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    answer = http.get(f"/slots/{SLOT}", params={"at": "2026-01-01T00:00:00"})
    assert answer.status_code == 422
    assert "timezone" in answer.json()["detail"]


def test_a_deployment_over_an_unseen_one_is_refused_and_changes_nothing(catalog: Catalog) -> None:
    first = catalog.deploy(SLOT, catalog.bundle(1, 1))
    catalog.deploy(SLOT, catalog.bundle(1, 2))
    with pytest.raises(Stale, match="at deployment 2, not at 1"):
        catalog.client.slots.deploy(
            SLOT, catalog.bundle(1, 3).ref, reason="too late", expected=first.number
        )
    assert len(list(catalog.client.slots.history(SLOT))) == 2


@pytest.mark.parametrize(
    ("if_match", "status"),
    [(None, 428), ('"7"', 412), ("0", 201), ('"0"', 201), ("W/0", 422), ("abc", 422)],
)
def test_a_change_must_say_what_it_looked_at(
    catalog: Catalog, http: httpx.Client, if_match: str | None, status: int
) -> None:
    body = {"bundle": str(catalog.bundle(1, 1).ref), "reason": "because"}
    headers = {"If-Match": if_match} if if_match else {}
    answer = http.post(f"/slots/{SLOT}/deployments", json=body, headers=headers)
    assert answer.status_code == status, answer.text
    if status != 201:
        assert answer.headers["content-type"] == "application/problem+json"
        assert http.get(f"/slots/{SLOT}").status_code == 404


def test_the_etag_of_a_slot_is_what_if_match_wants(catalog: Catalog, http: httpx.Client) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    etag = http.get(f"/slots/{SLOT}").headers["etag"]
    body = {"bundle": str(catalog.bundle(1, 2).ref), "reason": "because"}
    answer = http.post(f"/slots/{SLOT}/deployments", json=body, headers={"If-Match": etag})
    assert answer.status_code == 201


def test_a_policy_document_can_be_deployed_and_is_kept_in_full(catalog: Catalog) -> None:
    bundle = catalog.bundle(1, 1)
    document = {"schema": "routing-policy/1", "default": {"bundle": str(bundle.ref)[:30]}}
    made = catalog.client.slots.deploy(SLOT, policy=document, reason="by document", expected=0)
    assert made.bundle == bundle.ref
    assert made.policy["default"] == {"bundle": str(bundle.ref)}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"reason": "because"}, "give either bundle or policy"),
        ({"bundle": "bundles:/" + "0" * 12, "reason": "ok"}, "reason"),
        ({"bundle": "models:/x/1", "reason": "because"}, "is not of the form"),
        ({"policy": {"schema": "routing-policy/1"}, "reason": "because"}, "default"),
        ({"policy": {"schema": "x", "default": {}}, "reason": "because"}, "schema"),
    ],
)
def test_a_deployment_that_makes_no_sense_is_refused(
    http: httpx.Client, body: dict[str, object], said: str
) -> None:
    answer = http.post(f"/slots/{SLOT}/deployments", json=body, headers={"If-Match": "0"})
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_an_unknown_bundle_is_not_found(catalog: Catalog) -> None:
    with pytest.raises(NotFound, match="no bundle whose digest begins"):
        catalog.client.slots.deploy(SLOT, "bundles:/" + "0" * 64, reason="because", expected=0)


def test_an_incompatible_pair_cannot_be_deployed(catalog: Catalog) -> None:
    bundle = catalog.bundle(1, 1)
    assert bundle.model is not None
    assert bundle.prompt is not None
    catalog.client.bundles.state_pairing(
        bundle.model, bundle.prompt, "incompatible", reason="it shouts"
    )
    with pytest.raises(BlockedPair, match="it shouts"):
        catalog.deploy(SLOT, bundle)


def test_an_unknown_slot_is_not_found_with_the_nearest_names(catalog: Catalog) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    with pytest.raises(NotFound, match=f"did you mean {SLOT}") as refused:
        catalog.client.slots.get("anser@production")
    assert refused.value.fields["nearest"] == [SLOT]


def test_slots_are_listed_by_environment(catalog: Catalog) -> None:
    for slot in ("b@staging", "a@production", "a@staging"):
        catalog.deploy(slot, catalog.bundle(1, 1))
    listed = [one.ref.short for one in catalog.client.slots.list()]
    assert listed == ["a@production", "a@staging", "b@staging"]
    assert [one.ref.short for one in catalog.client.slots.list("production")] == ["a@production"]


def test_names_with_slashes_are_routed(catalog: Catalog, http: httpx.Client) -> None:
    slot = "support/answers/long@production"
    catalog.deploy(slot, catalog.bundle(1, 1))
    assert catalog.client.slots.get(slot).ref.short == slot
    encoded = http.get(f"/slots/{slot.replace('/', '%2F')}/deployments")
    assert len(encoded.json()["items"]) == 1


def test_a_history_comes_in_pages_that_hold_each_deployment_once(
    catalog: Catalog, http: httpx.Client
) -> None:
    for prompt in range(1, 6):
        catalog.deploy(SLOT, catalog.bundle(1, prompt))
    seen: list[int] = []
    query: dict[str, str | int] = {"limit": 2}
    while True:
        page = http.get(f"/slots/{SLOT}/deployments", params=query).json()
        seen += [one["number"] for one in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert seen == [5, 4, 3, 2, 1]
    catalog.deploy("other@production", catalog.bundle(1, 1))
    foreign = http.get("/slots/other@production/deployments", params=query)
    assert foreign.status_code == 422
    assert "no cursor of this list" in foreign.json()["detail"]


def test_deployments_of_a_slot_never_go_back_in_time(catalog: Catalog) -> None:
    made = [catalog.deploy(SLOT, catalog.bundle(1, 1 + number % 2)) for number in range(10)]
    times = [one.at for one in made]
    assert times == sorted(set(times))
    assert abs(times[-1] - datetime.now(UTC)) < timedelta(minutes=1)
