"""What is known of a model version, a run, a dataset: names and values, and how two differ."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from twinline.language.canonical import canonical
from twinline.language.errors import Invalid
from twinline.language.records import CustomNode, Dataset, ModelVersion, Run
from twinline.web import addresses
from twinline.web.rendering import minute


class Fact(NamedTuple):
    """A name, a value as people read it, where that leads, and the value as canonical JSON
    (empty: it is the text that is read)."""

    name: str
    value: str
    leads: str = ""
    exact: str = ""


class Difference(NamedTuple):
    """What two sides say of one thing (None: nothing), and whether that is something else; then
    it is said so that one sees it."""

    name: str
    old: str | None
    new: str | None
    differs: bool


def of_model_version(one: ModelVersion, run: Run | None) -> list[Fact]:
    """Of a model version, and of the run that made it; without ``run`` only which one it was."""
    return [
        Fact("source", one.source_uri),
        Fact("from", "MLflow" if one.source == "mlflow" else "a provider, declared by hand"),
        Fact("pinned", "yes" if one.pinned else "no, its provider may change what answers"),
        *_prefixed("parameter", one.params),
        *_prefixed("metric", one.metrics, _rounded),
        *_prefixed("tag", one.tags),
        *(() if one.run is None else (Fact("run", one.run.id, addresses.of(one.run)),)),
        *(() if run is None else _of_its_run(run)),
    ]


def _of_its_run(run: Run) -> Iterator[Fact]:
    yield from (Fact("trained on", str(one), addresses.of(one)) for one in run.datasets)
    yield from _prefixed("run parameter", run.params)
    yield from _prefixed("run metric", run.metrics, _rounded)


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
        *_prefixed("metric", run.metrics, _rounded),
        *_prefixed("tag", run.tags),
    ]


def of_dataset(one: Dataset) -> list[Fact]:
    """Of a dataset."""
    return [
        Fact("digest", one.digest),
        *_known(("source", one.source), ("kind of source", one.source_type)),
        Fact("known since", minute(one.created_at)),
        *_prefixed("profile", one.profile, _rounded),
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
    """Each name once, with what both sides say of it; those that differ alone, or every one.

    Values are compared exactly; two that differ and would look alike are said as JSON."""
    before, after = _by_name(old), _by_name(new)
    both = [
        _difference(name, before.get(name), after.get(name))
        for name in dict.fromkeys([*before, *after])
    ]
    return [one for one in both if every or one.differs]


def _difference(name: str, *sides: Fact | None) -> Difference:
    old, new = (one and (one.exact or one.value) for one in sides)
    read = [one and one.value for one in sides]
    if old != new and len({" ".join((one or "").split()) for one in read}) == 1:
        return Difference(name, old, new, differs=True)
    return Difference(name, *read, differs=old != new)


def _by_name(facts: Iterable[Fact]) -> dict[str, Fact]:
    found: dict[str, Fact] = {}
    for one in facts:
        known = found.get(one.name)
        value = f"{known.value}, {one.value}" if known else one.value
        exact = f"{known.exact}, {one.exact}" if known and one.exact else one.exact
        found[one.name] = Fact(one.name, value, exact=exact)
    return found


def _known(*said: tuple[str, str | datetime | None]) -> Iterator[Fact]:
    for name, value in said:
        if value:
            yield Fact(name, minute(value) if isinstance(value, datetime) else value)


def _said(value: Any) -> str:
    match value:
        case str():
            return value
        case float():
            return _exact(value)
        case _:
            return json.dumps(value, ensure_ascii=False, default=str)


def _rounded(value: Any) -> str:
    """What was measured: six digits are enough to read it."""
    return f"{value:.6g}" if isinstance(value, float) else _said(value)


def _exact(value: Any) -> str:
    try:
        return canonical(value).decode()
    except Invalid:  # what others measured may be no number, or one that no double holds
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _prefixed(
    prefix: str, values: Mapping[str, Any], said: Callable[[Any], str] = _said
) -> Iterator[Fact]:
    for name, value in sorted(values.items()):
        yield Fact(f"{prefix} {name}".strip(), said(value), exact=_exact(value))
