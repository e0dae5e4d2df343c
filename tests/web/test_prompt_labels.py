"""The labels of a prompt, as people look at them and move them."""

from collections.abc import Callable

import pytest

from tests.support.browsing import AGAIN, Browser, alert
from twinline.client import Client
from twinline.language.records import Role

NAME = "support/answer"
PAGE = f"/prompts/{NAME}/labels"


@pytest.fixture(autouse=True)
def versions(client: Client) -> None:
    for number in (1, 2, 3):
        client.prompts.create(NAME, f"Answer {number}.", message=f"the {number}. one")


def test_every_label_is_told_with_who_may_move_it(browser: Browser, client: Client) -> None:
    client.prompts.move_label(NAME, "production", 2, reason="passed its week")
    client.prompts.move_label(NAME, "v1.0", 1, reason="a release")
    client.prompts.move_label(NAME, "staging", 3, reason="to look at")
    client.prompts.protect("production", reason="customers read it", domain="support")
    shown = browser.get(PAGE)
    told = {label: (number, who, why, may) for label, number, _, who, why, may, _ in shown.rows()}
    assert told["production"][:3] == ("version 2", "admin", "passed its week")
    assert "protected releaser or admin, in support: customers read it" in told["production"][3]
    assert "semantic version stays" in told["v1.0"][3]
    assert told["staging"][3] == "author or releaser or admin"
    assert told["latest"] == (
        "version 3",
        "admin",
        "the 3. one",
        "nobody: the system keeps it on the highest version",
    )


def test_without_a_label_there_is_latest_and_the_way_to_set_one(browser: Browser) -> None:
    shown = browser.get(PAGE)
    assert [row[0] for row in shown.rows()] == ["latest"]
    assert "twinline prompts label support/answer production 3" in shown.main
    assert "no label that could be taken off" in shown.main


def test_a_label_is_set_moved_and_taken_off(browser: Browser, client: Client) -> None:
    page = browser.get(PAGE)
    done = browser.submit(
        page, "Move the label", label="production", number="2", reason="passed its week"
    )
    assert "The label is moved." in done.main
    again = browser.follow(done, "move production")
    assert again.one("//input[@id='move-label']").get("value") == "production"
    done = browser.submit(again, "Move the label", number="3", reason="better still")
    assert client.prompts.get(NAME, label="production").number == 3
    same = browser.submit(
        done, "Move the label", label="production", number="3", reason="once more"
    )
    assert "nothing changed" in same.main
    gone = browser.submit(same, "Take the label off", label="production", reason="not used")
    assert "taken off" in gone.main
    history = gone.rows(1)
    assert [(row[2], row[3], row[5]) for row in history] == [
        ("version 3", "taken off", "not used"),
        ("version 2", "version 3", "better still"),
        ("nowhere", "version 2", "passed its week"),
    ]


def test_a_label_that_moved_meanwhile_is_told_and_can_be_moved_then(
    browser: Browser, client: Client
) -> None:
    client.prompts.move_label(NAME, "production", 1, reason="the first")
    page = browser.get(PAGE)
    client.prompts.move_label(NAME, "production", 2, reason="somebody was quicker")
    typed = {"label": "production", "number": "3", "reason": "the best & <newest>"}
    refused = browser.submit(page, "Move the label", **typed)
    assert refused.status == 409
    said = alert(refused)
    assert "points to 2, not to 1" in said
    assert ["production", "version 2"] in [row[:2] for row in refused.rows()]
    for name, value in typed.items():
        assert refused.one(f"//input[@id='move-{name}']").get("value") == value
    assert client.prompts.get(NAME, label="production").number == 2
    browser.submit(refused, "Move the label")
    assert client.prompts.get(NAME, label="production").number == 3


def test_a_label_that_somebody_else_set_meanwhile_is_not_moved(
    browser: Browser, client: Client
) -> None:
    page = browser.get(PAGE)
    client.prompts.move_label(NAME, "staging", 1, reason="somebody was quicker")
    refused = browser.submit(page, "Move the label", label="staging", number="3", reason="to try")
    assert refused.status == 409
    assert "points to 1, not to nothing" in refused.main


