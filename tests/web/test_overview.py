"""The overview: what is live, what speaks against it, what waits and what changed last."""

import shlex
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from typer.main import get_command

from tests.support.browsing import HOSTILE, Browser
from tests.support.catalog import MODEL, PROMPT, SLOT, Catalog
from tests.support.rehearsal import Rehearsal
from twinline.cli.root import app
from twinline.client import Client
from twinline.inferences import actions as inferences
from twinline.kills import actions as kills
from twinline.language.records import Bundle, NewEvaluation, Role
from twinline.language.refs import SlotRef
from twinline.timelines import divergences
from twinline.web import standing
from twinline.web.pages.overview import STEPS, WAITING

COPIES = """
insert into alias_link select (jsonb_populate_record(
    alias_link, jsonb_build_object('slot_id', slot.id, 'alias', 'of-' || slot.id))).*
from alias_link, slot where slot.environment = 'a'
"""

MOVES = """
insert into alias_move (slot_id, alias, model, after, found_at, live, outcome, why)
select id, 'champion', 'churn', 2, now(), 1, 'proposed', 'it was moved' from slot
where environment <> :but
"""


def evaluated(client: Client, bundle: Bundle) -> None:
    client.evaluations.record(NewEvaluation(subject=bundle.ref, suite="golden", passed=3, failed=0))


def killed(rehearsal: Rehearsal, slot: str) -> None:
    with rehearsal.writing("test") as tx:
        kills.kill(tx, SlotRef.parse(slot), "it leaks")


def signs(browser: Browser, row: int = 0) -> str:
    return browser.get("/").rows()[row][-1]


def test_an_empty_catalog_shows_five_steps_with_their_commands(browser: Browser) -> None:
    shown = browser.get("/")
    steps = shown.all("//main//ol[@class='steps']/li")
    assert len(steps) == 5
    commands = [one.text_content() for one in shown.all("//main//ol[@class='steps']//code")]
    assert commands == [command for _, command in STEPS]
    assert "done" not in shown.one("//main//ol[@class='steps']").text_content()


def test_steps_that_are_done_say_so(browser: Browser, catalog: Catalog) -> None:
    catalog.bundle(1, 1)
    steps = browser.get("/").all("//main//ol[@class='steps']/li")
    assert ["done" in one.text_content() for one in steps] == [True, True, True, False, False]


def test_the_commands_of_the_steps_can_be_typed() -> None:
    for _, command in STEPS:
        name, *words = shlex.split(command)
        assert name == "twinline"
        found: Any = get_command(app)
        while hasattr(found, "commands"):
            found = found.commands[words.pop(0)]
        found.make_context(command, words)


def test_each_slot_has_both_sides_since_when_and_by_whom(
    browser: Browser, catalog: Catalog
) -> None:
    catalog.deploy(SLOT, catalog.bundle(2, 3))
    catalog.serve(SLOT, catalog.bundle(2, 3), 9)
    catalog.serve(SLOT, catalog.bundle(2, 3), 1, status="error")
    shown = browser.get("/")
    (row,) = shown.rows()
    assert row[:3] == ["answer", f"P{PROMPT} 3", f"M{MODEL} 2"]
    assert row[3].endswith("by admin")
    assert row[4:6] == ["10", "10.0 %"]
    assert "errors" in row[6]
    assert shown.links["answer"] == f"/slots/{SLOT}"


def test_it_counts_from_the_beginning_of_an_hour_as_the_page_of_a_slot_does(
    catalog: Catalog, rehearsal: Rehearsal
) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    catalog.serve(SLOT, catalog.bundle(1, 1), 3)
    slot = SlotRef.parse(SLOT)
    with rehearsal.reading() as tx:
        amidst = tx.value(text("select max(last_at) from rollup_hour"))
        assert inferences.recent(tx, [slot], amidst) == {slot: (3, 0)}
        assert inferences.served_since(tx, slot, amidst).requests == 3


def test_production_comes_first(browser: Browser, catalog: Catalog) -> None:
    for environment in ("dev", "production", "staging"):
        catalog.deploy(f"answer@{environment}", catalog.bundle(1, 1))
    headings = [one.text_content() for one in browser.get("/").all("//main//h3")]
    assert headings == ["production", "dev", "staging"]


def test_what_was_never_evaluated_is_told_until_it_is(
    browser: Browser, catalog: Catalog, client: Client
) -> None:
    bundle = catalog.bundle(1, 1)
    catalog.deploy(SLOT, bundle)
    assert "no evaluation" in signs(browser)
    evaluated(client, bundle)
    assert signs(browser) == "well"


