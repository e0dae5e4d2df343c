"""A form that was refused, by keyboard."""

import pytest

from tests.browser import chrome
from tests.browser.conftest import Contexts
from tests.browser.history import Served
from tests.browser.pages import PAGES, Places

pytestmark = pytest.mark.slow  # a real browser is asked: once, whatever the database


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
