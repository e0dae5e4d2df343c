"""The commands for the mirror of MLflow, at a server with one and at one without."""

import json
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Ran, Run
from tests.process.conftest import Up, launch
from tests.support.mlflow_registry import MlflowRegistry


@pytest.fixture(scope="module")
def mirroring(mlflow_trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A server that mirrors the tests' MLflow."""
    folder = tmp_path_factory.mktemp("mirroring")
    up = launch(folder / "home", folder / "up.log", TWINLINE_MLFLOW_URL=mlflow_trained[0].url)
    yield up
    up.stop()


@pytest.fixture
def at(run: Run, mirroring: Up) -> Run:
    def ran(*words: str) -> Ran:
        key = mirroring.key or ""
        return run(*words, TWINLINE_URL=mirroring.url, TWINLINE_API_KEY=key)

    return ran


def test_sync_reads_everything_and_status_says_so(at: Run) -> None:
    done = at("mlflow", "sync", "--full")
    assert done.code == 0, done.err
    assert "default" in done.out
    (place,) = json.loads(at("mlflow", "status", "--json").out)["places"]
    assert (place["waiting"], place["trouble"]) == (0, None)
    assert place["synced_at"] is not None
    assert "champion" in at("models", "versions", "ticket-triage").out
    assert at("mlflow", "drift").code == 0
    unknown = at("mlflow", "sync", "--server", "eu")
    assert (unknown.code, "TWINLINE_MLFLOW_SERVERS" in unknown.err) == (3, True)


def test_a_name_that_cannot_be_kept_is_said_and_holds_up_no_sync(at: Run, mlflow_trained) -> None:
    with MlflowRegistry(mlflow_trained[0].url) as registry:
        registry.make("mute", prompt=True)
        registry.add_prompt("mute", "")
        done = at("mlflow", "sync")
        assert (done.code, "'mute' 1 cannot be kept" in done.out) == (0, True), done.err
        found = json.loads(at("mlflow", "status", "--json").out)
        assert [one["name"] for one in found["stuck"]] == ["mute"]
        registry.drop("mute")
        at("mlflow", "sync", "--full")
    assert json.loads(at("mlflow", "status", "--json").out)["stuck"] == []


def test_the_history_of_a_model_s_aliases_and_tags_is_shown(at: Run) -> None:
    at("mlflow", "sync")
    said = at("mlflow", "history", "ticket-triage")
    assert (said.code, "champion" in said.out) == (0, True)
    (alias,) = json.loads(at("mlflow", "history", "ticket-triage", "--json").out)
    assert (alias["alias"], alias["number"], alias["until"]) == ("champion", 2, None)
    assert at("mlflow", "history", "ticket-triage", "--tags").code == 0
    unknown = at("mlflow", "history", "ticket-triag")
    assert (unknown.code, "ticket-triage" in unknown.err) == (3, True)
    assert at("mlflow", "history", "ticket-triage", "--prompt").code == 3


def test_hooks_are_installed_once(at: Run, mirroring: Up) -> None:
    first = at("mlflow", "hooks", "install", mirroring.url, "--json")
    assert first.code == 0, first.err
    assert json.loads(first.out)["items"][0]["made"] is True
    assert "brought up to date" in at("mlflow", "hooks", "install", mirroring.url).out
    refused = at("mlflow", "hooks", "install", "ftp://x")
    assert (refused.code, refused.err.startswith("Invalid: url: 'ftp://x' is no")) == (2, True)


def test_without_an_mlflow_server_that_is_said(run: Run) -> None:
    assert "TWINLINE_MLFLOW_URL" in run("mlflow", "status").out
    assert run("mlflow", "drift").out.startswith("Nothing that was read")
    assert run("mlflow", "sync").code == 6
    assert run("mlflow", "hooks", "install", "http://127.0.0.1:1").code == 6
