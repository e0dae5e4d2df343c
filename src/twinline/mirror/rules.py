"""From MLflow's answers to our records."""

import json
import math
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar, cast

from pydantic import BaseModel, ValidationError

from twinline.language.errors import Invalid, NotFound
from twinline.language.nearest import nearest, not_found
from twinline.language.records import DatasetFacts, MlflowImport, NewModelVersion, RunFacts
from twinline.mirror import answers

VALUE_CHARACTERS_MAX = 8000
"""What is kept of a tag's or a parameter's value."""

RUN_IS_GONE = "deleted in MLflow"
"""The status of a run that a version names and MLflow does not have any more."""

_NESTED_MAX = 20

Made = TypeVar("Made", bound=BaseModel)
Value = TypeVar("Value", str, int)


def chosen_number(model: answers.RegisteredModel, wanted: MlflowImport) -> int:
    """The version that is wanted: by number, by alias, or the newest.

    ``latest`` is the newest, as it is in MLflow.

    Raises:
        Invalid: the model is a prompt, or both a number and an alias are wanted.
        NotFound: there is no such alias, or no version at all.
    """
    _refuse_prompt(model)
    if wanted.number is not None and wanted.alias is not None:
        raise Invalid(
            f"Number {wanted.number} and alias {wanted.alias!r} were both given, and may be two "
            "versions; give a number or an alias, not both.",
            field="alias",
            value=wanted.alias,
        )
    if wanted.number is not None:
        return wanted.number
    if wanted.alias is not None and wanted.alias != "latest":
        return _aliased(model, wanted.alias)
    if model.newest is None:
        raise not_found("version of the MLflow model", model.name, ())
    return model.newest


class Facts(NamedTuple):
    """How a version was made: the run, and the model as that logged it."""

    run: RunFacts | None = None
    logged: answers.LoggedModel | None = None


def record(
    model: answers.RegisteredModel, version: answers.Version, facts: Facts, *, name: str
) -> NewModelVersion:
    """The version by the ``name`` that the catalog has for it, with what was measured on it:
    by its run, and on the model itself since.

    Where both name a metric or parameter the LoggedModel's counts, as a run may have
    logged several models.

    Raises:
        Invalid: MLflow holds something that our records refuse.
    """
    run = facts.run
    measured = facts.logged.data if facts.logged else answers.Measured()
    return made(
        NewModelVersion,
        f"The MLflow model version {version.name!r} {version.version}",
        name=name,
        source="mlflow",
        number=version.version,
        source_uri=version.source or f"models:/{version.name}/{version.version}",
        pinned=True,
        params=(run.params if run else {}) | entries(measured.params),
        metrics=(run.metrics if run else {}) | metrics(measured.metrics),
        tags=entries(version.tags),
        aliases=tuple(alias.alias for alias in model.aliases if alias.version == version.version),
        run=run,
    )


def run_facts(run: answers.Run, experiment: str) -> RunFacts:
    """The run and the datasets that went into it.

    Raises:
        Invalid: MLflow holds something that our records refuse.
    """
    info = run.info
    return made(
        RunFacts,
        f"The MLflow run {info.run_id!r}",
        id=info.run_id,
        name=cut(info.run_name, 500),
        experiment=cut(experiment, 500),
        status=cut(info.status, 50),
        started_at=_instant(info.start_time),
        ended_at=_instant(info.end_time),
        params=entries(run.data.params),
        metrics=metrics(run.data.metrics),
        tags=entries(run.data.tags),
        datasets=tuple(_dataset(given) for given in run.inputs.dataset_inputs),
    )


def missing_run(id: str) -> RunFacts:
    """What is left of a run that MLflow does not have any more."""
    return made(RunFacts, f"The MLflow run {id!r}", id=id, status=RUN_IS_GONE)


class Changes(NamedTuple, Generic[Value]):
    """How what was known became what was seen: keys that are no more, or not as they were,
    and what holds now instead."""

    left: tuple[str, ...]
    begun: dict[str, Value]


