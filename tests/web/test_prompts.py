"""Prompts, as people look at them: the list, and one with its versions."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.browsing import AGAIN, HOSTILE, Browser, alert
from tests.support.catalog import PROMPT, SLOT, Catalog
from twinline.client import Client
from twinline.language.records import Role


def test_no_prompt_says_how_to_make_one(browser: Browser) -> None:
    assert "twinline prompts create" in browser.get("/prompts").main


def test_the_list_tells_of_each_prompt(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    catalog.deploy(SLOT, catalog.bundle(1, 2))
    client.prompts.move_label(PROMPT, "production", 2, reason="passed its week")
    shown = browser.get("/prompts")
    ((name, newest, labels, live, last),) = shown.rows()
    assert (name, newest, labels) == (PROMPT, "version 2", "production → 2")
    assert live == f"{SLOT} version 2"
    assert "admin" in last
    assert "production moved to version 2: passed its week" in last
    assert browser.follow(shown, PROMPT).status == 200


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ("search=answer", ["support/answer"]),
        ("search=support/answr", ["support/answer"]),
        ("folder=support", ["support/answer", "support/tone"]),
        ("label=production", ["support/tone"]),
        ("tag=team=blue", ["sales/pitch"]),
        ("author=admin&folder=sales", ["sales/pitch"]),
        ("author=nobody", []),
        ("includes=support/tone", ["support/answer"]),
        ("retired=true&folder=gone", ["gone/away"]),
        ("folder=gone", []),
    ],
)
def test_the_list_is_narrowed(
    browser: Browser, client: Client, filters: str, found: list[str]
) -> None:
    client.prompts.create("support/tone", "Be calm.", labels=["production"])
    client.prompts.create("support/answer", "{{> support/tone@1 }} Answer.")
    client.prompts.create("sales/pitch", "Buy.", tags={"team": "blue"})
    client.prompts.create("gone/away", "No.")
    client.prompts.retire("gone/away", reason="not used any more")
    shown = browser.get(f"/prompts?{filters}")
    names = [one.text for one in shown.all("//main//tbody//th/a")]
    assert names == found
    assert shown.links["clear"] == "/prompts"
    if not found:
        assert "No prompt is like that" in shown.main


def test_a_filter_that_is_none_is_told_and_kept(browser: Browser) -> None:
    shown = browser.get("/prompts?folder=a b&search=x")
    assert shown.status == 422
    assert "folder" in alert(shown)
    assert shown.one("//input[@name='folder']").get("value") == "a b"
    assert shown.one("//input[@name='search']").get("value") == "x"
    assert browser.get("/prompts?search=-only").status == 422


def test_a_retired_prompt_is_left_out_and_shown_as_such(browser: Browser, client: Client) -> None:
    client.prompts.create("gone/away", "No.")
    client.prompts.retire("gone/away", reason="not used any more")
    assert "or all are retired" in browser.get("/prompts").main
    ((name, *_),) = browser.get("/prompts?retired=true").rows()
    assert name == "gone/away retired"
    shown = browser.get("/prompts/gone/away")
    assert "retired" in shown.one("//h1").text_content()
    assert "version 1 retired" in [row[2] for row in shown.rows()]


def test_the_list_goes_on_with_its_filters(browser: Browser, client: Client) -> None:
    for number in range(52):
        client.prompts.create(f"many/p{number:02}", "Text.")
    first = browser.get("/prompts?folder=many")
    rest = browser.follow(first, "More prompts")
    assert [row[0] for row in rest.rows()] == ["many/p50", "many/p51"]
    assert rest.one("//input[@name='folder']").get("value") == "many"
    assert "More prompts" not in rest.links


def test_a_prompt_tells_of_its_versions(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    first, second = catalog.bundle(1, 1), catalog.bundle(1, 2)
    catalog.deploy(SLOT, first)
    catalog.serve(SLOT, first, 3, latency_ms=400, cost_usd=0.002, score=0.5)
    catalog.deploy("answer@staging", second)
    shown = browser.get(f"/prompts/{PROMPT}")
    places, versions = shown.rows(0), shown.rows(1)
    assert [row[:4] for row in places] == [
        ["answer@staging", "version 2", "0", "0"],
        [SLOT, "version 1", "3", "0"],
    ]
    assert [row[2] for row in versions] == ["version 2", "version 1"]
    assert versions[0][3:5] == ["latest", "answer@staging"]
    requests, p95, quality, cost = versions[1][8:]
    assert (requests, quality, cost) == ("3", "0.50", "2.00")
    assert 380 <= int(p95) <= 420
    assert versions[0][8:] == ["0", "–", "–", "–"]


def test_two_versions_are_chosen_to_compare(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    catalog.bundle(1, 3)
    shown = browser.get(f"/prompts/{PROMPT}")
    form = dict(shown.form("Compare old and new").form_values())
    assert form == {"prompt": PROMPT, "old": "1", "new": "3"}
    labels = {label.text_content().strip() for label in shown.all("//td/label")}
    assert {"version 2 as the old one", "version 2 as the new one"} <= labels
    compared = browser.submit(shown, "Compare old and new", old="2")
    assert parse_qs(urlsplit(compared.address).query) == {
        "prompt": [PROMPT],
        "old": ["2"],
        "new": ["3"],
    }


def test_a_prompt_without_a_past_says_so(browser: Browser, client: Client) -> None:
    client.prompts.create("new/one", "Text.")
    shown = browser.get("/prompts/new/one")
    assert "No version is live" in shown.main
    assert "No label was ever set" in shown.main
    assert "twinline prompts label new/one production 1" in shown.main
    assert "Compare old and new" not in shown.main


def test_a_prompt_tells_what_includes_it(browser: Browser, client: Client) -> None:
    client.prompts.create("support/tone", "Be calm.")
    client.prompts.create("support/answer", "{{> support/tone@1 }} Answer.")
    client.prompts.create("support/long", "{{> support/answer@1 }} At length.")
    tone = browser.get("/prompts/support/tone")
    assert "prompts:/support/answer/1" in tone.links
    assert "by way of prompts:/support/answer/1" in tone.main
    assert browser.follow(tone, "prompts:/support/answer/1").status == 200
    assert "prompts:/support/tone/1" in browser.get("/prompts/support/long").links


def test_a_prompt_leads_on(browser: Browser, client: Client) -> None:
    client.prompts.create("support/tone", "Be calm.")
    shown = browser.get("/prompts/support/tone")
    assert shown.links["Write a new version"] == "/write?prompt=support%2Ftone"
    assert shown.links["support"] == "/prompts?folder=support"
    assert browser.follow(shown, "Labels").status == 200


def test_what_people_wrote_of_a_prompt_is_text(browser: Browser, client: Client) -> None:
    client.prompts.create(
        "bad/one", "Text.", message=HOSTILE, description=HOSTILE, tags={HOSTILE: HOSTILE}
    )
    client.prompts.move_label("bad/one", "staging", 1, reason=HOSTILE)
    for address in ("/prompts", "/prompts/bad/one", "/prompts/bad/one/labels"):
        shown = browser.get(address)
        assert shown.status == 200
        assert not shown.all("//main//script")
        assert "<script>alert(1)</script>⟨U+202E⟩" in shown.main


def test_a_prompt_that_is_not_there_names_those_like_it(browser: Browser, client: Client) -> None:
    client.prompts.create("support/answer", "Text.")
    shown = browser.get("/prompts/support/anser")
    assert shown.status == 404
    assert "support/answer" in shown.links


def test_a_whole_prompt_is_retired_and_let_go_on(browser: Browser, client: Client) -> None:
    client.prompts.create("old/one", "Text.")
    done = browser.submit(
        browser.get("/prompts/old/one"), "Retire the prompt", reason="not used any more"
    )
    assert "The prompt is retired" in done.main
    assert [one.reason for one in client.lineage.retirements()] == ["not used any more"]
    again = browser.submit(done, "Let people build on it again", reason="we need it")
    assert "can build on the prompt again" in again.main
    assert client.prompts.get("old/one").retired_at is None


def test_what_is_live_is_not_retired_and_the_reason_is_kept(
    browser: Browser, client: Client
) -> None:
    catalog = Catalog(client)
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    page = browser.get(f"/prompts/{PROMPT}")
    refused = browser.submit(page, "Retire the prompt", reason="  <b>old</b> now")
    assert refused.status == 409
    assert "is live in answer@production" in alert(refused)
    assert refused.one("//input[@name='reason']").get("value") == "  <b>old</b> now"
    short = browser.submit(page, "Retire the prompt", reason="x")
    assert short.status == 422
    assert "reason" in alert(short)


def test_retiring_is_for_releasers(
    browser_of: Callable[[Role], Browser], browser: Browser, client: Client
) -> None:
    client.prompts.create("old/one", "Text.")
    author = browser_of(Role.AUTHOR)
    shown = author.get("/prompts/old/one")
    assert "Retiring a prompt needs the permission deployments:write" in shown.main
    assert "Write a new version" in shown.links
    theirs = browser.get("/prompts/old/one").form("Retire the prompt")
    fields = dict(theirs.form_values()) | {"act": "retire", "reason": "not used any more"}
    fields["form"] = shown.one("//header//input[@name='form']").get("value")
    assert author.send("/prompts/old/one", fields).status == 403
    viewer = browser_of(Role.VIEWER).get("/prompts/old/one")
    assert "Writing a new version needs the permission prompts:write" in viewer.main


def test_a_prompt_does_only_what_its_page_offers(browser: Browser, client: Client) -> None:
    client.prompts.create("old/one", "Text.")
    page = browser.get("/prompts/old/one")
    fields = dict(page.form("Retire the prompt").form_values())
    sent = browser.send("/prompts/old/one", fields | {"act": "delete", "reason": "because"})
    assert sent.status == 422
    assert "'delete'" in alert(sent)


def test_a_whole_prompt_is_retired_once(
    browser: Browser, browser_of: Callable[[Role], Browser], client: Client
) -> None:
    for text in ("One.", "Two."):
        client.prompts.create("old/one", text)
    page, other = browser.get("/prompts/old/one"), browser_of(Role.RELEASER)
    theirs = other.get("/prompts/old/one")
    for said in ("The prompt is retired", AGAIN):
        done = browser.submit(page, "Retire the prompt", reason="not used any more")
        assert said in done.main
    assert len(list(client.lineage.retirements())) == 2
    for one, form, reason, said in (
        (browser, page, "otherwise", "carried out already, with other words"),
        (other, theirs, "not used any more", "retired already"),
    ):
        refused = one.submit(form, "Retire the prompt", reason=reason)
        assert refused.status == 409
        assert said in alert(refused)
        assert refused.one("//input[@name='reason']").get("value") == reason
    assert len(list(client.lineage.retirements())) == 2


def test_a_whole_prompt_is_let_go_on_once(browser: Browser, client: Client) -> None:
    client.prompts.create("old/one", "One.")
    client.prompts.retire("old/one", reason="not used any more")
    page, later = browser.get("/prompts/old/one"), browser.get("/prompts/old/one")
    for said in ("can build on the prompt again", AGAIN):
        done = browser.submit(page, "Let people build on it again", reason="we need it")
        assert done.status == 200
        assert said in done.main
    second = browser.submit(later, "Let people build on it again", reason="somebody does")
    assert second.status == 200
    assert "not retired as a whole any more" in second.main
    assert "Your reason was not kept" in second.main
    lifts = [row for row in browser.get("/audit").rows() if "node.retired.lift" in row]
    assert len(lifts) == 1
    assert "we need it" in lifts[0]


def test_versions_that_were_retired_one_by_one_are_not_let_go_as_a_whole(
    browser: Browser, client: Client
) -> None:
    client.prompts.create("old/one", "One.")
    client.lineage.retire("prompts:/old/one/1", reason="says nothing")
    page = browser.get("/prompts/old/one")
    refused = browser.submit(page, "Let people build on it again", reason="we need it")
    assert refused.status == 409
    assert "one by one" in alert(refused)
    assert refused.one("//input[@name='reason']").get("value") == "we need it"


@pytest.mark.parametrize("before", [False, True], ids=["never as a whole", "once as a whole"])
def test_a_new_version_does_not_let_those_go_on_that_were_retired_one_by_one(
    browser: Browser, client: Client, before: bool
) -> None:
    client.prompts.create("old/one", "One.")
    if before:
        client.prompts.retire("old/one", reason="not used any more")
        client.prompts.unretire("old/one", reason="we need it")
    client.lineage.retire("prompts:/old/one/1", reason="says nothing")
    page = browser.get("/prompts/old/one")
    client.prompts.create("old/one", "Two.")
    refused = browser.submit(page, "Let people build on it again", reason="we need it")
    assert refused.status == 409
    assert "`twinline nodes retired` lists" in alert(refused)
    assert "let go on before" not in refused.main


def test_a_reason_outlives_the_session_in_which_it_was_typed(
    browser: Browser, client: Client, key: str
) -> None:
    client.prompts.create("old/one", "One.")
    page = browser.get("/prompts/old/one")
    shown = browser.submit_late(page, "Retire the prompt", key, reason="not <b>used</b>")
    assert client.prompts.get("old/one").retired_at is None
    assert shown.one("//input[@name='reason']").get("value") == "not <b>used</b>"
    browser.submit(shown, "Retire the prompt")
    (made,) = client.lineage.retirements()
    assert made.reason == "not <b>used</b>"
