"""From a page to an answer: the template, and the headers that every page has."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from http import HTTPStatus
from typing import Any, NamedTuple

import jinja2
from fastapi.responses import HTMLResponse

from twinline.language.invisible import shown
from twinline.web import addresses, static
from twinline.web.gate import TOKEN, Visitor, who_may
from twinline.web.page import Page
from twinline.web.said import said

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


class Section(NamedTuple):
    """A place in the navigation: where it leads, and what begins like the pages within."""

    name: str
    address: str
    within: tuple[str, ...]


SECTIONS = (
    Section("Overview", "/", ()),
    Section("Prompts", "/prompts", ("/prompts", "/compare", "/write")),
    Section("Models", "/models", ("/models",)),
    Section("Bundles", "/bundles", ("/bundles", "/evaluations")),
    Section(
        "Environments",
        "/environments",
        ("/environments", "/slots", "/deploy", "/changes", "/experiments"),
    ),
    Section("Lineage", "/lineage", ("/lineage",)),
    Section("Impact", "/impact", ("/impact",)),
    Section("Requests", "/inferences", ("/inferences",)),
    Section("Recalls", "/recalls", ("/recalls", "/recall")),
    Section("Audit", "/audit", ("/audit",)),
    Section("Settings", "/settings", ("/settings",)),
)


def answer(visitor: Visitor | None, page: Page, status: int = 200) -> HTMLResponse:
    """The page as HTML; without a visitor it has no navigation."""
    later = {"Retry-After": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return HTMLResponse(html(visitor, page), status, headers={**HEADERS, **later})


def html(visitor: Visitor | None, page: Page) -> str:
    """The page's text."""
    values = {
        "page": page,
        "visitor": visitor,
        "section_here": _section(visitor.path) if visitor else "",
        "said": said(visitor.done) if visitor else "",
    }
    return _environment().get_template(page.template).render(values)


def _section(path: str) -> str:
    for section in SECTIONS:
        if path == section.address or any(
            path == begin or path.startswith(f"{begin}/") for begin in section.within
        ):
            return section.name
    return ""


@cache
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("twinline.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
        lstrip_blocks=True,
    )
    made.filters |= {
        "shown": shown,
        "exact": _exact,
        "minute": minute,
        "ago": ago,
        "number": _number,
        "percent": _percent,
        "span": span,
        "short": _short,
        "json": as_json,
    }
    ours: dict[str, Any] = {
        "sections": SECTIONS,
        "addresses": addresses,
        "style_sheet": static.STYLE_SHEET.address,
        "script": static.SCRIPT.address,
        "icon": static.ICON.address,
        "form_field": TOKEN,
        "who_may": who_may,
    }
    made.globals.update(ours)
    return made


def _exact(text: object) -> str:
    """What a form's field holds, as it was typed: an HTML parser drops the first newline of
    a ``textarea``, so that one more stands before."""
    said = "" if text is None else str(text)
    return f"\n{said}" if said.startswith("\n") else said


def minute(at: datetime) -> str:
    """A moment in UTC to the minute: ``2026-11-18 14:02``."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def ago(at: datetime, now: datetime | None = None) -> str:
    """How long ago, in the largest unit: ``3 h ago``; ``in 3 h`` for what is to come."""
    passed = (now or datetime.now(UTC)) - at
    return f"in {span(-passed)}" if passed < timedelta(0) else f"{span(passed)} ago"


def span(length: timedelta | float) -> str:
    """A length of time (seconds when it is a number), in the largest unit that fits it."""
    seconds = length.total_seconds() if isinstance(length, timedelta) else length
    for unit, of_it in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= of_it:
            return f"{seconds / of_it:.0f} {unit}"
    return f"{seconds:.0f} s"


def _number(value: float | int | None, places: int = 0) -> str:
    return "" if value is None else f"{value:,.{places}f}"


def _percent(share: float | None, places: int = 1) -> str:
    return "" if share is None else f"{share * 100:.{places}f} %"


def _short(digest: object) -> str:
    return str(digest)[:12]


def as_json(value: Any) -> str:
    """A value as JSON that people read, with its invisible characters shown."""
    return shown(json.dumps(value, ensure_ascii=False, indent=2, default=str))
