"""The pages of bundles: the list, one of them, and two compared."""

import pytest

from tests.support.browsing import HOSTILE, Browser, alert
from tests.support.catalog import MODEL, PROMPT, Catalog
from twinline.client import Client
from twinline.language.records import CaseResult, NewInference
from twinline.web import live


def test_without_bundles_it_says_how_one_is_made(browser: Browser) -> None:
    shown = browser.get("/bundles")
    assert "There is no bundle yet" in shown.main
    assert "twinline bundles pair --model models:/gpt-4o/1" in shown.main


def test_bundles_are_listed_and_filtered_by_either_side(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    first, second = catalog.bundle(1, 1), catalog.bundle(2, 2)
    catalog.deploy("support@production", first)
    shown = browser.get("/bundles")
    assert [row[2] for row in shown.rows()] == [f"B{one.digest[:12]}" for one in (second, first)]
    assert shown.rows()[1][6] == "support@production"
    for typed in ({"model": f"models:/{MODEL}/1"}, {"prompt": f"prompts:/{PROMPT}/1"}):
        only = browser.submit(shown, "Show", **typed)
        assert [row[2] for row in only.rows()] == [f"B{first.digest[:12]}"]
    assert len(browser.submit(shown, "Show", model=MODEL).rows()) == 2
    assert len(browser.submit(shown, "Show", prompt=f"prompts:/{PROMPT}@latest").rows()) == 1


def test_slots_that_were_not_looked_through_are_told(
    browser: Browser, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = Catalog(client)
    first, second = catalog.bundle(1, 1), catalog.bundle(2, 2)
    client.models.register(catalog.another_model("spare"))
    catalog.deploy("a@production", first)
    catalog.deploy("b@production", second)
    pages = (
        "/bundles",
        f"/bundles/{second.digest}",
        "/models",
        f"/models/{MODEL}",
        f"/models/{MODEL}/versions/2",
    )
    note = "Only the first 1 slots, by environment and route, were looked through"
    assert not any("were looked through" in browser.get(one).main for one in pages)
    assert browser.get("/models").rows()[1][3] == "nowhere"
    monkeypatch.setattr(live, "SLOTS_MOST", 1)
    for one in pages:
        assert note in browser.get(one).main, one
    assert [row[3] for row in browser.get("/models").rows()] == ["a@production v1", "unknown"]
    assert [row[6] for row in browser.get("/bundles").rows()] == ["", "a@production"]


def test_a_filter_that_hides_everything_offers_to_clear_it(
    browser: Browser, client: Client
) -> None:
    catalog = Catalog(client)
    catalog.bundle(1, 1)
    catalog.bundle(2, 2)
    shown = browser.get(f"/bundles?model=models:/{MODEL}/1&prompt=prompts:/{PROMPT}/2")
    assert "No bundle is of" in shown.main
    assert len(browser.follow(shown, "Clear the filter").rows()) == 2


@pytest.mark.parametrize(
    ("field", "typed", "status", "why"),
    [
        ("model", "nobody", 404, "There is no model"),
        ("prompt", "nobody", 404, "There is no prompt"),
        ("model", "prompts:/support/answer/1", 422, "is no model"),
        ("prompt", "models:/churn/1", 422, "is no prompt"),
        ("model", HOSTILE, 404, "There is no model"),
    ],
)
def test_a_filter_that_means_nothing_is_kept_and_told(
    browser: Browser, field: str, typed: str, status: int, why: str
) -> None:
    shown = browser.submit(browser.get("/bundles"), "Show", **{field: typed})
    assert shown.status == status
    assert why in alert(shown)
    assert shown.one(f"//input[@name='{field}']").get("value") == typed
    assert "<script>alert" not in shown.source


def test_two_of_the_list_are_compared(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    first, second = catalog.bundle(1, 1), catalog.bundle(2, 2)
    shown = browser.submit(browser.get("/bundles"), "Compare old with new")
    assert shown.rows()[0] == ["model", f"models:/{MODEL}/1", f"models:/{MODEL}/2"]
    assert ["run", "run-1", "run-2"] in shown.rows(1)
    assert "words deleted, 1 inserted" in shown.main
    assert "They are called with the same" in shown.main
    turned = browser.follow(shown, "The other way round")
    assert turned.rows()[0] == ["model", f"models:/{MODEL}/2", f"models:/{MODEL}/1"]
    assert first.digest[:12] in shown.main
    assert second.digest[:12] in shown.main


def test_only_differences_unless_everything_is_asked_for(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    first, second = catalog.bundle(1, 1), catalog.bundle(2, 1)
    for bundle, score in ((first, 0.5), (second, 0.9)):
        cases = [CaseResult(id="refund", passed=score > 0.8)]
        Catalog(client).score(bundle.ref, "golden", cases=cases, score=score)
    address = f"/bundles/compare?old={first.digest[:12]}&new={second.ref}"
    some = browser.get(address)
    assert f"Both have the same prompt version, prompts:/{PROMPT}/1" in some.main
    assert ["prompt", f"prompts:/{PROMPT}/1", f"prompts:/{PROMPT}/1"] not in some.rows()
    (row,) = some.rows(len(some.all("//main//table")) - 1)
    assert row == ["golden", "failed", "0.500", "passed", "0.900", "+0.400", "1 fixed, 0 broken"]
    everything = browser.submit(some, "Compare", all="1")
    assert ["prompt", f"prompts:/{PROMPT}/1", f"prompts:/{PROMPT}/1"] in everything.rows()


def test_one_that_is_not_there_cannot_be_compared(browser: Browser, client: Client) -> None:
    bundle = Catalog(client).bundle(1, 1)
    assert "Give two bundles" in browser.get("/bundles/compare").main
    shown = browser.get(f"/bundles/compare?old={bundle.digest[:12]}&new=0123456789ab")
    assert shown.status == 404
    assert "no bundle whose digest begins" in alert(shown)
    assert shown.one("//input[@name='new']").get("value") == "0123456789ab"
    twice = browser.get(f"/bundles/compare?old={bundle.digest[:12]}&new={bundle.digest[:12]}")
    assert "one bundle, twice" in twice.main


def test_a_bundle_shows_evidence_figures_and_lineage(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    bundle = catalog.bundle(1, 1)
    catalog.deploy("support@production", bundle)
    catalog.serve("support@production", bundle, 3, status="error", latency_ms=20)
    Catalog(client).score(bundle.ref, "golden", passed=3, failed=0, score=1.0)
    Catalog(client).score(f"models:/{MODEL}/1", "size", passed=1, failed=0)
    Catalog(client).score(f"prompts:/{PROMPT}/1", "tone", passed=1, failed=1)
    client.bundles.state_pairing(
        f"models:/{MODEL}/1", f"prompts:/{PROMPT}/1", "compatible", reason=HOSTILE
    )
    shown = browser.get(f"/bundles/{bundle.digest[:12]}")
    assert "live in support@production" in shown.one("//h1").text_content()
    assert shown.rows(0)[0][:2] == ["golden", "passed"]
    assert [row[:3] for row in shown.rows(1)] == [
        ["tone", "failed", f"prompts:/{PROMPT}/1"],
        ["size", "passed", f"models:/{MODEL}/1"],
    ]
    assert "Errors3 (100.0 %)" in shown.main
    assert shown.rows(2)[0][:4] == ["support@production", "live", "3", "3"]
    assert "4 upstream, 3 downstream" in shown.main
    assert "compatible <script>" in shown.main
    assert "<script>alert" not in shown.source
    assert "\u202e" not in shown.source
    for button in ("Impact", "Recall…", "Lineage"):
        assert bundle.digest in shown.links[button]


def test_a_new_bundle_says_what_it_lacks(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    live, new = catalog.bundle(1, 1), catalog.bundle(2, 1)
    catalog.deploy("support@production", live)
    shown = browser.get(f"/bundles/{new.digest}")
    short = f"bundles:/{new.digest[:12]}"
    assert f"twinline evaluate record {short}" in shown.main
    assert f"twinline deploy support-answer@production --bundle {short}" in shown.main
    assert "nobody said how the two go together" in shown.main
    compared = browser.submit(shown, "Compare")
    assert compared.rows()[0] == ["model", f"models:/{MODEL}/1", f"models:/{MODEL}/2"]


def test_what_is_stopped_or_withdrawn_says_why(browser: Browser, client: Client) -> None:
    bundle = Catalog(client).bundle(1, 1)
    client.lineage.retire(f"models:/{MODEL}/1", reason="too old")
    shown = browser.get(f"/bundles/{bundle.digest}")
    assert f"models:/{MODEL}/1 is retired" in shown.main
    assert "too old" in shown.main
    assert "a part is retired" in shown.one("//h1").text_content()


def test_what_could_not_be_resolved_shows_what_was_sent(browser: Browser, client: Client) -> None:
    client.inferences.record([NewInference(model="gpt-unknown", prompt=HOSTILE)])
    (bundle,) = client.bundles.list()
    shown = browser.get(f"/bundles/{bundle.digest}")
    assert "could not be found" in shown.main
    assert "gpt-unknown" in shown.main
    assert "<script>alert" not in shown.source
    assert "unresolved" in browser.get("/bundles").main


@pytest.mark.parametrize("format", ["cyclonedx", "intoto", "prov"])
def test_its_papers_are_files(browser: Browser, client: Client, format: str) -> None:
    bundle = Catalog(client).bundle(1, 1)
    assert (
        f"/bundles/{bundle.digest}/{format}.json"
        in browser.get(f"/bundles/{bundle.digest}").links.values()
    )
    answer = browser.http.get(f"/bundles/{bundle.digest}/{format}.json")
    name = f"{bundle.digest[:12]}.{format}.json"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert answer.json()


def test_a_bundle_that_is_not_there_is_told(browser: Browser) -> None:
    shown = browser.get("/bundles/0123456789ab")
    assert shown.status == 404
    assert "0123456789ab" in shown.main
