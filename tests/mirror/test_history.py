"""The history of aliases and tags in MLflow, which keeps none: where they were, from when until
when, and by whom."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.mirror.conftest import Mirror
from tests.support.apps import asked, managed
from tests.support.mlflow_changes import ALIAS_MOVED, OUTBOX
from tests.support.mlflow_registry import MlflowRegistry
from twinline.client import Client
from twinline.language.errors import NotFound

TAGGED: dict[str, Any] = {"workspace": "default", "entity": "registered_model_tag", "actor": "eve"}


@pytest.fixture
def http(mirror: Mirror) -> Iterator[httpx.Client]:
    with asked(mirror.database) as made:
        yield made


@pytest.fixture
def client(http: httpx.Client) -> Iterator[Client]:
    with managed(http) as made:
        yield made


def tell(http: httpx.Client, *changes: dict[str, Any]) -> None:
    """What an outbox would tell, from its first change on."""
    numbered = [one | {"sequence": place, "at": place} for place, one in enumerate(changes, 1)]
    body = {"outbox": str(OUTBOX), "changes": numbered}
    http.post("/mlflow/servers/default/changes", json=body).raise_for_status()


def test_each_stay_of_an_alias_and_each_value_of_a_tag_has_its_time(
    mirror: Mirror, registry: MlflowRegistry, client: Client, http: httpx.Client, name: str
) -> None:
    registry.make(name, versions=2)
    for number in (1, 2):
        registry.put_alias(name, "champion", number)
        registry.tag(name, "team", f"team {number}")
        registry.tag(name, "stage", "gold", number)
        mirror.sweep()
    registry.drop_alias(name, "champion")
    mirror.sweep()
    second, first = client.mirror.aliases(name)
    assert [(one.alias, one.number, one.actor) for one in (first, second)] == [
        ("champion", 1, None),
        ("champion", 2, None),
    ]
    assert first.until is not None
    assert second.until is not None
    assert first.since < first.until <= second.since < second.until
    tags = [(one.number, one.key, one.value, one.until is None) for one in client.mirror.tags(name)]
    assert sorted(tags, key=str) == [
        (1, "stage", "gold", True),
        (2, "stage", "gold", True),
        (None, "team", "team 1", False),
        (None, "team", "team 2", True),
    ]
    page = http.get("/mlflow/history/aliases", params={"name": name, "limit": 1}).json()
    rest = {"name": name, "cursor": page["next"]}
    assert [one["number"] for one in page["items"]] == [2]
    assert [one["number"] for one in http.get("/mlflow/history/aliases", params=rest).json()[
        "items"
    ]] == [1]  # fmt: skip
    other = http.get("/mlflow/history/tags", params=rest)
    assert (other.status_code, other.json()["field"]) == (422, "cursor")


@pytest.mark.parametrize("told_first", [True, False])
def test_who_moved_it_is_known_where_an_outbox_tells(
    mirror: Mirror,
    registry: MlflowRegistry,
    client: Client,
    http: httpx.Client,
    name: str,
    *,
    told_first: bool,
) -> None:
    registry.make(name, versions=2)
    registry.put_alias(name, "champion", 1)
    mirror.sweep()
    registry.put_alias(name, "champion", 2)
    registry.tag(name, "team", "b")
    registry.tag(name, "stage", "gold", 2)
    if not told_first:
        mirror.sweep()
    moved = ALIAS_MOVED | {"key": {"name": name, "alias": "champion"}}
    of_model = {"name": name, "key": "team"}
    of_version = {"name": name, "version": 2, "key": "stage"}
    tell(
        http,
        moved | {"actor": "somebody before", "after": {"version": 2}},
        moved,
        moved | {"key": {"name": name, "alias": "odd"}, "after": {"version": "odd"}},
        TAGGED | {"action": "update", "key": of_model, "before": {}, "after": {"value": "b"}},
        TAGGED
        | {"entity": "model_version_tag", "action": "insert", "key": of_version}
        | {"after": {**of_version, "value": "gold"}},
    )
    mirror.catch_up()
    aliases = [(one.number, one.actor) for one in client.mirror.aliases(name)]
    assert aliases == [(2, "ana"), (1, None)]
    assert {(one.key, one.number, one.actor) for one in client.mirror.tags(name)} == {
        ("team", None, "eve"),
        ("stage", 2, "eve"),
    }


def test_a_prompt_has_its_history_and_what_is_not_mirrored_has_none(
    mirror: Mirror, registry: MlflowRegistry, client: Client, name: str
) -> None:
    registry.make(name, prompt=True)
    registry.add_prompt(name, "Hello")
    registry.put_alias(name, "production", 1)
    mirror.sweep()
    (alias,) = client.mirror.aliases(f"mlflow/{name}", "prompt")
    assert (alias.alias, alias.number, alias.until) == ("production", 1, None)
    with pytest.raises(NotFound, match=f"mlflow/{name}"):
        list(client.mirror.aliases(f"mlflow/{name}x", "prompt"))
    with pytest.raises(NotFound, match="no mirrored model"):
        list(client.mirror.tags(f"mlflow/{name}"))
