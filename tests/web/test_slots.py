"""A slot's page, and those of its deployments."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.browsing import HOSTILE, Browser, alert
from tests.support.catalog import MODEL, PROMPT, Catalog
from tests.support.policies import by_tenant, canary
from twinline.client import Client
from twinline.language.records import NewEvaluation, Role
from twinline.web.pages import slots

SLOT = "team/answer@production"
AS_SHOWN = "<script>alert(1)</script>⟨U+202E⟩"


def section(browser: Browser, name: str, address: str = f"/slots/{SLOT}") -> str:
    found = browser.get(address).one(f"//section[@aria-label='{name}']")
    return " ".join(found.text_content().split())


def test_what_is_live_is_told_with_who_and_why(
    catalog: Catalog, browser: Browser, client: Client
) -> None:
    catalog.deploy(SLOT, catalog.bundle(2, 1), reason="the first")
    client.lineage.own(SLOT, "care-team", "#care")
    shown = browser.get(f"/slots/{SLOT}")
    live = section(browser, "Live now")
    for said in ("support/answer version 1", "churn version 2", "Byadmin", "Whythe first"):
        assert said in live
    assert "Tell care-team (#care)" in shown.main
    assert shown.links["deployment 1"] == f"/slots/{SLOT}/deployments/1"
    assert shown.links["Changes"] == "/changes?slot=team%2Fanswer%40production"
    assert shown.links["Deploy…"] == f"/slots/{SLOT}/deploy"
    assert shown.links["Other ways back…"] == f"/slots/{SLOT}/rollback"
    assert "slot=team%2Fanswer%40production" in shown.links["Experiments"]
    assert shown.links["Lineage"].endswith("node=routes%3A%2Fteam%2Fanswer%40production")


def test_a_slot_with_nothing_live_says_what_would_make_it_live(
    catalog: Catalog, browser: Browser
) -> None:
    catalog.serve(SLOT, catalog.bundle(1, 1), 2)
    shown = browser.get(f"/slots/{SLOT}")
    assert shown.status == 200
    assert "Nothing was ever deployed to this slot" in shown.main
    assert f"twinline deploy {SLOT}" in shown.one("//pre").text_content()
    assert "Requests2" in shown.main


def test_a_slot_that_is_none_is_told(catalog: Catalog, browser: Browser) -> None:
    catalog.deploy("answer@production", catalog.bundle(1, 1))
    shown = browser.get("/slots/anser@production")
    assert shown.status == 404
    assert "did you mean answer@production" in shown.main
    assert browser.get("/slots/no-environment").status == 422


def test_a_policy_is_told_in_words(catalog: Catalog, browser: Browser, client: Client) -> None:
    bundle = catalog.bundle
    policy = by_tenant(bundle(1, 1).ref, "bank-a", bundle(1, 2).ref, pin=True)
    policy["rules"].append(canary(bundle(1, 1).ref, bundle(2, 2).ref, 0.2)["rules"][0])
    policy |= {"unit": {"by": ["user.id"]}, "fallback": [str(bundle(1, 1).ref)]}
    client.slots.deploy(SLOT, policy=policy, reason="by tenant", expected=0)
    shown = browser.get(f"/slots/{SLOT}")
    lines = {row[0]: row[1:] for row in shown.rows()}
    assert lines["rule regulated"] == [
        'tenant is "bank-a" this or nothing: no fallback',
        "support/answer/2 + churn/1",
    ]
    assert lines["rule rollout"] == [
        "everybody divided by user.id",
        "control 80.00 % support/answer/1 + churn/1canary 20.00 % support/answer/2 + churn/2",
    ]
    assert lines["default"] == ["everybody else", "support/answer/1 + churn/1"]
    assert lines["fallback"][1] == "support/answer/1 + churn/1"
    assert "slot=team%2Fanswer%40production" in shown.links["Experiments"]


def test_evidence_is_told_and_what_lacks(
    catalog: Catalog, browser: Browser, client: Client
) -> None:
    bundle = catalog.bundle(1, 1)
    catalog.deploy(SLOT, bundle)
    assert "Neither this pair nor one of its sides was ever evaluated" in section(
        browser, "Evidence"
    )
    client.suites.define("golden", scores="bundle")
    client.suites.require("golden", "production", reason="customers see it")
    client.evaluations.record(
        NewEvaluation(subject=bundle.ref, suite="tone", passed=9, failed=1, score=0.9)
    )
    client.bundles.state_pairing(
        f"models:/{MODEL}/1", f"prompts:/{PROMPT}/1", "compatible", reason="they were tried"
    )
    said = section(browser, "Evidence")
    for part in ("not passed the suite 'golden'", "compatible said admin", "they were tried"):
        assert part in said
    assert "tonethe pairfailed0.900" in said


def test_evidence_begins_with_the_pair(catalog: Catalog, browser: Browser) -> None:
    """Then come its prompt and its model, each by suite."""
    bundle = catalog.bundle(1, 1)
    catalog.deploy(SLOT, bundle)
    subjects = (f"models:/{MODEL}/1", f"prompts:/{PROMPT}/1", bundle.ref)
    for subject, suites in zip(subjects, ("ca", "ba", "zy"), strict=True):
        for suite in suites:
            catalog.score(subject, suite, passed=1, failed=0)
    table = browser.get(f"/slots/{SLOT}").one("//section[@aria-label='Evidence']//table")
    rows = [[cell.text_content() for cell in row][:2] for row in table.iter("tr")]
    assert rows[1:] == [
        ["y", "the pair"],
        ["z", "the pair"],
        ["a", f"prompts:/{PROMPT}/1"],
        ["b", f"prompts:/{PROMPT}/1"],
        ["a", f"models:/{MODEL}/1"],
        ["c", f"models:/{MODEL}/1"],
    ]


def test_figures_of_the_last_day_are_told(catalog: Catalog, browser: Browser) -> None:
    bundle = catalog.bundle(1, 1)
    catalog.deploy(SLOT, bundle)
    catalog.serve(SLOT, bundle, 3, deployment=1, status="ok", latency_ms=100, cost_usd=0.5)
    catalog.serve(SLOT, bundle, 1, deployment=1, status="error", score=0.5)
    figures = browser.get(f"/slots/{SLOT}").one("//dl[@class='figures']").text_content()
    for said in ("Requests4", "Errors25.0 %", "Cost$1.50", "Score0.500"):
        assert said in "".join(figures.split("\n"))


def test_what_was_not_served_as_declared_is_told_of_this_slot_alone(
    catalog: Catalog, browser: Browser
) -> None:
    bundle = catalog.bundle
    catalog.deploy(SLOT, bundle(1, 1))
    catalog.deploy("other@production", bundle(1, 1))
    catalog.serve(SLOT, bundle(1, 2), 3, deployment=1)
    said = browser.get(f"/slots/{SLOT}").main
    assert "Not served as declared: 3 requests by" in said
    assert "the policy of deployment 1 does not serve this bundle" in said
    assert "Not served as declared" not in browser.get("/slots/other@production").main


def test_what_nobody_asks_is_told(
    catalog: Catalog, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    assert "not seen" not in browser.get(f"/slots/{SLOT}").main
    monkeypatch.setattr(slots, "UNSEEN_HOURS", 1e-9)
    said = browser.get(f"/slots/{SLOT}").main
    assert "Declared live, but not seen" in said
    assert "nor ever" in said


def test_kill_switches_that_reach_it_are_told(
    catalog: Catalog, browser: Browser, client: Client
) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    assert f"twinline kill {SLOT} -r WHY" in browser.get(f"/slots/{SLOT}").main
    made = client.kills.slot(SLOT, "it shouts")
    client.kills.bundle(catalog.bundle(1, 1).ref, HOSTILE)
    alerts = [one.text_content() for one in browser.get(f"/slots/{SLOT}").all("//*[@role='alert']")]
    assert "This slot is stopped" in alerts[0]
    assert "it shouts" in alerts[0]
    assert f"by kill switch {made.number} since" in alerts[0]
    assert f"twinline lift {made.number} -r WHY" in alerts[0]
    assert f"The bundle {catalog.bundle(1, 1).digest[:12]} is stopped" in alerts[1]
    assert AS_SHOWN in alerts[1]


def test_what_is_live_though_withdrawn_is_told_once(
    catalog: Catalog, browser: Browser, client: Client
) -> None:
    """Also when another bundle than the default one came from it."""
    bundle, shown = catalog.bundle, "//section[@aria-label='Live now']/div[@class='refused']"
    policy = canary(bundle(1, 1).ref, bundle(2, 2).ref, 0.2)
    client.slots.deploy(SLOT, policy=policy, reason="a try", expected=0)
    assert browser.get(f"/slots/{SLOT}").all(shown) == []
    client.recalls.create("datasets:/tickets/2", "wrong labels")
    assert "is recalled since" in browser.get(f"/slots/{SLOT}").one(shown).text_content()
    made = client.recalls.create(f"prompts:/{PROMPT}/1", HOSTILE)
    found = browser.get(f"/slots/{SLOT}")
    said = [one.text_content() for one in found.all(shown)]
    assert len(said) == 2
    assert f"prompts:/{PROMPT}/1 is recalled since" in said[1]
    assert AS_SHOWN in said[1]
    assert found.links[f"recall {made.number}"] == f"/recalls/{made.number}"


def test_a_moment_shows_what_was_live(catalog: Catalog, browser: Browser) -> None:
    first = catalog.deploy(SLOT, catalog.bundle(1, 1), reason="the first")
    catalog.deploy(SLOT, catalog.bundle(2, 2), reason="the second")
    shown = browser.submit(
        browser.get(f"/slots/{SLOT}"), "Show what was live", at=first.at.isoformat()
    )
    then = shown.one("//section[@aria-label='At that moment']").text_content()
    assert "the first" in then
    assert "the second" not in then
    changed = browser.follow(shown, "What changed from then to now")
    assert changed.status == 200
    assert "deployment 2: prompt" in changed.main
    before = section(browser, "At that moment", f"/slots/{SLOT}?at=2001-01-01T00:00")
    assert "The slot is there since" in before
    later = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M}"
    assert "still to come" in section(browser, "At that moment", f"/slots/{SLOT}?at={later}")


@pytest.mark.parametrize("typed", [HOSTILE, "yesterday", "0001-01-01T00:00+14:00"])
def test_what_is_no_moment_is_told_and_kept(catalog: Catalog, browser: Browser, typed: str) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    shown = browser.submit(browser.get(f"/slots/{SLOT}"), "Show what was live", at=typed)
    assert shown.status == 422
    assert "is no moment" in alert(shown)
    assert shown.one("//input[@name='at']").get("value") == typed


def test_what_changed_last_is_told_on_each_side(catalog: Catalog, browser: Browser) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    catalog.serve(SLOT, catalog.bundle(1, 1), 1, deployment=1, status="ok")
    catalog.deploy(SLOT, catalog.bundle(1, 2), reason="the fuller reply")
    catalog.serve(SLOT, catalog.bundle(1, 2), 1, deployment=2, status="error")
    rows = browser.get(f"/slots/{SLOT}").rows(-2)
    assert rows[0][0] == "prompt"
    assert rows[0][2].startswith("deployment 2: prompt")
    assert rows[0][4:6] == ["the fuller reply", "0.0 % → 100.0 %"]
    assert rows[1][0] == "model"
    assert rows[1][2].startswith("deployment 1: model")


def test_deployments_are_told_the_newest_first_with_a_way_back_to_each_bundle_once(
    catalog: Catalog, browser: Browser
) -> None:
    for model, prompt in ((1, 1), (1, 2), (1, 1), (2, 2)):
        catalog.deploy(SLOT, catalog.bundle(model, prompt), reason=f"{prompt} and {model}")
    catalog.serve(SLOT, catalog.bundle(2, 2), 2, deployment=4)
    shown = browser.get(f"/slots/{SLOT}")
    rows = shown.rows(-1)
    assert [row[0] for row in rows] == ["4", "3", "2", "1"]
    assert rows[0][2] == "prompt support/answer/1 -> 2; model churn/1 -> 2"
    assert (rows[0][4], rows[0][5], rows[0][6]) == ("2 and 2", "live", "2")
    assert [row[-1] for row in rows] == [
        "is what is live",
        "Deploy 1 + 1 again…",
        "Deploy 2 + 1 again…",
        "",
    ]
    (way,) = {
        one.get("href") for one in shown.all("//a") if "Deploy 1 + 1 again" in one.text_content()
    }
    assert way == f"/slots/{SLOT}/deploy?bundle={catalog.bundle(1, 1).digest}"
    led = browser.get(way)
    assert "prompts:/support/answer/2 → gives way to prompts:/support/answer/1" in led.main
    assert "models:/churn/2 → gives way to models:/churn/1" in led.main


def test_another_policy_with_the_live_default_bundle_is_not_what_is_live(
    catalog: Catalog, browser: Browser, client: Client
) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    for number in (1, 2):
        policy = canary(catalog.bundle(1, 1).ref, catalog.bundle(1, 2).ref, 0.5, salt="a-salt")
        made = client.slots.deploy(SLOT, policy=policy, reason="half", expected=number * 2 - 1)
        assert made.number == number * 2
        catalog.deploy(SLOT, catalog.bundle(1, 1), reason="back to one")
    shown = browser.get(f"/slots/{SLOT}")
    other = "same default bundle, other rules"
    assert [row[-1] for row in shown.rows(-1)] == [
        "is what is live",
        f"{other} Deploy its policy again…",
        "is what is live",
        other,
        "is what is live",
    ]
    told = browser.get(f"/slots/{SLOT}/deployments/4")
    assert "Live is the same default bundle, with other rules." in told.main
    assert "nothing to deploy again" not in told.main
    assert told.links["Deploy its policy again…"] == shown.links["Deploy its policy again…"]
    led = browser.follow(told, "Deploy its policy again…")
    done = browser.submit(led, f"Deploy to {SLOT}", reason="half of them again")
    assert done.address.partition("?")[0] == f"/slots/{SLOT}"
    live = client.slots.get(SLOT).live
    assert live
    assert (live.number, live.policy) == (6, made.policy)
    one = browser.get(f"/slots/{SLOT}/deployments/5")
    whole = browser.follow(one, "Deploy its policy again…")
    assert "The rules of the live policy end" in whole.main


def test_what_was_never_deployed_cannot_be_deployed_again(
    catalog: Catalog, browser: Browser
) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    shown = browser.get(f"/slots/{SLOT}/deploy?again=7")
    assert shown.status == 404
    assert f"There is no deployments:/{SLOT}/7" in shown.main


def test_deployments_are_paged(
    catalog: Catalog, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "ENTRIES", 2)
    for prompt in (1, 2, 3):
        catalog.deploy(SLOT, catalog.bundle(1, prompt))
    shown = browser.get(f"/slots/{SLOT}")
    assert [row[0] for row in shown.rows(-1)] == ["3", "2"]
    assert [row[0] for row in browser.follow(shown, "Older").rows(-1)] == ["1"]


def test_who_may_not_deploy_is_told_who_can(
    catalog: Catalog, browser_of: Callable[[Role], Browser]
) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    catalog.deploy(SLOT, catalog.bundle(1, 2))
    viewer = browser_of(Role.VIEWER)
    for address in (f"/slots/{SLOT}", f"/slots/{SLOT}/deployments/1"):
        shown = viewer.get(address)
        assert shown.status == 200
        assert "your role, viewer, does not have; releaser or admin has it" in shown.main
        assert not [
            said for said in shown.links if said.startswith(("Roll back", "Other ways", "Deploy "))
        ]


def test_a_deployment_is_told_with_what_it_changed(
    catalog: Catalog, browser: Browser, client: Client
) -> None:
    bundle = catalog.bundle
    catalog.deploy(SLOT, bundle(1, 1))
    policy = canary(bundle(1, 2).ref, bundle(2, 2).ref, 0.2)
    client.slots.deploy(SLOT, policy=policy, reason=HOSTILE, expected=1)
    catalog.serve(SLOT, bundle(1, 2), 3, deployment=2)
    shown = browser.get(f"/slots/{SLOT}/deployments/2")
    assert shown.status == 200
    assert AS_SHOWN in shown.main
    assert shown.rows()[0] == [
        "prompt",
        "prompts:/support/answer/1",
        "prompts:/support/answer/2",
        "Compare",
    ]
    assert shown.rows()[1][-1] == "the same"
    assert shown.links["Compare"] == "/compare?prompt=support%2Fanswer&old=1&new=2"
    assert "Requests3" in "".join(shown.one("//dl[@class='figures']").text_content().split())
    text = shown.one("//pre[@class='lines']").text_content()
    assert "--- deployment 1" in text
    assert '+          "salt":' in text
    assert "nothing to deploy again" in shown.main
    first = browser.follow(shown, "Deployment 1")
    assert "Deploy 1 + 1 again…" in first.links
    again = browser.follow(first, "Deploy 1 + 1 again…")
    assert "The live policy's rules stand" in again.main
    assert first.rows()[0][1:] == ["nothing", "prompts:/support/answer/1", "the first"]
    assert browser.follow(first, "Deployment 2").address == shown.address
    changes = browser.follow(shown, "All that changed since deployment 1")
    assert "deployment 2: prompt" in changes.main


@pytest.mark.parametrize(
    "number", ["3", "0", "x", "99999999999", "1" + "0" * 5000, "0" * 10 + "1" * 5000, "٣"]
)
def test_a_deployment_that_is_none_is_told(catalog: Catalog, browser: Browser, number: str) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    shown = browser.get(f"/slots/{SLOT}/deployments/{number}")
    assert shown.status == 404
    assert f"{SLOT} has no deployment" in shown.main
