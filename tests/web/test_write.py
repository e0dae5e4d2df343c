"""The form in which prompts are written: what it keeps, checks and refuses."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.support.browsing import HOSTILE, Browser, Shown, alert
from tests.support.catalog import PROMPT, Catalog
from twinline.client import Client
from twinline.language.records import Message, Placeholder, PromptVersion, Role
from twinline.web.gate import TOKEN

CLOSING = f"{HOSTILE} </textarea><b>"
CHAT: Sequence[dict[str, Any]] = (
    {"role": "system", "content": "Be brief."},
    {"type": "placeholder", "name": "history"},
    {"role": "user", "content": "\n{{ question }}\n"},
)


def newest(client: Client, name: str = "p") -> PromptVersion:
    return client.prompts.get(name)


def field(shown: Shown, name: str, place: int = 0) -> str:
    """What a field of the form holds."""
    found = shown.all(f"//main//form//*[@name='{name}']")[place]
    if found.tag == "textarea":
        return found.text or ""
    return found.get("value")


def findings(shown: Shown) -> str:
    return shown.one("//*[@id='findings']").text_content()


def test_a_name_without_prompt_gets_its_first_version(browser: Browser, client: Client) -> None:
    asked = browser.get("/write?prompt=support/new")
    assert "A new prompt" in asked.main
    shown = browser.submit(
        asked,
        "Save",
        text="\n  Answer {{ question }}.\n",
        message="the first",
        labels="staging, candidate",
        parameters='{"temperature": 0.2}',
        tags='{"team": "support"}',
        description="Answers",
        variables='[{"name": "question", "description": "what is asked"}]',
        examples='[{"variables": {"question": "?"}, "messages": [{"role": "a", "content": "b"}]}]',
    )
    assert shown.address.startswith("/prompts/support/new/versions/1?done=version-made")
    made, prompt = newest(client, "support/new"), next(iter(client.prompts.list()))
    assert made.template == "\n  Answer {{ question }}.\n"
    assert (made.message, made.parameters) == ("the first", {"temperature": 0.2})
    assert set(made.labels) == {"latest", "staging", "candidate"}
    assert made.variables[0].description == "what is asked"
    assert made.examples[0].variables == {"question": "?"}
    assert (prompt.description, prompt.tags) == ("Answers", {"team": "support"})


def test_the_next_version_begins_with_the_newest(browser: Browser, client: Client) -> None:
    client.prompts.create(
        "p", "one", parameters={"t": 1}, description="d", tags={"a": 1},
        variables=[{"name": "n", "type": "integer", "default": 2}],
    )  # fmt: skip
    asked = browser.get("/write?prompt=p")
    assert field(asked, "text") == "one"
    browser.submit(asked, "Save", text="two {{ n }}")
    first, second = client.prompts.get("p", version=1), newest(client)
    assert second.template == "two {{ n }}"
    assert (second.parameters, second.variables) == (first.parameters, first.variables)


def test_it_begins_with_another_version_when_asked(browser: Browser, client: Client) -> None:
    for text in ("one", "two"):
        client.prompts.create("p", text)
    asked = browser.get("/write?prompt=p&from=1")
    assert field(asked, "text") == "one"
    browser.submit(asked, "Save", text="one, again", derived="yes")
    lineage = client.lineage.walk("prompts:/p/3")
    assert "prompts:/p/1" in {str(node.ref) for node in lineage.nodes}
    assert browser.get("/write?prompt=p&from=9").status == 404


def test_content_survives_to_the_letter(browser: Browser, client: Client) -> None:
    said = f"\n\n  {CLOSING} &amp; ünïcode \U0001f642\t \n\n"
    client.prompts.create("p", said)
    asked = browser.get("/write?prompt=p")
    assert field(asked, "text") == said
    browser.submit(asked, "Save", message="again")
    assert newest(client).number == 1
    assert newest(client).template == said


def test_what_is_saved_again_is_the_version_there_is(browser: Browser, client: Client) -> None:
    client.prompts.create("p", "one")
    shown = browser.submit(browser.get("/write?prompt=p"), "Save", labels="staging")
    assert shown.address.startswith("/prompts/p/versions/1?done=version-there")
    assert "staging" in newest(client).labels


def test_a_chat_is_written_message_by_message(browser: Browser, client: Client) -> None:
    client.prompts.create("p", list(CHAT))
    asked = browser.get("/write?prompt=p")
    assert [field(asked, "content", n) for n in range(3)] == [
        "Be brief.", "history", "\n{{ question }}\n",
    ]  # fmt: skip
    asked = browser.submit(asked, "Add a message", message="kept")
    assert asked.one("//*[@autofocus]").get("id") == "content-4"
    asked = browser.submit(
        asked,
        "Up 4",
        role=["system", "", "user", "assistant"],
        content=["Be brief.", "history", "\n{{ question }}\n", CLOSING],
    )
    asked = browser.submit(asked, "Down 1")
    asked = browser.submit(asked, "Add a placeholder")
    asked = browser.submit(asked, "Remove 5")
    assert field(asked, "message") == "kept"
    browser.submit(asked, "Save")
    assert newest(client).template == (
        Placeholder(type="placeholder", name="history"),
        Message(role="system", content="Be brief."),
        Message(role="assistant", content=CLOSING),
        Message(role="user", content="\n{{ question }}\n"),
    )


def test_a_text_becomes_a_chat_and_a_text_again(browser: Browser, client: Client) -> None:
    asked = browser.submit(browser.get("/write?prompt=p"), "Make it a chat", text="\nBe brief.")
    assert (field(asked, "role"), field(asked, "content")) == ("system", "\nBe brief.")
    assert field(asked, "text") == "\nBe brief."
    asked = browser.submit(asked, "Add a message")
    asked = browser.submit(asked, "Make it a text")
    assert field(asked, "text") == "\nBe brief."
    asked = browser.submit(asked, "Make it a chat")
    assert len(asked.all("//fieldset")) == 2


def test_check_keeps_nothing_and_says_what_may_not_be_meant(
    browser: Browser, client: Client
) -> None:
    client.prompts.create("tone", "Be kind.")
    asked = browser.get("/write?prompt=p")
    shown = browser.submit(
        asked, "Check", text="{{> tone@1 }} {{ x }} {{ y\u202e", labels="staging"
    )
    said = findings(shown)
    for part in (
        "version 1 of a new prompt, p",
        "Variables: x.",
        "{{ x }} is used and not declared",
        "begins no variable",
        "U+202E RIGHT-TO-LEFT OVERRIDE",
        "{{> tone@1 }} is prompts:/tone/1",
    ):
        assert part in said
    assert [one.name for one in client.prompts.list()] == ["tone"]


def test_check_shows_what_changes_in_what_is_live(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    catalog.deploy("answer@production", catalog.bundle(1, 1))
    catalog.bundle(1, 2)
    asked = browser.get(f"/write?prompt={PROMPT}")
    shown = browser.submit(asked, "Check", text="Answer 1: {{ words }}", labels="live")
    assert "against version 1, live in answer@production" in shown.main
    assert [one.text_content() for one in shown.all("//main//ins")] == ["{{ words }}"]
    said = findings(shown)
    assert "This would be version 3." in said
    assert "Not in version 1, which is live in answer@production: words." in said
    assert "Only in version 1, which is live in answer@production: question." in said


def test_check_tells_of_content_and_labels_that_are_elsewhere(
    browser: Browser, client: Client
) -> None:
    client.prompts.create("p", "one", labels=["staging"])
    client.prompts.create("p", "two")
    client.prompts.protect("staging", reason="it is watched")
    asked = browser.get("/write?prompt=p")
    said = findings(browser.submit(asked, "Check", labels="staging"))
    assert "Version 2 has this content already: the labels would move to it." in said
    assert "staging would move here from version 1" in said
    assert "staging is protected (it is watched)" in said


def test_the_script_is_told_the_same(browser: Browser, client: Client) -> None:
    form = browser.get("/write").form("Save")
    fields = dict(form.form_values()) | {"prompt": "p", "text": "{{ x }} \u202e"}
    answer = browser.send("/write/checks", fields).answer
    assert answer.headers["content-type"] == "application/json"
    said = {line["said"]: line["tone"] for line in answer.json()["lines"]}
    assert said["This would be version 1 of a new prompt, p."] == "good"
    assert said["{{ x }} is used and not declared."] == "warn"
    assert said["U+202E RIGHT-TO-LEFT OVERRIDE at character 9, 1 in all."] == "bad"
    wrong = browser.send("/write/checks", fields | {"parameters": "\u202e"}).answer.json()
    assert [line["tone"] for line in wrong["lines"]] == ["bad"]
    assert "Parameters" in wrong["lines"][0]["said"]
    other = browser.send("/write/checks", fields | {TOKEN: "0"}).answer
    assert other.status_code == 403
    assert "signed in again" in other.json()["lines"][0]["said"]
    del browser.http.headers["Cookie"]
    ended = browser.send("/write/checks", fields).answer
    assert ended.status_code == 401
    assert "session is over" in ended.json()["lines"][0]["said"]


@pytest.mark.parametrize(
    ("typed", "status", "said", "wrong"),
    [
        ({"text": ""}, 422, "The content is empty", "text"),
        ({"prompt": ""}, 422, "no name", "prompt"),
        ({"prompt": "a b"}, 422, "name", "prompt"),
        ({"parameters": "{nope"}, 422, "Parameters: what is written is not JSON", "parameters"),
        ({"parameters": "[1]"}, 422, "Parameters are a JSON object", "parameters"),
        ({"tags": '{"a": NaN}'}, 422, "NaN", "tags"),
        ({"variables": "{}"}, 422, "Variables are a JSON list", "variables"),
        ({"variables": '[{"name": "1"}]'}, 422, "variables, 1, name", "variables"),
        ({"examples": "[{}]"}, 422, "examples, 1, messages", "examples"),
        ({"labels": "latest"}, 422, "kept by the system", "labels"),
        ({"labels": "12"}, 422, "v12", "labels"),
        ({"message": "x" * 1001}, 422, "message", "message"),
        ({"text": "{{> nowhere@1 }}"}, 404, "nowhere", ""),
        ({"text": "{{> p }}"}, 422, "says no version", ""),
        ({"text": "x" * 1_000_001}, 413, "1,000,000", "text"),
        ({"text": "ü\n" * 800_000}, 413, "1,000,000", "text"),
    ],
)
def test_what_cannot_be_saved_is_kept_as_it_was_typed(
    browser: Browser, client: Client, typed: dict[str, str], status: int, said: str, wrong: str
) -> None:
    sent = {
        "prompt": "p",
        "text": f"\n{CLOSING}",
        "message": CLOSING,
        "labels": "staging",
    } | typed
    asked = browser.get("/write")
    for button in ("Save", "Check"):
        shown = browser.submit(asked, button, **sent)
        assert shown.status == status
        assert said in alert(shown)
        assert {name: field(shown, name) for name in sent} == sent
        invalid = [one.get("name") for one in shown.all("//*[@aria-invalid]")]
        assert invalid == ([wrong] if wrong else invalid[:1])
    assert list(client.prompts.list()) == []


@pytest.mark.parametrize(
    ("role", "content", "said", "wrong"),
    [
        (["", ""], ["a", "history"], "Message 1 has no role", "role-1"),
        (["x" * 51, ""], ["a", "history"], "Message 1", "role-1"),
        (["user", ""], ["a", "his tory"], "Placeholder 2", "content-2"),
    ],
)
def test_a_message_that_cannot_be_is_kept_and_named(
    browser: Browser, client: Client, role: list[str], content: list[str], said: str, wrong: str
) -> None:
    client.prompts.create("p", list(CHAT[:2]))
    shown = browser.submit(browser.get("/write?prompt=p"), "Save", role=role, content=content)
    assert shown.status == 422
    assert said in alert(shown)
    assert [field(shown, "role", n) for n in range(2)] == role
    assert [field(shown, "content", n) for n in range(2)] == content
    assert shown.one("//*[@aria-invalid]").get("id") == wrong


def test_a_chat_without_messages_is_refused(browser: Browser, client: Client) -> None:
    client.prompts.create("p", list(CHAT[:1]))
    emptied = browser.submit(browser.get("/write?prompt=p"), "Remove 1")
    shown = browser.submit(emptied, "Save")
    assert shown.status == 422
    assert "no message" in alert(shown)


def test_a_newer_version_is_not_written_over(browser: Browser, client: Client) -> None:
    client.prompts.create("p", "Answer {{ question }}.")
    asked = browser.get("/write?prompt=p")
    client.prompts.create("p", "Answer {{ question }} briefly.")
    shown = browser.submit(asked, "Save", text="Answer {{ question }} kindly.", message="kind")
    assert shown.status == 409
    assert "made version 2" in alert(shown)
    assert field(shown, "text") == "Answer {{ question }} kindly."
    assert [one.text_content() for one in shown.all("//main//del")] == ["briefly"]
    assert newest(client).number == 2
    saved = browser.submit(shown, "Save")
    assert saved.address.startswith("/prompts/p/versions/3?")
    assert newest(client).message == "kind"


def test_what_was_sent_twice_leads_to_the_version_it_made(browser: Browser, client: Client) -> None:
    for name, before in (("fresh", None), ("p", "one")):
        if before:
            client.prompts.create(name, before)
        asked = browser.get(f"/write?prompt={name}")
        made, again = (browser.submit(asked, "Save", text="mine", tags='{"a": 1}') for _ in "12")
        number = newest(client, name).number
        assert made.address == f"/prompts/{name}/versions/{number}?done=version-made"
        assert again.address == f"/prompts/{name}/versions/{number}?done=version-there"
    client.prompts.create("p", "theirs")
    late = browser.submit(asked, "Save", text="mine")
    assert late.status == 409
    assert "made version 3" in alert(late)


def test_a_name_that_was_taken_meanwhile_is_not_written_over(
    browser: Browser, client: Client
) -> None:
    asked = browser.get("/write?prompt=p")
    client.prompts.create("p", "theirs", description="Theirs")
    shown = browser.submit(asked, "Save", text="mine", labels="staging")
    assert shown.status == 409
    assert newest(client).template == "theirs"
    assert newest(client).labels == ("latest",)
    assert browser.submit(shown, "Save").address.startswith("/prompts/p/versions/2?")
    assert next(iter(client.prompts.list())).description == "Theirs"


def test_what_others_said_of_the_prompt_meanwhile_stays(browser: Browser, client: Client) -> None:
    client.prompts.create("p", "one", description="old", tags={"a": 1})
    asked = browser.get("/write?prompt=p")
    client.prompts.create("p", "one", description="new", tags={"b": 2})
    browser.submit(asked, "Save", text="two")
    prompt = next(iter(client.prompts.list()))
    assert (prompt.description, prompt.tags) == ("new", {"b": 2})


def test_a_session_that_ended_loses_nothing(browser: Browser, client: Client, key: str) -> None:
    asked = browser.get("/write?prompt=p")
    cookie = browser.http.headers.pop("Cookie")
    shown = browser.submit(asked, "Save", text=f"\n{CLOSING}", message="kept")
    assert shown.status == 401
    assert "session is over" in alert(shown)
    assert shown.links["Sign in in another window"] == "/login"
    browser.sign_in(key)
    assert browser.http.headers["Cookie"] != cookie
    shown = browser.submit(shown, "Save")
    assert shown.status == 403
    assert "press again" in alert(shown)
    assert list(client.prompts.list()) == []
    browser.submit(shown, "Save")
    assert newest(client).template == f"\n{CLOSING}"
    assert newest(client).message == "kept"


def test_who_may_not_save_may_check(browser_of: Callable[[Role], Browser], client: Client) -> None:
    viewer = browser_of(Role.VIEWER)
    asked = viewer.get("/write?prompt=p")
    assert "prompts:write" in asked.main
    assert "Save" not in [one.text_content() for one in asked.all("//main//button")]
    shown = viewer.submit(asked, "Check", text="Hello")
    assert "version 1 of a new prompt" in findings(shown)
    fields = dict(asked.form("Check").form_values()) | {"text": "\nHello", "act": "save"}
    refused = viewer.send("/write", fields)
    assert refused.status == 403
    assert "prompts:write" in alert(refused)
    assert field(refused, "text") == "\nHello"
    assert list(client.prompts.list()) == []


def test_a_protected_label_is_not_moved_and_nothing_is_made(
    browser_of: Callable[[Role], Browser], client: Client
) -> None:
    client.prompts.protect("production", reason="it is watched")
    author = browser_of(Role.AUTHOR)
    shown = author.submit(author.get("/write?prompt=p"), "Save", text="one", labels="production")
    assert shown.status == 403
    assert "protected" in alert(shown)
    assert field(shown, "text") == "one"
    assert list(client.prompts.list()) == []


def test_what_people_wrote_is_shown_as_text(browser: Browser, client: Client) -> None:
    client.prompts.create(
        "p", "x", description=CLOSING, tags={CLOSING: 1}, parameters={"a": CLOSING}
    )
    shown = browser.submit(browser.get("/write?prompt=p"), "Check", text=CLOSING)
    assert field(shown, "text") == CLOSING
    assert field(shown, "description") == CLOSING
    assert shown.all("//main//script") == []
    assert shown.all("//main//form//b") == []
    assert "⟨U+202E⟩" in shown.main


def test_a_field_of_an_example_is_named_as_it_was_typed(browser: Browser) -> None:
    examples = '[{"²": 1, "7": 2, "messages": [{"role": "user", "content": "x"}]}]'
    asked = browser.get("/write?prompt=p")
    shown = browser.submit(asked, "Check", text="one", examples=examples)
    assert shown.status == 422
    assert field(shown, "examples") == examples
    assert "examples, 1, ²: " in alert(shown)
    assert "examples, 1, 7: " in alert(shown)
