"""The outbox holds exactly what happened in the registry, and MLflow is what it was."""

import json
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from flask import Flask, g
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.dbmodels.models import (
    SqlModelVersionTag,
    SqlRegisteredModel,
    SqlRegisteredModelTag,
)
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import delete, insert, update
from sqlalchemy.exc import SAWarning

from tests.outbox.conftest import DatabaseUrl
from tests.outbox.histories import history
from tests.outbox.replica import Replica, really
from tests.outbox.stores import do, look
from twinline.mlflow.outbox import Outbox
from twinline.mlflow.outbox_store import OutboxStore, _senders

Change = dict[str, Any]


@pytest.fixture
def store(mlflow_url: DatabaseUrl) -> OutboxStore:
    return opened(mlflow_url())


def opened(url: str) -> OutboxStore:
    return OutboxStore(url, destination=None, actor_header="X-Actor")


def told(store: OutboxStore, after: int = 0) -> list[Change]:
    """What the outbox holds after a sequence."""
    outbox: Outbox = _senders[store.db_uri][0]
    found = outbox.after(after, rows_max=10_000, bytes_max=1 << 30)
    assert [one.sequence for one in found] == [*range(after + 1, after + len(found) + 1)]
    return [json.loads(one.content) for one in found]


def short(changes: list[Change]) -> list[tuple[str, str, tuple[Any, ...]]]:
    return [(one["action"], one["entity"], tuple(one["key"].values())) for one in changes]


@pytest.mark.parametrize("seed", range(3))
def test_any_history_is_told_exactly_and_mlflow_answers_as_without(
    mlflow_url: DatabaseUrl, seed: int
) -> None:
    plain, store = SqlAlchemyStore(mlflow_url()), opened(mlflow_url())
    replica, heard, done = Replica(), 0, Counter[str]()
    for step in history(Random(seed), 120):
        expected = do(plain, step)
        assert do(store, step) == expected, step
        changes = told(store, heard)
        heard += len(changes)
        for change in changes:
            replica.follow(change)
            done[f"{change['action']} {change['entity']}"] += 1
        assert replica.rows == really(store.engine), step
    assert look(store) == look(plain)
    assert len(done) >= 12, done
    assert heard > 60


def test_an_alias_that_moves_says_from_where(store: OutboxStore) -> None:
    store.create_registered_model("churn")
    for _ in range(2):
        store.create_model_version("churn", "s3://x")
    before = len(told(store))
    for version in (1, 2, 2, 1):
        store.set_registered_model_alias("churn", "champion", version)
    moves = told(store, before)
    assert [(one["before"], one["after"]) for one in moves] == [
        (None, {"name": "churn", "alias": "champion", "version": 1}),
        ({"version": 1}, {"version": 2}),
        ({"version": 2}, {"version": 1}),
    ]


def test_a_template_that_is_overwritten_keeps_its_old_text(store: OutboxStore) -> None:
    store.create_registered_model("answer", [RegisteredModelTag("mlflow.prompt.is_prompt", "true")])
    text = ModelVersionTag("mlflow.prompt.text", "old")
    store.create_model_version("answer", "prompt", tags=[text])
    before = len(told(store))
    store.set_model_version_tag("answer", 1, ModelVersionTag("mlflow.prompt.text", "new"))
    (overwritten,) = told(store, before)
    assert (overwritten["before"], overwritten["after"]) == ({"value": "old"}, {"value": "new"})


def test_a_rename_takes_everything_along(store: OutboxStore) -> None:
    _churn(store)
    before = len(told(store))
    store.rename_registered_model("churn", "attrition")
    names = [one for one in told(store, before) if "name" in one["after"]]
    assert {(one["before"]["name"], one["after"]["name"]) for one in names} == {
        ("churn", "attrition")
    }
    assert Counter(one["entity"] for one in names) == {
        "registered_model": 1,
        "registered_model_tag": 1,
        "registered_model_alias": 1,
        "model_version": 2,
        "model_version_tag": 1,
    }


