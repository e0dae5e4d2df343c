"""The page that compares two versions of a prompt."""

from collections.abc import Callable

import pytest

from tests.support.browsing import Browser
from tests.support.catalog import PROMPT, Catalog
from tests.support.rehearsal import Rehearsal
from twinline.client import Client
from twinline.language.records import Role
from twinline.web.pages import compare as page

OLD = "Answer {{ question }} in one sentence.\nBe kind.\n"
NEW = "Answer {{ words }} in one short sentence.\nBe kind.\n"


@pytest.fixture
def two(client: Client) -> Client:
    """A prompt with two versions."""
    client.prompts.create("p", OLD, message="the first")
    client.prompts.create("p", NEW, message="shorter", labels=["candidate"])
    return client


def test_without_a_prompt_it_asks_for_one(browser: Browser, two: Client) -> None:
    asked = browser.get("/compare")
    shown = browser.submit(asked, "Show", prompt="p")
    assert "p 1 → 2" in shown.main


def test_words_that_went_and_came_are_marked(browser: Browser, two: Client) -> None:
    shown = browser.get("/compare?prompt=p")
    assert [one.text_content() for one in shown.all("//main//del")] == ["{{ question }}"]
    assert [one.text_content() for one in shown.all("//main//ins")] == ["{{ words }}", " short"]
    assert "+2 words" in shown.main
    assert "−1 word" in shown.main
    assert "variable renamed: question → words" in shown.main
    assert f"token estimate {-(-len(OLD) // 4)} → {-(-len(NEW) // 4)}" in shown.main


def test_both_versions_are_told_with_who_made_them_and_why(browser: Browser, two: Client) -> None:
    shown = browser.get("/compare?prompt=p&old=1&new=2")
    sides = [" ".join(one.text_content().split()) for one in shown.all("//main//section")]
    assert "the first" in sides[0]
    assert "shorter" in sides[1]
    assert "candidate" in sides[1]


def test_what_is_live_is_compared_with_the_newest(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    catalog.deploy("answer@production", catalog.bundle(1, 1))
    catalog.bundle(1, 3)
    shown = browser.get(f"/compare?prompt={PROMPT}")
    chosen = [one.text_content() for one in shown.all("//select/option[@selected]")]
    assert chosen == ["1 · live in production", "3 · latest"]


def test_the_slots_that_serve_the_old_version_are_named(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    catalog.deploy("answer@production", catalog.bundle(1, 1))
    catalog.deploy("answer@dev", catalog.bundle(1, 2))
    shown = browser.get(f"/compare?prompt={PROMPT}&old=1&new=2")
    assert shown.links["answer@production"] == "/slots/answer@production"
    assert "answer@dev" not in shown.links
    form = browser.follow(shown, "Deploy 2 to answer@production")
    assert (form.status, form.address.partition("?")[0]) == (200, "/slots/answer@production/deploy")
    assert form.one("//input[@name='prompt']").get("value") == f"prompts:/{PROMPT}/2"
    assert form.one("//input[@name='model']").get("value") == "models:/churn/1"


def test_who_may_not_deploy_is_told_who_may(
    browser_of: Callable[[Role], Browser], client: Client
) -> None:
    catalog = Catalog(client)
    catalog.deploy("answer@production", catalog.bundle(1, 1))
    catalog.bundle(1, 2)
    shown = browser_of(Role.VIEWER).get(f"/compare?prompt={PROMPT}&old=1&new=2")
    assert "deployments:write" in shown.main
    assert not [link for link in shown.links if link.startswith("Deploy")]


def test_where_nothing_is_live_nothing_would_change(browser: Browser, two: Client) -> None:
    shown = browser.get("/compare?prompt=p")
    assert "live nowhere" in shown.main
    assert "twinline impact prompts:/p/1" in shown.main


def test_the_sides_change_places(browser: Browser, two: Client) -> None:
    shown = browser.follow(browser.get("/compare?prompt=p"), "Swap")
    assert [one.get("value") for one in shown.all("//select/option[@selected]")] == ["2", "1"]
    assert "−2 words" in shown.main


def test_the_changes_before_and_after_are_one_step_away(browser: Browser, client: Client) -> None:
    for text in "abcd":
        client.prompts.create("p", text)
    shown = browser.get("/compare?prompt=p&old=2&new=3")
    assert "old=1&new=2" in shown.links["1 → 2"]
    assert "old=3&new=4" in shown.links["3 → 4"]
    assert "4 → 5" not in browser.follow(shown, "3 → 4").links


def test_a_label_is_a_side_and_so_is_another_prompt(browser: Browser, two: Client) -> None:
    two.prompts.create("q", "Something else.")
    assert "p 1 → 2" in browser.get("/compare?prompt=p&old=1&new=candidate").main
    other = browser.get("/compare?old=prompts:/q/1&new=prompts:/p/2")
    assert "prompts:/q/1" in other.one("//h1").text_content()
    assert other.one("//select[@name='old']/option[@selected]").get("value") == "prompts:/q/1"
    assert "Something else." in other.main


def test_the_same_text_is_said_to_be_the_same(browser: Browser, two: Client) -> None:
    shown = browser.get("/compare?prompt=p&old=1&new=1")
    assert "no word, variable, parameter or example differs" in shown.main
    assert shown.all("//main//del") == []


def test_one_version_is_not_enough(browser: Browser, client: Client) -> None:
    client.prompts.create("alone", "x")
    shown = browser.get("/compare?prompt=alone")
    assert shown.status == 200
    assert "twinline prompts create alone" in shown.main
    assert shown.links["Write the next version"] == "/write?prompt=alone"


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("prompt=pp", 404, "did you mean p"),
        ("prompt=p&old=9", 404, "no version 9"),
        ("prompt=p&old=nolabel", 404, "nolabel"),
        ("prompt=p&old=a b", 422, "a b"),
        ("prompt=p&new=²", 422, "²"),
        ("prompt=p&new=٣", 422, "٣"),
        (f"prompt=p&new={'9' * 400}", 422, "999"),
        ("prompt=p&old=bundles:/aaaaaaaaaaaa", 422, "no prompt version"),
    ],
)
def test_what_is_not_there_is_told(
    browser: Browser, two: Client, query: str, status: int, said: str
) -> None:
    shown = browser.get(f"/compare?{query}")
    assert shown.status == status
    assert said in shown.main


