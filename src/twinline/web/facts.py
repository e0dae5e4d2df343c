"""What is known of a model version, a run, a dataset: names and values, and how two differ."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from twinline.language.records import CustomNode, Dataset, ModelVersion, Run
from twinline.web import addresses
from twinline.web.rendering import minute


class Fact(NamedTuple):
    """A name, a value, and where that leads."""

    name: str
    value: str
    leads: str = ""


class Difference(NamedTuple):
    """What two sides say of one thing; None: nothing."""

    name: str
    old: str | None
    new: str | None

    @property
    def differs(self) -> bool:
        """Whether the sides say something else."""
        return self.old != self.new


def of_model_version(one: ModelVersion, run: Run | None) -> list[Fact]:
    """Of a model version, and of the run that made it; without ``run`` only which one it was."""
    return [
        Fact("source", one.source_uri),
        Fact("from", "MLflow" if one.source == "mlflow" else "a provider, declared by hand"),
        Fact("pinned", "yes" if one.pinned else "no, its provider may change what answers"),
        *_prefixed("parameter", one.params),
        *_prefixed("metric", one.metrics),
        *_prefixed("tag", one.tags),
        *(() if one.run is None else (Fact("run", one.run.id, addresses.of(one.run)),)),
        *(() if run is None else _of_its_run(run)),
    ]


def _of_its_run(run: Run) -> Iterator[Fact]:
    yield from (Fact("trained on", str(one), addresses.of(one)) for one in run.datasets)
    yield from _prefixed("run parameter", run.params)
    yield from _prefixed("run metric", run.metrics)


def of_run(run: Run) -> list[Fact]:
    """Of a run."""
    return [
        *_known(
            ("name", run.name),
            ("experiment", run.experiment),
            ("status", run.status),
            ("started", run.started_at),
            ("ended", run.ended_at),
        ),
        *_prefixed("parameter", run.params),
        *_prefixed("metric", run.metrics),
        *_prefixed("tag", run.tags),
    ]


def of_dataset(one: Dataset) -> list[Fact]:
    """Of a dataset."""
    return [
        Fact("digest", one.digest),
        *_known(("source", one.source), ("kind of source", one.source_type)),
        Fact("known since", minute(one.created_at)),
        *_prefixed("profile", one.profile),
    ]


def of_custom_node(one: CustomNode) -> list[Fact]:
    """Of something that people added."""
    return [
        Fact("type", one.type),
        *_known(("description", one.description), ("owner", one.owner)),
        Fact("said by", one.actor),
        Fact("since", minute(one.since)),
        *_prefixed("property", one.properties),
    ]


def of_parameters(parameters: Mapping[str, Any], prefix: str = "") -> list[Fact]:
    """Of what a pair is called with; ``prefix`` sets it apart where other facts stand beside."""
    return list(_prefixed(prefix, parameters))


def differences(old: Iterable[Fact], new: Iterable[Fact], *, every: bool) -> list[Difference]:
    """Each name once, with what both sides say of it; those that differ alone, or every one."""
    before, after = _by_name(old), _by_name(new)
    both = [
        Difference(name, before.get(name), after.get(name))
        for name in dict.fromkeys([*before, *after])
    ]
    return [one for one in both if every or one.differs]


def _by_name(facts: Iterable[Fact]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value, _ in facts:
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _known(*said: tuple[str, str | datetime | None]) -> Iterator[Fact]:
    for name, value in said:
        if value:
            yield Fact(name, minute(value) if isinstance(value, datetime) else value)


def _prefixed(prefix: str, values: Mapping[str, Any]) -> Iterator[Fact]:
    for name in sorted(values):
        yield Fact(f"{prefix} {name}".strip(), _said(values[name]))


def _said(value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return json.dumps(value)
        case float():
            return f"{value:.6g}"
        case _:
            return json.dumps(value, ensure_ascii=False, default=str)
