"""Recalls on pages: what it would do is shown first, and all of it happens or nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.browsing import AGAIN, HOSTILE, Browser, alert
from tests.support.catalog import SLOT, Catalog
from twinline.client import Client
from twinline.language.records import NewEvaluation, Role
from twinline.web import deeds, swaps

OTHER = "chat@staging"
DATA = "datasets:/tickets/2"
ALONE, BOTH, LATER = (
    "Recall it, change nothing live",
    "Recall it and carry the plan out",
    "Carry the plan out",
)


@pytest.fixture
def catalog(client: Client) -> Catalog:
    """Both slots went from model 1, which is evaluated, to model 2."""
    made = Catalog(client)
    for model in (1, 2):
        made.deploy(SLOT, made.bundle(model, 1))
        made.deploy(OTHER, made.bundle(model, 2))
    for prompt in (1, 2):
        score(client, made, 1, prompt)
    made.serve(SLOT, made.bundle(2, 1), 7, decision="loan-1")
    return made


def score(client: Client, catalog: Catalog, model: int, prompt: int) -> None:
    subject = str(catalog.bundle(model, prompt).ref)
    body = {"subject": subject, "suite": "golden", "passed": 5, "failed": 0}
    client.evaluations.record(NewEvaluation.model_validate(body))


def models(client: Client) -> dict[str, str]:
    return {one.ref.short: str(one.live.model)[-1] for one in client.slots.list() if one.live}


def test_looking_shows_the_plan_and_recalls_nothing(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    listed = browser.get("/recalls")
    assert "twinline recall create" in listed.main
    shown = browser.submit(listed, "Look at what that would do…", node=DATA)
    assert shown.address.startswith("/recall?node=")
    assert "2 bundles, which served 7 requests" in shown.main
    assert [row[0] for row in shown.rows()] == [SLOT, OTHER]
    for row in shown.rows():
        assert "models:/churn/2 → gives way to models:/churn/1" in row[1]
        assert row[2] == "evaluated"
    assert list(client.recalls.list()) == []
    assert shown.one("//*[@autofocus]").text_content() == "Cancel"


def test_pairs_that_are_not_looked_at_in_full_are_counted(
    browser: Browser, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = "1 pair would change here; the slot shows its policy."
    shown = browser.get(f"/recall?node={DATA}")
    assert note not in shown.main
    assert shown.main.count("Served here") == 2
    monkeypatch.setattr(swaps, "PAIRS_MOST", 1)
    shown = browser.get(f"/recall?node={DATA}")
    assert shown.main.count(note) == 1
    assert shown.main.count("Served here") == 1


def test_one_deed_recalls_and_takes_it_out_of_every_slot(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    shown = browser.get(f"/recall?node={DATA}")
    done = browser.submit(shown, BOTH, reason="holds other customers' data")
    (recall,) = client.recalls.list()
    assert done.address == f"/recalls/{recall.number}?done=recall-executed"
    assert models(client) == {SLOT: "1", OTHER: "1"}
    assert "The plan was carried out." in done.main
    assert "Nothing of it is live." in done.main
    assert {row[0] for row in done.rows()} == {SLOT, OTHER}
    assert "7 requests" in done.main


def test_recalled_alone_it_is_carried_out_later(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    shown = browser.get(f"/recall?node={DATA}")
    recalled = browser.submit(shown, ALONE, reason="holds other customers' data")
    assert models(client) == {SLOT: "2", OTHER: "2"}
    assert "Something of it is live in" in recalled.main
    done = browser.submit(recalled, LATER, reason="as agreed")
    assert models(client) == {SLOT: "1", OTHER: "1"}
    assert "as agreed" in done.main
    listed = browser.get("/recalls")
    assert "carried out" in listed.rows()[0][-1]


def test_what_is_recalled_already_leads_to_its_recall(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    number = client.recalls.create(DATA, "holds other customers' data").number
    assert browser.get(f"/recall?node={DATA}").address == f"/recalls/{number}"


def test_sent_twice_it_is_recalled_once(browser: Browser, client: Client, catalog: Catalog) -> None:
    shown = browser.get(f"/recall?node={DATA}")
    first = browser.submit(shown, BOTH, reason="holds other customers' data")
    again = browser.submit(shown, BOTH, reason="holds other customers' data")
    assert first.address.partition("?")[0] == again.address.partition("?")[0]
    assert AGAIN in again.main
    assert len(list(client.recalls.list())) == 1
    assert len(list(client.slots.history(SLOT))) == 3


def test_whoever_comes_second_is_told_that_the_reason_was_not_kept(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    shown = browser.get(f"/recall?node={DATA}")
    number = client.recalls.create(DATA, "holds other customers' data").number
    second = browser.submit(shown, ALONE, reason="it is too old")
    assert second.address == f"/recalls/{number}?done=recalled-before"
    assert "It was recalled before" in second.text
    assert "Your reason was not kept" in second.text
    assert "by admin: holds other customers' data" in second.main
    assert "it is too old" not in second.main


def test_a_plan_that_moved_is_shown_anew_and_nothing_was_recalled(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    shown = browser.get(f"/recall?node={DATA}")
    catalog.deploy(OTHER, catalog.bundle(1, 1))
    refused = browser.submit(shown, BOTH, reason=f"bad {HOSTILE}")
    assert refused.status == 409
    assert "something else than you looked at" in alert(refused)
    assert [row[0] for row in refused.rows()] == [SLOT]
    assert refused.one("//textarea[@name='reason']").value == f"bad {HOSTILE}"
    assert list(client.recalls.list()) == []
    browser.submit(refused, BOTH)
    assert models(client) == {SLOT: "1", OTHER: "1"}


def test_a_plan_of_a_recall_that_moved_is_shown_anew(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    number = client.recalls.create(DATA, "holds other customers' data").number
    shown = browser.get(f"/recalls/{number}")
    catalog.deploy(OTHER, catalog.bundle(1, 1))
    refused = browser.submit(shown, LATER, reason="as agreed")
    assert refused.status == 409
    assert "another one than you looked at" in alert(refused)
    assert refused.one("//textarea[@name='reason']").value == "as agreed"
    assert models(client)[SLOT] == "2"
    browser.submit(refused, LATER)
    assert models(client)[SLOT] == "1"


def test_what_is_foreseen_is_what_is_planned_once_it_is_recalled(
    browser: Browser, client: Client
) -> None:
    """Also where an earlier version came from the same node, and is passed over."""
    client.prompts.create("tone", "Be kind.")
    for text in ("Hello", "{{> tone@1 }} Hello", "{{> tone@1 }} Good day"):
        client.prompts.create("support/answer", text)
    catalog = Catalog(client)
    client.models.register(catalog.another_model("churn"))
    for prompt in (1, 2, 3):
        bundle = client.bundles.pair("models:/churn/1", f"prompts:/support/answer/{prompt}")
        catalog.deploy(SLOT, bundle)
    foreseen = browser.get("/recall?node=prompts:/tone/1").rows()[0]
    assert "prompts:/support/answer/3 → gives way to prompts:/support/answer/1" in foreseen[1]
    assert "Passed over prompts:/support/answer/2" in foreseen[1]
    number = client.recalls.create("prompts:/tone/1", "it is not").number
    planned = browser.get(f"/recalls/{number}").rows()[0]
    assert planned[0] == foreseen[0]
    assert (
        planned[1].partition(": it ")[0].partition(": prompts:/tone")[0]
        == (foreseen[1].partition(": it comes")[0])
    )


@pytest.fixture
def stuck(client: Client) -> Catalog:
    """A slot that never served anything but model 2."""
    made = Catalog(client)
    made.deploy(SLOT, made.bundle(2, 1))
    return made


def test_a_slot_without_a_safe_way_back_wants_a_choice(
    browser: Browser, client: Client, stuck: Catalog
) -> None:
    shown = browser.get(f"/recall?node={DATA}")
    assert "No safe way back" in shown.main
    assert not shown.all("//input[@type='radio'][@checked]")
    assert {one.get("value") for one in shown.all("//input[@type='radio']")} == {"leave", "kill"}
    refused = browser.submit(shown, BOTH, reason="holds other customers' data")
    assert refused.status == 409
    assert list(client.recalls.list()) == []
    done = browser.submit(refused, BOTH, unsafe="kill")
    assert "stopped" in done.rows()[0][1]
    assert [str(one.subject) for one in client.kills.list()] == [f"routes:/{SLOT}"]


def test_a_wrong_choice_is_told(browser: Browser, client: Client, stuck: Catalog) -> None:
    shown = browser.get(f"/recall?node={DATA}")
    refused = browser.submit(shown, BOTH, reason="holds other customers' data", unsafe="burn")
    assert refused.status == 422
    assert list(client.recalls.list()) == []


def test_untested_pairs_want_a_deliberate_yes(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    for model in (1, 2):
        catalog.deploy(SLOT, catalog.bundle(model, 1))
    shown = browser.get(f"/recall?node={DATA}")
    refused = browser.submit(shown, BOTH, reason="holds other customers' data")
    assert refused.status == 409
    assert "untested" in alert(refused)
    assert list(client.recalls.list()) == []
    browser.submit(refused, BOTH, accept_untested="yes")
    assert models(client) == {SLOT: "1"}


def test_protected_environments_are_typed_each(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    for name in ("production", "staging"):
        client.prompts.protect(name, reason=f"{name} is announced")
    shown = browser.get(f"/recall?node={DATA}")
    first = {f"{deeds.ENVIRONMENT}production": "production"}
    refused = browser.submit(shown, BOTH, reason="bad data", **first)
    assert refused.status == 422
    assert "type its name, staging" in alert(refused)
    browser.submit(refused, BOTH, **{f"{deeds.ENVIRONMENT}staging": "staging"})
    assert models(client) == {SLOT: "1", OTHER: "1"}


@pytest.mark.parametrize("node", ["nonsense", "datasets:/tickets/none", f"routes:/{SLOT}", HOSTILE])
def test_what_cannot_be_recalled_is_told_and_stays_typed(
    browser: Browser, catalog: Catalog, node: str
) -> None:
    shown = browser.submit(browser.get("/recalls"), "Look at what that would do…", node=node)
    assert shown.status in (404, 422)
    assert alert(shown)
    assert shown.one("//main//input[@name='node']").get("value") == node
    assert "<script>alert" not in shown.source


def test_a_recall_is_lifted_with_a_reason(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    number = client.recalls.create(DATA, "holds other customers' data").number
    asked = browser.follow(browser.get(f"/recalls/{number}"), "Lift this recall…")
    empty = browser.submit(asked, "Lift the recall", reason="")
    assert empty.status == 422
    done = browser.submit(empty, "Lift the recall", reason="it was another file")
    assert done.address == f"/recalls/{number}?done=recall-lifted"
    assert "it was another file" in done.main
    assert client.recalls.get(number).lifted_reason == "it was another file"
    again = browser.get(f"/recalls/{number}/lift")
    assert "lifted already" in again.main
    assert again.all("//main//form") == []


def test_the_report_is_counted_anew_when_that_is_asked_for(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    number = client.recalls.create(DATA, "holds other customers' data").number
    shown = browser.submit(browser.get(f"/recalls/{number}"), "Count it anew")
    assert "counts the same today 0 requests arrived later." in shown.main
    assert "7 for decisions, cost not told" in shown.main
    assert "0.00" not in shown.main


def test_nothing_live_is_recalled_alone(browser: Browser, client: Client, catalog: Catalog) -> None:
    shown = browser.get("/recall?node=datasets:/tickets/1")
    assert "is live in any slot" in shown.main
    browser.submit(shown, "Recall it", reason="bad as well")
    (recall,) = client.recalls.list()
    assert recall.node == "datasets:/tickets/1"


def test_who_may_not_sees_the_plan_and_who_can(
    browser_of: Callable[[Role], Browser], client: Client, catalog: Catalog
) -> None:
    viewer = browser_of(Role.VIEWER)
    shown = viewer.get(f"/recall?node={DATA}")
    assert len(shown.rows()) == 2
    assert "releaser or admin" in shown.main
    number = client.recalls.create(DATA, "holds other customers' data").number
    for address in (f"/recalls/{number}", f"/recalls/{number}/lift"):
        told = viewer.get(address)
        assert "releaser or admin" in told.main
        assert told.all("//main//form[@method='post']") == []
    token: Any = shown.one("//form[@action='/logout']//input").get("value")
    fields = {"form": token, "node": DATA, "reason": "let me"}
    for address in ("/recall", f"/recalls/{number}", f"/recalls/{number}/lift"):
        assert viewer.send(address, fields).status == 403
    assert client.recalls.get(number).lifted_at is None


def test_a_recall_that_is_none_is_told(browser: Browser) -> None:
    for address in ("/recalls/9", "/recalls/9/lift"):
        shown = browser.get(address)
        assert shown.status == 404
        assert "There is no recall 9" in shown.main


def test_what_people_wrote_is_shown_as_it_was_typed(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    number = client.recalls.create(DATA, f"bad {HOSTILE}").number
    for address in ("/recalls", f"/recalls/{number}", f"/recalls/{number}/lift"):
        shown = browser.get(address)
        assert "<script>alert" not in shown.source
        assert "<script>alert(1)</script>" in shown.main
        assert "U+202E" in shown.main


@pytest.mark.parametrize("button", [ALONE, BOTH])
def test_a_session_that_ended_loses_nothing_of_a_recall(
    browser: Browser, client: Client, catalog: Catalog, key: str, button: str
) -> None:
    page = browser.get(f"/recall?node={DATA}")
    shown = browser.submit_late(page, button, key, reason=f"bad {HOSTILE}")
    assert list(client.recalls.list()) == []
    assert shown.one("//textarea[@name='reason']").value == f"bad {HOSTILE}"
    assert [row[0] for row in shown.rows()] == [SLOT, OTHER]
    browser.submit(shown, button)
    (made,) = client.recalls.list()
    assert (made.node, made.reason) == (DATA, f"bad {HOSTILE}")
    assert set(models(client).values()) == ({"2"} if button == ALONE else {"1"})


def test_a_session_that_ended_loses_nothing_of_what_follows_a_recall(
    browser: Browser, client: Client, catalog: Catalog, key: str
) -> None:
    number = client.recalls.create(DATA, "holds other customers' data").number
    page = browser.get(f"/recalls/{number}")
    shown = browser.submit_late(page, LATER, key, reason=f"at last {HOSTILE}")
    assert set(models(client).values()) == {"2"}
    assert shown.one("//textarea[@name='reason']").value == f"at last {HOSTILE}"
    browser.submit(shown, LATER)
    assert set(models(client).values()) == {"1"}
    page = browser.get(f"/recalls/{number}/lift")
    shown = browser.submit_late(page, "Lift the recall", key, reason=f"a mistake {HOSTILE}")
    assert client.recalls.get(number).lifted_at is None
    assert shown.one("//textarea[@name='reason']").value == f"a mistake {HOSTILE}"
    browser.submit(shown, "Lift the recall")
    assert client.recalls.get(number).lifted_reason == f"a mistake {HOSTILE}"
