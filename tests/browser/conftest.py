from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser import chrome
from tests.browser.history import Served, shared_history
from tests.browser.pages import Places, places
from twinline.client import Client

SLOT = "support-reply@production"
Contexts = Callable[[chrome.Scheme], BrowserContext]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
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


@pytest.fixture(scope="session")
def window(chromium: Browser, history: Served) -> Iterator[Contexts]:
    """Where an admin is signed in, by colour scheme."""
    with ExitStack() as stack:

        @cache
        def of(scheme: chrome.Scheme) -> BrowserContext:
            return stack.enter_context(chrome.signed_in(chromium, history.url, history.key, scheme))

        yield of


@pytest.fixture(scope="session")
def window_without_script(chromium: Browser, history: Served) -> Iterator[BrowserContext]:
    with chrome.signed_in(chromium, history.url, history.key, script=False) as context:
        yield context
