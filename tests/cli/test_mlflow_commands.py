"""``twinline mlflow``."""

import json

import httpx

from tests.cli.conftest import Run
from tests.process.conftest import Up
from tests.support.mlflow_changes import told


def test_changes_of_a_registry_are_shown_with_old_and_new_and_by_whom(run: Run, server: Up) -> None:
    said = run("mlflow", "changes")
    assert (said.code, "--registry-store-uri twinline+" in said.out) == (0, True)
    httpx.post(
        f"{server.url}/api/v1/mlflow/servers/default/changes",
        json=told(1, 2).model_dump(mode="json"),
        headers={"X-API-Key": server.key or ""},
    ).raise_for_status()
    said = run("mlflow", "changes", "churn", COLUMNS="160")
    assert said.code == 0
    for word in ("ana", "update registered model alias", "churn/champion", '{"version": 1}'):
        assert word in said.out
    assert [one["sequence"] for one in json.loads(run("mlflow", "changes", "--json").out)] == [1, 2]
    assert json.loads(run("mlflow", "changes", "other", "--json").out) == []
    assert "No change of 'other' was told" in run("mlflow", "changes", "other").out