def test_a_suite_that_is_not_passed_is_told(
    browser: Browser, catalog: Catalog, client: Client
) -> None:
    bundle = catalog.bundle(1, 1)
    catalog.deploy(SLOT, bundle)
    client.suites.define("golden", scores="bundle")
    client.suites.require("golden", "production", reason="nothing unseen goes live")
    assert "not passed: golden" in signs(browser)
    evaluated(client, bundle)
    assert signs(browser) == "well"


def test_what_is_recalled_and_live_is_told_until_it_is_lifted(
    browser: Browser, catalog: Catalog, client: Client
) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    recall = client.recalls.create(f"prompts:/{PROMPT}/1", reason="it promises refunds")
    assert "recalled, yet live" in signs(browser)
    shown = browser.get("/")
    assert "it promises refunds" in shown.main
    client.recalls.lift(recall.number, reason="it does not")
    assert "recalled" not in signs(browser)


def test_why_is_told_of_each_slot(browser: Browser, catalog: Catalog, client: Client) -> None:
    """Slots with one reason have it once."""
    for number in (1, 2):
        catalog.deploy(f"team{number}x@production", catalog.bundle(number, number))
        client.recalls.create(f"prompts:/{PROMPT}/{number}", reason=f"it promises {number}")
    catalog.deploy("other@production", catalog.bundle(3, 3))
    (said,) = [
        " ".join(one.text_content().split())
        for one in browser.get("/").all("//ul[@class='concerns']/li")
        if "yet live" in one.text_content()
    ]
    for number in (1, 2):
        assert f"team{number}x@production prompts:/{PROMPT}/{number} is recalled by admin" in said
        assert said.count(f"it promises {number}") == 1


def test_what_is_killed_is_told(browser: Browser, catalog: Catalog, rehearsal: Rehearsal) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    killed(rehearsal, SLOT)
    assert "kill switch" in signs(browser)


def test_requests_with_another_bundle_than_declared_are_told(
    browser: Browser, catalog: Catalog
) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    catalog.serve(SLOT, catalog.bundle(1, 2), 3, deployment=1)
    assert "not as declared" in signs(browser)


def test_trouble_comes_first_and_the_rest_is_a_link(
    browser: Browser,
    catalog: Catalog,
    client: Client,
    rehearsal: Rehearsal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bundle = catalog.bundle(1, 1)
    evaluated(client, bundle)
    for name in ("a", "b", "z"):
        catalog.deploy(f"{name}@production", bundle)
    killed(rehearsal, "z@production")
    monkeypatch.setattr(standing, "SLOTS_SHOWN", 2)
    shown = browser.get("/")
    assert [row[0] for row in shown.rows()] == ["z", "a"]
    assert shown.links["1 other slots of production"] == "/environments/production"


def test_what_was_done_last_is_told_in_sentences(
    browser: Browser, catalog: Catalog, client: Client
) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1), reason=f"first {HOSTILE}")
    client.prompts.move_label(PROMPT, "production", 1, reason="it is live")
    shown = browser.get("/")
    said = " ".join(shown.one("//section[@aria-labelledby='changes']").text_content().split())
    assert f"admin moved the label prompts:/{PROMPT}@production to 1: it is live" in said
    assert f"admin deployed {SLOT} as number 1: first" in said
    assert "<script>alert(1)</script>" in said
    assert "<script>alert" not in shown.source
    assert "\u202e" not in shown.source
    (link,) = shown.all(f"//section[@aria-labelledby='changes']//a[text()='{SLOT}']")
    assert link.get("href") == f"/slots/{SLOT}/deployments/1"


def test_what_waits_for_a_runner_is_told(
    browser: Browser, catalog: Catalog, client: Client
) -> None:
    bundle = catalog.bundle(1, 1)
    client.suites.define("golden", scores="bundle")
    client.evaluations.ask("golden", bundle.ref)
    assert "The suite golden of" in browser.get("/").main


def test_more_evaluations_than_are_told_are_listed_by_a_command(
    browser: Browser, catalog: Catalog, client: Client
) -> None:
    bundle = catalog.bundle(1, 1)
    for number in range(WAITING):
        client.suites.define(f"golden-{number}", scores="bundle")
        client.evaluations.ask(f"golden-{number}", bundle.ref)
    every = "//section[@aria-labelledby='waiting']//li"
    told = browser.get("/").all(every)
    assert len(told) == WAITING
    assert all(one.xpath(f".//a[@href='/bundles/{bundle.digest}']") for one in told)
    client.suites.define("golden", scores="bundle")
    client.evaluations.ask("golden", bundle.ref)
    *told, more = browser.get("/").all(every)
    assert len(told) == WAITING
    assert more.text_content() == "More evaluations wait: twinline evaluate pending"
    assert more.xpath(".//code")
    assert not more.xpath(".//a")


