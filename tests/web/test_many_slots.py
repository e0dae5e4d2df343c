"""A prompt that is live in many slots: pages name the first, and say where the rest is."""

import pytest

from tests.support.browsing import Browser, Shown
from tests.support.catalog import MODEL, PROMPT, Catalog
from twinline.client import Client
from twinline.deployments import actions as deployments
from twinline.language.refs import SlotRef
from twinline.web.pages import prompts

SLOTS = [f"answer-{number:02}@production" for number in range(23)]
PAGE = f"/prompts/{PROMPT}"
IMPACT = f"/impact?node=prompts%3A%2F{PROMPT.replace('/', '%2F')}%2F1"


@pytest.fixture
def many(client: Client) -> Catalog:
    """Version 1 is live in 23 slots, version 2 in none."""
    catalog = Catalog(client)
    for slot in SLOTS:
        client.slots.deploy(slot, catalog.bundle(1, 1).ref, reason="because", expected=0)
    catalog.bundle(1, 2)
    return catalog


def test_a_comparison_names_the_first_and_leads_to_all(browser: Browser, many: Catalog) -> None:
    shown = browser.get(f"/compare?prompt={PROMPT}&old=1&new=2")
    named = [
        one.text_content() for one in shown.all("//main//ul[@class='affected']//a[@class='ref']")
    ]
    assert named == SLOTS[:20]
    assert "… and 3 more" in shown.main
    options = [one.text_content() for one in shown.all("//select[@name='old']/option")]
    assert options == ["2 · latest", "1 · live in 23 slots"]
    chips = [
        one.text_content() for one in shown.all("//main//section//span[contains(@class, 'chip')]")
    ]
    assert "and 20 more" in chips
    assert shown.links["and 20 more"] == IMPACT
    every = browser.follow(shown, "the impact")
    assert [row[0] for row in every.rows()] == SLOTS


def test_the_list_of_prompts_names_the_first_and_leads_to_the_rest(
    browser: Browser, many: Catalog
) -> None:
    many.deploy(SLOTS[1], many.bundle(1, 2))
    (row,) = browser.get("/prompts").rows()
    versions = (1, 2, 1, 1, 1)
    first = [f"{slot} version {number}" for slot, number in zip(SLOTS, versions, strict=False)]
    assert row[3] == "".join(first) + "and 18 more"
    assert browser.follow(browser.get("/prompts"), "and 18 more").address == PAGE


def test_a_prompt_names_the_first_and_leads_to_all(browser: Browser, many: Catalog) -> None:
    shown = browser.get(PAGE)
    assert [row[0] for row in shown.rows()] == [
        *SLOTS[:20],
        "3 more slots with version 1: all of them",
    ]
    assert shown.rows(1)[1][4] == "".join(SLOTS[:5]) + "and 18 more"
    assert shown.links["and 18 more"] == shown.links["all of them"] == IMPACT
    assert [row[0] for row in browser.follow(shown, "and 18 more").rows()] == SLOTS


def test_a_version_that_is_live_says_why_it_stays_in_a_few_names(
    browser: Browser, many: Catalog
) -> None:
    shown = browser.get(f"{PAGE}/versions/1")
    assert f"It is live in {', '.join(SLOTS[:20])} and 3 more slots: a version" in shown.main
    assert SLOTS[20] not in shown.main
    assert shown.links["3 more slots"] == IMPACT
    assert "which is live" in browser.get(f"{PAGE}/versions/2").main


def test_slots_that_could_go_back_are_named_in_part(
    browser: Browser, client: Client, many: Catalog
) -> None:
    for slot in SLOTS:
        many.deploy(slot, many.bundle(1, 2))
    shown = browser.get(f"{PAGE}/versions/1")
    assert f"bring it back in {', '.join(SLOTS[:20])} and 3 more slots; once" in shown.main
    command = f"twinline prospect retirement prompts:/{PROMPT}/1"
    assert f"no longer. {command} names all of them." in shown.main
    assert client.lineage.prospect("retirement", f"prompts:/{PROMPT}/1").back == tuple(
        map(SlotRef.parse, SLOTS)
    )


