"""Whatever people write, nothing of it runs, and all of it is shown as it was typed."""

import csv
import io
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

import httpx
import pytest
from fastapi.routing import APIRoute
from playwright.sync_api import Browser, BrowserContext, Error, Page
from sqlalchemy import ARRAY, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from tests.browser import chrome
from tests.browser.hostile import (
    MARK,
    OTHERS,
    RUN,
    SLOT,
    STRINGS,
    TABLES_OF_OTHERS,
    Hostile,
    as_shown,
    fill,
    packed,
    words,
)
from tests.browser.pages import DOWNLOADS, STATUS, Places, places
from tests.support.page_routes import page_routes, texts_asked
from tests.support.serving import served
from twinline.access import actions as access
from twinline.app import make_app
from twinline.client import Client
from twinline.db.schema import metadata
from twinline.db.session import Database
from twinline.language.errors import Invalid
from twinline.language.records import NewKey, Role
from twinline.web import addresses

pytestmark = pytest.mark.slow  # a real browser is asked: once, whatever the database

ASKED = (
    "/audit?cursor={}",
    "/audit?done={}",
    "/no/such/{}",
    "/prompts/{}",
    "/models/{}",
    "/inferences/{}",
    "/slots/{}@production",
)
"""Addresses that hold a text otherwise than as a parameter that is a text."""

PAGES_ASKED = [
    route
    for route in page_routes("GET")
    if texts_asked(route.dependant) and not route.path.endswith((".csv", ".txt"))
]
"""Pages with parameters that are texts."""
_LEADS = """() => [...document.querySelectorAll("[href], [src], [action], [formaction]")]
  .flatMap(one => ["href", "src", "action", "formaction"].map(name => one.getAttribute(name)))
  .filter(value => value !== null)
  .filter(value => !["http:", "https:"].includes(new URL(value, location.href).protocol)
    || new URL(value, location.href).host.endsWith("evil.example"))"""
_FOREIGN = """() => [...document.querySelectorAll("*")].filter(one =>
    [...one.attributes].some(of => of.name.startsWith("on"))
    || one.matches("iframe, frame, object, embed, base, style, meta[http-equiv]")
    || one.matches("script:not([src^='/assets/'])"))
  .map(one => one.outerHTML.slice(0, 200))"""
_READ = """() => {
  const page = document.body.cloneNode(true);
  for (const typed of page.querySelectorAll("textarea")) typed.remove();
  return page.textContent;
}"""
"""What is to be read on a page: a field that is typed into holds what was typed."""


class Stage(NamedTuple):
    """A server over a hostile catalog, and what was written into it."""

    url: str
    key: str
    written: Hostile
    around: Places

    def addresses(self) -> list[str]:
        """Every page, and each that tells of something whose name is hostile."""
        named = [addresses.of(ref) for ref in (*self.written.names, *self.written.requests)]
        lineages = [addresses.lineage(ref) for ref in self.written.names]
        chat = "/prompts/hostile/chat/versions/1"
        every = [one for name, one in self.around.every().items() if name not in STATUS]
        return [*every, *named, *lineages, chat]


@pytest.fixture(scope="module")
def stage(shared_database: Database) -> Iterator[Stage]:
    with shared_database.writing("test") as tx:
        key = access.issue_key(tx, NewKey(owner=f"<b onclick={RUN}>{MARK}", role=Role.ADMIN)).key
    with served(make_app(shared_database)) as url, Client(url, key) as client:
        written = fill(client)
        yield Stage(url, key, written, places(client, SLOT))


@pytest.fixture(scope="module")
def window(chromium: Browser, stage: Stage) -> Iterator[BrowserContext]:
    with chrome.signed_in(chromium, stage.url, stage.key) as context:
        yield context


@pytest.fixture(scope="module")
def unguarded(chromium: Browser, stage: Stage) -> Iterator[BrowserContext]:
    """A browser that lets everything run that a page holds."""
    with chrome.signed_in(chromium, stage.url, stage.key, guarded=False) as context:
        yield context


def test_nothing_that_was_written_runs_in_any_page(unguarded: BrowserContext, stage: Stage) -> None:
    """Even where the browser would let it."""
    with chrome.opened(unguarded, stage.url) as watched:
        for address in stage.addresses():
            watched.page.goto(address)
            assert (_ran(watched.page), watched.trouble) == (False, []), address
            assert _foreign(watched.page) == [], address