def test_a_delete_tells_all_that_went_with_it(store: OutboxStore) -> None:
    _churn(store)
    before = len(told(store))
    store.delete_model_version("churn", 1)
    assert ("delete", "registered_model_alias", ("churn", "champion")) in short(told(store, before))
    before = len(told(store))
    store.delete_registered_model("churn")
    gone = told(store, before)
    assert {one["action"] for one in gone} == {"delete"}
    assert short(gone)[-1] == ("delete", "registered_model", ("churn",))
    assert len(gone) == 5
    assert really(store.engine) == {}


def test_what_fails_or_changes_nothing_leaves_nothing(store: OutboxStore) -> None:
    _churn(store)
    store.create_registered_model("other")
    before = len(told(store))
    with pytest.raises(MlflowException):
        store.create_registered_model("churn")
    with pytest.raises(MlflowException):
        store.rename_registered_model("churn", "other")
    with pytest.raises(MlflowException):
        store.set_registered_model_alias("churn", "champion", 99)
    store.set_registered_model_alias("churn", "champion", 1)
    store.delete_registered_model_alias("churn", "nobody")
    store.get_registered_model("churn")
    assert told(store, before) == []


def test_a_commit_that_fails_after_the_outbox_was_written_leaves_nothing(
    store: OutboxStore,
) -> None:
    def twice() -> None:
        with store.ManagedSessionMaker(read_only=False) as session:
            for _ in range(2):
                session.add(SqlRegisteredModel(workspace="default", name="x"))
                session.commit()

    with pytest.raises(MlflowException):
        twice()
    assert short(told(store)) == [("insert", "registered_model", ("x",))]


def test_old_values_are_those_of_the_database_not_those_that_a_session_once_read(
    store: OutboxStore,
) -> None:
    """Somebody else may have changed a row since."""
    _churn(store)
    before = len(told(store))
    with store.ManagedSessionMaker(read_only=False) as session:
        model = session.get(SqlRegisteredModel, ("default", "churn"))
        assert model.description is None
        store.update_registered_model("churn", "theirs")
        model.description = "ours"
    descriptions = [
        (one["before"]["description"], one["after"]["description"]) for one in told(store, before)
    ]
    assert descriptions == [(None, "theirs"), ("theirs", "ours")]


def test_what_somebody_else_deleted_first_is_told_once(store: OutboxStore) -> None:
    _churn(store)
    before = len(told(store))
    with store.ManagedSessionMaker(read_only=False) as session:
        tag = session.get(SqlRegisteredModelTag, ("default", "team", "churn"))
        store.delete_registered_model_tag("churn", "team")
        session.delete(tag)
        with pytest.warns(SAWarning, match="expected to delete 1 row"):
            session.flush()
    assert short(told(store, before)) == [("delete", "registered_model_tag", ("churn", "team"))]


def test_an_alias_that_the_database_takes_along_is_told(store: OutboxStore) -> None:
    _churn(store)
    before = len(told(store))
    with store.ManagedSessionMaker(read_only=False) as session:
        model = session.get(SqlRegisteredModel, ("default", "churn"))
        session.delete(model)
        store.set_registered_model_alias("churn", "late", 2)
    late = [one for one in told(store, before) if one["key"].get("alias") == "late"]
    assert [one["action"] for one in late] == ["insert", "delete"]
    assert really(store.engine) == {}


def test_a_savepoint_that_is_rolled_back_takes_its_changes_along(store: OutboxStore) -> None:
    with store.ManagedSessionMaker(read_only=False) as session:
        session.add(SqlRegisteredModel(workspace="default", name="kept"))
        with session.begin_nested() as inner:
            session.add(SqlRegisteredModel(workspace="default", name="dropped"))
            session.flush()
            inner.rollback()
        with session.begin_nested():
            session.add(SqlRegisteredModel(workspace="default", name="too"))
    assert short(told(store)) == [
        ("insert", "registered_model", ("kept",)),
        ("insert", "registered_model", ("too",)),
    ]
    assert len(really(store.engine)) == 2