def test_a_label_that_moved_meanwhile_is_not_taken_off(browser: Browser, client: Client) -> None:
    client.prompts.move_label(NAME, "staging", 1, reason="the first")
    page = browser.get(PAGE)
    client.prompts.move_label(NAME, "staging", 2, reason="somebody was quicker")
    refused = browser.submit(page, "Take the label off", label="staging", reason="not used")
    assert refused.status == 409
    assert refused.one("//select/option[@selected]").get("value") == "staging"
    assert refused.one("//input[@id='remove-reason']").get("value") == "not used"


def test_a_form_that_is_sent_twice_moves_a_label_once(browser: Browser, client: Client) -> None:
    client.prompts.move_label(NAME, "production", 1, reason="the first")
    page = browser.get(PAGE)
    typed = {"label": "production", "number": "2", "reason": "passed its week"}
    for said in ("The label is moved.", AGAIN):
        assert said in browser.submit(page, "Move the label", **typed).main
    other = browser.submit(page, "Move the label", **typed | {"number": "3"})
    assert other.status == 409
    assert alert(other) == (
        "This form was carried out already, with other words than are in it now; sending it again "
        "changed nothing. Below is how things are since; look, then decide again."
    )
    assert other.one("//input[@id='move-number']").get("value") == "3"
    assert client.prompts.get(NAME, label="production").number == 2
    page = browser.get(PAGE)
    for said in ("The label is taken off", AGAIN):
        gone = browser.submit(page, "Take the label off", label="production", reason="not used")
        assert said in gone.main
    assert [row[3] for row in browser.get(PAGE).rows(1)] == ["taken off", "version 2", "version 1"]


def test_a_label_is_moved_and_another_taken_off_from_the_same_page(
    browser: Browser, client: Client
) -> None:
    for label in ("production", "staging"):
        client.prompts.move_label(NAME, label, 1, reason="the first")
    page = browser.get(PAGE)
    moved = browser.submit(
        page, "Move the label", label="production", number="2", reason="passed its week"
    )
    assert "The label is moved." in moved.main
    gone = browser.submit(page, "Take the label off", label="staging", reason="not used")
    assert (gone.status, "The label is taken off" in gone.main) == (200, True)
    standing = {row[0]: row[1] for row in gone.rows()}
    assert standing == {"production": "version 2", "latest": "version 3"}


def test_a_form_that_is_sent_again_does_not_say_that_what_was_undone_is_so(
    browser: Browser, client: Client
) -> None:
    page = browser.get(PAGE)
    typed = {"label": "production", "number": "2", "reason": "passed its week"}
    browser.submit(page, "Move the label", **typed)
    client.prompts.move_label(NAME, "production", 1, reason="it was worse")
    again = browser.submit(page, "Move the label", **typed)
    assert AGAIN in again.main
    assert "The label is moved." not in again.main
    assert client.prompts.get(NAME, label="production").number == 1


@pytest.mark.parametrize(
    ("button", "act", "typed"),
    [
        ("Move the label", "move", {"label": "staging", "number": "3", "reason": "to <b>try</b>"}),
        ("Take the label off", "remove", {"label": "staging", "reason": "not <b>used</b>"}),
    ],
)
def test_a_session_that_ended_loses_nothing(
    browser: Browser, client: Client, key: str, button: str, act: str, typed: dict[str, str]
) -> None:
    client.prompts.move_label(NAME, "staging", 1, reason="the first")
    shown = browser.submit_late(browser.get(PAGE), button, key, **typed)
    assert len(shown.rows(1)) == 1
    form = dict(shown.form(button).form_values())
    assert {name: form[name] for name in typed} == typed
    assert shown.one(f"//input[@id='{act}-reason']").get("value") == typed["reason"]
    done = browser.submit(shown, button)
    assert done.status == 200
    assert done.rows(1)[0][5] == typed["reason"]


