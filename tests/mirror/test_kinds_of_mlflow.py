"""One story in MLflow, told by a server of every kind that the mirror follows."""

from importlib.metadata import version
from pathlib import Path

import httpx
import pytest

from tests.mirror.conftest import Mirror
from tests.support.mlflow_registry import TEXT, MlflowRegistry
from tests.support.mlflow_servers import OLDER, START_SECONDS, OtherMlflow, older_python
from twinline.db.session import Database
from twinline.language.records import ModelVersion, PromptVersion
from twinline.mirror import actions
from twinline.mirror.remote import MlflowServer


def release(url: str) -> str:
    return httpx.get(f"{url}/version", timeout=30).text


def test_ours_on_sqlite(mlflow_trained, database: Database, name: str) -> None:
    url = mlflow_trained[0].url
    assert release(url) == version("mlflow")
    follow(url, database, name)


@pytest.mark.slow
def test_ours_on_postgresql_with_four_workers(
    empty_database: Database, database: Database, tmp_path: Path, name: str
) -> None:
    stored = empty_database.engine.url.render_as_string(hide_password=False)
    with OtherMlflow(tmp_path, database=stored, workers=4) as server:
        server.wait_until_ready(deadline_seconds=START_SECONDS)
        follow(server.url, database, name)


@pytest.mark.slow
def test_the_minor_before_on_sqlite(database: Database, tmp_path: Path, name: str) -> None:
    with OtherMlflow(tmp_path, python=older_python()) as server:
        server.wait_until_ready(deadline_seconds=START_SECONDS)
        assert release(server.url) == OLDER
        assert OLDER.rpartition(".")[0] != version("mlflow").rpartition(".")[0]
        follow(server.url, database, name)


def follow(url: str, database: Database, name: str) -> None:
    """A model and a prompt are registered, move, are tagged, overwritten, renamed, deleted and
    made again."""
    model, prompt = f"{name}-churn", f"{name}-answer"
    mirror = Mirror(database, MlflowServer(url, timeout_seconds=30))
    with MlflowRegistry(url) as registry:
        registered(mirror, registry, model, prompt)
        moved_and_tagged(mirror, registry, model)
        overwritten(mirror, registry, prompt)
        renamed(mirror, registry, model)
        deleted_and_made_again(mirror, registry, model, prompt)
    mirror.sweep(full=True)
    assert [(one.kind, one.name, one.number) for one in mirror.drift(name)] == [
        ("tampered", prompt, 1),
        ("renamed", model, None),
        ("deleted", f"{model}-eu", 1),
        ("recreated", prompt, None),
        ("deleted", f"{model}-eu", None),
    ]
    assert mirror.value("select count(*) from mirror_mark") == 0


def registered(mirror: Mirror, registry: MlflowRegistry, model: str, prompt: str) -> None:
    registry.make(model, versions=2)
    registry.put_alias(model, "champion", 1)
    registry.make(prompt, prompt=True)
    registry.add_prompt(prompt, "Hello {{ who }}")
    mirror.sweep()
    first, hello = (
        mirror.version(ref) for ref in (f"models:/{model}/1", f"prompts:/mlflow/{prompt}/1")
    )
    assert isinstance(first, ModelVersion)
    assert isinstance(hello, PromptVersion)
    assert (first.source_uri, first.aliases) == (f"openai:/{model}-1", ("champion",))
    assert (hello.template, [one.name for one in hello.variables]) == ("Hello {{ who }}", ["who"])


def moved_and_tagged(mirror: Mirror, registry: MlflowRegistry, model: str) -> None:
    registry.put_alias(model, "champion", 2)
    registry.tag(model, "team", "a")
    registry.tag(model, "stage", "gold", 2)
    mirror.sweep(full=True)
    second = mirror.version(f"models:/{model}/2")
    assert isinstance(second, ModelVersion)
    assert (second.aliases, second.tags) == (("champion",), {"stage": "gold"})
    with mirror.database.reading() as tx:
        aliases = actions.list_aliases(tx, model, "model", cursor=None, limit=10).items
        tags = actions.list_tags(tx, model, "model", cursor=None, limit=10).items
    assert [(one.number, one.until is None) for one in aliases] == [(2, True), (1, False)]
    assert {(one.number, one.key, one.value) for one in tags} == {
        (None, "team", "a"),
        (2, "stage", "gold"),
    }


def overwritten(mirror: Mirror, registry: MlflowRegistry, prompt: str) -> None:
    registry.tag(prompt, TEXT, "Bye {{ who }}", 1)
    mirror.sweep(full=True)
    ours = [mirror.version(f"prompts:/mlflow/{prompt}/{number}") for number in (1, 2)]
    texts = [one.template for one in ours if isinstance(one, PromptVersion)]
    assert texts == ["Hello {{ who }}", "Bye {{ who }}"]
    assert mirror.retired(f"prompts:/mlflow/{prompt}/1")


def renamed(mirror: Mirror, registry: MlflowRegistry, model: str) -> None:
    registry.rename(model, f"{model}-eu")
    mirror.sweep()
    assert mirror.version(f"models:/{model}-eu/2").number == 2


def deleted_and_made_again(
    mirror: Mirror, registry: MlflowRegistry, model: str, prompt: str
) -> None:
    registry.drop_version(f"{model}-eu", 1)
    mirror.sweep()
    assert mirror.retired(f"models:/{model}-eu/1")
    registry.drop(prompt)
    registry.make(prompt, prompt=True)
    registry.add_prompt(prompt, "Hello {{ who }}")
    mirror.sweep()
    again = mirror.version(f"prompts:/mlflow/{prompt}/recreated-2/1")
    assert isinstance(again, PromptVersion)
    assert again.template == "Hello {{ who }}"
    registry.drop(f"{model}-eu")
    mirror.sweep()
    assert mirror.retired(f"models:/{model}-eu/2")
