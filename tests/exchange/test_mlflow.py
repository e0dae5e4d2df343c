"""The MLflow Prompt Registry of a real server: there and back, and what others put there."""

from uuid import uuid4

import pytest

from tests.support.mlflow_registry import MlflowRegistry
from twinline.client import Client
from twinline.exchange import mlflow
from twinline.mirror.remote import MlflowServer

DECLARED = {"name": "mood", "type": "string", "default": "calm"}


@pytest.fixture
def server(mlflow_registry: MlflowRegistry) -> MlflowServer:
    return MlflowServer(mlflow_registry.url)


@pytest.fixture
def name() -> str:
    return f"n{uuid4().hex[:10]}"


def test_prompts_go_there_and_come_back_the_same(
    client: Client, server: MlflowServer, mlflow_registry: MlflowRegistry, name: str
) -> None:
    prompts = client.prompts
    prompts.create(f"{name}/tone", "Be {{ mood }}.\r\n ", variables=[DECLARED], message="begun")
    prompts.create(f"{name}/tone", "Be {{ mood }}.\r\n ", message="undeclared", labels=["live"])
    chat = [{"role": "system", "content": f"{{{{> {name}/tone@1 }}}} {{% if x %}}"}]
    prompts.create(
        f"{name}/answer",
        chat,
        parameters={"temperature": 0.2, "model_config": {"model_name": "gpt-4o"}},
        tags={"team": "care"},
        labels=["production"],
    )
    out = list(prompts.export(domain=name))
    first = mlflow.write(server, out, labels=False)
    assert [one.outcome for one in first.items] == ["created"] * 3, first
    assert mlflow_registry.alias(f"{name}.answer", "production") is None
    second = mlflow.write(server, out, labels=True)
    assert [(one.outcome, one.labels) for one in second.items] == [
        ("same", ("production",)),
        ("same", ()),
        ("same", ("live",)),
    ]
    assert mlflow_registry.alias(f"{name}.tone", "live") == 2
    found = [
        one
        for called in ("answer", "tone")
        for one in mlflow.read(server, name=f"{name}.{called}").items
    ]
    for before, after in zip(out, found, strict=True):
        assert after.version == before.version
        assert (after.pins, after.digest, after.number) == (
            before.pins,
            before.digest,
            before.number,
        )
        assert (after.origin.author, after.origin.at) == (before.origin.author, before.origin.at)
    assert {one.outcome for one in prompts.import_(found, labels=True).items} == {"same"}


@pytest.mark.filterwarnings("ignore")
def test_mlflow_s_own_client_reads_what_was_written(
    client: Client, server: MlflowServer, name: str
) -> None:
    chat = [{"role": "user", "content": "Hi {{ who }}"}]
    config = {"model_name": "gpt-4o", "temperature": 0.2}
    client.prompts.create(name, chat, parameters={"model_config": config}, message="hello")
    client.prompts.create(name, "Hi {{ who }}", labels=["live"])
    mlflow.write(server, client.prompts.export(name=name), labels=True)
    from mlflow import MlflowClient

    theirs = MlflowClient(tracking_uri=server.url, registry_uri=server.url)
    one = theirs.get_prompt_version(name, "1")
    assert (one.template, one.commit_message) == (chat, "hello")
    assert one.model_config == config
    assert theirs.get_prompt_version_by_alias(name, "live").template == "Hi {{ who }}"


@pytest.mark.filterwarnings("ignore")
def test_what_mlflow_s_own_client_wrote_is_read(
    client: Client, server: MlflowServer, name: str
) -> None:
    from mlflow import MlflowClient

    theirs = MlflowClient(tracking_uri=server.url, registry_uri=server.url)
    theirs.register_prompt(name, "One {{ x }}", commit_message="first", tags={"team": "a"})
    theirs.register_prompt(name, [{"role": "user", "content": "Two"}], tags={"v": "2.0.0"})
    theirs.set_prompt_alias(name, "production", 1)
    found = mlflow.read(server, name=name)
    assert found.refused == ()
    one, two = found.items
    assert (one.version.message, one.version.labels) == ("first", ("production",))
    assert (one.origin.tags, two.origin.tags) == ({"team": "a"}, {"v": "2.0.0"})
    assert two.version.tags == {"team": "a", "v": "2.0.0"}
    client.prompts.import_(found.items, labels=True)
    assert client.prompts.get(name, label="production").number == 1
    assert client.prompts.get(name).kind == "chat"
    again = mlflow.write(server, client.prompts.export(name=name), labels=True)
    assert [one.outcome for one in again.items] == ["same", "same"]


def test_what_mlflow_cannot_hold_is_refused_and_the_rest_is_written(
    client: Client, server: MlflowServer, mlflow_registry: MlflowRegistry, name: str
) -> None:
    placeholder = [{"type": "placeholder", "name": "history"}]
    client.prompts.create(f"{name}/a", placeholder)
    client.prompts.create(f"{name}/a", "fine", labels=["v1"])
    client.prompts.create(f"{name}.a", "another of the same name there")
    client.prompts.create(f"{name}/model", "x")
    mlflow_registry.make(f"{name}.model")
    items = [one for one in client.prompts.export() if one.version.name.startswith(name)]
    report = mlflow.write(server, items, labels=True)
    said = {(one.name, one.outcome): one.reason for one in report.items}
    assert said[f"{name}.a", "created"] == ""
    assert f"is that of '{name}.a'" in said[f"{name}/a", "refused"]
    assert "has a model by the name" in said[f"{name}/model", "refused"]
    report = mlflow.write(server, client.prompts.export(name=f"{name}/a"), labels=True)
    first, second = report.items
    assert "placeholder" in first.reason
    assert "It is version 2 there, but" in second.reason


def test_a_prompt_is_not_made_for_what_mlflow_cannot_hold(
    client: Client, server: MlflowServer, mlflow_registry: MlflowRegistry, name: str
) -> None:
    client.prompts.create(name, [{"type": "placeholder", "name": "history"}])
    report = mlflow.write(server, client.prompts.export(name=name), labels=True)
    assert [one.outcome for one in report.items] == ["refused"]
    assert mlflow_registry.series(name) == {}


@pytest.mark.parametrize("carried", ["", "[" * 3000, '"\\ud800"', "7"])
def test_what_a_tag_carries_renames_nothing_and_breaks_nothing(
    client: Client, server: MlflowServer, mlflow_registry: MlflowRegistry, name: str, carried: str
) -> None:
    client.prompts.create(f"{name}/a", "hi", message="mine")
    mlflow.write(server, client.prompts.export(name=f"{name}/a"), labels=False)
    tags = {tag["key"]: tag["value"] for tag in mlflow_registry.versions(f"{name}.a")[1]["tags"]}
    copy = f"{name}.copy"
    mlflow_registry.make(copy, prompt=True)
    mlflow_registry.add_prompt(copy, "hi", **{mlflow.CARRIED: carried or tags[mlflow.CARRIED]})
    found = mlflow.read(server, name=copy)
    assert ([one.version.name for one in found.items], found.refused) == ([copy], ())


def test_versions_that_are_no_prompts_of_ours_are_refused(
    server: MlflowServer, mlflow_registry: MlflowRegistry, name: str
) -> None:
    called = f"{name}.latest"
    mlflow_registry.make(called, prompt=True)
    mlflow_registry.add_prompt(called, "x")
    mlflow_registry.add_prompt(called, "")
    mlflow_registry.put_alias(called, "_x", 1)
    first, second = mlflow.read(server, name=called).refused
    assert f"prompts:/{called}/1 at http://" in first.place
    assert "labels" in first.reason
    assert "template" in second.reason
