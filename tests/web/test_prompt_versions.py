"""One version of a prompt, as people look at it, and what it says with values."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from tests.support.browsing import AGAIN, HOSTILE, Browser, Shown, alert
from tests.support.catalog import PROMPT, SLOT, Catalog
from twinline.client import Client
from twinline.client.rendering import render
from twinline.language.records import NewEvaluation, Role

SEEN = "<script>alert(1)</script>⟨U+202E⟩"
PAGE = f"/prompts/{PROMPT}/versions"


def previewed(browser: Browser, name: str, **values: str) -> Shown:
    """The page of version 1 with a preview; a value's field is written with _ for the dot."""
    query = {key.replace("_", ".", 1): value for key, value in values.items()}
    return browser.get(f"/prompts/{name}/versions/1?{urlencode(query | {'preview': 'shown'})}")


def texts(shown: Shown) -> list[str]:
    """The texts of prompts on a page."""
    return [one.text_content() for one in shown.all("//div[@class='prompt-text']")]


def test_a_version_is_shown_as_typed(browser: Browser, client: Client) -> None:
    text = f"  First {HOSTILE}\n\n\tline {{{{ name }}}}  \nend"
    client.prompts.create(PROMPT, text, message=HOSTILE, parameters={"temperature": 0.2})
    shown = browser.get(f"{PAGE}/1")
    assert texts(shown) == [f"  First {SEEN}\n\n\tline {{{{ name }}}}··\nend"]
    assert not shown.all("//main//script")
    assert SEEN in shown.main
    assert '"temperature": 0.2' in shown.main
    assert "{{ name }} is used and not declared" in shown.main
    assert "admin" in shown.main


def test_a_chat_is_shown_message_by_message(browser: Browser, client: Client) -> None:
    client.prompts.create(
        PROMPT,
        [
            {"role": "system", "content": "Be {{ tone }}."},
            {"type": "placeholder", "name": "history"},
            {"role": "user", "content": "{{ question }}"},
        ],
        variables=[{"name": "tone", "description": "As people feel it", "default": "calm"}],
        examples=[{"variables": {"tone": "dry"}, "messages": [{"role": "user", "content": "Eh?"}]}],
    )
    shown = browser.get(f"{PAGE}/1")
    roles = [one.text_content() for one in shown.all("//h2[.='Template']/following-sibling::h3")]
    assert roles[:2] == ["system", "user"]
    assert "The caller's own messages: history" in shown.main
    assert ["tone", "string", '"calm"', "As people feel it", "this version"] in shown.rows()
    assert "Eh?" in shown.main


def test_an_example_is_shown_to_its_end(browser: Browser, client: Client) -> None:
    said = f"{'Where is my parcel? ' * 40}It was blue."
    client.prompts.create(
        PROMPT, "Be calm.", examples=[{"messages": [{"role": "user", "content": said}]}]
    )
    assert said in browser.get(f"{PAGE}/1").main