def test_statements_that_change_many_rows_at_once_are_told_row_by_row(store: OutboxStore) -> None:
    """MLflow does so when it moves a workspace; who knows what the next version does."""
    _churn(store)
    replica, tag = Replica(), SqlRegisteredModelTag
    for change in told(store):
        replica.follow(change)
    rows = [{"workspace": "default", "name": "churn", "key": key, "value": "x"} for key in "abc"]
    statements: list[Callable[[Any], Any]] = [
        lambda session: session.execute(insert(tag), rows),
        lambda session: session.query(tag).filter(tag.key != "a").update({"value": "y"}),
        lambda session: session.execute(update(SqlModelVersionTag).values(value="z")),
        lambda session: session.execute(
            update(SqlRegisteredModel.__table__).values(workspace="elsewhere")
        ),
        lambda session: session.query(tag).filter(tag.key == "b").delete(),
        lambda session: session.execute(delete(SqlModelVersionTag)),
    ]
    for statement in statements:
        before = len(told(store))
        with store.ManagedSessionMaker(read_only=False) as session:
            statement(session)
        changes = told(store, before)
        assert changes
        for change in changes:
            replica.follow(change)
        assert replica.rows == really(store.engine)


def test_only_the_sessions_of_this_store_are_heard(mlflow_url: DatabaseUrl) -> None:
    url = mlflow_url()
    store, plain = opened(url), SqlAlchemyStore(url)
    plain.create_registered_model("unheard")
    store.create_registered_model("heard")
    assert short(told(store)) == [("insert", "registered_model", ("heard",))]


def test_two_stores_over_one_database_share_its_outbox(mlflow_url: DatabaseUrl) -> None:
    url = mlflow_url()
    first, second = opened(url), opened(url)
    first.create_registered_model("a")
    second.create_registered_model("b")
    assert len(told(first)) == len(told(second)) == 2
    assert len(_senders) == 1


def test_text_that_no_json_reader_takes_is_told_as_it_can_be(
    store: OutboxStore,
) -> None:
    store.create_registered_model("churn")
    if store.engine.dialect.name == "sqlite":  # PostgreSQL keeps no NUL
        store.set_registered_model_tag("churn", RegisteredModelTag("k", "a\x00b"))
        assert told(store)[-1]["after"]["value"] == "a\ufffdb"


ASKED: list[tuple[dict[str, Any], str | None, str | None]] = [
    ({}, None, None),
    ({"headers": {"X-Actor": "pipeline"}}, None, "pipeline"),
    ({"auth": ("ana", "secret")}, None, "ana"),
    ({"auth": ("ana", "secret"), "headers": {"X-Actor": "eve"}}, None, "ana"),
    ({"auth": ("eve", "?"), "headers": {"X-Actor": "eve"}}, "ana", "ana"),
    ({"headers": {"X-Actor": "é" * 501}}, None, "é" * 500),
    ({"auth": ("a" * 9000, "secret")}, None, "a" * 500),
    ({"headers": {"Authorization": "Bearer x"}}, None, None),
    ({"headers": {"Authorization": "Basic nonsense", "X-Actor": ""}}, None, None),
]


@pytest.mark.parametrize(("asked", "authenticated", "expected"), ASKED)
def test_who_asked_is_told(
    mlflow_url: DatabaseUrl,
    asked: dict[str, Any],
    authenticated: str | None,
    expected: str | None,
) -> None:
    store = opened(mlflow_url())
    with Flask("test").test_request_context(**asked):
        if authenticated:
            g.mlflow_authenticated_user = authenticated
        store.create_registered_model("churn")
    assert [one["actor"] for one in told(store)] == [expected]


def _churn(store: OutboxStore) -> None:
    """A model with a tag, two versions, one with a tag, and an alias."""
    store.create_registered_model("churn", [RegisteredModelTag("team", "a")])
    store.create_model_version("churn", "s3://1", tags=[ModelVersionTag("quality", "good")])
    store.create_model_version("churn", "s3://2")
    store.set_registered_model_alias("churn", "champion", 1)
