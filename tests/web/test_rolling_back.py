"""Rolling back on a page: nothing is chosen for anybody, and it is done once, on what was seen."""

import re
from collections.abc import Callable

import pytest

from tests.support import policies
from tests.support.browsing import AGAIN, HOSTILE, Browser, alert
from tests.support.catalog import SLOT, Catalog
from tests.support.rehearsal import Rehearsal
from twinline.client import Client
from twinline.language.records import Role
from twinline.language.refs import SlotRef
from twinline.rollbacks import actions as rollbacks
from twinline.web import swaps
from twinline.web.deeds import ONCE

HERE = f"/slots/{SLOT}/rollback"


@pytest.fixture
def catalog(client: Client) -> Catalog:
    """Production went from (model 1, prompt 1) over (1, 2) to (2, 2)."""
    made = Catalog(client)
    for model, prompt in ((1, 1), (1, 2), (2, 2)):
        made.deploy(SLOT, made.bundle(model, prompt), reason=f"pair {model} {prompt}")
    return made


@pytest.fixture
def proven(catalog: Catalog) -> Catalog:
    """What either side goes back to has served enough."""
    catalog.serve(SLOT, catalog.bundle(1, 2), 100, latency_ms=20)
    catalog.serve(SLOT, catalog.bundle(2, 1), 100, latency_ms=20)
    return catalog


def live(client: Client) -> tuple[int, str, str]:
    found = client.slots.get(SLOT).live
    assert found is not None
    return found.number, str(found.prompt)[-1], str(found.model)[-1]


def test_nothing_is_chosen_and_each_way_leads_to_its_change(
    browser: Browser, proven: Catalog
) -> None:
    shown = browser.get(HERE)
    assert shown.all("//main//form") == []
    ways = {text: to for text, to in shown.links.items() if text.startswith("Look at putting")}
    assert {to.partition("side=")[2] for to in ways.values()} == {"prompt", "model", "both"}
    prompt = browser.follow(shown, "Look at putting the prompt back…")
    assert "prompts:/support/answer/2 → gives way to prompts:/support/answer/1" in prompt.main
    assert "models:/churn/2 stays" in prompt.main
    assert "proven served 100 requests here" in prompt.main
    assert prompt.one("//main//del[normalize-space()='2']") is not None


def test_what_is_live_is_nowhere_offered(browser: Browser, catalog: Catalog) -> None:
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    catalog.deploy(SLOT, catalog.bundle(3, 3))
    shown = browser.get(HERE)
    offered = [to for to in shown.links.values() if "side=" in to]
    assert not [to for to in offered if "%2F3" in to]
    # 2 was there before 1; from 3 the nearest is 1, and 2 is further back.
    assert [to for to in offered if "to=prompts%3A%2Fsupport%2Fanswer%2F2" in to]


def test_a_side_without_an_earlier_version_says_so_and_both_are_not_offered(
    browser: Browser, client: Client
) -> None:
    catalog = Catalog(client)
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    catalog.deploy(SLOT, catalog.bundle(1, 2))
    shown = browser.get(HERE)
    assert "has no earlier version to go back to" in shown.main
    assert not [text for text in shown.links if "model back" in text or "both" in text]


def test_one_reason_and_one_button_put_the_prompt_back(
    browser: Browser, client: Client, proven: Catalog
) -> None:
    asked = browser.get(f"{HERE}?side=prompt")
    done = browser.submit(asked, "Roll the prompt back", reason="wrong language since Tuesday")
    assert done.address == f"/slots/{SLOT}?done=rolled-back"
    assert live(client) == (4, "1", "2")
    made = client.slots.get(SLOT).live
    assert made is not None
    assert (made.kind, made.reason) == ("rollback", "wrong language since Tuesday")


@pytest.mark.parametrize(("side", "said", "after"), [("model", "the model", "21"),
                                                     ("both", "both sides", "11")])  # fmt: skip
