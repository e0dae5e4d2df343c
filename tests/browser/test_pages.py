"""Each page, light and dark, on a phone and on a desk, with and without a script."""

import re
from collections.abc import Iterator

import pytest
from lxml import html
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser import chrome, sight
from tests.browser.acts import ACTS
from tests.browser.chrome import DESK, HEIGHT, NARROWEST, PHONE, Watched
from tests.browser.conftest import Contexts
from tests.browser.history import Served
from tests.browser.pages import DOWNLOADS, PAGES, SIGN_IN, STATUS, Places
from tests.support.catalog import Catalog
from tests.support.page_routes import ASSETS, kinds, page_routes
from tests.support.rehearsal import Rehearsal
from twinline.client import Client

pytestmark = pytest.mark.slow  # a real browser is asked: once, whatever the database

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
FILES = ("text/csv", "text/plain", "application/json")
_PASSING = re.compile(r"\d+ (?:s|min|h|d) ago|until [\d-]+ [\d:]+|ends \d+ sessions? of this key")
"""A moment passes between two looks at a page, each in a session of its own, while others
sign in."""

LOOKS = 3
"""How often two texts may differ by what passes between them: what a script does is there
each time."""

NEVER_ALONE = {"Form": "what both pages of lineage begin with", "Found": "a part of impact"}
"""Kinds that are a part of others."""

POOR = """<main><table><tr style="height: 20px; line-height: 10px"><td>low</td></tr></table>
<table style="width: 60px; word-break: break-all"><tbody><tr><td><a href="/">tornapart</a></td></tr>
<tr style="height: 40px"><td><a href="/">as it is</a></td></tr></tbody></table>
<div style="width: 3000px">wide</div>
<svg width="200" height="40"><rect fill="#fff" width="200" height="40"/>
<text x="5" y="12" fill="#000">clear</text><text x="80" y="12" fill="#ccc">pale</text>
<a href="/"><rect width="20" height="9" y="30"/></a></svg><img src="/none"></main>"""


@pytest.fixture(scope="module", params=chrome.SCHEMES)
def scheme(request: pytest.FixtureRequest) -> chrome.Scheme:
    return request.param


@pytest.fixture
def watched(window: Contexts, scheme: chrome.Scheme, history: Served) -> Iterator[Watched]:
    with chrome.opened(window(scheme), history.url) as made:
        yield made


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_sound(watched: Watched, around: Places, name: str) -> None:
    """Readable, within its window, quiet, at home, and not heavy."""
    page = watched.page
    page.set_viewport_size({"width": DESK, "height": HEIGHT})
    answer = page.goto(around.fill(PAGES[name]))
    assert answer is not None
    assert answer.status == STATUS.get(name, 200), page.inner_text("main")
    _is_sound(watched)


@pytest.mark.parametrize("name", ACTS)
def test_every_page_that_comes_of_an_act_is_sound(
    chromium: Browser,
    url: str,
    key: str,
    client: Client,
    rehearsal: Rehearsal,
    scheme: chrome.Scheme,
    name: str,
) -> None:
    status, come = ACTS[name]
    with (
        chrome.signed_in(chromium, url, key, scheme) as context,
        chrome.opened(context, url) as watched,
    ):
        answer = come(watched.page, Catalog(client), rehearsal)
        assert answer is not None
        assert answer.status == status, watched.page.inner_text("main")
        assert (watched.page.get_by_role("main").get_by_role("alert").count() > 0) == (status > 400)
        _is_sound(watched)


def _is_sound(watched: Watched) -> None:
    page = watched.page
    assert sight.violations(page) == []
    assert sight.pale_texts(page) == []
    assert sight.low_rows(page) == []
    assert sight.weight(page) <= sight.WEIGHT_MOST
    assert sight.sticking_out(page) == []
    page.set_viewport_size({"width": NARROWEST, "height": HEIGHT})
    assert sight.sticking_out(page) == []
    page.set_viewport_size({"width": PHONE, "height": HEIGHT})
    assert sight.sticking_out(page) == []
    assert sight.low_rows(page) == []
    assert sight.violations(page) == []
    assert watched.trouble == []


@pytest.mark.parametrize("name", PAGES)
def test_every_page_says_the_same_without_a_script(
    window: Contexts,
    window_without_script: BrowserContext,
    around: Places,
    history: Served,
    name: str,
) -> None:
    """On a phone; and each form of it can be sent. What counts the last hour may become less
    between two looks, but not between all."""
    with (
        chrome.opened(window("light"), history.url) as scripted,
        chrome.opened(window_without_script, history.url) as plain,
    ):
        for _ in range(LOOKS):
            with_script, without = (
                _said_on_a_phone(one, around.fill(PAGES[name])) for one in (scripted, plain)
            )
            if without == with_script:
                break
        assert without == with_script


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_answered_with_our_headers(
    window: Contexts, around: Places, name: str
) -> None:
    answer = window("light").request.get(around.fill(PAGES[name]))
    headers = answer.headers
    assert headers["content-security-policy"] == POLICY
    assert headers["cache-control"] == "private, no-store"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", DOWNLOADS)
