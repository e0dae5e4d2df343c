"""Debian's Chromium, signed in, and watched."""

import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    sync_playwright,
)

BINARY = "/usr/bin/chromium"
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
HEIGHT = 900
PHONE, DESK, NARROWEST = 390, 1440, 320
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


class NoChromium(RuntimeError):
    """The browser that the tests of the pages need is not installed."""


@contextmanager
def chromium() -> Generator[Browser]:
    """The browser, until the block ends.

    Raises:
        NoChromium: it is not installed.
    """
    if shutil.which(BINARY) is None:
        raise NoChromium(
            f"There is no {BINARY}, in which the pages are tested: apt-get install chromium"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BINARY, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def signed_in(
    browser: Browser,
    url: str,
    key: str,
    scheme: Scheme = "light",
    *,
    script: bool = True,
    guarded: bool = True,
) -> Generator[BrowserContext]:
    """A window's worth of cookies in which somebody is signed in; without ``script`` no
    JavaScript runs, and unless it is ``guarded`` the policy of our pages does not count."""
    context = browser.new_context(
        base_url=url,
        viewport={"width": DESK, "height": HEIGHT},
        color_scheme=scheme,
        java_script_enabled=script,
        bypass_csp=not guarded,
        reduced_motion="reduce",
    )
    try:
        page = context.new_page()
        page.goto("/login")
        page.fill("#key", key)
        page.click("main button")
        page.close()
        assert context.cookies(url), "nobody is signed in"
        yield context
    finally:
        context.close()


@dataclass
class Watched:
    """A page, and what went wrong in it: nothing, when all is well."""

    page: Page
    url: str
    trouble: list[str] = field(default_factory=list)
    visited: set[str] = field(default_factory=set)
    """The addresses of the page itself, as it was asked for them."""

    def __post_init__(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.trouble.append(f"error: {error}"))
        self.page.on("dialog", self._asked)
        self.page.on("request", self._left)

    def _said(self, message: ConsoleMessage) -> None:
        # A refusal is what the page itself answered, not what went wrong in it.
        refusal = re.search(r"Failed to load resource.* of (4\d\d|503)", message.text)
        refused = refusal is not None and message.location["url"] in self.visited
        if message.type in ("error", "warning") and not refused:
            self.trouble.append(f"console: {message.text}")

    def _asked(self, dialog: Dialog) -> None:
        self.trouble.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _left(self, request: Request) -> None:
        if request.is_navigation_request() and request.frame == self.page.main_frame:
            self.visited.add(request.url)
        if not request.url.startswith((self.url, "data:")):
            self.trouble.append(f"off our origin: {request.url}")


@contextmanager
def opened(context: BrowserContext, url: str) -> Generator[Watched]:
    """A new page that is watched."""
    page = context.new_page()
    try:
        yield Watched(page, url)
    finally:
        page.close()
