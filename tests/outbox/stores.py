"""MLflow's stores in this process, and how a step of a history is done to one."""

import warnings
from collections.abc import Callable
from typing import Any

with warnings.catch_warnings(action="ignore"):  # MLflow's own, at import
    from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
    from mlflow.exceptions import MlflowException
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore


from tests.outbox.histories import NAMES, Step

Verb = Callable[..., Any]

VERBS: dict[str, Callable[[SqlAlchemyStore], Verb]] = {
    "create_model": lambda store: (
        lambda name, tags: store.create_registered_model(
            name, [RegisteredModelTag(*tag) for tag in tags.items()]
        )
    ),
    "describe_model": lambda store: store.update_registered_model,
    "rename_model": lambda store: store.rename_registered_model,
    "delete_model": lambda store: store.delete_registered_model,
    "create_version": lambda store: (
        lambda name, tags: store.create_model_version(
            name, f"s3://{name}", "r" * 32, [ModelVersionTag(*tag) for tag in tags.items()]
        )
    ),
    "describe_version": lambda store: store.update_model_version,
    "stage_version": lambda store: (
        lambda name, version, stage: store.transition_model_version_stage(
            name, version, stage, stage != "None"
        )
    ),
    "delete_version": lambda store: store.delete_model_version,
    "set_alias": lambda store: store.set_registered_model_alias,
    "delete_alias": lambda store: store.delete_registered_model_alias,
    "set_tag": lambda store: (
        lambda name, key, value: store.set_registered_model_tag(
            name, RegisteredModelTag(key, value)
        )
    ),
    "delete_tag": lambda store: store.delete_registered_model_tag,
    "set_version_tag": lambda store: (
        lambda name, version, key, value: store.set_model_version_tag(
            name, version, ModelVersionTag(key, value)
        )
    ),
    "delete_version_tag": lambda store: store.delete_model_version_tag,
}


def do(store: SqlAlchemyStore, step: Step) -> Any:
    """Do a step; what it answers, without times."""
    verb, given = step
    return answer(lambda: VERBS[verb](store)(*given))


def look(store: SqlAlchemyStore) -> Any:
    """What the store answers to everything that may be asked."""
    prompts = "tag.`mlflow.prompt.is_prompt` = 'true'"
    return [
        answer(store.search_registered_models),
        answer(lambda: store.search_registered_models(prompts)),
        answer(lambda: store.search_model_versions(order_by=["name ASC", "version_number ASC"])),
        *(
            answer(lambda ask=ask, name=name: ask(name))
            for name in NAMES
            for ask in (store.get_registered_model, store.get_latest_versions)
        ),
        *(answer(lambda name=name: store.get_model_version(name, 1)) for name in NAMES),
        *(
            answer(lambda name=name: store.get_model_version_by_alias(name, "champion"))
            for name in NAMES
        ),
    ]


def answer(ask: Callable[[], Any]) -> Any:
    """What somebody who asks is told, an error included."""
    try:
        return _plain(ask())
    except MlflowException as error:
        return error.error_code


def make_tables(url: str) -> None:
    """MLflow's tables, by its own migrations."""
    SqlAlchemyStore(url)
    let_go()


def let_go() -> None:
    """Close the connections that MLflow keeps for as long as the process lives."""
    for engine in SqlAlchemyStore._engine_map.values():
        engine.dispose()
    SqlAlchemyStore._engine_map.clear()


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if hasattr(value, "__iter__") and not isinstance(value, str | dict):
        return {name: _plain(one) for name, one in value if "timestamp" not in name}
    return value