def test_every_download_is_a_file_and_never_a_page(
    window: Contexts, around: Places, name: str
) -> None:
    answer = window("light").request.get(around.fill(DOWNLOADS[name]))
    assert answer.status == 200
    assert answer.headers["content-type"].startswith(FILES)
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_every_kind_of_page_is_among_those_that_are_tested(
    chromium: Browser,
    window: Contexts,
    around: Places,
    url: str,
    key: str,
    client: Client,
    rehearsal: Rehearsal,
) -> None:
    """Each is known by its help."""
    seen = [window("light").request.get(one).text() for one in around.every().values()]
    catalog = Catalog(client)
    for act in ACTS.values():
        with chrome.signed_in(chromium, url, key) as context:
            page = context.new_page()
            act.come(page, catalog, rehearsal)
            seen.append(page.content())
    helps = {_help(text) for text in seen}
    unseen = {kind.__name__ for kind in kinds() if tuple(kind.help()) not in helps}
    assert unseen == set(NEVER_ALONE), "add a line to pages.py or to acts.py"


def _help(source: str) -> tuple[tuple[str, str], ...]:
    """What a page says of its parts, from its HTML."""
    listed = html.fromstring(source).find_class("about")[0]
    return tuple(
        (name.text_content(), said.text_content())
        for name, said in zip(listed.iter("dt"), listed.iter("dd"), strict=True)
    )


def test_every_address_of_the_pages_is_among_those_that_are_tested(around: Places) -> None:
    routes = [one for one in page_routes("GET") if one.path != ASSETS]
    reached = set()
    for address in (*PAGES.values(), *DOWNLOADS.values()):
        path = around.fill(address).partition("?")[0]
        reached |= {next((one.path for one in routes if one.path_regex.match(path)), None)}
    assert {route.path for route in routes} - reached == set(), "add a line to pages.py"
    assert None not in reached, "pages.py has a line for an address that is none"


@pytest.mark.parametrize("name", ["impact", "environment"])
@pytest.mark.parametrize("width", [NARROWEST, PHONE])
def test_names_of_slots_and_versions_are_whole_words_on_a_phone(
    window: Contexts, history: Served, around: Places, name: str, width: int
) -> None:
    with chrome.opened(window("light"), history.url) as watched:
        page = watched.page
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.goto(around.fill(PAGES[name]))
        assert page.locator("main td a").count() > 0
        assert sight.torn(page) == []


def test_who_is_not_signed_in_sees_a_sound_form(chromium: Browser, history: Served) -> None:
    context = chromium.new_context(base_url=history.url)
    with chrome.opened(context, history.url) as watched:
        watched.page.goto(PAGES["audit"])
        assert watched.page.url.startswith(f"{history.url}{PAGES[SIGN_IN]}?")
        assert watched.page.locator("nav").count() == 0
        assert sight.violations(watched.page) == []
        assert watched.trouble == []
    context.close()


def test_what_is_not_sound_is_seen(chromium: Browser, history: Served) -> None:
    """The tests above would fail for a page that is pale, low, wide or noisy."""
    context = chromium.new_context(base_url=history.url)
    with chrome.opened(context, history.url) as watched:
        page = watched.page
        page.set_content(POOR)
        assert [text.partition(":")[0] for text in sight.pale_texts(page)] == ["pale"]
        assert [row.partition(" ")[0] for row in sight.low_rows(page)] == ["TR", "a"]
        assert "3" in sight.sticking_out(page)[0]
        assert sight.torn(page) == ["tornapart"]
        assert any("image-alt" in one for one in sight.violations(page))
        page.evaluate("console.error('noise')")
        page.evaluate("alert('asked')")
        page.evaluate("fetch('http://127.0.0.1:1/').catch(() => 1)")
        assert [one.partition(":")[0] for one in watched.trouble][:3] == [
            "console",
            "dialog",
            "off our origin",
        ]
    context.close()


def test_what_a_page_asks_for_in_vain_is_seen(window: Contexts, history: Served) -> None:
    """And not that the page itself is none."""
    with chrome.opened(window("light"), history.url) as watched:
        page = watched.page
        page.goto("/no/such/page")
        assert watched.trouble == []
        with page.expect_console_message():
            page.evaluate("fetch('/assets/none/none.js')")
        assert [one.partition(":")[0] for one in watched.trouble] == ["console"]


def _said_on_a_phone(watched: Watched, address: str) -> str:
    page = watched.page
    page.set_viewport_size({"width": PHONE, "height": HEIGHT})
    page.goto(address)
    assert _forms_without_a_button(page) == []
    assert watched.trouble == []
    return _PASSING.sub("then", page.inner_text("main"))


def _forms_without_a_button(page: Page) -> list[str]:
    return [
        form.get_attribute("action") or page.url
        for form in page.locator("form").all()
        if form.locator("button:not([type=button])").count() == 0
    ]