@pytest.mark.parametrize(
    ("typed", "status", "field", "said"),
    [
        ({"number": "seven"}, 422, "number", "integer"),
        ({"number": "0"}, 422, "number", "greater than or equal to 1"),
        ({"label": "7"}, 422, "label", "v7"),
        ({"label": "no spaces"}, 422, "label", "pattern"),
        ({"reason": "x"}, 422, "reason", "at least 3"),
        ({"number": "9"}, 404, None, "its versions are 1 to 3"),
        ({"label": "latest"}, 422, None, "kept by the system"),
        ({"label": "v1.0"}, 409, None, "semantic version"),
        ({"number": "1"}, 409, None, "retired"),
    ],
)
def test_what_cannot_be_is_told_beside_its_field_and_kept(
    browser: Browser,
    client: Client,
    typed: dict[str, str],
    status: int,
    field: str | None,
    said: str,
) -> None:
    client.prompts.move_label(NAME, "v1.0", 2, reason="a release")
    client.lineage.retire(f"prompts:/{NAME}/1", reason="no good")
    sent = {"label": "staging", "number": "3", "reason": "to look at"} | typed
    refused = browser.submit(browser.get(PAGE), "Move the label", **sent)
    assert refused.status == status
    assert said in alert(refused)
    for name, value in sent.items():
        one = refused.one(f"//input[@id='move-{name}']")
        assert one.get("value") == value
        if name == field:
            assert one.get("aria-invalid") == "true"
            beside = refused.one(f"//*[@id='{one.get('aria-describedby')}']")
            assert said in beside.text_content()


def test_a_protected_label_is_moved_by_releasers_alone(
    browser_of: Callable[[Role], Browser], client: Client
) -> None:
    client.prompts.move_label(NAME, "production", 1, reason="the first")
    client.prompts.protect("production", reason="customers read it")
    author = browser_of(Role.AUTHOR)
    page = author.get(PAGE)
    assert "move production" not in page.links
    assert "labels:protected" in page.main
    typed = {"label": "production", "number": "2", "reason": "looks better"}
    refused = author.submit(page, "Move the label", **typed)
    assert refused.status == 403
    said = alert(refused)
    assert "is protected" in said
    assert refused.one("//input[@id='move-reason']").get("value") == "looks better"
    releaser = browser_of(Role.RELEASER)
    done = releaser.submit(releaser.get(PAGE), "Move the label", **typed)
    assert "The label is moved." in done.main
    assert done.rows()[1 if done.rows()[0][0] == "latest" else 0][3] == "releaser"


def test_who_may_not_move_labels_is_told_who_may(browser_of: Callable[[Role], Browser]) -> None:
    viewer = browser_of(Role.VIEWER)
    shown = viewer.get(PAGE)
    assert "Moving a label needs the permission labels:write" in shown.main
    token = shown.one("//header//input[@name='form']").get("value")
    fields = {"form": token, "act": "move", "label": "a", "number": "1", "reason": "because"}
    assert viewer.send(PAGE, fields).status == 403


def test_a_prompt_that_is_not_there_has_no_labels(browser: Browser) -> None:
    assert browser.get("/prompts/support/nothing/labels").status == 404
    token = browser.get(PAGE).one("//header//input[@name='form']").get("value")
    fields = {"form": token, "act": "move", "label": "a", "number": "1", "reason": "because"}
    assert browser.send("/prompts/support/nothing/labels", fields).status == 404


def test_history_goes_on(browser: Browser, client: Client) -> None:
    for number in range(52):
        client.prompts.move_label(NAME, "staging", number % 3 + 1, reason=f"move {number}")
    older = browser.follow(browser.get(PAGE), "Older")
    assert [row[5] for row in older.rows(1)] == ["move 1", "move 0"]


@pytest.mark.parametrize("number", ["9" * 5000, "²", "٣"])
def test_where_a_label_was_seen_is_a_number_or_nothing(
    browser: Browser, client: Client, number: str
) -> None:
    client.prompts.move_label(NAME, "staging", 1, reason="the first")
    fields = dict(browser.get(PAGE).form("Move the label").form_values())
    fields |= {"act": "move", "label": "staging", "number": "2", "reason": "to look at"}
    refused = browser.send(PAGE, fields | {"seen": f"staging={number}"})
    assert refused.status == 409
    assert "points to 1, not to nothing" in refused.main
