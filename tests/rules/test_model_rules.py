"""What must never change under a model version's number."""

from hashlib import sha256
from typing import Any

import pytest

from twinline.language.records import NewModelVersion
from twinline.models.rules import identity_digest

BASE: dict[str, Any] = {
    "name": "churn",
    "source": "mlflow",
    "number": 3,
    "source_uri": "models:/m-1",
    "pinned": True,
    "params": {"depth": "3"},
    "metrics": {"auc": 0.9},
    "tags": {"team": "growth"},
    "aliases": ["champion"],
    "run": {"id": "9d2c67", "name": "first"},
}


def new(**changes: Any) -> NewModelVersion:
    return NewModelVersion.model_validate(BASE | changes)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"name": "loans"}, id="name"),
        pytest.param({"source": "provider"}, id="source"),
        pytest.param({"source_uri": "models:/m-2"}, id="source-uri"),
        pytest.param({"pinned": False}, id="pinned"),
        pytest.param({"run": {"id": "5e1f0a"}}, id="run"),
        pytest.param({"run": None}, id="run-gone"),
    ],
)
def test_another_model_under_the_number_is_noticed(changes: dict[str, Any]) -> None:
    assert identity_digest(new(**changes)) != identity_digest(new())


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"params": {}}, id="params"),
        pytest.param({"metrics": {"auc": 0.91}}, id="metrics"),
        pytest.param({"tags": {}}, id="tags"),
        pytest.param({"aliases": []}, id="aliases"),
        pytest.param({"run": {"id": "9d2c67", "name": "second", "status": "FINISHED"}}, id="run"),
        pytest.param({"number": None}, id="number-left-to-us"),
    ],
)
def test_what_the_registry_may_still_change_is_no_identity(changes: dict[str, Any]) -> None:
    assert identity_digest(new(**changes)) == identity_digest(new())


def test_a_run_of_the_name_none_is_not_no_run() -> None:
    assert identity_digest(new(run={"id": "None"})) != identity_digest(new(run=None))


def test_the_digest_never_changes_between_versions_of_twinline() -> None:
    """It is kept with every version, and reading MLflow again compares with it."""
    form = (
        b'{"name":"churn","pinned":true,"run":"9d2c67","source":"mlflow",'
        b'"source_uri":"models:/m-1"}'
    )
    assert identity_digest(new()) == sha256(form).hexdigest()
    without_run = form.replace(b'"9d2c67"', b"null")
    assert identity_digest(new(run=None)) == sha256(without_run).hexdigest()