def test_the_other_sides_go_back_the_same_way(
    browser: Browser, client: Client, catalog: Catalog, side: str, said: str, after: str
) -> None:
    asked = browser.get(f"{HERE}?side={side}")
    fields = {"reason": "it got slow"}
    if asked.all("//input[@name='accept_untested']"):
        fields["accept_untested"] = "yes"
    browser.submit(asked, f"Roll {said} back", **fields)
    assert live(client) == (4, *after)


def test_of_many_pairs_the_first_are_looked_at_in_full(
    browser: Browser, client: Client, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = policies.canary(catalog.bundle(1, 2).ref, catalog.bundle(2, 2).ref)
    client.slots.deploy(SLOT, policy=policy, reason="a canary", expected=3)
    shown = browser.get(f"{HERE}?side=prompt")
    assert "Pair 1 of 2" in shown.main
    assert "Pair 2 of 2" in shown.main
    assert "--preview" not in shown.main
    monkeypatch.setattr(swaps, "PAIRS_MOST", 1)
    shown = browser.get(f"{HERE}?side=prompt")
    assert "Pair 1 of 2" in shown.main
    assert "Pair 2 of 2" not in shown.main
    command = f"twinline rollback {SLOT} --side prompt --preview"
    assert f"1 more pair would come in: {command} lists all." in shown.main


def test_two_prompts_are_compared_once_however_many_pairs_change_so(
    browser: Browser, client: Client, catalog: Catalog, rehearsal: Rehearsal
) -> None:
    policy = policies.canary(catalog.bundle(1, 2).ref, catalog.bundle(2, 2).ref)
    client.slots.deploy(SLOT, policy=policy, reason="a canary", expected=3)
    with rehearsal.reading() as tx:
        pairs = rollbacks.preview(tx, SlotRef.parse(SLOT), "prompt", None).pairs
        asked: list[list[str]] = []
        for some in (pairs[:1], pairs):
            with rehearsal.statements("prompt_version") as statements:
                found = swaps.of_pairs(tx, some)
            assert all(one.texts for one in found)
            asked.append(statements)
    assert len(found) == 2
    assert asked[0] == asked[1] != []


def test_cancel_has_the_focus_and_leads_back(browser: Browser, proven: Catalog) -> None:
    shown = browser.get(f"{HERE}?side=prompt")
    focused = shown.one("//*[@autofocus]")
    assert (focused.text_content(), focused.get("href")) == ("Cancel", f"/slots/{SLOT}")


def test_sent_twice_it_is_done_once(browser: Browser, client: Client, proven: Catalog) -> None:
    asked = browser.get(f"{HERE}?side=prompt")
    first = browser.submit(asked, "Roll the prompt back", reason="wrong language")
    again = browser.submit(asked, "Roll the prompt back", reason="wrong language")
    assert first.address.partition("?")[0] == again.address.partition("?")[0]
    assert (AGAIN in again.main, live(client)[0]) == (True, 4)


def test_the_same_form_with_other_words_is_not_done_again(
    browser: Browser, client: Client, proven: Catalog
) -> None:
    asked = browser.get(f"{HERE}?side=prompt")
    browser.submit(asked, "Roll the prompt back", reason="wrong language")
    again = browser.submit(asked, "Roll the prompt back", reason="another reason")
    assert again.status == 409
    assert "carried out already" in alert(again)
    assert live(client)[0] == 4


def test_a_form_without_its_key_is_shown_again(browser: Browser, proven: Catalog) -> None:
    asked = browser.get(f"{HERE}?side=prompt")
    shown = browser.submit(asked, "Roll the prompt back", reason="wrong", **{ONCE: "mine"})
    assert shown.status == 422
    assert shown.one("//textarea[@name='reason']").value.strip() == "wrong"


def test_when_the_live_one_moved_the_change_is_shown_anew_and_nothing_typed_is_lost(
    browser: Browser, client: Client, proven: Catalog
) -> None:
    asked = browser.get(f"{HERE}?side=prompt")
    proven.deploy(SLOT, proven.bundle(2, 3))
    shown = browser.submit(asked, "Roll the prompt back", reason=f"wrong {HOSTILE}")
    assert shown.status == 409
    assert "at deployment 4, not at 3" in alert(shown)
    assert "What you see is how things are now. What you sent changed nothing." in alert(shown)
    assert "prompts:/support/answer/3 → gives way to prompts:/support/answer/2" in shown.main
    assert shown.one("//textarea[@name='reason']").value == f"wrong {HOSTILE}"
    assert live(client)[0] == 4
    browser.submit(shown, "Roll the prompt back", accept_untested="yes")
    assert live(client) == (5, "2", "2")


def test_when_the_previous_version_was_withdrawn_since_nothing_else_comes_back(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    catalog.deploy(SLOT, catalog.bundle(2, 3))
    asked = browser.get(f"{HERE}?side=prompt")
    client.lineage.retire("prompts:/support/answer/2", reason="too long")
    shown = browser.submit(asked, "Roll the prompt back", reason="wrong language")
    assert shown.status == 409
    assert "would put prompts:/support/answer/1 back" in alert(shown)
    assert "Passed over prompts:/support/answer/2" in shown.main
    assert shown.one("//textarea[@name='reason']").value == "wrong language"
    assert live(client)[0] == 4
    browser.submit(shown, "Roll the prompt back", accept_untested="yes")
    assert live(client) == (5, "1", "2")


def test_when_somebody_else_did_it_the_ways_that_are_left_are_shown(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    asked = browser.get(f"{HERE}?side=prompt")
    client.slots.roll_back(SLOT, "prompt", reason="me first", expected=3, accept_untested=True)
    shown = browser.submit(
        asked, "Roll the prompt back", reason="wrong language", accept_untested="yes"
    )
    assert shown.status == 409
    assert "at deployment 4, not at 3" in alert(shown)
    assert live(client)[0] == 4


def test_an_untested_pair_wants_a_deliberate_yes(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    asked = browser.get(f"{HERE}?side=prompt")
    assert "(made when you do it)" in asked.main
    refused = browser.submit(asked, "Roll the prompt back", reason="wrong language")
    assert refused.status == 409
    assert "untested" in alert(refused)
    assert refused.one("//textarea[@name='reason']").value.strip() == "wrong language"
    browser.submit(refused, "Roll the prompt back", accept_untested="yes")
    assert live(client) == (4, "1", "2")


def test_a_bundle_that_nobody_made_is_no_link(browser: Browser, catalog: Catalog) -> None:
    shown = browser.get(f"{HERE}?side=prompt")
    digests = re.findall(r"/bundles/([0-9a-f]{64})", " ".join(shown.links.values()))
    assert digests == [catalog.bundle(2, 2).digest]


def test_a_blocked_pair_has_no_button_and_is_refused_with_why(
    browser: Browser, client: Client, proven: Catalog
) -> None:
    asked = browser.get(f"{HERE}?side=prompt")
    client.recalls.create("prompts:/support/answer/1", "it insults people")
    shown = browser.get(f"{HERE}?side=prompt&to=prompts:/support/answer/1")
    assert "It cannot be done." in shown.main
    assert "it insults people" in shown.main
    assert shown.all("//main//form") == []
    form = {one.get("name"): one.get("value") for one in asked.all("//main//form//input")}
    named = form | {"to": "prompts:/support/answer/1", "reason": "wrong"}
    refused = browser.send(HERE, named)
    assert refused.status == 409
    assert "cannot go live" in alert(refused)
    assert live(client)[0] == 3


@pytest.mark.parametrize("typed", ["", "Production", "staging"])
def test_a_protected_environment_is_typed(
    browser: Browser, client: Client, proven: Catalog, typed: str
) -> None:
    client.prompts.protect("production", reason="releases are announced first")
    asked = browser.get(f"{HERE}?side=prompt")
    assert "releases are announced first" in asked.main
    name = "environment-production"
    refused = browser.submit(asked, "Roll the prompt back", reason="wrong", **{name: typed})
    assert refused.status == 422
    assert "type its name, production" in alert(refused)
    assert refused.one(f"//input[@name='{name}']").get("value") == typed
    assert live(client)[0] == 3
    browser.submit(refused, "Roll the prompt back", **{name: "production"})
    assert live(client)[0] == 4


def test_without_a_reason_it_is_shown_again(
    browser: Browser, client: Client, proven: Catalog
) -> None:
    asked = browser.get(f"{HERE}?side=prompt")
    shown = browser.submit(asked, "Roll the prompt back", reason="  ")
    assert shown.status == 422
    assert "reason" in alert(shown)
    assert live(client)[0] == 3


def test_who_may_not_sees_the_change_and_who_can(
    browser_of: Callable[[Role], Browser], proven: Catalog, client: Client
) -> None:
    viewer = browser_of(Role.VIEWER)
    shown = viewer.get(f"{HERE}?side=prompt")
    assert "proven" in shown.main
    assert "releaser or admin" in shown.main
    assert shown.all("//main//form") == []
    token = shown.one("//form[@action='/logout']//input").get("value")
    refused = viewer.send(HERE, {"form": token, "side": "prompt", "reason": "let me"})
    assert refused.status == 403
    assert live(client)[0] == 3


def test_what_people_wrote_is_shown_as_it_was_typed(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    client.prompts.create("support/answer", f"Answer {HOSTILE}: {{{{ question }}}}")
    bundle = client.bundles.pair("models:/churn/2", "prompts:/support/answer/3")
    catalog.deploy(SLOT, bundle, reason=f"because {HOSTILE}")
    for shown in (browser.get(HERE), browser.get(f"{HERE}?side=prompt")):
        assert "<script>alert" not in shown.source
        assert "\u202e" not in shown.source
        assert "<script>alert(1)</script>" in shown.main
        assert "U+202E" in shown.main


def test_a_side_that_cannot_go_back_to_that_shows_the_ways(
    browser: Browser, catalog: Catalog
) -> None:
    for asked in (
        "side=prompt&to=prompts:/support/answer/2",
        "side=prompt&to=models:/churn/1",
        "side=model&to=nonsense",
        "side=prompt&to=prompts:/support/answer/99",
    ):
        shown = browser.get(f"{HERE}?{asked}")
        assert shown.status == 409, asked
        assert alert(shown)
        assert "Look at putting the prompt back…" in shown.links


def test_a_slot_with_nothing_live_says_what_to_do(browser: Browser) -> None:
    shown = browser.get("/slots/no-such@production/rollback")
    assert shown.status == 404
    assert "no-such@production" in shown.main


def test_a_session_that_ended_loses_nothing(
    browser: Browser, client: Client, proven: Catalog, key: str
) -> None:
    asked = browser.get(f"{HERE}?side=prompt")
    button = "Roll the prompt back"
    shown = browser.submit_late(asked, button, key, reason=f"because {HOSTILE}")
    assert shown.one("//textarea[@name='reason']").value == f"because {HOSTILE}"
    assert live(client)[0] == 3
    browser.submit(shown, button)
    assert live(client) == (4, "1", "2")


def test_who_is_signed_out_is_told_nothing_of_the_slot(browser: Browser, proven: Catalog) -> None:
    asked = browser.get(f"{HERE}?side=prompt")
    browser.http.headers.pop("Cookie")
    ended = browser.submit(asked, "Roll the prompt back", reason="because")
    assert ended.status == 401
    assert "prompts:/support/answer" not in ended.main


@pytest.mark.parametrize("place", [HERE, f"{HERE}?side=prompt"])
def test_a_kill_switch_in_force_is_told(
    browser: Browser, client: Client, proven: Catalog, place: str
) -> None:
    client.kills.slot(SLOT, "it pours out names")
    shown = browser.get(place)
    assert "This slot is stopped" in alert(shown)
    assert "it pours out names" in alert(shown)