def test_a_version_leads_to_its_comparisons_and_beyond(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    catalog.deploy(SLOT, catalog.bundle(1, 1))
    catalog.bundle(1, 3)
    shown = browser.get(f"{PAGE}/3")
    links = shown.links
    assert links["Compare with version 2"] == "/compare?prompt=support%2Fanswer&old=2&new=3"
    assert links["Compare with version 1, which is live"].endswith("old=1&new=3")
    assert links["Lineage"] == "/lineage?node=prompts%3A%2Fsupport%2Fanswer%2F3"
    assert links["Impact"] == "/impact?node=prompts%3A%2Fsupport%2Fanswer%2F3"
    assert links["Recall…"] == "/recall?node=prompts%3A%2Fsupport%2Fanswer%2F3"
    labels = browser.follow(shown, "Set a label")
    assert labels.one("//input[@id='move-number']").get("value") == "3"
    second = browser.follow(shown, "version 2")
    assert "Compare with version 1, which is live" in second.links
    assert browser.follow(second, "answer").address == f"/prompts/{PROMPT}"


def test_a_version_tells_what_a_change_would_affect(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    bundle = catalog.bundle(1, 1)
    catalog.deploy(SLOT, bundle)
    catalog.serve(SLOT, bundle, 2)
    client.lineage.own("answer", "team-support", "#support")
    shown = browser.get(f"{PAGE}/1")
    assert [SLOT, "version 1", "2", "0"] in [row[:4] for row in shown.rows()]
    assert "team-support (#support)" in shown.main
    assert "cannot be retired" in shown.main
    assert shown.links["recall it"] == "/recall?node=prompts%3A%2Fsupport%2Fanswer%2F1"
    catalog.deploy(SLOT, catalog.bundle(1, 2))
    assert "A rollback would bring it back in answer@production" in browser.get(f"{PAGE}/1").main


def test_a_version_tells_what_it_scored_and_with_which_models(
    browser: Browser, client: Client
) -> None:
    catalog = Catalog(client)
    bundle = catalog.bundle(1, 1)
    for subject, suite in ((bundle.ref, "whole"), (bundle.prompt, "tone")):
        client.evaluations.record(
            NewEvaluation(
                subject=subject, suite=suite, passed=9, failed=1, score=0.9, threshold=0.95
            )
        )
    client.bundles.state_pairing(
        "models:/churn/1", f"prompts:/{PROMPT}/1", "compatible", reason="tried"
    )
    shown = browser.get(f"{PAGE}/1")
    results = [" ".join(one.text_content().split()) for one in shown.all("//main//ul/li")]
    said = "tone failed 0.90 (0.95 needed), 9 passed, 1 failed"
    assert any(one.startswith(said) for one in results)
    (pair,) = [row for row in shown.rows(1) if "churn" in row[0]]
    assert pair[2] == "compatible tried"
    assert pair[3].startswith("whole failed 0.90")


def test_a_version_that_nobody_used_says_so(browser: Browser, client: Client) -> None:
    client.prompts.create(PROMPT, "Always the same.")
    shown = browser.get(f"{PAGE}/1")
    for said in (
        "It is live nowhere",
        "No suite scored the version",
        "No bundle is built on it",
        "It takes no values",
        "its text stands alone",
    ):
        assert said in shown.main
    assert texts(previewed(browser, PROMPT))[-1] == "Always the same."


def test_what_a_version_includes_is_shown_in_its_place(browser: Browser, client: Client) -> None:
    client.prompts.create("support/tone", "Be calm.")
    client.prompts.create(PROMPT, "{{> support/tone@1 }} Answer.")
    shown = browser.get(f"{PAGE}/1")
    assert texts(shown) == ["{{> support/tone@1 }} Answer.", "Be calm. Answer."]
    assert "prompts:/support/tone/1" in shown.links


def test_a_preview_is_what_the_client_renders(browser: Browser, client: Client) -> None:
    made = client.prompts.create(
        PROMPT,
        "\n{{ a }} & {{ n }} {{ list }} {{ maybe }}{{ tone }}",
        variables=[
            {"name": "n", "type": "integer"},
            {"name": "list", "type": "array"},
            {"name": "maybe", "required": False},
            {"name": "tone", "default": "calm"},
        ],
    )
    shown = previewed(browser, PROMPT, v_a="<b>\n x", v_n="7", v_list='[1, "é"]')
    rendered = render(made, {"a": "<b>\n x", "n": 7, "list": [1, "é"]})
    assert shown.status == 200
    assert texts(shown)[-1] == rendered
    assert shown.one("//textarea[@name='v.a']").text == "<b>\n x"
    assert shown.one("//input[@name='v.n']").get("value") == "7"


def test_a_preview_of_a_chat_takes_messages(browser: Browser, client: Client) -> None:
    client.prompts.create(
        PROMPT,
        [
            {"role": "system", "content": "Be {{ tone }}."},
            {"type": "placeholder", "name": "history"},
        ],
    )
    said = f'[{{"role": "user", "content": "{HOSTILE}"}}]'
    shown = previewed(browser, PROMPT, v_tone="calm", m_history=said)
    assert texts(shown)[-2:] == ["Be calm.", SEEN]
    assert not shown.all("//main//script")
    none = previewed(browser, PROMPT, v_tone="calm")
    assert texts(none)[-1] == "Be calm."


@pytest.mark.parametrize("wrong", ["no json", "{}", '["text"]', '[{"content": "no role"}]'])
def test_messages_that_are_none_are_told_beside_their_field(
    browser: Browser, client: Client, wrong: str
) -> None:
    client.prompts.create(PROMPT, [{"type": "placeholder", "name": "history"}])
    shown = previewed(browser, PROMPT, m_history=wrong)
    assert shown.status == 422
    assert "takes messages" in shown.one("//*[@id='m.history-hint']").text_content()
    assert shown.one("//textarea[@name='m.history']").text == wrong


def test_every_wrong_value_is_told_beside_its_field_and_kept(
    browser: Browser, client: Client
) -> None:
    client.prompts.create(
        PROMPT,
        "{{ a }} {{ n }} {{ o }} {{ good }}",
        variables=[{"name": "n", "type": "integer"}, {"name": "o", "type": "object"}],
    )
    shown = previewed(browser, PROMPT, v_n="seven", v_o="[" * 5000, v_good=f"{HOSTILE} kept")
    assert shown.status == 422
    assert "3 values are missing or wrong" in alert(shown)
    hints = {name: shown.one(f"//*[@id='v.{name}-hint']").text_content() for name in "ano"}
    assert "needs a value for 'a'" in hints["a"]
    assert "takes a value of type integer, not 'seven'" in hints["n"]
    assert "takes a value of type object" in hints["o"]
    assert shown.one("//input[@name='v.n']").get("value") == "seven"
    assert shown.one("//textarea[@name='v.good']").text == f"{HOSTILE} kept"
    assert len(texts(shown)) == 1


def test_what_would_be_too_long_is_not_made(browser: Browser, client: Client) -> None:
    client.prompts.create(PROMPT, "{{a}}" * 20_000)
    shown = previewed(browser, PROMPT, v_a="x" * 100)
    assert shown.status == 422
    said = alert(shown)
    assert "too long for a page" in said
    assert "twinline prompts render support/answer --version 1" in said


def test_a_long_text_is_shortened_and_says_where_all_of_it_is(
    browser: Browser, client: Client
) -> None:
    client.prompts.create(PROMPT, "0123456789" * 5_000)
    shown = browser.get(f"{PAGE}/1")
    assert "20,000 characters more" in shown.main
    assert "twinline prompts show support/answer --version 1" in shown.main
    assert len(shown.source) < 150_000


def test_a_program_is_not_run_on_the_server(browser: Browser, client: Client) -> None:
    client.prompts.create(PROMPT, "{% for i in range(3) %}{{ i }}{% endfor %}", syntax="jinja2")
    shown = previewed(browser, PROMPT)
    assert shown.status == 200
    assert "is a program" in shown.main
    assert "twinline prompts render support/answer --version 1" in shown.main
    assert "Preview" not in [one.text for one in shown.all("//button")]


def test_more_values_than_a_form_should_ask_for(browser: Browser, client: Client) -> None:
    client.prompts.create(PROMPT, " ".join(f"{{{{ v{number} }}}}" for number in range(41)))
    assert "It takes 41 values" in browser.get(f"{PAGE}/1").main


def test_a_version_is_retired_and_let_go_on(browser: Browser, client: Client) -> None:
    client.prompts.create(PROMPT, "Text.")
    done = browser.submit(browser.get(f"{PAGE}/1"), "Retire the version", reason="says nothing")
    assert "The version is retired." in done.main
    assert "retired" in done.one("//h1").text_content()
    assert "by admin: says nothing" in done.main
    again = browser.submit(done, "Let people build on it again", reason="it does after all")
    assert "can build on the version again" in again.main
    assert client.prompts.get(PROMPT, version=1).retired_at is None


def test_retiring_what_went_live_meanwhile_is_refused(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    bundle = catalog.bundle(1, 1)
    page = browser.get(f"{PAGE}/1")
    catalog.deploy(SLOT, bundle)
    refused = browser.submit(page, "Retire the version", reason="says nothing")
    assert refused.status == 409
    assert "is live in answer@production" in alert(refused)


def test_retiring_needs_a_reason_and_happens_once(
    browser: Browser, browser_of: Callable[[Role], Browser], client: Client
) -> None:
    client.prompts.create(PROMPT, "Text.")
    page, other = browser.get(f"{PAGE}/1"), browser_of(Role.RELEASER)
    theirs = other.get(f"{PAGE}/1")
    short = browser.submit(page, "Retire the version", reason=" x ")
    assert short.status == 422
    assert short.one("//input[@name='reason']").get("value") == " x "
    browser.submit(page, "Retire the version", reason="says nothing")
    again = browser.submit(page, "Retire the version", reason="says nothing")
    assert AGAIN in again.main
    assert len(list(client.lineage.retirements())) == 1
    for one, form, reason, said in (
        (browser, page, "otherwise", "carried out already, with other words"),
        (other, theirs, "says nothing", "retired already"),
    ):
        refused = one.submit(form, "Retire the version", reason=reason)
        assert refused.status == 409
        assert said in alert(refused)
        assert refused.one("//input[@name='reason']").get("value") == reason
    assert len(list(client.lineage.retirements())) == 1


def test_a_version_that_was_never_retired_was_not_let_go_on(
    browser: Browser, client: Client
) -> None:
    client.prompts.create(PROMPT, "Text.")
    fields = dict(browser.get(f"{PAGE}/1").form("Retire the version").form_values())
    refused = browser.send(f"{PAGE}/1", fields | {"act": "unretire", "reason": "we need it"})
    assert refused.status == 409
    assert "prompts:/support/answer/1 was never retired" in alert(refused)


def test_a_version_is_let_go_on_once(browser: Browser, client: Client) -> None:
    client.prompts.create(PROMPT, "Text.")
    client.lineage.retire(f"prompts:/{PROMPT}/1", reason="says nothing")
    page, later = browser.get(f"{PAGE}/1"), browser.get(f"{PAGE}/1")
    for said in ("can build on the version again", AGAIN):
        done = browser.submit(page, "Let people build on it again", reason="it does after all")
        assert done.status == 200
        assert said in done.main
    second = browser.submit(later, "Let people build on it again", reason="somebody does")
    assert second.status == 200
    assert "not retired any more" in second.main
    assert "Your reason was not kept" in second.main


@pytest.mark.parametrize("retired", [False, True])
def test_a_reason_outlives_the_session_in_which_it_was_typed(
    browser: Browser, client: Client, key: str, retired: bool
) -> None:
    client.prompts.create(PROMPT, "Text.")
    if retired:
        client.lineage.retire(f"prompts:/{PROMPT}/1", reason="says nothing")
    button = "Let people build on it again" if retired else "Retire the version"
    shown = browser.submit_late(browser.get(f"{PAGE}/1"), button, key, reason="not <b>so</b>")
    assert bool(client.prompts.get(PROMPT, version=1).retired_at) == retired
    assert shown.one("//input[@name='reason']").get("value") == "not <b>so</b>"
    browser.submit(shown, button)
    assert bool(client.prompts.get(PROMPT, version=1).retired_at) != retired


def test_what_it_came_from_being_recalled_is_told(browser: Browser, client: Client) -> None:
    client.prompts.create("support/tone", "Be calm.")
    client.prompts.create(PROMPT, "{{> support/tone@1 }} Answer.")
    recalled = client.recalls.create("prompts:/support/tone/1", reason="it is rude")
    shown = browser.get("/prompts/support/tone/versions/1")
    assert "recalled" in shown.one("//h1").text_content()
    assert shown.links[f"recall {recalled.number}"] == f"/recalls/{recalled.number}"
    holder = browser.get(f"{PAGE}/1")
    assert "prompts:/support/tone/1, from which it came, is recalled" in holder.main
    listed = {row[0]: row[1] for row in browser.get("/prompts").rows()}
    assert listed["support/tone"] == "version 1 recalled"


def test_retiring_is_for_releasers(browser_of: Callable[[Role], Browser], client: Client) -> None:
    client.prompts.create(PROMPT, "Text.")
    author = browser_of(Role.AUTHOR)
    shown = author.get(f"{PAGE}/1")
    assert "Retiring a version needs the permission deployments:write" in shown.main
    token = shown.one("//header//input[@name='form']").get("value")
    sent = author.send(f"{PAGE}/1", {"form": token, "act": "retire", "reason": "because"})
    assert sent.status == 403
    assert client.prompts.get(PROMPT, version=1).retired_at is None


@pytest.mark.parametrize(("number", "status"), [("2", 404), ("0", 422), ("x", 422)])
def test_a_version_that_is_not_there(
    browser: Browser, client: Client, number: str, status: int
) -> None:
    client.prompts.create(PROMPT, "Text.")
    assert browser.get(f"{PAGE}/{number}").status == status
