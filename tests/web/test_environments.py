"""Environments, and what was live in one at any moment."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.browsing import HOSTILE, Browser, alert
from tests.support.catalog import Catalog
from tests.support.policies import canary
from tests.support.rehearsal import Rehearsal
from twinline.client import Client
from twinline.language.records import Role
from twinline.web.pages import environments


def test_without_a_slot_it_says_what_would_make_one(browser: Browser) -> None:
    shown = browser.get("/environments")
    assert shown.status == 200
    assert "Nothing is deployed yet" in shown.main
    assert "twinline deploy support@production" in shown.one("//pre").text_content()


def test_environments_are_told_with_their_last_deployment(
    catalog: Catalog, browser: Browser, client: Client
) -> None:
    catalog.deploy("a@production", catalog.bundle(1, 1))
    catalog.deploy("b@production", catalog.bundle(1, 2), reason="the fuller reply")
    catalog.serve("c@production", catalog.bundle(1, 1), 1)
    catalog.deploy("a@staging", catalog.bundle(1, 1))
    client.suites.define("golden", scores="bundle")
    client.suites.require("golden", "production", reason="customers see it")
    client.kills.slot("a@production", "it shouts")
    shown = browser.get("/environments")
    assert shown.links["Experiments: splits, and what their arms did"] == "/experiments"
    rows = shown.rows()
    assert rows[0][:4] == ["production 1 stopped", "3", "2", "golden"]
    assert rows[0][4:7] == ["b 1", "admin", "the fuller reply"]
    assert rows[1][:4] == ["staging", "1", "1", "nothing"]


def test_a_required_suite_is_named_however_many_come_before_it(
    catalog: Catalog, browser: Browser, client: Client
) -> None:
    catalog.deploy("a@production", catalog.bundle(1, 1))
    for name in (*(f"a-{number:03}" for number in range(100)), "golden"):
        client.suites.define(name)
    client.suites.require("golden", "production", reason="customers see it")
    (row,) = browser.get("/environments").rows()
    assert row[3] == "golden"


def test_everything_stopped_is_said(catalog: Catalog, browser: Browser, client: Client) -> None:
    catalog.deploy("a@production", catalog.bundle(1, 1))
    made = client.kills.everything("the provider leaks")
    said = alert(browser.get("/environments"))
    assert "Everything is stopped" in said
    assert f"twinline lift {made.number} -r WHY" in said
    assert "everything was stopped" in browser.get("/environments/production").rows()[0][0]


def test_what_is_live_though_withdrawn_is_told_of_now_alone(
    catalog: Catalog, browser: Browser, client: Client
) -> None:
    at = catalog.deploy("a@production", catalog.bundle(1, 1)).at
    catalog.deploy("b@production", catalog.bundle(2, 2))
    client.recalls.create("datasets:/tickets/1", "wrong labels")
    rows = browser.get("/environments/production").rows()
    assert [row[0] for row in rows] == ["a recalled, yet live", "b"]
    then = browser.get(f"/environments/production?at={at.isoformat().replace('+', '%2B')}")
    assert then.rows()[0][0] == "a"


def test_what_was_live_is_found_in_three_clicks(catalog: Catalog, browser: Browser) -> None:
    first = catalog.deploy("a@production", catalog.bundle(1, 1), reason="the first")
    catalog.deploy("a@production", catalog.bundle(2, 2), reason="the second")
    sections = browser.get("/audit").all("//nav[@aria-label='Main']/a[text()='Environments']")
    shown = browser.follow(browser.get(sections[0].get("href")), "production")
    assert shown.rows()[0][:3] == ["a", "support/answer/2", "churn/2"]
    then = browser.submit(shown, "Show what was live", at=first.at.isoformat())
    assert then.status == 200
    (row,) = then.rows()
    assert row[:3] == ["a", "support/answer/1", "churn/1"]
    assert row[5:] == ["admin", "the first", "1"]
    assert "Live at" in then.main


def test_the_moment_goes_on_to_the_slot(catalog: Catalog, browser: Browser) -> None:
    first = catalog.deploy("a@production", catalog.bundle(1, 1), reason="the first")
    catalog.deploy("a@production", catalog.bundle(2, 2))
    then = browser.get(f"/environments/production?at={first.at:%Y-%m-%dT%H:%M:%S.%f}")
    slot = browser.follow(then, "a")
    assert "the first" in slot.one("//section[@aria-label='At that moment']").text_content()


def test_the_picture_has_what_was_live_before_it_begins(
    catalog: Catalog, browser: Browser, client: Client
) -> None:
    """Of each slot its own, also when another slot changed later."""
    catalog.deploy("a@production", catalog.bundle(1, 1))
    catalog.deploy("b@production", catalog.bundle(1, 1))
    catalog.deploy("b@production", catalog.bundle(1, 2))
    made = client.slots.get("b@production").live
    assert made is not None
    shown = browser.get(f"/environments/production?at={made.at.isoformat()}&days=1")
    spans = shown.all("//*[local-name()='a'][contains(@class, 'span')]")
    assert {one.get("href") for one in spans} >= {"/slots/a@production/deployments/1"}


def test_before_anything_existed_it_says_since_when(catalog: Catalog, browser: Browser) -> None:
    catalog.deploy("a@production", catalog.bundle(1, 1))
    shown = browser.get("/environments/production?at=2001-01-01T00:00")
    assert "Nothing was live in production then; the first deployment is of" in shown.main
    assert "No slot of production existed then." in shown.main


def test_since_when_something_was_live_is_asked_only_where_nothing_is(
    catalog: Catalog, browser: Browser, rehearsal: Rehearsal
) -> None:
    """Nor is that nothing was live said where only the slots that are shown had nothing."""
    catalog.deploy("a@production", catalog.bundle(1, 1))
    catalog.serve("waits@production", catalog.bundle(1, 1), 1)
    for query, times in (("", 0), ("?at=2001-01-01T00:00", 1), ("?route=waits", 1)):
        with rehearsal.statements("min(deployment.at)") as asked:
            shown = browser.get(f"/environments/production{query}")
        assert len(asked) == times
        assert ("Nothing was live in production then" in shown.main) == ("2001" in query)


def test_a_slot_without_anything_live_is_told_as_that(catalog: Catalog, browser: Browser) -> None:
    catalog.serve("a@production", catalog.bundle(1, 1), 1)
    assert browser.get("/environments/production").rows() == [["a", "nothing is live"]]


def test_what_is_no_moment_is_told_and_kept(catalog: Catalog, browser: Browser) -> None:
    catalog.deploy("a@production", catalog.bundle(1, 1))
    shown = browser.get("/environments/production", at="")
    shown = browser.submit(shown, "Show what was live", at=HOSTILE)
    assert shown.status == 422
    assert "is no moment" in alert(shown)
    assert shown.one("//input[@name='at']").get("value") == HOSTILE
    assert not shown.all("//main//script")


def test_what_is_still_to_come_is_told(catalog: Catalog, browser: Browser) -> None:
    made = catalog.deploy("a@production", catalog.bundle(1, 1))
    later = datetime.now(UTC) + timedelta(days=2)
    shown = browser.get(f"/environments/production?at={later:%Y-%m-%dT%H:%M}")
    assert "still to come" in shown.main
    assert shown.rows()[0][-1] == str(made.number)


def test_an_unknown_environment_names_the_nearest(catalog: Catalog, browser: Browser) -> None:
    catalog.deploy("a@production", catalog.bundle(1, 1))
    shown = browser.get("/environments/produktion")
    assert shown.status == 404
    assert "did you mean production" in shown.main


def test_a_filter_by_route_says_so_and_offers_clear(catalog: Catalog, browser: Browser) -> None:
    for slot in ("support@production", "chat@production"):
        catalog.deploy(slot, catalog.bundle(1, 1))
    shown = browser.submit(
        browser.get("/environments/production"), "Show what was live", route="SUPP"
    )
    assert [row[0] for row in shown.rows()] == ["support"]
    assert "1 slot whose route holds “SUPP”" in shown.main
    assert len(browser.follow(shown, "Clear: all that is live now").rows()) == 2
    none = browser.get("/environments/production?route=zzz")
    assert "No slot of production has “zzz” in its route." in none.main
    assert len(browser.follow(none, "Clear the filter").rows()) == 2


def test_many_slots_are_paged(
    catalog: Catalog, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "SLOTS", 2)
    for slot in ("a@production", "b@production", "c@production"):
        catalog.deploy(slot, catalog.bundle(1, 1))
    shown = browser.get("/environments/production")
    assert [row[0] for row in shown.rows()] == ["a", "b"]
    assert "3 slots" in shown.main
    last = browser.follow(shown, "More slots")
    assert [row[0] for row in last.rows()] == ["c"]
    assert [row[0] for row in browser.follow(last, "Slots before").rows()] == ["a", "b"]
    beyond = browser.get("/environments/production?page=9")
    assert beyond.status == 404
    assert "There is no page 9" in beyond.main


def test_the_pages_of_a_moment_tell_what_the_api_tells_of_it(
    catalog: Catalog, browser: Browser, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a slot in which nothing was live yet, and without one that came later."""
    monkeypatch.setattr(environments, "SLOTS", 2)
    catalog.serve("waits@production", catalog.bundle(1, 1), 1)
    for slot in ("c@production", "b@production", "a@staging"):
        catalog.deploy(slot, catalog.bundle(1, 1))
    then = catalog.deploy("a@production", catalog.bundle(1, 1)).at
    for slot in ("a@production", "later@production", "waits@production"):
        catalog.deploy(slot, catalog.bundle(1, 2))
    for at, query, count in ((then, f"?at={then:%Y-%m-%dT%H:%M:%S.%f}", 4), (None, "", 5)):
        told = client.environments.live("production", at=at)
        shown = browser.get(f"/environments/production{query}")
        rows = shown.rows()
        while "More slots" in shown.links:
            shown = browser.follow(shown, "More slots")
            rows += shown.rows()
        found = [(row[0], row[1] if len(row) > 2 else None) for row in rows]
        assert found == [
            (one.route, f"support/answer/{one.live.prompt.number}" if one.live else None)
            for one in told.slots
        ]
        assert len(found) == count