def changes(known: Mapping[str, Value], seen: Mapping[str, Value]) -> Changes[Value]:
    """What became of tags or aliases."""
    return Changes(
        tuple(key for key, value in known.items() if seen.get(key) != value),
        {key: value for key, value in seen.items() if known.get(key) != value},
    )


def entries(given: Iterable[answers.Entry]) -> dict[str, str]:
    """Tags or parameters by key, each value cut to ``VALUE_CHARACTERS_MAX``."""
    return {entry.key: cut(entry.value, VALUE_CHARACTERS_MAX) for entry in given}


def metrics(given: Iterable[answers.Metric]) -> dict[str, float]:
    """The last measurement of each metric, without those that have no JSON form.

    MLflow keeps an infinity as the largest float, so that is none either.
    """
    in_order = sorted(given, key=lambda metric: (metric.step, metric.timestamp))
    last = {metric.key: metric.value for metric in in_order}
    return {key: value for key, value in last.items() if abs(value) < sys.float_info.max}


def cut(text: str, characters_max: int) -> str:
    """``text``, ending in an ellipsis when it had to be cut."""
    return text if len(text) <= characters_max else text[: characters_max - 1] + "…"


def _refuse_prompt(model: answers.RegisteredModel) -> None:
    if model.is_prompt:
        raise Invalid(
            f"{model.name!r} is a prompt in MLflow, not a model: it has no run and no dataset. "
            "The mirror keeps it as a prompt.",
            field="name",
            value=model.name,
        )


def _aliased(model: answers.RegisteredModel, alias: str) -> int:
    by_alias = {known.alias: known.version for known in model.aliases}
    if alias not in by_alias:
        known = f"it has {', '.join(sorted(by_alias))}" if by_alias else "it has none"
        raise NotFound(
            f"The MLflow model {model.name!r} has no alias {alias!r}; {known}.",
            kind="MLflow alias",
            name=alias,
            nearest=nearest(alias, by_alias),
        )
    return by_alias[alias]


def _dataset(given: answers.DatasetInput) -> DatasetFacts:
    dataset = given.dataset
    return made(
        DatasetFacts,
        f"The MLflow dataset {dataset.name!r} with digest {dataset.digest!r}",
        name=dataset.name,
        digest=dataset.digest,
        source_type=cut(dataset.source_type, 100),
        source=cut(dataset.source, 10_000),
        profile=_profile(dataset.profile),
        context=cut(entries(given.tags).get(answers.CONTEXT, ""), 100),
    )


def _profile(text: str) -> dict[str, Any]:
    """The profile's members; none when it is no JSON object."""
    try:
        profile = json.loads(text or "{}")
    except (ValueError, RecursionError):  # too long an integer is a bare ValueError
        return {}
    return keepable(profile) if isinstance(profile, dict) else {}


def keepable(value: Any, nested_max: int = _NESTED_MAX) -> Any:
    """The JSON value with None where PostgreSQL could not keep what is there, or where it is
    nested too deep."""
    match value:
        case float() if not math.isfinite(value):
            return None
        case str():
            return value.replace("\x00", "").encode("utf-8", "replace").decode()
        case dict() | list() if nested_max == 0:
            return None
        case dict():
            members = cast("dict[str, Any]", value).items()
            return {keepable(name, 0): keepable(kept, nested_max - 1) for name, kept in members}
        case list():
            return [keepable(item, nested_max - 1) for item in cast("list[Any]", value)]
        case _:
            return value


def _instant(milliseconds: int) -> datetime | None:
    if milliseconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def made(kind: type[Made], what: str, **members: Any) -> Made:
    """A record of ``members``.

    Raises:
        Invalid: our records refuse one of them; the message names ``what`` holds it.
    """
    try:
        return kind(**members)
    except ValidationError as error:
        wrong = error.errors()[0]
        field = ".".join(str(part) for part in wrong["loc"])
        value = cut(str(wrong["input"]), 200)
        raise Invalid(
            f"{what} cannot be kept: its {field} is {value!r}. {wrong['msg']}.",
            field=field,
            value=value,
        ) from error
