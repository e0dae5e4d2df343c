"""Prompts at Langfuse's addresses, in its words."""

import re
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.langfuse.conftest import Door
from tests.support.catalog import Catalog
from tests.support.plans import Explaining
from tests.support.rehearsal import Rehearsal
from twinline.client import Client
from twinline.langfuse import store
from twinline.language.records import Role

CHAT = [
    {"role": "system", "content": "You answer {{ tenant }}."},
    {"type": "placeholder", "name": "history"},
    {"role": "user", "content": "{{ question }}"},
]


def made(http: httpx.Client, name: str = "p", prompt: Any = "x", **more: Any) -> dict[str, Any]:
    answer = http.post("/v2/prompts", json={"name": name, "prompt": prompt, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def ours(row: dict[str, Any]) -> dict[str, Any]:
    return row["config"]["twinline"]


def test_keys_are_checked_by_the_one_project(author: httpx.Client) -> None:
    (project,) = author.get("/projects").json()["data"]
    assert project["metadata"] == {}
    assert {"id", "name"} <= project["organization"].keys()


def test_a_version_is_made_with_all_that_langfuse_says_of_it(
    author: httpx.Client, client: Client
) -> None:
    row = made(
        author,
        "support/answer",
        "Answer {{ question }}",
        type="text",
        config={"temperature": 0.2, "twinline": {"ref": "of another version"}},
        labels=["production", "latest"],
        tags=["beta"],
        commitMessage="first try",
    )
    assert {name: row[name] for name in ("name", "version", "type", "prompt", "tags")} == {
        "name": "support/answer",
        "version": 1,
        "type": "text",
        "prompt": "Answer {{ question }}",
        "tags": ["beta"],
    }
    assert row["labels"] == ["latest", "production"]
    assert row["commitMessage"] == "first try"
    kept = client.prompts.get("support/answer", label="production")
    assert kept.parameters == {"temperature": 0.2}
    assert kept.message == "first try"
    assert kept.author == "author"
    assert ours(row)["digest"] == kept.digest
    assert ours(row)["ref"] == "prompts:/support/answer/1"


@pytest.mark.parametrize("name", ["support/answer", "support%2Fanswer"])
def test_a_name_in_a_folder_is_found_with_its_slash_as_it_is_or_encoded(
    author: httpx.Client, name: str
) -> None:
    made(author, "support/answer", "one", labels=["production"])
    made(author, "support/answer", "two", labels=["staging"])
    path = f"/v2/prompts/{name}"
    asked = [{}, {"label": "staging"}, {"version": 1}, {"label": "latest"}, {"resolve": False}]
    numbers = [author.get(path, params=query).json()["version"] for query in asked]
    assert numbers == [1, 2, 1, 2, 1]
    relabelled = author.patch(f"{path}/versions/2", json={"newLabels": ["production"]})
    assert relabelled.json()["labels"] == ["latest", "production", "staging"]


def test_a_chat_keeps_its_messages_and_placeholders(author: httpx.Client) -> None:
    typed = [{"type": "chatmessage", **part} if "role" in part else part for part in CHAT]
    row = made(author, prompt=typed, type="chat", labels=["production"])
    assert row["prompt"] == CHAT
    assert author.get("/v2/prompts/p").json()["type"] == "chat"
    assert made(author, prompt=CHAT)["version"] == row["version"]


def test_a_prompt_is_told_with_what_it_includes(author: httpx.Client, client: Client) -> None:
    client.prompts.create("tone", "Be {{ mood }}.", labels=["live"])
    row = made(author, prompt="{{> tone@live }} Answer.", labels=["production"])
    assert row["prompt"] == "Be {{ mood }}. Answer."
    told = [
        author.get("/v2/prompts/p", params={"resolve": resolve}).json()["prompt"]
        for resolve in (True, False)
    ]
    assert told == ["Be {{ mood }}. Answer."] * 2
    assert client.prompts.get("p").template == "{{> tone@live }} Answer."
    client.prompts.create("p", "{% if x %}yes{% endif %}", syntax="jinja2")
    newest = author.get("/v2/prompts/p", params={"label": "latest"}).json()
    assert (ours(row)["syntax"], ours(newest)["syntax"]) == ("twinline", "jinja2")


@pytest.mark.parametrize("label", ["production", "latest"])
def test_what_was_read_and_is_sent_back_is_the_version_that_it_was_read_from(
    author: httpx.Client, client: Client, label: str
) -> None:
    """As scripts do that copy prompts or put labels on them; nothing is lost by it."""
    client.prompts.create("tone", "Be {{ mood }}.")
    variables = [{"name": "mood", "type": "string", "description": "how"}]
    for said in ("{{> tone@1 }}", "{{> tone@1 }} "):
        client.prompts.create(
            *("p", said), variables=variables, parameters={"top_p": 1}, labels=["production"]
        )
    client.prompts.move_label("p", "production", 1, reason="for the test")
    row = author.get("/v2/prompts/p", params={"label": label}).json()
    sent = {name: row[name] for name in ("prompt", "config", "tags", "commitMessage", "type")}
    again = made(author, **sent, labels=[*row["labels"], "synced"])
    assert (again["version"], again["prompt"]) == (row["version"], row["prompt"])
    kept = client.prompts.get("p", label="synced")
    assert (kept.number, len(kept.includes)) == (row["version"], 1)
    assert client.prompts.get("p").number == 2
    assert made(author, prompt=row["prompt"], config={"top_p": 0.5})["version"] == 3


def test_a_chat_or_a_template_in_jinja2_that_is_sent_back_is_kept_as_it_is(
    author: httpx.Client, client: Client
) -> None:
    chats = [[{"role": "system", "content": "same"}, {"role": "user", "content": c}] for c in "ab"]
    placed = [{"type": "placeholder", "name": "history"}, {"role": "user", "content": "{{ x }}"}]
    templates = [(one, "twinline") for one in (*chats, placed)] + [
        ("{% if x %}y{% endif %}", "jinja2")
    ]
    for template, syntax in templates:
        client.prompts.create("p", template, syntax=syntax, examples=[{"messages": chats[0]}])
    for number in range(1, len(templates) + 1):
        row = author.get("/v2/prompts/p", params={"version": number}).json()
        assert made(author, prompt=row["prompt"], config=row["config"])["version"] == number


def test_a_retired_version_is_not_listed_and_still_found(
    author: httpx.Client, client: Client
) -> None:
    for said in ("one", "two"):
        made(author, prompt=said)
    client.lineage.retire("prompts:/p/2", reason="wrong")
    (listed,) = author.get("/v2/prompts").json()["data"]
    assert (listed["versions"], listed["labels"]) == ([1], [])
    newest = author.get("/v2/prompts", params={"label": "latest"}).json()
    assert (newest["data"], newest["meta"]["totalItems"]) == ([], 0)
    assert author.get("/v2/prompts/p", params={"version": 2}).json()["prompt"] == "two"
    refused = author.patch("/v2/prompts/p/versions/2", json={"newLabels": ["production"]})
    assert (refused.status_code, "is retired since" in refused.json()["message"]) == (400, True)


def test_what_is_live_with_a_version_reaches_the_user_s_object(
    author: httpx.Client, client: Client
) -> None:
    catalog = Catalog(client)
    catalog.deploy("support@production", catalog.bundle(1, 1))
    catalog.deploy("support@production", catalog.bundle(2, 1))
    catalog.deploy("other@staging", catalog.bundle(1, 2))
    row = author.get("/v2/prompts/support/answer", params={"version": 1}).json()
    assert ours(row)["live"] == [
        {
            "slot": "routes:/support@production",
            "deployment": "deployments:/support@production/2",
            "bundle": str(catalog.bundle(2, 1).ref),
            "model": "models:/churn/2",
        }
    ]
    assert ours(row)["stale_seconds"] == 0


def test_labels_move_in_one_go_and_stay_where_they_are_otherwise(
    author: httpx.Client, client: Client
) -> None:
    made(author, prompt="one", labels=["production", "blue"])
    made(author, prompt="two")
    path = "/v2/prompts/p/versions"
    row = author.patch(f"{path}/2", json={"newLabels": ["latest", "production"]}).json()
    assert row["labels"] == ["latest", "production"]
    assert author.get("/v2/prompts/p?version=1").json()["labels"] == ["blue"]
    before = list(client.prompts.history("p"))
    refused = author.patch(f"{path}/1", json={"newLabels": ["production", "latest"]})
    assert refused.status_code == 400
    assert "always on the newest version, which is 2" in refused.json()["message"]
    assert list(client.prompts.history("p")) == before
    assert author.patch(f"{path}/9", json={"newLabels": ["x"]}).status_code == 404


def test_deleting_takes_labels_off_and_keeps_every_version(
    author: httpx.Client, client: Client
) -> None:
    made(author, prompt="one", labels=["production", "blue"])
    made(author, prompt="two", labels=["staging", "green"])

    def left(**query: Any) -> dict[str, int]:
        answer = author.delete("/v2/prompts/p", params=query)
        assert (answer.status_code, answer.content) == (204, b"")
        (prompt,) = client.prompts.list()
        return prompt.labels

    assert left(label="blue") == {"production": 1, "staging": 2, "green": 2}
    assert left(version=2) == {"production": 1}
    assert left() == {}
    assert author.get("/v2/prompts/p").status_code == 404
    assert author.get("/v2/prompts/p?version=1").json()["prompt"] == "one"
    assert author.get("/v2/prompts/p?label=latest").json()["version"] == 2
    missing = ({"label": "blue"}, {"version": 9}, {"label": "latest"})
    statuses = [author.delete("/v2/prompts/p", params=query).status_code for query in missing]
    assert statuses == [404, 404, 400]
    assert author.delete("/v2/prompts/q").status_code == 404
    kept = [move.number for move in client.prompts.history("p")][:4]
    assert kept == [None] * 4


def test_protected_labels_are_protected_at_this_door(
    author: httpx.Client, door: Door, url: str, key: str
) -> None:
    made(author, prompt="one", labels=["production"])
    made(author, prompt="two")
    protect = {"reason": "people are asked first"}
    headers = {"X-API-Key": key}
    address = f"{url}/api/v1/labels/production/protection"
    assert httpx.put(address, json=protect, headers=headers).is_success
    wanted = {"newLabels": ["production"]}
    refused = [
        author.patch("/v2/prompts/p/versions/2", json=wanted),
        author.delete("/v2/prompts/p", params={"label": "production"}),
        author.post("/v2/prompts", json={"name": "p", "prompt": "3", "labels": ["production"]}),
    ]
    assert [(one.status_code, one.json()["error"]) for one in refused] == [
        (403, "ForbiddenError")
    ] * 3
    releaser = door(Role.RELEASER)
    assert releaser.patch("/v2/prompts/p/versions/2", json=wanted).status_code == 200


def test_a_semantic_version_is_not_moved_and_stays_when_all_labels_go(
    author: httpx.Client, client: Client
) -> None:
    made(author, prompt="one", labels=["1.2.0", "production"])
    made(author, prompt="two")
    refused = [
        author.patch("/v2/prompts/p/versions/2", json={"newLabels": ["1.2.0"]}),
        author.delete("/v2/prompts/p", params={"label": "1.2.0"}),
    ]
    assert [(one.status_code, "stays on" in one.json()["message"]) for one in refused] == [
        (400, True)
    ] * 2
    assert author.delete("/v2/prompts/p").status_code == 204
    assert client.prompts.get("p", version=1).labels == ("1.2.0",)


def test_tags_are_words_and_those_with_values_keep_them(
    author: httpx.Client, client: Client
) -> None:
    client.prompts.create("p", "one", tags={"team": "a", "beta": "", "old": True})
    assert made(author, prompt="one")["tags"] == ["beta", "old=true", "team=a"]
    assert made(author, prompt="one", tags=["team=a", "new"])["tags"] == ["new", "team=a"]
    (kept,) = client.prompts.list()
    assert kept.tags == {"team": "a", "new": ""}
    assert author.get("/v2/prompts", params={"tag": "team=a"}).json()["meta"]["totalItems"] == 1
    assert author.get("/v2/prompts", params={"tag": "team"}).json()["meta"]["totalItems"] == 0


def test_the_list_gathers_the_versions_that_fit(author: httpx.Client) -> None:
    for name in ("a", "b", "c"):
        made(author, name, "one", labels=["production"], config={"n": 1})
        made(author, name, [{"role": "user", "content": "two"}], config={"n": 2})
    found = author.get("/v2/prompts", params={"page": 2, "limit": 2}).json()
    assert found["meta"] == {"page": 2, "limit": 2, "totalItems": 3, "totalPages": 2}
    (row,) = found["data"]
    assert row.pop("lastUpdatedAt")
    assert row == {
        "name": "c",
        "type": "chat",
        "versions": [1, 2],
        "labels": ["latest", "production"],
        "tags": [],
        "lastConfig": {"n": 2},
    }
    (only,) = author.get("/v2/prompts", params={"name": "b", "label": "production"}).json()["data"]
    assert (only["versions"], only["type"], only["lastConfig"]) == ([1], "text", {"n": 1})
    later = author.get("/v2/prompts", params={"fromUpdatedAt": "2100-01-01T00:00:00Z"}).json()
    assert (later["data"], later["meta"]["totalPages"]) == ([], 0)
    beyond = author.get("/v2/prompts", params={"page": 9}).json()
    assert (beyond["data"], beyond["meta"]["totalItems"]) == ([], 3)


MANY = """
set local session_replication_role = replica;
insert into prompt (name, description, tags, created_at)
    select format('folder-%s/prompt-%s', n % 100, n), '', '{}', now()
    from generate_series(1, 2000) n;
insert into prompt_version (node_id, prompt_id, number, kind, template, variables, parameters,
        digest, message, author, created_at)
    select -prompt.id * 5 - n, prompt.id, n, 'text', '"x"', '[]', '{}', n::text, '', '', now()
    from prompt, generate_series(1, 3) n;
set local session_replication_role = origin;
analyze prompt, prompt_version
"""


def test_a_page_of_the_list_gathers_its_own_prompts_alone(rehearsal: Rehearsal) -> None:
    """Not all versions there are, to throw most of them away."""
    with rehearsal.writing("test") as tx:
        for statement in MANY.split(";\n"):
            tx.run(text(statement))
        explaining = Explaining(tx)
        store.page(explaining, store.Filter(), offset=1000, limit=50)
        (plan,) = explaining.plans
        assert len(store.page(tx, store.Filter(), offset=1990, limit=50)) == 10
    assert "Limit" in plan
    assert "WindowAgg" not in plan
    assert not re.search(r"CTE Scan on (?!chosen)", plan)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a name with a blank": ({"name": "my prompt"}, "body.name"),
    "a label of digits": ({"labels": ["7"]}, "body.labels"),
    "a config that is no object": ({"config": [1]}, "body.config"),
    "another type than it is": ({"type": "chat"}, "is a text"),
    "an include": ({"prompt": "@@@langfusePrompt:name=a|label=b@@@"}, "mere text"),
    "content that is no text": ({"prompt": [{"role": "user", "content": None}]}, "body.prompt"),
    "a tool call": ({"prompt": [{"role": "x", "content": "", "tool_calls": []}]}, "body.prompt"),
    "a member unknown to us": ({"isActive": True}, "body.isActive"),
    "an empty prompt": ({"prompt": ""}, "body.prompt"),
}


@pytest.mark.parametrize(("sent", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_said_here_is_refused_as_the_sdk_reads_it(
    author: httpx.Client, sent: dict[str, Any], said: str
) -> None:
    answer = author.post("/v2/prompts", json={"name": "p", "prompt": "x", **sent})
    assert answer.status_code == 400
    assert answer.json()["error"] == "InvalidRequestError"
    assert said in answer.json()["message"]
    assert author.get("/v2/prompts").json()["meta"]["totalItems"] == 0


def test_what_is_not_there_is_said_so(author: httpx.Client) -> None:
    made(author, labels=["staging"])
    for path in ("/v2/prompts/q", "/v2/prompts/p", "/v2/prompts/p?version=2"):
        answer = author.get(path)
        assert (answer.status_code, answer.json()["error"]) == (404, "LangfuseNotFoundError")
    assert "'production'" in author.get("/v2/prompts/p").json()["message"]
    both = author.get("/v2/prompts/p", params={"version": 1, "label": "staging"})
    assert both.status_code == 400
    cut = author.post("/v2/prompts", content=b'{"name":', headers={"content-type": "text/json"})
    assert cut.status_code == 400


def test_the_pair_of_keys_must_belong_together(url: str, key: str) -> None:
    for pair in [("pk-lf-1", key), (key[:12], "twl_other"), ("", ""), (key, key[:12])]:
        answer = httpx.get(f"{url}/api/public/projects", auth=pair)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Basic")
        assert "first 12 characters" in answer.json()["message"]
    broken = httpx.get(f"{url}/api/public/projects", headers={"Authorization": "Basic %%%"})
    assert broken.status_code == 401
    assert httpx.get(f"{url}/api/public/projects", headers={"X-API-Key": key}).status_code == 200


@pytest.mark.parametrize("role", list(Role))
def test_roles_are_the_same_at_this_door(door: Door, client: Client, role: Role) -> None:
    client.prompts.create("p", "x", labels=["production"])
    http = door(role)
    statuses = [
        http.get("/v2/prompts/p").status_code,
        http.get("/v2/prompts").status_code,
        http.get("/projects").status_code,
        http.post("/v2/prompts", json={"name": "q", "prompt": "x"}).status_code,
        http.patch("/v2/prompts/p/versions/1", json={"newLabels": ["blue"]}).status_code,
    ]
    reads = 403 if role is Role.MLFLOW else 200
    writes = 201 if role in (Role.AUTHOR, Role.ADMIN) else 403
    labels = 200 if role in (Role.AUTHOR, Role.RELEASER, Role.ADMIN) else 403
    assert statuses == [reads, reads, reads, writes, labels]


def test_a_write_leaves_the_same_trail_as_any(author: httpx.Client, client: Client) -> None:
    made(author, labels=["production"], commitMessage="why not")
    events = [(one.action, one.actor, one.why) for one in client.audit.events()][:2]
    assert sorted(events) == [
        ("label.move", "author", "why not"),
        ("prompt.create", "author", "why not"),
    ]
