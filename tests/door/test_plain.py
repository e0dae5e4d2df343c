"""Clients of a few lines, as people have them, fetch, make and promote prompts."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from twinline.client import Client
from twinline.language.records import Role


class PromptClient:
    """One that is in many projects: it reads ``system_prompt``."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def fetch(
        self, name: str, version: str | None = None, environment: str | None = None
    ) -> dict[str, Any]:
        if version:
            answer = self.http.get(f"/api/prompts/{name}", params={"version": version})
        else:
            params = {"environment": environment} if environment else {}
            answer = self.http.get(f"/api/prompts/{name}/latest", params=params)
        answer.raise_for_status()
        return answer.json()

    def create(
        self, name: str, system_prompt: str, version: str | None, description: str = ""
    ) -> dict[str, Any]:
        body = {"name": name, "system_prompt": system_prompt, "description": description}
        answer = self.http.post("/api/prompts", json=body | {"version": version})
        answer.raise_for_status()
        return answer.json()

    def promote(self, id: str, environment: str, reason: str) -> dict[str, Any]:
        body = {"environment": environment, "reason": reason}
        answer = self.http.patch(f"/api/prompts/{id}/promote", json=body)
        answer.raise_for_status()
        return answer.json()


def render(url: str, key: str, name: str, **values: str) -> str:
    """The other one: it reads ``content`` and replaces."""
    text = httpx.get(f"{url}/api/prompts/{name}", headers={"X-API-Key": key}).json()["content"]
    for variable, value in values.items():
        text = text.replace("{{" + variable + "}}", value)
    return text


@pytest.fixture
def of_role(url: str, issue: Callable[[Role], str]) -> Iterator[Callable[[Role], httpx.Client]]:
    with ExitStack() as stack:

        def opened(role: Role) -> httpx.Client:
            headers = {"X-API-Key": issue(role)}
            return stack.enter_context(httpx.Client(base_url=url, headers=headers))

        yield opened


@pytest.fixture
def prompts(of_role: Callable[[Role], httpx.Client]) -> PromptClient:
    return PromptClient(of_role(Role.AUTHOR))


@pytest.fixture
def plain(prompts: PromptClient) -> httpx.Client:
    return prompts.http


def test_a_version_is_found_by_what_it_was_called_and_where_it_was_promoted(
    prompts: PromptClient, client: Client
) -> None:
    first = prompts.create("support/answer", "One.", "1.2.0", "answers tickets")
    second = prompts.create("support/answer", "Two.", "1.10.0")
    assert (first["version"], first["number"], first["description"]) == (
        *("1.2.0", 1),
        "answers tickets",
    )
    promoted = prompts.promote(first["id"], "production", "passed its week")
    assert promoted["environments"] == ["production"]
    fetched = {
        "1.2.0": prompts.fetch("support/answer", version="1.2.0"),
        "2": prompts.fetch("support/answer", version="2"),
        "production": prompts.fetch("support/answer", environment="production"),
        "newest": prompts.fetch("support/answer"),
    }
    assert [one["system_prompt"] for one in fetched.values()] == ["One.", "Two.", "One.", "Two."]
    assert [one["version"] for one in fetched.values()] == ["1.2.0", "1.10.0", "1.2.0", "1.10.0"]
    prompts.promote(second["id"], "production", "better")
    assert prompts.fetch("support/answer", environment="production")["number"] == 2
    moves = list(client.prompts.history("support/answer"))
    assert [(move.label, move.reason) for move in moves[:2]] == [
        ("production", "better"),
        ("production", "passed its week"),
    ]


def test_a_variable_stands_in_the_text_as_such_clients_replace_it(
    url: str, key: str, client: Client
) -> None:
    client.prompts.create("p", "Answer {{ question }} for {{tenant }}: {{ not a variable }}")
    told = render(url, key, "p", question="why", tenant="acme")
    assert told == "Answer why for acme: {{ not a variable }}"


def test_a_chat_has_a_text_only_when_it_is_a_system_message(
    plain: httpx.Client, client: Client
) -> None:
    client.prompts.create("p", [{"role": "system", "content": "Be {{ kind }}."}])
    assert plain.get("/api/prompts/p").json()["system_prompt"] == "Be {{kind}}."
    client.prompts.create("p", [{"role": "user", "content": "x"}])
    refused = plain.get("/api/prompts/p")
    assert (refused.status_code, "is a chat" in refused.json()["detail"]) == (409, True)
    texts = [one["content"] for one in plain.get("/api/prompts/p/versions").json()]
    assert texts == [None, "Be {{kind}}."]


def test_a_text_is_told_with_what_it_includes_and_never_in_jinja2(
    plain: httpx.Client, client: Client
) -> None:
    client.prompts.create("tone", "Be {{ mood }}.")
    client.prompts.create("p", "{{> tone@1 }} Answer.")
    assert plain.get("/api/prompts/p").json()["content"] == "Be {{mood}}. Answer."
    client.prompts.create("p", "{% if x %}yes{% endif %}", syntax="jinja2")
    refused = plain.get("/api/prompts/p")
    assert (refused.status_code, "in jinja2" in refused.json()["detail"]) == (409, True)
    assert plain.get("/api/prompts/p/versions").json()[0]["content"] is None


def test_a_text_that_was_fetched_and_is_sent_back_is_the_version_that_it_was_fetched_from(
    prompts: PromptClient, client: Client
) -> None:
    client.prompts.create("tone", "Be {{ mood }}.")
    client.prompts.create("p", "{{> tone@1 }} Answer {{ question }}.", parameters={"top_p": 1})
    client.prompts.create("p", [{"role": "system", "content": "Say {{ it }}."}])
    for number in (1, 2):
        text = prompts.fetch("p", version=str(number))["system_prompt"]
        again = prompts.create("p", text, f"1.{number}.0")
        assert (again["number"], again["version"]) == (number, f"1.{number}.0")
    assert client.prompts.get("p", label="1.1.0").parameters == {"top_p": 1}
    assert prompts.create("p", "Say {{it}} twice.", None)["number"] == 3