def test_everything_is_shown_as_it_was_typed(window: BrowserContext, stage: Stage) -> None:
    """And the browser reports nothing that it had to keep from running."""
    seen, refused, turned = [], [], []
    with chrome.opened(window, stage.url) as watched:
        for address in stage.addresses():
            answer = watched.page.goto(address)
            assert answer is not None
            seen.append(words(watched.page.evaluate("document.body.textContent")))
            refused += [] if answer.status == 200 else [address]
            turned += [address] if "\u202e" in watched.page.evaluate(_READ) else []
            assert watched.trouble == [], address
    assert refused == []
    assert turned == []
    everything = "\n".join(seen)
    unseen = [
        where
        for where, text in stage.written.typed.items()
        if not any(way in everything for way in as_shown(text))
    ]
    assert unseen == []


@pytest.mark.parametrize("address", ASKED)
def test_nothing_that_an_address_says_runs(
    unguarded: BrowserContext, stage: Stage, address: str
) -> None:
    with chrome.opened(unguarded, stage.url) as watched:
        for text in packed(400):
            answer = watched.page.goto(address.format(quote(text, safe="")))
            assert answer is not None
            assert answer.status < 500, text
            assert (_ran(watched.page), watched.trouble) == (False, []), text
            assert _foreign(watched.page) == [], text


@pytest.mark.parametrize("route", PAGES_ASKED, ids=lambda route: route.path)
def test_nothing_that_a_parameter_says_runs(
    unguarded: BrowserContext, stage: Stage, route: APIRoute
) -> None:
    pages = [httpx.URL(one) for one in stage.around.every().values()]
    page = next(one for one in pages if route.path_regex.match(one.path))
    with chrome.opened(unguarded, stage.url) as watched:
        for name in texts_asked(route.dependant):
            for text in packed(400):
                answer = watched.page.goto(str(page.copy_set_param(name, text)))
                assert answer is not None
                assert answer.status < 500, (name, text)
                assert (_ran(watched.page), watched.trouble) == (False, []), (name, text)
                assert _foreign(watched.page) == [], (name, text)


@pytest.mark.parametrize("name", [name for name in DOWNLOADS if name.endswith("CSV")])
def test_no_cell_of_a_download_is_a_formula(
    window: BrowserContext, stage: Stage, name: str
) -> None:
    answer = window.request.get(stage.around.fill(DOWNLOADS[name]))
    rows = list(csv.reader(io.StringIO(answer.text())))
    assert len(rows) > 1
    assert [cell for row in rows for cell in row if cell.startswith(tuple("=+-@\t\r"))] == []


def test_what_cannot_be_kept_is_refused_by_name(stage: Stage) -> None:
    with Client(stage.url, stage.key) as client, pytest.raises(Invalid, match=r"U\+0000|NUL|null"):
        client.prompts.create("hostile/nul", "a\0b")


def test_what_runs_would_be_seen(unguarded: BrowserContext, stage: Stage) -> None:
    """The tests above would fail for a page that printed what people wrote."""
    assert sum(_runs(unguarded, stage, text) for text in STRINGS) >= 3
    with chrome.opened(unguarded, stage.url) as watched:
        watched.page.set_content("<p onclick='go()'><base href='/'><script>1</script>")
        assert len(watched.page.evaluate(_FOREIGN)) == 3


def _runs(context: BrowserContext, stage: Stage, text: str) -> bool:
    """Whether a page of its own runs a text; one that loads itself anew for ever does not."""
    with chrome.opened(context, stage.url) as watched:
        watched.page.goto("/login")
        watched.page.set_content(
            f"<body><p title='x' {text[1:]}>{text}</p></body>", wait_until="commit"
        )
        try:
            watched.page.wait_for_function("'__ran' in window", timeout=300)
        except Error:
            return False
        return True


def _foreign(page: Page) -> list[str]:
    """What leads away from our pages, or is nothing that a template of ours holds."""
    return [*page.evaluate(_LEADS), *page.evaluate(_FOREIGN)]


def _ran(page: Page) -> bool:
    return page.evaluate("'__ran' in window")


def test_every_column_that_people_write_holds_hostile_texts(
    stage: Stage, shared_database: Database
) -> None:
    """A new one has to be written by `fill`, or to be named in `hostile.OTHERS` with a reason."""
    holds = "select exists (select 1 from {table} where cast({column} as text) like :mark)"
    with shared_database.reading() as tx:
        without = {
            f"{table.name}.{column.name}"
            for table in metadata.sorted_tables
            if table.name not in TABLES_OF_OTHERS
            for column in table.c
            if isinstance(column.type, Text | JSONB | ARRAY)
            and not tx.value(
                text(holds.format(table=table.name, column=column.name)), {"mark": f"%{MARK}%"}
            )
        }
    assert without == {one for ones in OTHERS.values() for one in ones.split()}
