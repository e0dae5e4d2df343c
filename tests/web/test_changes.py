"""What changed between two moments."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.browsing import HOSTILE, Browser, alert
from tests.support.catalog import PROMPT, SLOT, Catalog
from twinline.client import Client
from twinline.language.records import Role
from twinline.web import forms
from twinline.web.pages import changes


def test_without_a_slot_it_asks_for_one(catalog: Catalog, browser: Browser) -> None:
    empty = browser.get("/changes")
    assert "There is no slot yet" in empty.main
    assert "twinline deploy" in empty.one("//pre").text_content()
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    shown = browser.get("/changes")
    assert [one.get("value") for one in shown.all("//datalist/option")] == [SLOT]
    found = browser.submit(shown, "Show what changed", slot=SLOT)
    assert found.status == 200
    assert "deployment 1: prompt" in found.main
    assert browser.follow(shown, SLOT).main == found.main


def test_changes_are_ranked_with_how_both_ends_did(
    catalog: Catalog, browser: Browser, client: Client
) -> None:
    bundle = catalog.bundle
    first = catalog.deploy(SLOT, bundle(1, 1))
    catalog.serve(SLOT, bundle(1, 1), 2, deployment=1, status="ok", cost_usd=2, latency_ms=100)
    client.prompts.move_label(PROMPT, "best", 1, reason="a favourite")
    catalog.deploy(SLOT, bundle(2, 2), reason=HOSTILE)
    catalog.serve(SLOT, bundle(2, 2), 1, deployment=2, status="error")
    shown = browser.get(f"/changes?slot={SLOT}&from={first.at:%Y-%m-%dT%H:%M:%S.%f}")
    before, after = shown.rows()
    assert before[:6] == [
        "before", "1", "prompts:/support/answer/1", "models:/churn/1", "2", "0.0 %"
    ]  # fmt: skip
    assert before[7] == "$2.0000"
    assert after[1:6] == ["2", "prompts:/support/answer/2", "models:/churn/2", "1", "100.0 %"]
    ranked = shown.rows(1)
    assert [row[0] for row in ranked[:2]] == ["prompt", "model"]
    assert ranked[0][2].startswith("deployment deployment 2: prompt")
    assert ranked[0][3:5] == ["100.0 %", "admin"]
    assert ranked[0][5] == "<script>alert(1)</script>⟨U+202E⟩"
    label = next(row for row in ranked if row[2].startswith("label"))
    assert label[3] == "none"
    assert "+Answer 2: {{ question }}" in shown.one("//pre[@class='lines']").text_content()
    assert shown.links["word by word"] == "/compare?prompt=support%2Fanswer&old=1&new=2"
    assert ["tickets", '"1"', '"2"'] in shown.rows(2)


def test_usual_spans_are_links(catalog: Catalog, browser: Browser) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    catalog.deploy(SLOT, catalog.bundle(1, 2))
    shown = browser.get(f"/changes?slot={SLOT}")
    assert "deployment 1: prompt" in shown.main
    last = browser.follow(shown, "Since the last deployment")
    assert "deployment 2: prompt" in last.main
    assert "deployment 1: prompt" not in last.main
    for name in ("The last 24 h", "The last 7 days"):
        assert "deployment 1: prompt" in browser.follow(shown, name).main


def test_the_end_of_a_span_that_a_link_names_stays_in_it(
    catalog: Catalog, browser: Browser
) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    catalog.deploy(SLOT, catalog.bundle(1, 2))
    last = browser.get(f"/slots/{SLOT}/deployments/2")
    shown = browser.follow(last, "All that changed since deployment 1")
    assert "deployment 2: prompt" in shown.main
    assert "deployment 2: prompt" in browser.submit(shown, "Show what changed").main


@pytest.mark.parametrize(
    ("end", "field"),
    [
        ("2026-11-18T14:02:00", "2026-11-18T14:02"),
        ("2026-11-18T14:02:07", "2026-11-18T14:02:07"),
        ("2026-11-18T14:02:07.000001", "2026-11-18T14:02:08"),
        ("2026-12-31T23:59:59.999999", "2027-01-01T00:00"),
        ("9999-12-31T23:59:59.999999", "9999-12-31T23:59:59"),
    ],
)
def test_an_end_is_held_to_the_next_second(end: str, field: str) -> None:
    assert forms.field_end(datetime.fromisoformat(end).replace(tzinfo=UTC)) == field


def test_nothing_changed_is_told(catalog: Catalog, browser: Browser) -> None:
    made = catalog.deploy(SLOT, catalog.bundle(1, 1))
    later = made.at + timedelta(microseconds=1)
    address = f"/changes?slot={SLOT}&from={made.at:%Y-%m-%dT%H:%M:%S.%f}"
    shown = browser.get(f"{address}&to={later:%Y-%m-%dT%H:%M:%S.%f}")
    assert "Nothing that is known here changed" in shown.main
    assert "One deployment was live at both ends" in shown.main
    assert (
        f"twinline changes {SLOT} --from 7d"
        in shown.one("//div[@class='empty']//pre").text_content()
    )


@pytest.mark.parametrize(
    ("slot", "since", "until", "status", "why"),
    [
        ("anser@production", "", "", 404, "did you mean answer@production"),
        (HOSTILE, "", "", 422, "script"),
        (SLOT, "yesterday", "", 422, "From: 'yesterday' is no moment"),
        (SLOT, "", HOSTILE, 422, "is no moment"),
        (SLOT, "2026-01-02T00:00", "2026-01-01T00:00", 422, "is not before To"),
        (SLOT, "", "0001-01-01T00:00", 422, "is not before To"),
        (SLOT, "2001-01-01T00:00", "2001-01-02T00:00", 409, "did not exist by 2001-01-02"),
    ],
)
def test_what_makes_no_sense_is_told_and_kept(
    catalog: Catalog,
    browser: Browser,
    slot: str,
    since: str,
    until: str,
    status: int,
    why: str,
) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    typed = {"slot": slot, "from": since, "to": until}
    shown = browser.submit(browser.get("/changes"), "Show what changed", **typed)
    assert shown.status == status
    assert why in alert(shown)
    for name, value in typed.items():
        assert shown.one(f"//input[@name='{name}']").get("value") == value
    assert not shown.all("//main//script")


def test_more_changes_than_are_shown_are_counted(
    catalog: Catalog, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "RANKED_MOST", 1)
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    catalog.deploy(SLOT, catalog.bundle(2, 2))
    shown = browser.get(f"/changes?slot={SLOT}")
    assert len(shown.rows(1)) == 1
    assert "more changes are not shown" in shown.main


def test_a_viewer_may_look(catalog: Catalog, browser_of: Callable[[Role], Browser]) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    assert browser_of(Role.VIEWER).get(f"/changes?slot={SLOT}").status == 200