def test_a_filter_means_its_characters(catalog: Catalog, browser: Browser) -> None:
    for slot in ("a_b@production", "axb@production"):
        catalog.deploy(slot, catalog.bundle(1, 1))
    shown = browser.get("/environments/production?route=A_B")
    assert [row[0] for row in shown.rows()] == ["a_b"]
    for none in ("%25", "%5C"):
        shown = browser.get(f"/environments/production?route={none}")
        assert shown.status == 200
        assert "No slot of production has" in shown.main
    shown = browser.get("/environments/production?route=%00")
    assert shown.status == 422
    assert "cannot contain NUL" in shown.main


def test_a_split_is_told_in_the_picture_and_in_the_table(
    catalog: Catalog, browser: Browser, client: Client
) -> None:
    bundle = catalog.bundle
    catalog.deploy("a@production", bundle(1, 1))
    policy = canary(bundle(1, 1).ref, bundle(1, 2).ref, 0.2)
    client.slots.deploy("a@production", policy=policy, reason="a fifth", expected=1)
    shown = browser.get("/environments/production")
    assert "20.0 % to others" in shown.rows()[0][3]
    assert shown.all("//*[local-name()='rect'][@class='other']")
    assert "20 % of the traffic by other bundles" in shown.source


def test_what_people_wrote_is_shown_as_typed(catalog: Catalog, browser: Browser) -> None:
    catalog.deploy("a@production", catalog.bundle(1, 1), reason=HOSTILE)
    for address in ("/environments", "/environments/production"):
        shown = browser.get(address)
        assert "<script>alert(1)</script>⟨U+202E⟩" in shown.main
        assert not shown.all("//main//script")


def test_a_viewer_may_look(catalog: Catalog, browser_of: Callable[[Role], Browser]) -> None:
    catalog.deploy("a@production", catalog.bundle(1, 1))
    viewer = browser_of(Role.VIEWER)
    assert viewer.get("/environments").status == 200
    assert viewer.get("/environments/production").status == 200
