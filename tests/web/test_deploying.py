"""Deploying on a page: choose, look, then do it once."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import policies
from tests.support.browsing import AGAIN, HOSTILE, Browser, Shown, alert
from tests.support.catalog import SLOT, Catalog
from twinline.client import Client
from twinline.language.records import Role
from twinline.web.pages import deploying

HERE = f"/slots/{SLOT}/deploy"
BUTTON = f"Deploy to {SLOT}"
PAIR = {"prompt": "prompts:/support/answer/3", "model": "models:/churn/1"}


@pytest.fixture
def catalog(client: Client) -> Catalog:
    """(1, 1) is live, (1, 2) and (2, 3) are made."""
    made = Catalog(client)
    made.deploy(SLOT, made.bundle(1, 1))
    made.bundle(1, 2)
    made.bundle(2, 3)
    return made


def live(client: Client, slot: str = SLOT) -> tuple[int, str, str]:
    found = client.slots.get(slot).live
    assert found is not None
    return found.number, str(found.prompt)[-1], str(found.model)[-1]


def asked(browser: Browser, **query: str) -> Shown:
    return browser.submit(browser.get(HERE), "Look at this pair…", **query)


def test_a_bundle_is_chosen_looked_at_and_deployed(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    choices = browser.get(HERE)
    digest = catalog.bundle(1, 2).digest
    shown = browser.follow(choices, f"Look at deploying {digest[:12]}…")
    assert "prompts:/support/answer/1 → gives way to prompts:/support/answer/2" in shown.main
    assert "models:/churn/1 stays" in shown.main
    assert "untested" in shown.main
    assert live(client) == (1, "1", "1")
    done = browser.submit(shown, BUTTON, reason="the fuller reply")
    assert done.address == f"/slots/{SLOT}?done=deployed"
    assert live(client) == (2, "2", "1")


def test_what_differs_in_the_model_and_the_parameters_is_told(
    browser: Browser, catalog: Catalog
) -> None:
    pair = {"model": "models:/churn/2", "prompt": "prompts:/support/answer/1"}
    shown = asked(browser, **pair, parameters='{"temperature": 0.25}')
    table = shown.one("//div[@aria-label='What differs in the model and its parameters']/table")
    rows = [[cell.text_content() for cell in row] for row in table.iter("tr")]
    assert rows == [
        ["Fact", "Now", "Then"],
        ["called with temperature", "", "0.25"],
        ["source", "runs:/run-1/model", "runs:/run-2/model"],
        ["run", "run-1", "run-2"],
    ]


@pytest.mark.parametrize(
    ("now", "then", "said"),
    [
        (0.12345678, 0.12345679, ["0.12345678", "0.12345679"]),
        (1234567.0, 1234568.0, ["1234567", "1234568"]),
        (1, "1", ["1", '"1"']),
        (True, "true", ["true", '"true"']),
        ("a", "a\n", ['"a"', '"a\\n"']),
        (0.5, "", ["0.5", ""]),
        ({"a": 1}, {"a": 1.5}, ['{"a": 1}', '{"a": 1.5}']),
    ],
    ids=repr,
)
def test_parameters_that_differ_are_told_so_that_one_sees_it(
    browser: Browser, client: Client, catalog: Catalog, now: object, then: object, said: list[str]
) -> None:
    pair = PAIR["model"], PAIR["prompt"]
    bundle = client.bundles.pair(*pair, parameters={"top_p": now})
    catalog.deploy(SLOT, bundle)
    shown = asked(browser, **PAIR, parameters=json.dumps({"top_p": then}))
    table = shown.one("//div[@aria-label='What differs in the model and its parameters']/table")
    rows = [[cell.text_content() for cell in row] for row in table.iter("tr")]
    assert rows[1:] == [["called with top_p", *said]]


def test_a_number_that_is_written_in_two_ways_is_one(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    """As in the digest of a bundle: JSON knows one kind of number."""
    pair = PAIR["model"], PAIR["prompt"]
    catalog.deploy(SLOT, client.bundles.pair(*pair, parameters={"n": 1, "top_p": 0.5}))
    shown = asked(browser, **PAIR, parameters='{"n": 1.0, "top_p": 0.25}')
    table = shown.one("//div[@aria-label='What differs in the model and its parameters']/table")
    assert [[cell.text_content() for cell in row] for row in table.iter("tr")][1:] == [
        ["called with top_p", "0.5", "0.25"]
    ]


def test_what_is_live_in_the_same_route_is_offered_however_many_slots_come_before_it(
    browser: Browser, client: Client, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    route, _, _ = SLOT.partition("@")
    monkeypatch.setattr(deploying, "SLOTS", 2)
    for slot in ("a@a", "b@a", "c@a"):
        catalog.deploy(slot, catalog.bundle(1, 2))
    catalog.deploy(f"{route}@zone", catalog.bundle(2, 3))
    known = {row[0]: row[3] for row in browser.get(HERE).rows()}
    assert known[catalog.bundle(2, 3).digest[:12]] == f"live in {route}@zone"
    assert known[catalog.bundle(1, 2).digest[:12]] == "one of the newest"


def test_what_is_live_alone_is_not_offered(browser: Browser, catalog: Catalog) -> None:
    links = browser.get(HERE).links
    offered = {to.partition("bundle=")[2] for text, to in links.items() if "Look at" in text}
    assert offered == {catalog.bundle(1, 2).digest, catalog.bundle(2, 3).digest}
    shown = browser.get(f"{HERE}?bundle={catalog.bundle(1, 1).digest}")
    assert "This is live already" in shown.main
    assert shown.all("//main//form[@method='post']") == []


def test_a_pair_is_made_only_when_it_is_deployed(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    before = len(list(client.bundles.list()))
    shown = asked(browser, **PAIR)
    assert "(made when you do it)" in shown.main
    assert len(list(client.bundles.list())) == before
    browser.submit(shown, BUTTON, reason="the pair to try")
    assert live(client) == (2, "3", "1")


def test_a_pair_keeps_the_parameters_of_what_is_live(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    hot = client.bundles.pair("models:/churn/1", "prompts:/support/answer/1", {"temperature": 0.9})
    catalog.deploy(SLOT, hot)
    shown = asked(browser, prompt="prompts:/support/answer/2")
    browser.submit(shown, BUTTON, reason="the same but the prompt")
    found = client.slots.get(SLOT).live
    assert found is not None
    assert client.bundles.get(found.bundle).parameters == {"temperature": 0.9}


def test_what_a_label_named_when_it_was_looked_at_is_deployed(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    label = "prompts:/support/answer@latest"
    shown = asked(browser, **PAIR | {"prompt": label})
    assert f"{label} is prompts:/support/answer/3 now" in shown.main
    client.prompts.create("support/answer", "Another answer: {{ question }}")
    browser.submit(shown, BUTTON, reason="the newest as I saw it")
    assert live(client) == (2, "3", "1")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"prompt": "prompts:/support/answer/99", "model": "models:/churn/1"}, "99"),
        ({"prompt": "nonsense", "model": "models:/churn/1"}, "nonsense"),
        ({**PAIR, "parameters": "{"}, "JSON"),
        ({**PAIR, "parameters": "[1]"}, "no JSON object"),
    ],
)
def test_a_pair_that_means_nothing_is_told_and_stays_typed(
    browser: Browser, catalog: Catalog, wrong: dict[str, str], said: str
) -> None:
    shown = asked(browser, **wrong)
    assert shown.status == 422
    assert said in alert(shown)
    assert shown.one("//input[@name='prompt']").get("value") == wrong["prompt"]
    assert shown.one("//textarea[@name='parameters']").value == wrong.get("parameters", "")


@pytest.mark.parametrize(("side", "other"), [("prompt", "model"), ("model", "prompt")])
def test_one_side_alone_is_put_into_the_form_beside_what_is_live(
    browser: Browser, catalog: Catalog, side: str, other: str
) -> None:
    live = {"prompt": "prompts:/support/answer/1", "model": "models:/churn/1"}
    shown = browser.get(f"{HERE}?{side}={PAIR[side]}")
    assert shown.status == 200
    assert shown.all("//main//*[@role='alert']") == []
    assert shown.one(f"//input[@name='{side}']").get("value") == PAIR[side]
    assert shown.one(f"//input[@name='{other}']").get("value") == live[other]


def test_parameters_that_were_taken_away_do_not_come_back(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    hot = client.bundles.pair("models:/churn/1", "prompts:/support/answer/1", {"temperature": 0.9})
    catalog.deploy(SLOT, hot)
    beside = browser.get(f"{HERE}?prompt={PAIR['prompt']}")
    assert json.loads(beside.one("//textarea[@name='parameters']").value) == {"temperature": 0.9}
    wrong = asked(browser, prompt="prompts:/support/answer/99", parameters="")
    assert wrong.status == 422
    assert wrong.one("//textarea[@name='parameters']").value == ""


def test_two_choices_at_once_are_refused(browser: Browser, catalog: Catalog) -> None:
    digest = catalog.bundle(1, 2).digest
    shown = browser.get(f"{HERE}?bundle={digest}&model=models:/churn/1")
    assert shown.status == 422
    assert "Choose one" in alert(shown)


def test_a_new_slot_is_made_by_its_first_deployment(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    where = browser.get(f"/deploy?bundle={catalog.bundle(1, 2).digest}")
    shown = browser.submit(where, "Go on", slot="draft@dev")
    assert "nothing is live there yet" in shown.main
    assert "draft@dev" not in {one.ref.short for one in client.slots.list()}
    browser.submit(shown, "Deploy to draft@dev", reason="first one")
    assert live(client, "draft@dev") == (1, "2", "1")


def test_a_known_slot_is_a_link_and_a_wrong_name_is_told(
    browser: Browser, catalog: Catalog
) -> None:
    digest = catalog.bundle(1, 2).digest
    where = browser.get(f"/deploy?bundle={digest}")
    assert where.links[SLOT] == f"{HERE}?bundle={digest}"
    wrong = browser.submit(where, "Go on", slot="no slot")
    assert wrong.status == 422
    assert "no slot" in alert(wrong)
    assert wrong.one("//input[@name='slot']").get("value") == "no slot"


def test_without_any_slot_or_bundle_the_pages_say_what_to_do(browser: Browser) -> None:
    assert "twinline deploy" in browser.get("/deploy").main
    assert "twinline bundles pair" in browser.get(HERE).main


def test_sent_twice_it_is_deployed_once(browser: Browser, client: Client, catalog: Catalog) -> None:
    shown = asked(browser, **PAIR)
    first = browser.submit(shown, BUTTON, reason="the pair to try")
    again = browser.submit(shown, BUTTON, reason="the pair to try")
    assert first.address.partition("?")[0] == again.address.partition("?")[0]
    assert (AGAIN in again.main, live(client)[0]) == (True, 2)


def test_when_the_live_one_moved_it_is_looked_at_anew(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    shown = asked(browser, **PAIR)
    catalog.deploy(SLOT, catalog.bundle(2, 3))
    refused = browser.submit(shown, BUTTON, reason=f"try {HOSTILE}")
    assert refused.status == 409
    assert "at deployment 2, not at 1" in alert(refused)
    assert "prompts:/support/answer/3 stays" in refused.main
    assert refused.one("//textarea[@name='reason']").value == f"try {HOSTILE}"
    assert len(list(client.bundles.list())) == 3
    browser.submit(refused, BUTTON)
    assert live(client) == (3, "3", "1")


def test_what_the_slot_requires_and_is_missing_is_told_instead_of_a_button(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    shown = asked(browser, **PAIR)
    client.suites.define("golden", threshold=0.8, command="python score.py")
    client.suites.require("golden", "production", reason="customers read it")
    held = asked(browser, **PAIR)
    assert "It cannot go live." in held.main
    assert "python score.py" in held.main
    assert held.all("//main//form[@method='post']") == []
    refused = browser.submit(shown, BUTTON, reason="all the same")
    assert refused.status == 409
    assert "golden" in alert(refused)
    assert live(client)[0] == 1


@pytest.mark.parametrize("made", [True, False])
def test_what_is_built_on_something_recalled_cannot_go_live(
    browser: Browser, client: Client, catalog: Catalog, made: bool
) -> None:
    client.recalls.create("datasets:/tickets/2", "holds other customers' data")
    query = f"bundle={catalog.bundle(2, 3).digest}"
    if not made:
        query = "model=models:/churn/2&prompt=prompts:/support/answer/2"
    shown = browser.get(f"{HERE}?{query}")
    assert "It cannot go live." in shown.main
    assert "holds other customers' data" in shown.main
    assert shown.all("//main//form[@method='post']") == []


def test_a_retired_side_of_a_new_pair_is_told(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    client.lineage.retire("prompts:/support/answer/3", reason="too long")
    assert "too long" in asked(browser, **PAIR).main


def test_a_protected_environment_is_typed(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    client.prompts.protect("production", reason="releases are announced first")
    shown = asked(browser, **PAIR)
    refused = browser.submit(shown, BUTTON, reason="the pair to try")
    assert refused.status == 422
    assert "type its name, production" in alert(refused)
    browser.submit(refused, BUTTON, **{"environment-production": "production"})
    assert live(client)[0] == 2


def test_a_label_that_is_protected_in_a_folder_lets_its_environment_be(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    client.prompts.protect("production", reason="lawyers read it", domain="legal")
    shown = asked(browser, **PAIR)
    assert not shown.all("//input[@name='environment-production']")
    client.prompts.protect("production", reason="releases are announced first")
    client.prompts.protect("production", reason="terms are signed", domain="sales")
    told = asked(browser, **PAIR)
    assert told.all("//input[@name='environment-production']")
    assert "releases are announced first" in told.main
    assert "terms are signed" not in told.main
    browser.submit(shown, BUTTON, reason="the pair to try")
    assert live(client)[0] == 1


@pytest.fixture
def split(client: Client, catalog: Catalog) -> dict[str, Any]:
    """A fifth of the users get (1, 2), the others (1, 1)."""
    document = policies.canary(catalog.bundle(1, 1).ref, catalog.bundle(1, 2).ref, 0.2)
    client.slots.deploy(SLOT, policy=document, reason="a fifth of all", expected=1)
    found = client.slots.get(SLOT).live
    assert found is not None
    return found.policy


def test_the_rules_of_a_policy_end_or_stay_as_is_chosen(
    browser: Browser, client: Client, catalog: Catalog, split: dict[str, Any]
) -> None:
    shown = browser.get(f"{HERE}?bundle={catalog.bundle(2, 3).digest}")
    assert "The rules of the live policy end" in shown.main
    kept = browser.submit(shown, "Keep the rules instead, change the default…")
    was, becomes = catalog.bundle(1, 1).digest[:12], catalog.bundle(2, 3).digest[:12]
    assert ["default.bundle", was, becomes] in kept.rows()
    browser.submit(kept, BUTTON, reason="the default alone")
    found = client.slots.get(SLOT).live
    assert found is not None
    assert found.policy["default"]["bundle"] == str(catalog.bundle(2, 3).ref)
    arms = found.policy["rules"][0]["serve"]["split"]["arms"]
    assert arms[1] == split["rules"][0]["serve"]["split"]["arms"][1]
    ended = browser.submit(browser.get(f"{HERE}?bundle={catalog.bundle(1, 1).digest}"), BUTTON,
                           reason="to everybody")  # fmt: skip
    assert ended.address.endswith("?done=deployed")
    found = client.slots.get(SLOT).live
    assert found is not None
    assert "rules" not in found.policy


@pytest.mark.parametrize("made", [True, False])
def test_what_stands_against_a_bundle_of_the_rules_that_are_kept_is_told(
    browser: Browser, client: Client, catalog: Catalog, split: dict[str, Any], made: bool
) -> None:
    """As deploying would refuse it: every bundle of a policy is looked at, not the new alone."""
    canary = catalog.bundle(1, 2)
    client.suites.define("golden", threshold=0.8, command="python score.py")
    client.suites.require("golden", "production", reason="customers read it")
    client.kills.bundle(canary.ref, "it is rude")
    pair = "&".join(f"{side}={ref}" for side, ref in PAIR.items())
    choice = f"bundle={catalog.bundle(2, 3).digest}" if made else pair
    kept = browser.get(f"{HERE}?{choice}&keep=yes")
    assert "It cannot go live." in kept.main
    said = [one.text_content() for one in kept.all("//main//li")]
    told = [one for one in said if str(canary.ref) in one]
    assert [["it is rude" in one, "python score.py" in one] for one in told] == [
        [True, False],
        [False, True],
    ]
    assert kept.all("//main//form[@method='post']") == []


def test_a_policy_is_looked_over_before_it_is_deployed(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    document = policies.by_tenant(catalog.bundle(1, 1).ref, "bank-a", catalog.bundle(1, 2).ref)
    document["attributes"] = {"user.id": "string"}
    shown = browser.submit(browser.get(HERE), "Look at this policy…", policy=json.dumps(document))
    assert "unknown attribute" in shown.main
    assert "prompts:/support/answer/2" in shown.main
    browser.submit(shown, BUTTON, reason="the bank gets another")
    found = client.slots.get(SLOT).live
    assert found is not None
    assert found.policy["rules"][0]["when"]["value"] == "bank-a"


def test_the_live_policy_stands_in_the_field_as_it_is(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    """Also where it compares with characters that nobody sees."""
    tenant = f"New\u00a0York\t{HOSTILE}"
    document = policies.by_tenant(catalog.bundle(1, 1).ref, tenant, catalog.bundle(1, 2).ref)
    client.slots.deploy(SLOT, policy=document, reason="the bank gets another", expected=1)
    shown = browser.get(HERE)
    held = json.loads(shown.one("//textarea[@name='policy']").value)
    assert held["rules"][0]["when"]["value"] == tenant
    assert "This is live already" in browser.submit(shown, "Look at this policy…").main


def table(shown: Shown, name: str) -> list[str]:
    found = shown.one(f"//main//div[@aria-label='{name}']/table")
    rows = (" ".join(row.itertext()) for row in found.xpath(".//tbody/tr"))
    return [" ".join(row.split()) for row in rows]


def as_text(shown: Shown) -> list[str]:
    return [one.text_content() for one in shown.all("//main//pre[@class='lines']/span")]


def test_a_share_that_grows_is_told_though_every_bundle_stays(
    browser: Browser, catalog: Catalog, split: dict[str, Any]
) -> None:
    wider = policies.canary(catalog.bundle(1, 1).ref, catalog.bundle(1, 2).ref, 0.95)
    shown = browser.submit(browser.get(HERE), "Look at this policy…", policy=json.dumps(wider))
    assert "rollout/canary 20 % -> 95 %" in shown.main
    (now, _), (then, _) = table(shown, "Who gets what now"), table(shown, "Who would get what")
    assert "canary 20.00 % support/answer/2 + churn/1" in now
    assert "canary 95.00 % support/answer/2 + churn/1" in then
    assert as_text(shown)[:2] == ["--- deployment 2", "+++ what would be deployed"]
    assert {"-80000", "+5000"} <= {line.replace(" ", "") for line in as_text(shown)}


def test_a_condition_that_turns_round_is_told_though_every_bundle_stays(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    document = policies.by_tenant(catalog.bundle(1, 1).ref, "bank-a", catalog.bundle(1, 2).ref)
    client.slots.deploy(SLOT, policy=document, reason="the bank gets another", expected=1)
    document["rules"][0]["when"]["op"] = "neq"
    shown = browser.submit(browser.get(HERE), "Look at this policy…", policy=json.dumps(document))
    assert "rule regulated changed" in shown.main
    assert 'tenant is "bank-a"' in table(shown, "Who gets what now")[0]
    assert 'tenant is not "bank-a"' in table(shown, "Who would get what")[0]
    changed = [line.replace(" ", "") for line in as_text(shown) if '"op"' in line]
    assert changed == ['-"op":"eq",', '+"op":"neq",']


def test_a_value_of_another_type_is_another_policy(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    document = policies.by_tenant(catalog.bundle(1, 1).ref, "bank-a", catalog.bundle(1, 2).ref)
    document["rules"][0]["when"]["value"] = 1
    client.slots.deploy(SLOT, policy=document, reason="the bank gets another", expected=1)
    document["rules"][0]["when"]["value"] = True
    shown = browser.submit(browser.get(HERE), "Look at this policy…", policy=json.dumps(document))
    assert "This is live already" not in shown.main
    assert "tenant is true" in table(shown, "Who would get what")[0]


def test_one_bundle_for_everybody_in_the_place_of_another_is_no_change_of_policy(
    browser: Browser, catalog: Catalog
) -> None:
    assert as_text(browser.get(f"{HERE}?bundle={catalog.bundle(1, 2).digest}")) == []


def test_a_pair_that_nobody_made_yet_is_no_link_in_the_policy(
    browser: Browser, split: dict[str, Any]
) -> None:
    shown = browser.submit(asked(browser, **PAIR), "Keep the rules instead, change the default…")
    said = "default everybody else support/answer/3 + churn/1"
    assert table(shown, "Who would get what")[-1] == said
    assert "support/answer/3 + churn/1" not in shown.links
    assert "support/answer/2 + churn/1" in shown.links


@pytest.mark.parametrize("name", ["policy", "parameters"])
def test_a_field_takes_as_much_json_as_is_read(browser: Browser, name: str) -> None:
    most = int(browser.get(HERE).one(f"//textarea[@name='{name}']").get("maxlength"))
    assert f"at most {most} characters" in browser.get(f"{HERE}?{name}={'x' * (most + 1)}").main
    assert "should have at most" not in browser.get(f"{HERE}?{name}={'x' * most}").main


@pytest.mark.parametrize("wrong", ["{", "[]", '{"schema": "routing-policy/1"}'])
def test_what_is_no_policy_is_told_and_stays_typed(
    browser: Browser, catalog: Catalog, wrong: str
) -> None:
    shown = browser.submit(browser.get(HERE), "Look at this policy…", policy=wrong)
    assert shown.status == 422
    assert shown.one("//textarea[@name='policy']").value == wrong
    assert alert(shown)


def test_who_may_not_sees_the_change_and_who_can(
    browser_of: Callable[[Role], Browser], client: Client, catalog: Catalog
) -> None:
    viewer = browser_of(Role.VIEWER)
    shown = asked(viewer, **PAIR)
    assert "releaser or admin" in shown.main
    assert shown.all("//main//form[@method='post']") == []
    token = shown.one("//form[@action='/logout']//input").get("value")
    assert viewer.send(HERE, {"form": token, **PAIR, "reason": "let me"}).status == 403
    assert live(client)[0] == 1


def test_a_releaser_may(
    browser_of: Callable[[Role], Browser], client: Client, catalog: Catalog
) -> None:
    browser = browser_of(Role.RELEASER)
    browser.submit(asked(browser, **PAIR), BUTTON, reason="the pair to try")
    assert live(client) == (2, "3", "1")


def test_what_people_wrote_is_shown_as_it_was_typed(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    client.prompts.create("support/answer", f"Answer {HOSTILE}: {{{{ question }}}}")
    shown = asked(browser, prompt="prompts:/support/answer/4", model=PAIR["model"])
    assert "<script>alert" not in shown.source
    assert "<script>alert(1)</script>" in shown.main
    wrong = asked(browser, prompt=HOSTILE)
    assert "<script>alert" not in wrong.source
    assert wrong.one("//input[@name='prompt']").get("value") == HOSTILE
    assert alert(wrong).startswith("prompt: '<script>alert(1)</script>")
    assert "\u202e" not in alert(wrong)


def test_a_session_that_ended_loses_nothing(
    browser: Browser, client: Client, catalog: Catalog, url: str, key: str
) -> None:
    chosen = asked(browser, **PAIR)
    browser.http.headers.pop("Cookie")
    shown = browser.submit(chosen, BUTTON, reason=f"because {HOSTILE}")
    assert shown.status == 401
    assert "nothing was done" in alert(shown)
    assert "prompts:/support/answer" not in shown.main
    assert shown.links["Sign in in another window"] == "/login"
    with Browser(url, key) as again:
        browser.http.headers["Cookie"] = again.http.headers["Cookie"]
        shown = browser.submit(shown, "Look at it again")
        assert shown.status == 403
        assert "You signed in again" in alert(shown)
        assert shown.one("//textarea[@name='reason']").value == f"because {HOSTILE}"
        assert live(client)[0] == 1
        browser.submit(shown, BUTTON)
    assert live(client) == (2, "3", "1")


@pytest.mark.parametrize("everything", [True, False])
def test_a_kill_switch_in_force_is_told(
    browser: Browser, client: Client, catalog: Catalog, everything: bool
) -> None:
    assert "is stopped" not in browser.get(HERE).main
    why = f"it pours out {HOSTILE}"
    _ = client.kills.everything(why) if everything else client.kills.slot(SLOT, why)
    for shown in (browser.get(HERE), asked(browser, **PAIR)):
        assert "is stopped" in alert(shown)
        assert "it pours out <script>" in alert(shown)


def test_a_policy_of_too_many_bundles_is_for_the_command_line(
    browser: Browser, catalog: Catalog
) -> None:
    document = policies.by_tenant(catalog.bundle(1, 1).ref, "bank-a", catalog.bundle(1, 2).ref)
    (rule,) = document["rules"]
    document["rules"] = [
        {**rule, "id": f"r{number}", "serve": {"bundle": f"bundles:/{number:064x}"}}
        for number in range(50)
    ]
    shown = browser.submit(browser.get(HERE), "Look at this policy…", policy=json.dumps(document))
    assert shown.status == 422
    assert "names 51 bundles" in alert(shown)
    assert "twinline deploy SLOT --policy FILE" in alert(shown)