def test_a_draft_is_compared_with_what_is_live_in_many_slots(
    browser: Browser, many: Catalog
) -> None:
    shown = browser.submit(browser.get(f"/write?prompt={PROMPT}"), "Check", text="Be brief.")
    assert f"against version 1, live in {', '.join(SLOTS[:5])} and 18 more" in shown.main


def test_of_many_live_versions_the_newest_are_looked_at_and_the_chosen_one(
    browser: Browser, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployments, "LIVE_VERSIONS", 1)
    monkeypatch.setattr(prompts, "PLACES", 1)
    catalog = Catalog(client)
    for number in (1, 2):
        catalog.deploy(f"answer@stage-{number}", catalog.bundle(1, number))
    catalog.bundle(1, 3)
    shown = browser.get(f"/compare?prompt={PROMPT}&old=1&new=3")
    assert shown.links["answer@stage-1"] == "/slots/answer@stage-1"
    options = [one.text_content() for one in shown.all("//select[@name='old']/option")]
    assert options == ["3 · latest", "2 · live in stage-2", "1 · live in stage-1"]
    shown = browser.get(PAGE)
    assert [row[:2] for row in shown.rows()] == [["answer@stage-2", "version 2"]]
    assert "1 other versions are live" in shown.main
    assert [row[4] for row in shown.rows(1)] == ["", "answer@stage-2", "answer@stage-1"]


def test_a_bundle_names_the_first_and_leads_to_all(browser: Browser, many: Catalog) -> None:
    bundle = many.bundle(1, 1)
    for slot in SLOTS:
        many.serve(slot, bundle, 1)
    shown = browser.get(f"/bundles/{bundle.digest}")
    assert f"live in {', '.join(SLOTS[:3])} and 20 more" in heading(shown)
    assert f"It is live in {', '.join(SLOTS[:20])} and 3 more slots." in shown.main
    assert named(shown) == {*SLOTS[:20]}
    (table,) = shown.all("//div[@aria-label='Served by slot']//tbody")
    assert table.xpath("string(./tr[21])") == "3 more slots: all of them"
    assert len(table.xpath("./tr")) == 21
    assert shown.links["3 more slots"] == shown.links["all of them"]
    assert {row[0] for row in browser.follow(shown, "3 more slots").rows()} >= {*SLOTS}


def test_a_model_version_names_the_first_and_leads_to_all(browser: Browser, many: Catalog) -> None:
    many.bundle(2, 1)
    shown = browser.get(f"/models/{MODEL}/versions/1")
    assert f"live in {', '.join(SLOTS[:3])} and 20 more" in heading(shown)
    assert f"Live in{', '.join(SLOTS[:20])} and 3 more slots" in shown.main
    assert named(shown) == {*SLOTS[:20]}
    assert {row[0] for row in browser.follow(shown, "3 more slots").rows()} >= {*SLOTS}
    shown = browser.get(f"/models/{MODEL}/versions/2")
    assert f"Against v1, live in {', '.join(SLOTS[:3])} and 20 more" in shown.main


def test_a_recall_names_the_first_and_leads_to_all(
    browser: Browser, client: Client, many: Catalog
) -> None:
    made = client.recalls.create(f"models:/{MODEL}/1", reason="it is bad")
    shown = browser.get(f"/recalls/{made.number}")
    said = f"Something of it is live in {', '.join(SLOTS[:20])} and 3 more slots."
    assert said in shown.main
    assert {row[0] for row in browser.follow(shown, "3 more slots").rows()} >= {*SLOTS}


def heading(shown: Shown) -> str:
    return " ".join(shown.one("//h1").text_content().split())


def named(shown: Shown) -> set[str]:
    """The slots that a page leads to."""
    links = {one.text_content() for one in shown.all("//main//a[starts-with(@href, '/slots/')]")}
    return links & {*SLOTS}
