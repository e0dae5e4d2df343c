"""Impact: the counts, the places, the people, and the requests behind them."""

import csv
import io
from collections.abc import Callable

import pytest

from tests.support.browsing import HOSTILE, Browser, alert
from tests.support.catalog import SLOT, Catalog
from twinline.client import Client
from twinline.language.records import Role

PROMPT = "prompts:/support/answer/1"


@pytest.fixture
def catalog(client: Client) -> Catalog:
    made = Catalog(client)
    made.deploy(SLOT, made.bundle(1, 1))
    return made


def test_an_empty_catalog_says_how_to_begin(browser: Browser) -> None:
    shown = browser.get("/impact")
    assert "twinline prompts create" in shown.main
    assert shown.status == 200


def test_without_a_node_there_are_examples_that_work(browser: Browser, catalog: Catalog) -> None:
    shown = browser.get("/impact")
    assert {PROMPT, "models:/churn/1"} <= shown.links.keys()
    assert "If this prompt is wrong" in browser.follow(shown, PROMPT).main


def test_the_counts_come_first_and_are_those_of_the_api(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    catalog.serve(SLOT, catalog.bundle(1, 1), 3, status="error", decision="loan-1", cost_usd=2.0)
    catalog.serve(SLOT, catalog.bundle(1, 1), 4, status="ok")
    catalog.serve("answer@staging", catalog.bundle(2, 2), 9)
    shown = browser.get(f"/impact?node={PROMPT}")
    counts = [" ".join(it.text_content().split()) for it in shown.all("//ul[@class='tally']/li")]
    assert counts[0].startswith("7 requests")
    assert counts[1:3] == ["3 errors 42.9 %", "3 requests with a decision"]
    assert counts[3] == "1 slot where it is live now"
    assert "$6.00 cost" in counts
    (row,) = shown.rows(0)
    assert row[:5] == [SLOT, "live", "7", "42.9 %", "3"]
    assert len(shown.rows(len(shown.all("//main//table")) - 1)) == 7
    found = client.lineage.impact(PROMPT)
    assert found.service.requests == 7
    assert shown.all("//*[local-name()='svg']")


def test_people_to_tell_are_named_and_else_how_to_name_them(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    assert f"twinline own {SLOT} support-team" in browser.get(f"/impact?node={PROMPT}").main
    client.lineage.own(SLOT, f"team {HOSTILE}", "#oncall")
    shown = browser.get(f"/impact?node={PROMPT}")
    assert ["team <script>alert(1)</script>⟨U+202E⟩", "#oncall", SLOT] in shown.rows(1)


def test_filters_hide_and_say_so(browser: Browser, catalog: Catalog) -> None:
    catalog.serve(SLOT, catalog.bundle(1, 1), 2)
    catalog.serve("answer@staging", catalog.bundle(1, 1), 3)
    shown = browser.get(f"/impact?node={PROMPT}&environment=staging")
    assert "3 requests" in shown.main
    assert "what it did elsewhere is hidden" in shown.main
    assert "5 requests" in browser.follow(shown, "clear the filters").main
    shown = browser.get(f"/impact?node={PROMPT}&environment=staging&to=2026-01-01T00:00")
    assert "served no request that fits the filters" in shown.main


def test_nothing_found_says_what_was_looked_at(browser: Browser, catalog: Catalog) -> None:
    catalog.bundle(2, 2)
    shown = browser.get("/impact?node=prompts:/support/answer/2")
    assert "live nowhere and served no request. Looked at: 1 bundle and 0 deployments" in shown.main
    assert "nobody to tell" in shown.main


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ("node=answer", 422, "is no reference"),
        ("node=prompts:/support/answer/9", 404, "no version 9"),
        ("node=inferences:/01978f6e-5c3a-7b10-8a2e-2f9c0d1e4b5a", 422, "is no node"),
        (f"node={PROMPT}&slot=answer@prodution", 404, "answer@production"),
        (f"node={PROMPT}&from=soon", 422, "soon"),
        (f"node={PROMPT}&from=2026-02-01T00:00&to=2026-01-01T00:00", 422, "before it begins"),
        (f"node={PROMPT}&cursor=odd", 422, "cursor"),
        ("node=<script>alert(1)</script>", 422, "<script>alert(1)</script>"),
    ],
)
def test_what_is_wrong_is_told_and_stays_typed(
    browser: Browser, catalog: Catalog, asked: str, status: int, said: str
) -> None:
    shown = browser.get(f"/impact?{asked}")
    assert shown.status == status
    assert said in alert(shown)
    node = asked.partition("node=")[2].partition("&")[0]
    assert shown.form("Count").fields["node"] == node
    assert any(address.startswith("/search?q=") for address in shown.links.values())


def test_requests_follow_page_by_page_and_as_a_file(browser: Browser, catalog: Catalog) -> None:
    sent = [str(one.id) for one in catalog.serve(SLOT, catalog.bundle(1, 1), 30)]
    shown = browser.get(f"/impact?node={PROMPT}")
    last = len(shown.all("//main//table")) - 1
    first = [row[1] for row in shown.rows(last)]
    older = browser.follow(shown, "Older")
    rest = [row[1] for row in older.rows(last)]
    assert first + rest == sorted(sent, reverse=True)
    assert "Back to the newest" in older.links
    answer = browser.http.get(shown.links["All requests as CSV"])
    assert answer.headers["content-disposition"] == 'attachment; filename="impact.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["id"] for row in rows] == first + rest
    assert browser.get("/impact.csv").status == 422
    assert browser.get("/impact.csv?node=prompts:/support/answer/9").status == 404


def test_a_recall_is_one_click_away_for_who_may(
    catalog: Catalog, browser_of: Callable[[Role], Browser]
) -> None:
    shown = browser_of(Role.RELEASER).get(f"/impact?node={PROMPT}")
    assert shown.links["Recall…"] == "/recall?node=prompts%3A%2Fsupport%2Fanswer%2F1"
    shown = browser_of(Role.VIEWER).get(f"/impact?node={PROMPT}")
    assert "Recall…" not in shown.links
    assert "deployments:write" in shown.main
    shown = browser_of(Role.VIEWER).get(f"/impact?node=routes:/{SLOT}")
    assert "If this slot is wrong" in shown.main
    assert "deployments:write" not in shown.main


def test_what_is_recalled_says_so(browser: Browser, client: Client, catalog: Catalog) -> None:
    made = client.recalls.create("datasets:/tickets/1", reason=f"bad {HOSTILE}")
    for node in ("datasets:/tickets/1", "models:/churn/1"):
        shown = browser.get(f"/impact?node={node}")
        assert "is recalled since" in shown.main
        assert "bad <script>alert(1)</script>⟨U+202E⟩" in shown.main
        assert shown.links[f"recall {made.number}"] == f"/recalls/{made.number}"
    assert "is recalled" not in browser.get(f"/impact?node={PROMPT}").main
