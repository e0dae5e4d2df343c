"""What is looked at and changed of an alias at a real MLflow on loopback."""

import httpx
import pytest

from tests.support.mlflow_registry import MlflowRegistry
from twinline.language.errors import Invalid, MlflowUnavailable, NotFound, VersionChanged
from twinline.mirror.aliases_remote import alias_at, put_alias, remove_alias
from twinline.mirror.remote import MlflowServer

ALIAS = "production"


@pytest.fixture(scope="module")
def server(mlflow_registry: MlflowRegistry) -> MlflowServer:
    mlflow_registry.make("remote-churn", versions=2)
    return MlflowServer(mlflow_registry.url)


def put(server: MlflowServer, number: int, source: str | None = None) -> int | None:
    return put_alias(
        server, "remote-churn", ALIAS, number, source or f"openai:/remote-churn-{number}"
    )


def test_an_alias_is_set_read_back_moved_and_removed(
    server: MlflowServer, mlflow_registry: MlflowRegistry
) -> None:
    assert alias_at(server, "remote-churn", ALIAS) is None
    assert (put(server, 1), put(server, 2), put(server, 2)) == (1, 2, 2)
    assert alias_at(server, "remote-churn", ALIAS) == 2
    assert mlflow_registry.alias("remote-churn", ALIAS) == 2
    assert not remove_alias(server, "remote-churn", ALIAS, frozenset({1}))
    assert remove_alias(server, "remote-churn", ALIAS, frozenset({1, 2}))
    assert mlflow_registry.alias("remote-churn", ALIAS) is None
    assert not remove_alias(server, "remote-churn", ALIAS, frozenset({2}))


def test_what_mlflow_does_not_have_is_named_and_nothing_is_set(
    server: MlflowServer, mlflow_registry: MlflowRegistry
) -> None:
    with pytest.raises(NotFound, match="no version 3 of the model 'remote-churn'"):
        put(server, 3)
    with pytest.raises(NotFound, match="no model 'remote-gone'"):
        alias_at(server, "remote-gone", ALIAS)
    assert not remove_alias(server, "remote-gone", ALIAS, frozenset({1}))
    assert mlflow_registry.alias("remote-churn", ALIAS) is None


def test_another_version_of_the_same_number_gets_no_alias(server: MlflowServer) -> None:
    with pytest.raises(VersionChanged, match="made again under the same name"):
        put(server, 1, source="openai:/another")
    assert alias_at(server, "remote-churn", ALIAS) is None


def test_what_mlflow_refuses_is_said_in_its_words(server: MlflowServer) -> None:
    with pytest.raises(Invalid, match="reserved"):
        put_alias(server, "remote-churn", "latest", 1, "openai:/remote-churn-1")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(httpx.Response(500), id="500"),
        pytest.param(httpx.Response(200, html="<h1>Sign in</h1>"), id="a login page"),
        pytest.param(httpx.Response(200, json={"registered_model": {"name": 3}}), id="odd JSON"),
    ],
)
def test_what_no_mlflow_answers_is_trouble_and_never_an_absent_alias(
    answer: httpx.Response,
) -> None:
    odd = MlflowServer("http://mlflow.test", transport=httpx.MockTransport(lambda _: answer))
    for ask in (
        lambda: alias_at(odd, "m", ALIAS),
        lambda: put_alias(odd, "m", ALIAS, 1, "x:/y"),
        lambda: remove_alias(odd, "m", ALIAS, frozenset({1})),
    ):
        with pytest.raises(MlflowUnavailable):
            ask()
