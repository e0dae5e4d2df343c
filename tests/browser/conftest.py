from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser import chrome
from tests.browser.history import Served, shared_history
from tests.browser.pages import SLOT, Places, places
from twinline.client import Client

Contexts = Callable[[chrome.Scheme], BrowserContext]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """For a file at a time: while it is there this thread has a running event loop, which
    other tests cannot have."""
    with chrome.chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Served]:
    """A server over four weeks of history, the same for all workers; nothing is changed."""
    base = tmp_path_factory.getbasetemp()
    shared: Path = base if worker_id == "master" else base.parent
    with shared_history(shared / "browser-history") as served:
        yield served


@pytest.fixture(scope="session")
def around(history: Served) -> Places:
    """What stands in the addresses of the pages."""
    with Client(history.url, history.key) as client:
        return places(client, SLOT)


@pytest.fixture(scope="module")
def window(chromium: Browser, history: Served) -> Iterator[Contexts]:
    """Where an admin is signed in, by colour scheme."""
    with ExitStack() as stack:

        @cache
        def of(scheme: chrome.Scheme) -> BrowserContext:
            return stack.enter_context(chrome.signed_in(chromium, history.url, history.key, scheme))

        yield of


@pytest.fixture(scope="module")
def window_without_script(chromium: Browser, history: Served) -> Iterator[BrowserContext]:
    with chrome.signed_in(chromium, history.url, history.key, script=False) as context:
        yield context
