"""The pages by keyboard alone."""

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import chrome
from tests.browser.acts import could_go_back
from tests.browser.conftest import Contexts
from tests.browser.history import Served
from tests.browser.pages import PAGES, SIGN_IN, Places
from tests.support.catalog import Catalog
from twinline.client import Client

pytestmark = pytest.mark.slow  # a real browser is asked: once, whatever the database

PARTS = 9
"""More than Tab stops at within a field of date and time."""

_START = """() => {
  const fields = "input:not([type=hidden]), select, textarea";
  const all = `a[href], button, summary, [tabindex="0"], ${fields}`;
  window.__order = [...document.querySelectorAll(all)].filter(one => {
    if (!one.checkVisibility() || one.disabled || one.tabIndex < 0) return false;
    if (one.type !== "radio") return true;
    const group = [...document.getElementsByName(one.name)].filter(of => of.form === one.form);
    return one === (group.find(of => of.checked) || group[0]);
  });
  document.body.tabIndex = -1;
  document.body.focus();
  return window.__order.map(one => one.outerHTML.slice(0, 100));
}"""
_HERE = """() => {
  const one = document.activeElement;
  const box = one.getBoundingClientRect();
  const style = getComputedStyle(one);
  const seen = box.width > 0 && box.bottom > 0 && box.right > 0
    && box.top < innerHeight && box.left < innerWidth;
  const marked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
  return {place: window.__order.indexOf(one), seen, marked, html: one.outerHTML.slice(0, 100)};
}"""


@pytest.mark.parametrize("name", PAGES)
def test_tab_reaches_everything_in_the_order_of_the_page(
    window: Contexts, around: Places, history: Served, name: str
) -> None:
    """And shows each time where it is."""
    with chrome.opened(window("light"), history.url) as watched:
        page = watched.page
        page.goto(around.fill(PAGES[name]))
        wanted = page.evaluate(_START)
        assert "Skip to the page" in wanted[0]
        last = -1
        for _ in range(PARTS * len(wanted)):
            if last + 1 == len(wanted):
                break
            page.keyboard.press("Tab")
            here = page.evaluate(_HERE)
            if here["place"] == last:  # a field of date and time has several parts
                continue
            assert here["place"] == last + 1, f"{here['html']} came instead of {wanted[last + 1]}"
            assert here["seen"], here["html"]
            assert here["marked"], here["html"]
            last += 1
        assert last + 1 == len(wanted), f"Tab stays at {wanted[last]}"
        assert watched.trouble == []


def test_the_first_tab_offers_to_skip_the_navigation(
    window: Contexts, around: Places, history: Served
) -> None:
    with chrome.opened(window("light"), history.url) as watched:
        page = watched.page
        page.goto(around.fill(PAGES["audit"]))
        page.keyboard.press("Tab")
        assert page.locator(".skip").bounding_box() == page.locator(":focus").bounding_box()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('main') !== null")


def test_the_search_is_asked_by_enter(window: Contexts, history: Served, around: Places) -> None:
    with chrome.opened(window("light"), history.url) as watched:
        page = watched.page
        page.goto(around.fill(PAGES["audit"]))
        page.get_by_role("searchbox").press_sequentially("support")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search?q=support*")


def test_the_form_to_sign_in_waits_for_the_key(window: Contexts, history: Served) -> None:
    with chrome.opened(window("light"), history.url) as watched:
        watched.page.goto(PAGES[SIGN_IN])
        assert _focused(watched.page) == "key"


def test_who_comes_to_roll_back_stands_on_cancel(
    window: Contexts, around: Places, history: Served
) -> None:
    """What is pressed in a hurry changes nothing."""
    with chrome.opened(window("light"), history.url) as watched:
        page = watched.page
        page.goto(around.fill(PAGES["rollback"]))
        assert page.locator(":focus").inner_text() == "Cancel"
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/rollback" not in url)
        assert watched.trouble == []


def test_a_refusal_takes_the_focus_before_cancel(
    window: Contexts, around: Places, history: Served
) -> None:
    """Without a reason nothing is recalled, whatever the browser lets pass."""
    with chrome.opened(window("light"), history.url) as watched:
        page = watched.page
        page.goto(around.fill(PAGES["recall something"]))
        assert page.locator(":focus").inner_text() == "Cancel"
        page.eval_on_selector("main form.sheet", "form => { form.noValidate = true }")
        page.locator("main form.sheet button").last.click()
        page.locator("main [role=alert]").wait_for()
        assert page.locator(":focus").get_attribute("role") == "alert"


def test_the_prompt_is_rolled_back_without_a_mouse(
    chromium: Browser, url: str, key: str, client: Client
) -> None:
    """From the overview to the deed; in a catalog of its own, which it changes."""
    slot = could_go_back(client)
    with (
        chrome.signed_in(chromium, url, key) as context,
        chrome.opened(context, url) as watched,
    ):
        page = watched.page
        page.goto("/")
        _press_on(page, "main a", "support-answer")
        page.wait_for_url("**/slots/**")
        _press_on(page, "main a", "Roll back the prompt")
        page.wait_for_url("**/rollback**")
        while _focused(page) != "reason":
            assert page.evaluate("document.activeElement.closest('main') !== null")
            page.keyboard.press("Shift+Tab")
        page.keyboard.type("it answers in the wrong language")
        _press_on(page, "main form button", "Roll the prompt back")
        page.wait_for_url("**done=rolled-back")
        assert watched.trouble == []
    live = client.slots.get(slot).live
    assert live is not None
    assert (live.kind, live.bundle) == ("rollback", Catalog(client).bundle(1, 1).ref)
    assert live.reason == "it answers in the wrong language"


def _press_on(page: Page, kind: str, said: str) -> None:
    """Go on by Tab to what is of a kind and says so, and press Enter there."""
    there = page.locator(f"{kind}:focus").filter(has_text=said)
    for _ in range(page.locator(":visible").count()):
        if there.count():
            page.keyboard.press("Enter")
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab comes to no {said!r} at {page.url}")


def _focused(page: Page) -> str:
    return page.evaluate("document.activeElement.id")