def test_more_moves_in_mlflow_than_are_told_are_listed_by_a_command(
    browser: Browser, catalog: Catalog, rehearsal: Rehearsal
) -> None:
    every = "//section[@aria-labelledby='waiting']//li"
    for number in range(WAITING + 1):
        catalog.deploy(f"answer@stage-{number}", catalog.bundle(1, 1))
    with rehearsal.writing("test") as tx:
        tx.run(text(MOVES), {"but": "stage-0"})
    told = browser.get("/").all(every)
    assert len(told) == WAITING
    assert all("MLflow moved the alias champion" in one.text_content() for one in told)
    with rehearsal.writing("test") as tx:
        tx.run(text("delete from alias_move"))
        tx.run(text(MOVES), {"but": ""})
    *told, more = browser.get("/").all(every)
    assert len(told) == WAITING
    assert more.text_content() == "More moves in MLflow wait: twinline mlflow proposals"


def test_whoever_may_read_sees_it(browser_of: Callable[[Role], Browser], catalog: Catalog) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    shown = browser_of(Role.VIEWER).get("/")
    assert shown.status == 200
    assert "answer" in shown.main


# --- what was not looked at ---------------------------------------------------------------


def test_trouble_of_slots_that_are_not_shown_is_told(
    browser: Browser,
    catalog: Catalog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("a", "b", "c"):
        catalog.deploy(f"{name}@production", catalog.bundle(1, 1))
    monkeypatch.setattr(standing, "SLOTS_SHOWN", 2)
    shown = browser.get("/")
    assert len(shown.rows()) == 2
    (concern,) = shown.all("//ul[@class='concerns']/li")
    named = [one.text_content() for one in concern.xpath(".//a")]
    assert named == ["a@production", "b@production", "c@production"]


def test_well_is_said_of_the_slots_that_were_looked_at(
    browser: Browser,
    catalog: Catalog,
    client: Client,
    rehearsal: Rehearsal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bundle = catalog.bundle(1, 1)
    evaluated(client, bundle)
    for slot in ("a@production", "b@production", "c@zone"):
        catalog.deploy(slot, bundle)
    assert "Nothing speaks against what is live." in browser.get("/").main
    assert "Not looked at" not in browser.get("/").main
    monkeypatch.setattr(standing, "SLOTS_LOOKED_AT", 1)
    monkeypatch.setattr(standing, "ENVIRONMENTS", 1)
    shown = browser.get("/")
    assert "Nothing speaks against what is live in the 1 slot looked at." in shown.main
    (rest,) = shown.all("//section[@aria-labelledby='health']//p[@class='note']")
    leads = [one.get("href") for one in rest.xpath(".//a")]
    assert leads == ["/environments/production", "/environments/zone"]
    killed(rehearsal, "b@production")
    shown = browser.get("/")
    assert "Nothing speaks against" not in shown.main
    (concern,) = shown.all("//ul[@class='concerns']/li")
    said = " ".join(concern.text_content().split())
    assert "kill switch routes:/b@production" in said
    assert "it leaks" in said
    assert "To let it go on: twinline lift " in said


def test_what_was_served_is_asked_only_of_the_slots_that_are_looked_at(
    browser: Browser, catalog: Catalog, rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(divergences, "UNSEEN_HOURS", 1e-9)
    every = [SlotRef.parse(f"{name}@production") for name in ("a", "b", "c")]
    for slot in every:
        catalog.deploy(slot.short, catalog.bundle(1, 1))
    for slot in every[:2]:
        catalog.serve(slot.short, catalog.bundle(1, 2), 3, deployment=1)
    with rehearsal.reading() as tx:
        for slots in (every, every[1:]):
            diverging = {one.slot for one in divergences.glance(tx, slots)}
            assert diverging == {*slots} & {*every[:2]}
            assert {one.slot for one in divergences.unseen(tx, slots)} == {*slots}
    health = [row[-1] for row in browser.get("/").rows()]
    assert ["not as declared" in one for one in health] == [True, True, False]
    assert all("not seen" in one for one in health)


def test_an_alias_in_trouble_is_told_however_many_links_come_before_it(
    browser: Browser, catalog: Catalog, client: Client, rehearsal: Rehearsal
) -> None:
    for slot in (SLOT, *(f"r{number}@a" for number in range(200))):
        client.slots.deploy(slot, catalog.bundle(1, 1).ref, reason="because", expected=0)
    client.mlflow_links.link(SLOT, "champion")
    with rehearsal.writing("test") as tx:
        tx.run(text(COPIES))
        tx.run(text("update alias_link set trouble = 'MLflow is away' where alias = 'champion'"))
    assert "alias drift" in signs(browser)
