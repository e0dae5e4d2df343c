"""What was done is said once, to whoever did it, and by nobody's link."""

from tests.support.browsing import Browser
from tests.support.catalog import SLOT, Catalog
from twinline.client import Client

SAID = "It is live from now on."
HERE = f"/slots/{SLOT}?done=deployed"


def test_it_is_said_after_our_own_form_and_not_by_a_link(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    assert SAID in browser.get(HERE, **{"Sec-Fetch-Site": "same-origin"}).text
    for site in ("none", "cross-site", "same-site"):
        assert SAID not in browser.get(HERE, **{"Sec-Fetch-Site": site}).text


def test_it_is_not_said_beside_a_problem(browser: Browser) -> None:
    shown = browser.get(HERE, **{"Sec-Fetch-Site": "same-origin"})
    assert shown.status == 404
    assert SAID not in shown.text


def test_it_is_not_said_once_more_after_signing_in_again(url: str, key: str) -> None:
    with Browser(url) as browser:
        asked = browser.get("/audit?actor=ana&done=deployed&subject=")
        assert asked.one("//input[@name='next']").get("value") == "/audit?actor=ana&subject="
        assert SAID not in browser.submit(asked, "Sign in", key=key).text


def test_an_address_that_only_takes_forms_says_so(browser: Browser) -> None:
    shown = browser.get("/write/draft")
    assert (shown.status, shown.answer.headers["allow"]) == (405, "POST")
    assert "takes what a form of ours sends" in shown.main
