"""What people come for, in as few clicks as it takes."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from itertools import islice

import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.browser import chrome
from tests.browser.acts import could_go_back
from tests.browser.conftest import Contexts
from tests.browser.history import Served
from tests.browser.pages import SLOT
from tests.support.catalog import Catalog
from twinline.client import Client
from twinline.web.pages.impact import REQUESTS

pytestmark = pytest.mark.slow  # a real browser is asked: once, whatever the database

PROMPT = "prompts:/support/reply/5"


class Walk:
    """Begins at the overview and counts every click, and every Enter that sends a form."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks: list[str] = []
        page.goto("/")

    @property
    def said(self) -> str:
        """What the page says."""
        return " ".join(self.page.inner_text("main").split())

    def rows(self, table: str) -> list[list[str]]:
        """What the cells of the table of that name say, without its head."""
        found = self.page.get_by_role("region", name=table, exact=True).locator("tbody tr")
        found.first.wait_for()
        return [
            [" ".join(cell.split()) for cell in row.locator("th, td").all_inner_texts()]
            for row in found.all()
        ]

    def go(self, section: str) -> None:
        """Click a section of the navigation."""
        within = self.page.get_by_role("navigation", name="Main")
        self._click(within.get_by_role("link", name=section, exact=True), section)

    def follow(self, link: str, within: Locator | None = None) -> None:
        """Click the first link of the page, or of a part of it, whose name fits."""
        part = within or self.page.locator("main")
        found = part.get_by_role("link", name=re.compile(link))
        self._click(found.first, link)

    def press(self, button: str) -> None:
        """Click a button whose name fits."""
        found = self.page.locator("main").get_by_role("button", name=re.compile(button))
        self._click(found.first, button)

    def find(self, text: str) -> None:
        """Type into the search of every page, and press Enter."""
        self.page.get_by_role("searchbox", name="Find").fill(text)
        self.clicks.append(f"find {text}")
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(lambda url: not url.endswith("/"))

    def write(self, field: str, text: str) -> None:
        """Type into a field of the page."""
        self.page.locator("main").get_by_label(re.compile(field, re.IGNORECASE)).first.fill(text)

    def _click(self, found: Locator, what: str) -> None:
        assert found.count(), f"nothing to click like {what!r} at {self.page.url}: {self.said}"
        self.clicks.append(what)
        found.click()
        self.page.wait_for_load_state()


@contextmanager
def walk(window: Contexts, history: Served, most: int) -> Generator[Walk]:
    """A walk in the history's catalog of at most so many clicks."""
    with chrome.opened(window("light"), history.url) as watched:
        made = Walk(watched.page)
        yield made
        assert len(made.clicks) <= most, made.clicks
        assert watched.trouble == []


def test_roll_the_prompt_back_in_production(
    chromium: Browser, url: str, key: str, client: Client
) -> None:
    """At most four clicks and one reason; in a catalog of its own, which it changes."""
    slot = could_go_back(client)
    with (
        chrome.signed_in(chromium, url, key) as context,
        chrome.opened(context, url) as watched,
    ):
        made = Walk(watched.page)
        made.follow("support-answer")
        made.follow("Roll back the prompt")
        made.write("reason|why", "it answers in the wrong language")
        made.press("^(Roll|Put) ")
        assert len(made.clicks) <= 4, made.clicks
        assert watched.trouble == []
    live = client.slots.get(slot).live
    assert live is not None
    assert (live.kind, live.number) == ("rollback", 3)
    assert live.bundle == Catalog(client).bundle(1, 1).ref
    assert live.reason == "it answers in the wrong language"


def test_which_requests_did_prompt_v5_touch(window: Contexts, history: Served) -> None:
    with Client(history.url, history.key) as client:
        touched = client.lineage.impact(PROMPT).service.requests
        newest = [str(one.id) for one in islice(client.lineage.affected(PROMPT), REQUESTS)]
    assert touched > len(newest) == REQUESTS
    with walk(window, history, 3) as made:
        made.find(PROMPT)
        if "/search" in made.page.url:
            made.follow(r"support/reply[/ ]v?5\b")
        made.follow("[Ii]mpact|[Rr]equests|affect")
        assert f"{touched:,}" in made.said
        assert [row[1] for row in made.rows("Affected requests")] == newest


def test_what_was_live_on_another_day_at_14_02(window: Contexts, history: Served) -> None:
    """Three days ago, whatever day that was: since then the history went on."""
    at = datetime.combine(datetime.now(UTC).date() - timedelta(days=3), time(14, 2), UTC)
    with Client(history.url, history.key) as client:
        live = client.slots.get(SLOT, at=at).live
        now = client.slots.get(SLOT).live
    assert live is not None
    assert now is not None
    assert live.number != now.number
    with walk(window, history, 3) as made:
        made.go("Environments")
        made.follow("^production")
        made.page.locator("main input[name=at]").first.fill(at.strftime("%Y-%m-%dT%H:%M"))
        made.press("Show")
        rows = {row[0]: row for row in made.rows("What was live in each slot")}
    _, prompt, model, bundle, _, actor, reason, deployment = rows[SLOT.partition("@")[0]]
    assert prompt == f"{live.prompt.name}/{live.prompt.number}"
    assert model == f"{live.model.name}/{live.model.number}"
    assert bundle == live.bundle.digest[:12]
    assert (actor, reason) == (live.actor, live.reason)
    assert deployment.split()[0] == str(live.number)


def test_why_is_this_answer_strange_today(window: Contexts, history: Served) -> None:
    """The prompt changed days ago: the week before the request begins with that."""
    with Client(history.url, history.key) as client:
        live = client.slots.get(SLOT).live
    assert live is not None
    with walk(window, history, 4) as made:
        made.go("Requests")
        of_the_slot = made.page.locator("main tbody tr").filter(has_text=SLOT).first
        made.follow("^[0-9a-f-]{36}$", of_the_slot)
        made.page.wait_for_url("**/inferences/*")
        made.follow("In the week before it")
        made.page.wait_for_url("**/changes?*")
        likely, *_ = made.rows("What changed, the likely first")
    side, _, what, traffic, who, why = likely
    assert (side, traffic) == ("prompt", "100.0 %")
    assert what.endswith(f"{live.prompt.name}/{live.prompt.number}")
    assert (who, why) == (live.actor, live.reason)
