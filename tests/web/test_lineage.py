"""The page of a lineage: picture, table and CSV of one walk."""

import csv
import io
from urllib.parse import quote

from tests.support.browsing import HOSTILE, Browser, alert
from tests.support.catalog import MODEL, PROMPT, Catalog
from tests.support.rehearsal import Rehearsal
from twinline.client import Client
from twinline.language.records import NewCustomNode, NewEdge
from twinline.lineage import customs


def test_without_a_reference_it_explains_what_references_are(browser: Browser) -> None:
    shown = browser.get("/lineage")
    assert shown.status == 200
    assert "datasets:/tickets/5e1f0a7c" in shown.main
    assert "twinline lineage prompts:/support/answer/7" in shown.main


def test_both_sides_are_counted_drawn_and_listed(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    bundle = catalog.bundle(1, 1)
    catalog.deploy("support@production", bundle)
    shown = browser.submit(browser.get("/lineage"), "Show", node=str(bundle.ref))
    assert "4 upstream, 2 downstream" in shown.main
    assert "live in support@production" in shown.main
    rows = {row[2]: row for row in shown.rows()}
    assert rows["datasets:/tickets/1"][0] == "upstream"
    assert rows["datasets:/tickets/1"][4] == "3"
    assert rows["runs:/run-1"][3] == f"made → models:/{MODEL}/1"
    assert rows["deployments:/support@production/1"][0] == "downstream"
    drawn = {one.get("href") for one in shown.all("//main//*[local-name()='svg']//a")}
    assert f"/prompts/{PROMPT}/versions/1" in drawn
    listed = {one.get("href") for one in shown.all("//main//table//td/a")}
    assert listed <= drawn


def test_each_side_has_its_own_depth(browser: Browser, client: Client) -> None:
    bundle = Catalog(client).bundle(1, 1)
    shown = browser.get(f"/lineage?node={bundle.ref}&up=1&down=0")
    assert "2 upstream, 0 downstream" in shown.main
    assert "Left out: 1 or more deeper than 1 hop" in shown.main
    nothing = browser.get(f"/lineage?node={bundle.ref}&up=0&down=0")
    assert "0 upstream, 0 downstream" in nothing.main
    assert nothing.one("//select[@name='up']/option[@selected]").get("value") == "0"


def test_it_is_as_it_was_at_a_moment(browser: Browser, client: Client) -> None:
    bundle = Catalog(client).bundle(1, 1)
    shown = browser.get(f"/lineage?node={bundle.ref}&at=2020-01-01T00:00")
    assert shown.status == 404
    assert "did not exist at 2020-01-01" in alert(shown)
    assert shown.one("//input[@name='at']").get("value") == "2020-01-01T00:00"


def test_only_some_kinds_are_shown_and_that_is_said(browser: Browser, client: Client) -> None:
    bundle = Catalog(client).bundle(1, 1)
    shown = browser.get(f"/lineage?node={bundle.ref}&kind=dataset")
    assert "Left out: 3 of other kinds" in shown.main
    assert [row[1] for row in shown.rows()] == ["Ddataset"]
    assert "4 upstream" in browser.follow(shown, "Show all kinds").main


def test_what_is_wrong_is_said_above_what_was_typed(browser: Browser) -> None:
    for asked, why in {
        "node=nonsense": "nonsense",
        "node=models:/none/3": "none",
        "node=models:/none/3&up=many": "no depth",
        "node=models:/none/3&kind=thing": "no kind",
        "node=models:/none/3&at=soon": "no moment",
    }.items():
        shown = browser.get(f"/lineage?{asked}")
        assert 400 <= shown.status < 500
        assert why in alert(shown)
        assert shown.one("//input[@name='node']").get("value") in asked


def test_the_csv_is_the_same_walk_and_safe_in_a_spreadsheet(
    browser: Browser, client: Client
) -> None:
    bundle = Catalog(client).bundle(1, 1)
    shown = browser.get(f"/lineage?node={bundle.ref}&down=0")
    answer = browser.http.get(shown.links["as CSV"])
    assert answer.headers["content-disposition"] == 'attachment; filename="lineage.csv"'
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [one["reference"] for one in lines] == [
        str(bundle.ref),
        *(row[2] for row in shown.rows()),
    ]
    assert lines[0]["direction"] == "asked for"


def test_a_dataset_a_run_and_a_thing_of_your_own_tell_their_facts(
    browser: Browser, client: Client
) -> None:
    Catalog(client).bundle(1, 1)
    assert "profile rows1" in browser.get("/lineage?node=datasets:/tickets/1").main
    assert "training 1" in browser.get("/lineage?node=runs:/run-1").main
    client.lineage.add_node("index", "faq", description=HOSTILE, owner="search")
    client.lineage.connect("nodes:/index/faq", "datasets:/tickets/1", kind="feeds")
    shown = browser.get("/lineage?node=nodes:/index/faq")
    assert "ownersearch" in shown.main
    assert "<script>alert" not in shown.source
    assert "\u202e" not in shown.source
    assert "feeds ← nodes:/index/faq" in shown.main


def test_what_hangs_on_nothing_says_how_it_would(browser: Browser, client: Client) -> None:
    client.lineage.add_node("index", "faq")
    shown = browser.get("/lineage?node=nodes:/index/faq")
    assert "twinline nodes connect datasets:/tickets/5e1f0a7c nodes:/index/faq" in shown.main


def test_a_card_that_is_closed_can_be_opened(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    for number in range(1, 13):
        catalog.bundle(number, 1)
    shown = browser.get(f"/lineage?node=prompts:/{PROMPT}/1&up=0&down=1")
    (more,) = shown.all("//*[local-name()='svg']//a[contains(., '+ 5 more')]")
    opened = browser.get(more.get("href"))
    assert "+ 5 more" not in opened.source
    assert len(opened.all("//*[local-name()='svg']//a")) == 13
    assert "+ 5 more" in browser.follow(opened, "Close the cards that were opened").source


def test_too_much_is_not_drawn_but_listed(browser: Browser, rehearsal: Rehearsal) -> None:
    with rehearsal.writing("test") as tx:
        for number in range(1005):
            name = f"{number:04}"
            customs.add(tx, NewCustomNode(type="chunk", name=name, properties={}))
            if number:
                made = f"nodes:/chunk/{name}"
                customs.connect(
                    tx, NewEdge(source="nodes:/chunk/0000", target=made, kind="feeds", evidence={})
                )
    shown = browser.get("/lineage?node=nodes:/chunk/0000")
    assert "no picture of them can be read" in shown.main
    assert not shown.all("//*[local-name()='svg']")
    assert len(shown.rows()) == 200
    later = browser.follow(shown, "Rows after")
    assert later.rows()[0][2] == "nodes:/chunk/0201"
    lines = browser.http.get(shown.links["as CSV"]).text.splitlines()
    assert len(lines) == 1 + 1005


def test_a_label_stands_for_what_it_names(browser: Browser, client: Client) -> None:
    Catalog(client).bundle(1, 2)
    shown = browser.get("/lineage?node=" + quote(f"prompts:/{PROMPT}@latest"))
    assert f"prompts:/{PROMPT}/2" in shown.one("//h1").text_content()
