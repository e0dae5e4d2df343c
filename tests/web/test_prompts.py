"""Prompts, as people look at them: the list, and one with its versions."""

import pytest

from tests.support.browsing import Browser
from tests.support.catalog import PROMPT, Catalog
from twinline.client import Client

HOSTILE = "<script>alert(1)</script>\u202e"
SLOT = "answer@production"


def test_no_prompt_says_how_to_make_one(browser: Browser) -> None:
    assert "twinline prompts create" in browser.get("/prompts").main


def test_the_list_tells_of_each_prompt(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    catalog.deploy(SLOT, catalog.bundle(1, 2))
    client.prompts.move_label(PROMPT, "production", 2, reason="passed its week")
    shown = browser.get("/prompts")
    ((name, newest, labels, live, last),) = shown.rows()
    assert (name, newest, labels) == (PROMPT, "version 2", "production → 2")
    assert live == f"{SLOT} version 2"
    assert "admin" in last
    assert "production moved to version 2: passed its week" in last
    assert browser.follow(shown, PROMPT).status == 200


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ("search=answer", ["support/answer"]),
        ("search=support/answr", ["support/answer"]),
        ("folder=support", ["support/answer", "support/tone"]),
        ("label=production", ["support/tone"]),
        ("tag=team=blue", ["sales/pitch"]),
        ("author=admin&folder=sales", ["sales/pitch"]),
        ("author=nobody", []),
        ("includes=support/tone", ["support/answer"]),
        ("retired=true&folder=gone", ["gone/away"]),
        ("folder=gone", []),
    ],
)
def test_the_list_is_narrowed(
    browser: Browser, client: Client, filters: str, found: list[str]
) -> None:
    client.prompts.create("support/tone", "Be calm.", labels=["production"])
    client.prompts.create("support/answer", "{{> support/tone@1 }} Answer.")
    client.prompts.create("sales/pitch", "Buy.", tags={"team": "blue"})
    client.prompts.create("gone/away", "No.")
    client.prompts.retire("gone/away", reason="not used any more")
    shown = browser.get(f"/prompts?{filters}")
    names = [one.text for one in shown.all("//main//tbody//th/a")]
    assert names == found
    assert shown.links["clear"] == "/prompts"
    if not found:
        assert "No prompt is like that" in shown.main


def test_a_filter_that_is_none_is_told_and_kept(browser: Browser) -> None:
    shown = browser.get("/prompts?folder=a b&search=x")
    assert shown.status == 422
    assert "folder" in shown.one("//*[@role='alert']").text_content()
    assert shown.one("//input[@name='folder']").get("value") == "a b"
    assert shown.one("//input[@name='search']").get("value") == "x"
    assert browser.get("/prompts?search=-only").status == 422