def test_the_newest_versions_can_be_chosen_and_older_ones_that_matter(
    browser: Browser, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "CHOICES", 2)
    for number in range(1, 7):
        client.prompts.create("p", f"Text {number}.", labels=["staging"] if number == 1 else [])
    shown = browser.get("/compare?prompt=p&old=3&new=6")
    options = [one.get("value") for one in shown.all("//select[@name='old']/option")]
    assert [one for one in options if one] == ["6", "5", "3", "1"]
    assert "2 older versions are not in the lists" in shown.main


@pytest.mark.parametrize(
    "query",
    [
        "",
        "&new=2",
        "&old=1",
        "&old=1&new=3",
        "&old=prompts:/other/1&new=1",
        "&new=prompts:/other/1",
    ],
)
def test_where_both_sides_are_live_is_asked_once(
    browser: Browser, client: Client, rehearsal: Rehearsal, query: str
) -> None:
    catalog = Catalog(client)
    for number in (1, 3):
        catalog.deploy(f"answer@stage-{number}", catalog.bundle(1, number))
    client.prompts.create("other", "Be kind.")
    catalog.deploy("other@production", client.bundles.pair("models:/churn/1", "prompts:/other/1"))
    with rehearsal.statements("live as materialized") as asked:
        shown = browser.get(f"/compare?prompt={PROMPT}{query}")
    assert len(asked) == 1
    sides = {one.text_content() for one in shown.all("//main//section//span[@class='chip good']")}
    assert "live in other@production" in sides or "other" not in query


def test_what_people_wrote_stays_text(browser: Browser, client: Client) -> None:
    client.prompts.create("p", "Hello.")
    client.prompts.create("p", "Hello <script>alert(1)</script> \u202e.", message="<b>\u202e")
    shown = browser.get("/compare?prompt=p")
    assert "<script>alert(1)</script> ⟨U+202E⟩" in shown.main
    assert "<b>⟨U+202E⟩" in shown.main
    assert "1 invisible" in shown.main
    assert shown.all("//main//script") == []


def test_the_difference_is_a_download_of_plain_text(browser: Browser, two: Client) -> None:
    shown = browser.get("/compare?prompt=p")
    answer = browser.http.get(shown.links["As text"])
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="p-1-2.diff.txt"'
    assert "-Answer {{ question }} in one sentence.\n+Answer {{ words }}" in answer.text
    same = browser.http.get("/compare.txt?prompt=p&old=1&new=1").text
    assert same == "# prompts:/p/1 and prompts:/p/1: one text\n"


def test_a_download_says_of_which_versions(browser: Browser, two: Client) -> None:
    shown = browser.get("/compare.txt?prompt=p")
    assert shown.status == 422
    assert "old=NUMBER" in shown.main
