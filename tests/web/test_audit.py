"""The audit log: filters, what was looked through, and where subjects lead."""

from collections.abc import Callable

import pytest

from tests.support.browsing import HOSTILE, Browser, alert
from tests.support.catalog import SLOT, Catalog
from twinline.access import actions
from twinline.client import Client
from twinline.language.records import Role
from twinline.web.pages import audit


@pytest.fixture
def catalog(client: Client) -> Catalog:
    made = Catalog(client)
    made.deploy(SLOT, made.bundle(1, 1), f"because {HOSTILE}")
    return made


def test_what_was_done_leads_to_what_it_was_done_to(browser: Browser, catalog: Catalog) -> None:
    shown = browser.get("/audit")
    assert shown.links["prompts:/support/answer/1"] == "/prompts/support/answer/versions/1"
    assert shown.links[f"deployments:/{SLOT}/1"] == f"/slots/{SLOT}/deployments/1"
    assert "because <script>alert(1)</script>⟨U+202E⟩" in shown.main
    assert "<script>alert" not in shown.source
    key = next(row for row in shown.rows() if row[3] == "key.issue")
    assert key[4] not in shown.links


def test_each_filter_narrows_and_can_be_cleared(browser: Browser, catalog: Catalog) -> None:
    everything = {row[0] for row in browser.get("/audit").rows()}
    for narrowed, column, begin in (
        ("actor=admin", 2, "admin"),
        ("action=prompt.", 3, "prompt."),
        ("subject=models:/churn", 4, "models:/churn"),
        ("action=deployment&subject=deployments:/answer@", 4, f"deployments:/{SLOT}"),
    ):
        shown = browser.get(f"/audit?{narrowed}")
        assert shown.rows(), narrowed
        assert all(row[column].startswith(begin) for row in shown.rows())
        assert {row[0] for row in shown.rows()} < everything
        assert "Looked through the events 1 to" in shown.main
        assert shown.links["clear"] == "/audit"


def test_a_time_narrows(browser: Browser, catalog: Catalog) -> None:
    assert "No event is of that time" in browser.get("/audit?to=2026-01-01T00:00").main
    assert "No event is of that time" in browser.get("/audit?from=2999-01-01T00:00").main
    assert browser.get("/audit?from=0001-01-01T00:00").rows()


def test_nothing_that_fits_says_what_was_looked_through(
    browser: Browser, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "LOOKED_THROUGH", 2)
    shown = browser.get(f"/audit?action=key.issue&subject={HOSTILE}")
    for _ in range(20):
        assert "None of these events fits" in shown.main
        if "look through those" not in shown.links:
            break
        shown = browser.follow(shown, "look through those")
    assert "Looked through the events 1 to" in shown.main
    assert shown.one("//main//input[@name='subject']").get("value") == HOSTILE


def test_pages_of_a_filter_follow_each_other(
    browser: Browser, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [row[0] for row in browser.get("/audit?actor=admin").rows()]
    monkeypatch.setattr(audit, "EVENTS", 2)
    shown = browser.get("/audit?actor=admin")
    seen = [row[0] for row in shown.rows()]
    while "Older" in shown.links:
        shown = browser.follow(shown, "Older")
        seen += [row[0] for row in shown.rows()] if shown.all("//main//table") else []
    assert len(whole) > 2
    assert seen == whole


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("from=soon", "soon"),
        ("from=2026-02-01T00:00&to=2026-01-01T00:00", "before it begins"),
    ],
)
def test_what_is_wrong_is_told_and_stays_typed(browser: Browser, asked: str, said: str) -> None:
    shown = browser.get(f"/audit?{asked}&actor=ben")
    assert shown.status == 422
    assert said in alert(shown)
    assert shown.form("Show").fields["actor"] == "ben"


def test_who_may_not_is_told_who_may(browser_of: Callable[[Role], Browser]) -> None:
    shown = browser_of(Role.VIEWER).get("/audit")
    assert shown.status == 403
    assert "auditor" in shown.main
    assert browser_of(Role.AUDITOR).get("/audit?verify=true").status == 200