def test_a_version_never_names_other_content_later(prompts: PromptClient) -> None:
    prompts.create("p", "one", "1.0.0")
    again = prompts.http.post(
        "/api/prompts", json={"name": "p", "content": "one", "version": "1.0.0"}
    )
    assert (again.status_code, again.json()["number"]) == (200, 1)
    for version in ("1.0.0", "1", 7):
        sent = {"name": "p", "content": "other", "version": version}
        refused = prompts.http.post("/api/prompts", json=sent)
        assert (refused.status_code, "other content" in refused.json()["detail"]) == (409, True)
    assert len(prompts.http.get("/api/prompts/p/versions").json()) == 1
    assert prompts.http.post(
        "/api/prompts", json={"name": "p", "content": "other", "version": 2}
    ).is_success


def test_a_version_and_a_protected_label_stay_where_they_are_at_this_door(
    prompts: PromptClient, client: Client
) -> None:
    prompts.create("p", "one", "1.0.0")
    second = prompts.create("p", "two", None)
    client.prompts.protect("production", reason="customers see it")
    for environment, status, said in (
        ("1.0.0", 409, "stays on version 1"),
        ("production", 403, "customers see it"),
    ):
        body = {"environment": environment, "reason": "because"}
        refused = prompts.http.patch(f"/api/prompts/{second['id']}/promote", json=body)
        assert (refused.status_code, said in refused.json()["detail"]) == (status, True)
    assert prompts.fetch("p", version="1.0.0")["content"] == "one"


def test_history_tells_promotions_and_not_versions(prompts: PromptClient) -> None:
    first = prompts.create("p", "one", "1.0.0")
    prompts.promote(first["id"], "staging", "to look at it")
    (move,) = prompts.http.get("/api/prompts/p/history").json()
    assert (move["environment"], move["version"], move["previous"]) == ("staging", 1, None)
    assert (move["reason"], move["actor"]) == ("to look at it", "author")


def test_a_list_that_goes_on_says_where(prompts: PromptClient, client: Client) -> None:
    promoted = prompts.create("p", "one", None)
    prompts.promote(promoted["id"], "staging", "to look at it")
    for number in range(2, 6):
        prompts.create("p", f"text {number}", f"{number}.0.0")

    def whole(path: str) -> list[dict[str, Any]]:
        found, url = [], httpx.URL(f"/api/prompts/p/{path}?limit=2")
        while True:
            answer = prompts.http.get(url)
            found += answer.json()
            if "next" not in answer.links:
                return found
            assert len(answer.json()) == 2
            url = answer.url.join(answer.links["next"]["url"])

    assert [one["number"] for one in whole("versions")] == [5, 4, 3, 2, 1]
    assert [one["environment"] for one in whole("history")] == ["staging"]
    assert "next" not in prompts.http.get("/api/prompts/p/versions").links


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"name": "p"}, "system_prompt"),
        ({"name": "p", "content": "x", "system_prompt": "x"}, "system_prompt"),
        ({"name": "p", "content": "x", "version": "newest"}, "version"),
        ({"name": "p", "content": "x", "version": "1.0.0+build"}, "version"),
        ({"name": "p", "content": ""}, "content"),
        ({"name": "my prompt", "content": "x"}, "name"),
    ],
)
def test_what_does_not_fit_is_refused(plain: httpx.Client, sent: dict[str, Any], said: str) -> None:
    refused = plain.post("/api/prompts", json=sent)
    assert (refused.status_code, said in refused.json()["detail"]) == (422, True)


def test_what_is_not_there_is_said(prompts: PromptClient, plain: httpx.Client) -> None:
    made = prompts.create("p", "x", "1.0.0")
    paths = ("q", "p?version=2.0.0", "p?version=9", "p/latest?environment=production")
    assert {plain.get(f"/api/prompts/{path}").status_code for path in paths} == {404}
    body = {"environment": "production", "reason": "because"}
    assert plain.patch("/api/prompts/p/9/promote", json=body).status_code == 404
    assert plain.patch("/api/prompts/p/promote", json=body).status_code == 422
    latest = body | {"environment": "latest"}
    assert plain.patch(f"/api/prompts/{made['id']}/promote", json=latest).status_code == 422
    both = plain.get("/api/prompts/p?version=1.0.0&environment=production")
    assert both.status_code == 422


@pytest.mark.parametrize("role", list(Role))
def test_roles_are_the_same_at_this_door(
    url: str, of_role: Callable[[Role], httpx.Client], client: Client, role: Role
) -> None:
    client.prompts.create("p", "x")
    http = of_role(role)
    body = {"environment": "production", "reason": "because"}
    reads = [http.get(f"/api/prompts/p{more}").status_code for more in ("", "/versions")]
    made = http.post("/api/prompts", json={"name": "p", "content": "y"}).status_code
    promoted = http.patch("/api/prompts/p/1/promote", json=body).status_code
    assert reads == ([403, 403] if role is Role.MLFLOW else [200, 200])
    assert made == (201 if role in (Role.AUTHOR, Role.ADMIN) else 403)
    assert promoted == (200 if role in (Role.AUTHOR, Role.RELEASER, Role.ADMIN) else 403)
    assert httpx.get(f"{url}/api/prompts/p").status_code == 401
