"""Where an alias of MLflow was at a time, as the catalog remembers it."""

import sqlite3

from tests.mirror.conftest import Mirror
from tests.support.mlflow_registry import MlflowRegistry
from twinline.language.records import ModelVersion
from twinline.models import actions as models


def test_an_alias_that_is_put_back_is_where_it_was_put(
    mirror: Mirror, registry: MlflowRegistry, name: str
) -> None:
    registry.make(name)
    for _ in range(2):
        registry.add(name)
    for number in (1, 2, 1):
        registry.put_alias(name, "production", number)
        mirror.sweep()
    assert _history(mirror, name, "production")[-1] == 1
    written = (
        "select array_agg(subject order by seq) from audit_event"
        " where action = 'model.update' and starts_with(subject, :prefix)"
    )
    loser, gainer = f"models:/{name}/2", f"models:/{name}/1"
    subjects = mirror.value(written, prefix=f"models:/{name}/")
    assert isinstance(subjects, list)
    assert subjects[-2:] == [loser, gainer]


def test_an_alias_on_a_number_that_bears_something_else_now_names_no_version(
    mirror: Mirror, registry: MlflowRegistry, name: str, mlflow_trained
) -> None:
    registry.make(name)
    for number in (1, 2):
        registry.add(name, "s3://models/good")
        registry.put_alias(name, "production", number)
    mirror.catch_up()
    assert _aliases(mirror, name, 2) == ("production",)
    with sqlite3.connect(mlflow_trained[0].folder / "mlflow.db") as thief:
        thief.execute(
            "update model_versions set source = 's3://models/bad', storage_location = null"
            " where name = ? and version = 2",
            (name,),
        )
    thief.close()
    mirror.sweep(full=True)
    assert [(one.kind, one.number) for one in mirror.drift(name)] == [("tampered", 2)]
    assert (_aliases(mirror, name, 1), _aliases(mirror, name, 2)) == ((), ())


def _aliases(mirror: Mirror, name: str, number: int) -> tuple[str, ...]:
    version = mirror.version(f"models:/{name}/{number}")
    assert isinstance(version, ModelVersion)
    return version.aliases


def _history(mirror: Mirror, name: str, alias: str) -> list[int | None]:
    """The versions that an alias was on, one after the other; None: on none."""
    with mirror.database.reading() as tx:
        return [number for _, number in models.alias_history(tx, name, alias)]
