"""Settings: keys that are shown once, sessions that end, requirements, and how things stand."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from tests.support.browsing import AGAIN, HOSTILE, Browser, alert
from tests.support.catalog import Catalog
from tests.support.rehearsal import Rehearsal
from twinline.client import Client
from twinline.language.records import Role
from twinline.mirror import places_store
from twinline.mirror import store as mirror_store
from twinline.mirror.naming import Place
from twinline.web.pages import settings_server

MOVES = """
insert into alias_move (slot_id, alias, model, after, found_at, live, outcome, why)
select id, 'champion', 'churn', 2, now(), 1, 'proposed', 'it was moved' from slot
"""


def test_a_new_key_is_shown_once_and_opens_what_its_role_may(browser: Browser, url: str) -> None:
    made = browser.submit(
        browser.get("/settings"), "Make the key", owner="ana", role="viewer", expires=""
    )
    assert made.status == 201
    key = made.one("//*[@id='secret']").text_content().strip()
    assert key not in made.address
    listed = browser.get("/settings")
    assert key not in listed.source
    assert key[:12] in listed.main
    with Browser(url, key) as other:
        assert "ana · viewer" in other.get("/settings").text


def test_a_form_that_is_sent_twice_makes_one_key(browser: Browser, client: Client) -> None:
    form = browser.get("/settings")
    typed = {"owner": "ana", "role": "viewer", "expires": ""}
    made = browser.submit(form, "Make the key", **typed)
    secret = made.one("//*[@id='secret']").text_content().strip()
    again = browser.submit(form, "Make the key", **typed)
    assert again.status == 409
    said = alert(again)
    assert f"Made already: {secret[:12]}; its secret was shown then." in said
    assert secret not in again.source
    assert [one.prefix for one in client.keys.list() if one.owner == "ana"] == [secret[:12]]
    other = browser.submit(form, "Make the key", **typed | {"owner": "ben"})
    assert other.status == 409
    assert "carried out already, with other words" in other.main
    assert [one for one in client.keys.list() if one.owner == "ben"] == []
    assert browser.submit(again, "Make the key", **typed).status == 201


def test_a_key_that_was_asked_for_when_the_session_had_ended_is_asked_for_again(
    browser: Browser, client: Client, key: str
) -> None:
    typed = {"owner": "ana & <b>co</b>", "role": "author", "expires": "2099-01-01T00:00"}
    shown = browser.submit_late(browser.get("/settings"), "Make the key", key, **typed)
    assert [one for one in client.keys.list() if one.owner == typed["owner"]] == []
    form = dict(shown.form("Make the key").form_values())
    assert {name: form[name] for name in typed} == typed
    assert browser.submit(shown, "Make the key").status == 201
    (made,) = (one for one in client.keys.list() if one.owner == typed["owner"])
    assert made.role is Role.AUTHOR


def test_a_form_without_a_key_makes_none(browser: Browser, client: Client) -> None:
    typed = {"owner": "ana", "role": "viewer", "once": ""}
    assert browser.submit(browser.get("/settings"), "Make the key", **typed).status == 422
    assert [one for one in client.keys.list() if one.owner == "ana"] == []


def test_a_key_is_kept_nowhere_but_as_a_hash(browser: Browser, rehearsal: Rehearsal) -> None:
    made = browser.submit(browser.get("/settings"), "Make the key", owner="ana", role="viewer")
    secret = made.one("//*[@id='secret']").text_content().strip()
    with rehearsal.reading() as tx:
        kept = tx.values(text("select answer::text from idempotency where key like 'page-%'"))
    assert [secret[:12] in one for one in kept] == [True]
    assert secret not in str(kept)


@pytest.mark.parametrize(
    ("owner", "expires", "said"),
    [("", "", "owner"), ("ana", "2020-01-01T00:00", "is past"), ("ana", "soon", "is no moment")],
)
def test_a_key_that_cannot_be_made_keeps_what_was_typed(
    browser: Browser, owner: str, expires: str, said: str
) -> None:
    shown = browser.submit(
        browser.get("/settings"), "Make the key", owner=owner, role="releaser", expires=expires
    )
    assert shown.status == 422
    assert said in alert(shown)
    assert shown.one("//input[@id='owner']").get("value") == owner
    assert shown.one("//input[@id='expires']").get("value") == expires
    assert shown.one("//select[@id='role']/option[@selected]").text_content() == "releaser"


def test_a_key_is_revoked_after_a_question(
    browser: Browser, url: str, issue: Callable[[Role], str]
) -> None:
    key = issue(Role.VIEWER)
    asked = browser.follow(browser.get("/settings"), f"Revoke {key[:12]}…")
    assert "cannot be undone" in asked.main
    done = browser.submit(asked, f"Revoke {key[:12]}")
    assert "The key is revoked" in done.main
    assert key[:12] not in done.main
    assert "revoked" in browser.follow(done, "Show revoked and expired keys, too").main
    with Browser(url) as other:
        assert other.send("/login", {"key": key}).status == 401


def test_revoking_one_s_own_key_is_warned_of(browser: Browser, key: str) -> None:
    assert "this very key" in browser.get(f"/settings/keys/{key[:12]}/revoke").main


def test_a_key_that_is_none_is_told(browser: Browser) -> None:
    shown = browser.get("/settings/keys/twl_nothing1/revoke")
    assert shown.status == 404
    assert "twl_nothing1" in shown.main


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUTHOR, Role.RELEASER, Role.AUDITOR])
def test_who_may_not_keep_keys_is_told_who_may(
    browser_of: Callable[[Role], Browser], key: str, role: Role
) -> None:
    browser = browser_of(role)
    shown = browser.get("/settings")
    assert "admin has it" in shown.main
    assert key[:12] not in shown.main
    assert browser.get(f"/settings/keys/{key[:12]}/revoke").status == 403
    token = shown.all("//input[@type='hidden']")[0]
    sent = {token.get("name"): token.get("value"), "owner": "eve", "role": "admin"}
    assert browser.send("/settings/keys", sent).status == 403


def test_what_an_owner_is_called_is_text(browser: Browser) -> None:
    made = browser.submit(
        browser.get("/settings"), "Make the key", owner=HOSTILE, role="viewer", expires=""
    )
    for shown in (made, browser.get("/settings")):
        assert "<script>alert(1)</script>" in shown.main
        assert "<script>alert" not in shown.source
        assert "\u202e" not in shown.source


def test_signing_out_everywhere_ends_every_session_of_the_key(
    browser: Browser, url: str, key: str
) -> None:
    with Browser(url, key) as other:
        assert "ends 2 sessions" in other.get("/settings").main
        browser.submit(browser.get("/settings"), "Sign out everywhere")
        assert "API key" in other.get("/settings").main


# --- environments ----------------------------------------------------------------------


def test_an_environment_is_there_from_the_first_deployment_on(
    browser: Browser, catalog: Catalog
) -> None:
    page = "/settings/environments"
    assert "Nothing was ever live" in browser.get(page).main
    catalog.deploy("answer@production", catalog.bundle(1, 1))
    assert browser.get(page).rows()[0][:2] == ["production", "1"]


def test_a_suite_is_required_and_released_with_a_reason(browser: Browser, client: Client) -> None:
    page = "/settings/environments"
    assert "no suite to require yet" in browser.get(page).main
    client.suites.define("golden")
    done = browser.submit(
        browser.get(page), "Require it", suite="golden", place="production", reason=HOSTILE
    )
    assert "has to be passed there from now on" in done.main
    assert "<script>alert(1)</script>" in done.main
    assert "<script>alert" not in done.source
    assert [one.place for one in client.suites.get("golden").required_in] == ["production"]
    gone = browser.submit(done, "Require golden in production no more", reason="no longer")
    assert "required there no more" in gone.main
    assert client.suites.get("golden").required_in == ()


@pytest.mark.parametrize(
    ("place", "reason", "field"), [("no place!", "because", "place"), ("production", "", "reason")]
)
def test_a_requirement_that_cannot_be_keeps_what_was_typed(
    browser: Browser, client: Client, place: str, reason: str, field: str
) -> None:
    client.suites.define("golden")
    typed = {"suite": "golden", "place": place, "reason": reason}
    shown = browser.submit(browser.get("/settings/environments"), "Require it", **typed)
    assert shown.status == 422
    assert field in alert(shown)
    form = dict(shown.form("Require it").form_values())
    assert {name: form[name] for name in typed} == typed


def test_a_suite_is_required_however_many_come_before_it(browser: Browser, client: Client) -> None:
    for name in (*(f"a-{number:03}" for number in range(100)), "golden"):
        client.suites.define(name)
    page = browser.get("/settings/environments")
    assert len(page.all("//datalist[@id='suites']/option")) == 100
    done = browser.submit(page, "Require it", suite="golden", place="production", reason="because")
    assert [one.place for one in client.suites.get("golden").required_in] == ["production"]
    wrong = browser.submit(done, "Require it", suite="goldn", place="dev", reason="because")
    assert "golden" in alert(wrong)
    assert wrong.one("//input[@id='suite']").get("value") == "goldn"


def test_a_form_that_is_sent_twice_requires_and_releases_once(
    browser: Browser, client: Client
) -> None:
    page = "/settings/environments"
    client.suites.define("golden")
    form = browser.get(page)
    for said in ("has to be passed there from now on", AGAIN):
        typed = {"suite": "golden", "place": "production", "reason": "customers see it"}
        done = browser.submit(form, "Require it", **typed)
        assert said in done.main
    form = browser.get(page)
    for said in ("required there no more", AGAIN):
        gone = browser.submit(form, "Require golden in production no more", reason="no longer")
        assert gone.status == 200
        assert said in gone.main
    told = [row for row in browser.get("/audit").rows() if "no longer" in row]
    assert len(told) == 1


def test_each_form_of_a_page_is_carried_out_once_by_itself(
    browser: Browser, client: Client
) -> None:
    for suite in ("golden", "tone"):
        client.suites.define(suite)
        client.suites.require(suite, "production", reason="customers see it")
    page = browser.get("/settings/environments")
    for suite in ("golden", "tone"):
        gone = browser.submit(page, f"Require {suite} in production no more", reason="no longer")
        assert "required there no more" in gone.main
        assert client.suites.get(suite).required_in == ()
    done = browser.submit(page, "Require it", suite="tone", place="dev", reason="once more")
    assert "has to be passed there from now on" in done.main


def test_a_session_that_ended_loses_nothing_of_a_requirement(
    browser: Browser, client: Client, key: str
) -> None:
    client.suites.define("golden")
    client.suites.define("tone")
    typed = {"suite": "tone", "place": "production", "reason": "they <b>see</b> it"}
    page = browser.get("/settings/environments")
    shown = browser.submit_late(page, "Require it", key, **typed)
    assert client.suites.get("tone").required_in == ()
    form = dict(shown.form("Require it").form_values())
    assert {name: form[name] for name in typed} == typed
    required = browser.submit(shown, "Require it")
    release = "Require tone in production no more"
    shown = browser.submit_late(required, release, key, reason="no <b>longer</b>")
    assert len(client.suites.get("tone").required_in) == 1
    assert dict(shown.form(release).form_values())["reason"] == "no <b>longer</b>"
    assert dict(shown.form("Require it").form_values())["reason"] == ""
    browser.submit(shown, release)
    assert client.suites.get("tone").required_in == ()


def test_a_requirement_that_is_gone_is_told(browser: Browser, client: Client) -> None:
    client.suites.define("golden")
    client.suites.require("golden", "production", reason="because")
    seen = browser.get("/settings/environments")
    client.suites.release("golden", "production", reason="because")
    shown = browser.submit(seen, "Require golden in production no more", reason="no longer")
    assert shown.status == 404
    assert "not required in" in alert(shown)


def test_who_may_not_require_suites_is_told_who_may(
    browser_of: Callable[[Role], Browser], client: Client
) -> None:
    client.suites.define("golden")
    client.suites.require("golden", "production", reason="because")
    shown = browser_of(Role.RELEASER).get("/settings/environments")
    assert "suites:write" in shown.main
    assert not shown.all("//main//form")


def test_protected_labels_are_listed(browser: Browser, client: Client) -> None:
    client.prompts.protect("production", reason="customers see it")
    assert "customers see it" in browser.get("/settings/environments").main


# --- MLflow, clients, server -----------------------------------------------------------


def test_without_an_mlflow_server_it_is_said_how_to_name_one(browser: Browser) -> None:
    shown = browser.get("/settings/mlflow")
    assert "TWINLINE_MLFLOW_URL" in shown.main
    assert "twinline mlflow link" in shown.main


def test_links_that_drift_are_listed(browser: Browser, catalog: Catalog, client: Client) -> None:
    catalog.deploy("answer@production", catalog.bundle(1, 1))
    client.mlflow_links.link("answer@production", "champion")
    (row,) = browser.get("/settings/mlflow").rows()
    assert row[:2] == ["answer@production", "champion"]


def test_lists_of_mlflow_that_go_on_say_so(
    browser: Browser,
    catalog: Catalog,
    client: Client,
    rehearsal: Rehearsal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for environment in ("a", "b"):
        catalog.deploy(f"answer@{environment}", catalog.bundle(1, 1))
        client.mlflow_links.link(f"answer@{environment}", "champion")
    with rehearsal.writing("test") as tx:
        place = Place("default", "default")
        places_store.know(tx, place)
        series = mirror_store.add_series(tx, place, "model", "churn there", 1, "churn")
        for number in (1, 2):
            mirror_store.add_drift(tx, series.id, "deleted", "sweep", number=number, before={})
        tx.run(text(MOVES))
    lists = ("drift", "links", "proposals")
    said = [f"There is more: twinline mlflow {one} lists all." for one in lists]
    for most, cut in ((2, False), (1, True)):
        for one in lists:
            monkeypatch.setattr(settings_server, one.upper(), most)
        shown = browser.get("/settings/mlflow")
        assert [one in shown.main for one in said] == [cut] * 3
        assert [len(shown.rows(table)) for table in (0, 1)] == [most] * 2
        assert shown.main.count("twinline mlflow accept") == most


def test_clients_are_shown_by_environment(browser: Browser, catalog: Catalog) -> None:
    assert "twinline clients production --watch" in browser.get("/settings/clients").main
    catalog.deploy("answer@dev", catalog.bundle(1, 1))
    assert "Clients of dev" in browser.get("/settings/clients").main
    assert browser.get("/settings/clients?environment=nowhere").status == 404


def test_the_server_says_what_it_is_and_checks(browser: Browser) -> None:
    shown = browser.get("/settings/server")
    checks = {row[0]: row[1] for row in shown.rows()}
    assert checks["migrations"] == checks["ledger"] == "ok"
    assert "PostgreSQL" in shown.main
