"""Signing in to the pages and out, and what the gate refuses."""

import re
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from tests.support.browsing import Browser, alert
from tests.support.catalog import PROMPT, SLOT, Catalog
from tests.support.page_routes import LOGIN, page_routes
from tests.support.rehearsal import Rehearsal
from twinline.access import actions, sessions
from twinline.access.rules import Permission
from twinline.language.errors import NotAuthenticated
from twinline.language.records import Role
from twinline.web.gate import TOKEN


def filled(path: str, **values: str) -> str:
    """The address of a route, with ``x`` for what has no value."""
    return re.sub(r"\{(\w+).*?\}", lambda part: values.get(part[1], "x"), path)


def test_who_is_not_signed_in_is_asked_and_comes_back(url: str, key: str) -> None:
    with Browser(url) as browser:
        asked = browser.get("/audit?actor=x")
        assert "API key" in asked.main
        shown = browser.submit(asked, "Sign in", key=key)
    assert (shown.status, shown.address) == (200, "/audit?actor=x")
    assert shown.one("//main//input[@name='actor']").get("value") == "x"


def test_the_cookie_is_for_the_server_alone(url: str, key: str) -> None:
    answer = httpx.post(f"{url}/login", data={"key": key})
    said = answer.headers["set-cookie"]
    assert said.startswith("__Host-")
    for part in ("HttpOnly", "Secure", "Path=/", "SameSite=lax"):
        assert part in said
    assert "Domain" not in said


def test_the_token_is_hashed_at_rest(rehearsal: Rehearsal, key: str) -> None:
    with rehearsal.writing("test") as tx:
        token = sessions.sign_in(tx, key)
        kept = tx.rows(text("select * from session"))
    assert len(kept) == 1
    assert token not in repr(kept)


@pytest.mark.parametrize("wrong", ["", "nonsense", "twl_" + "a" * 43 + "00000000"])
def test_a_wrong_key_is_told(url: str, wrong: str) -> None:
    with Browser(url) as browser:
        shown = browser.send("/login", {"key": wrong})
    assert shown.status == 401
    assert "key" in alert(shown)


def test_a_key_that_may_not_read_is_told_why(url: str, issue: Callable[[Role], str]) -> None:
    with Browser(url) as browser:
        shown = browser.send("/login", {"key": issue(Role.MLFLOW)})
    assert shown.status == 403
    assert "'read'" in shown.main


def test_signed_out_is_signed_out(browser: Browser) -> None:
    shown = browser.get("/login")
    token = browser.http.headers["Cookie"]
    form = browser.get("/nowhere")
    browser.submit(form, "Sign out")
    browser.http.headers["Cookie"] = token
    assert "API key" in browser.get("/audit").main
    assert shown.status == 200


def test_a_revoked_key_ends_its_sessions(
    rehearsal: Rehearsal, url: str, issue: Callable[[Role], str]
) -> None:
    key = issue(Role.VIEWER)
    with Browser(url, key) as browser:
        assert "viewer" in browser.get("/nowhere").text
        with rehearsal.writing("test") as tx:
            actions.revoke_key(tx, key[:12])
        assert "viewer" not in browser.get("/nowhere").text


def test_a_session_ends_and_is_forgotten(
    rehearsal: Rehearsal, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "LASTS", timedelta(0))
    with rehearsal.writing("test") as tx:
        token = sessions.sign_in(tx, key)
        with pytest.raises(NotAuthenticated):
            sessions.authorize(tx, token, Permission.READ)
        sessions.forget(tx)
        assert tx.value(text("select count(*) from session")) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_form_of_another_site_is_refused(url: str, key: str, headers: dict[str, str]) -> None:
    answer = httpx.post(f"{url}/login", data={"key": key}, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("address", [filled(one.path) for one in page_routes("POST")])
def test_every_form_of_another_site_is_refused(browser: Browser, address: str) -> None:
    shown = browser.send(address, {}, **{"Sec-Fetch-Site": "cross-site"})
    assert shown.status == 403
    assert "came from" in shown.main


def test_every_form_with_a_wrong_token_is_refused(browser: Browser, catalog: Catalog) -> None:
    """But the one to sign in; of things that are there, which some forms look at first."""
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    recall = catalog.client.recalls.create(str(catalog.bundle(2, 2).ref), "wrong").number
    before = browser.get("/audit").rows()
    for route in (one for one in page_routes("POST") if one.path != LOGIN):
        number = recall if route.path.startswith("/recalls") else 1
        address = filled(route.path, slot=SLOT, name=PROMPT, number=str(number))
        assert browser.send(address, {TOKEN: "0" * 64}).status == 403, address
    assert browser.get("/audit").rows() == before


def test_a_form_without_its_token_is_refused(browser: Browser) -> None:
    for token in ("", "0" * 64):
        assert browser.send("/logout", {TOKEN: token}).status == 403


def test_what_is_no_form_is_refused(browser: Browser) -> None:
    answer = browser.http.post("/logout", json={"a": 1}, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "next", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_signing_in_leads_to_no_other_site(url: str, key: str, next: str) -> None:
    answer = httpx.post(f"{url}/login", data={"key": key, "next": next})
    assert answer.headers["location"] == "/"


def test_an_address_that_is_none_is_told_as_a_page_to_browsers_alone(browser: Browser) -> None:
    shown = browser.get("/no/such/page")
    assert shown.status == 404
    assert "/no/such/page" in shown.main
    assert "default-src 'none'" in shown.answer.headers["content-security-policy"]
    plain = browser.http.get("/api/v1/no/such", headers={"Accept": "text/html"})
    assert plain.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "leads"),
    [
        ("/prompts?label=a", "/prompts?label=a"),
        ("//evil.example/x", None),
        ("/\\evil.example/x", None),
        ("/", None),
    ],
)
def test_back_leads_to_pages_of_ours_alone(
    browser: Browser, url: str, path: str, leads: str | None
) -> None:
    shown = browser.get("/prompts/nothing", Referer=url + path)
    assert shown.status == 404
    assert shown.links.get("Back to where you were") == leads
