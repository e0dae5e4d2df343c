"""A bundle's upstream lineage as PROV-JSON (W3C Member Submission, 24 April 2013).

Versions, datasets and results are entities; training, writing, bundling, evaluating and
stating are activities; whoever did them is an agent. Each reference of ours is a
qualified name whose prefix is its scheme, so that it expands to itself. (What PROV
calls a bundle, a named set of statements, is something else and not used here.)
"""

from datetime import datetime
from typing import Any

from twinline.exports.origin import Origin, escaped
from twinline.language.records import Json
from twinline.language.refs import Ref

MEDIA_TYPE = "application/json"
USER_TAG = "mlflow.user"
"""Where MLflow keeps who started a run."""
PREFIXES = {
    **{scheme: f"{scheme}:/" for scheme in ("bundles", "datasets", "models", "prompts", "runs")},
    "activities": "urn:twinline:activity:",
    "agents": "urn:twinline:agent:",
    "results": "urn:twinline:result:",
    "tw": "urn:twinline:prov:",
}


def document(origin: Origin) -> Json:
    """The statements about a bundle and everything upstream of it."""
    said = _Statements()
    _pair(said, origin)
    _write(said, origin)
    _train(said, origin)
    _evaluate(said, origin)
    _state_pairing(said, origin)
    return said.document()


class _Statements:
    """Collects statements; those of a kind stand together, as the format wants it."""

    def __init__(self) -> None:
        self._elements: dict[str, dict[str, Json]] = {"entity": {}, "activity": {}, "agent": {}}
        self._relations: dict[str, list[Json]] = {}

    def entity(self, id: str, kind: str, **more: Any) -> None:
        self._elements["entity"][id] = _attributes(kind, more)

    def activity(
        self, id: str, kind: str, begin: datetime | None = None, end: datetime | None = None
    ) -> None:
        times = {"prov:startTime": begin, "prov:endTime": end}
        known = {name: at.isoformat() for name, at in times.items() if at is not None}
        self._elements["activity"][id] = known | _attributes(kind, {})

    def actor(self, name: str) -> str:
        """Whoever did something: a person or a program, which we cannot tell apart."""
        return self.agent(f"agents:{escaped(name)}", "tw:Actor", name)

    def agent(self, id: str, kind: str, label: str) -> str:
        self._elements["agent"][id] = {"prov:type": _name(kind), "prov:label": label}
        return id

    def relate(self, relation: str, **ends: str) -> None:
        said = {f"prov:{role}": id for role, id in ends.items()}
        self._relations.setdefault(relation, []).append(said)

    def document(self) -> Json:
        numbers = iter(range(1, 1 + sum(map(len, self._relations.values()))))
        relations = {
            relation: {f"_:id{next(numbers)}": one for one in found}
            for relation, found in self._relations.items()
        }
        elements = {kind: found for kind, found in self._elements.items() if found}
        return {"prefix": PREFIXES, **elements, **relations}


def _pair(said: _Statements, origin: Origin) -> None:
    bundle, at = origin.bundle, origin.bundle.created_at
    id, sides = _id(bundle.ref), (_id(origin.model.ref), _id(origin.prompt.ref))
    act = f"activities:bundle/{bundle.digest}"
    twinline = said.agent("tw:twinline", "prov:SoftwareAgent", "Twinline")
    said.entity(id, "Bundle", label=str(bundle.ref), sha256=bundle.digest)
    said.entity(sides[0], "ModelVersion", label=str(origin.model.ref), sha256=origin.model.digest)
    said.entity(
        sides[1], "PromptVersion", label=str(origin.prompt.ref), sha256=origin.prompt.digest
    )
    said.activity(act, "Bundling", at, at)
    said.relate("wasGeneratedBy", entity=id, activity=act)
    said.relate("wasAssociatedWith", activity=act, agent=twinline)
    for side in sides:
        said.relate("used", activity=act, entity=side)
        said.relate("wasDerivedFrom", generatedEntity=id, usedEntity=side)


def _write(said: _Statements, origin: Origin) -> None:
    prompt = origin.prompt
    act = f"activities:write/{_local(prompt.ref)}"
    said.activity(act, "Writing", end=prompt.created_at)
    said.relate("wasGeneratedBy", entity=_id(prompt.ref), activity=act)
    said.relate("wasAssociatedWith", activity=act, agent=said.actor(prompt.author))


def _train(said: _Statements, origin: Origin) -> None:
    """The run and its datasets; nothing of a model that no run is known of."""
    run, model = origin.run, _id(origin.model.ref)
    if run is None:
        return
    act = _id(run.ref)
    said.activity(act, "Run", run.started_at, run.ended_at)
    said.relate("wasGeneratedBy", entity=model, activity=act)
    if USER_TAG in run.tags:
        said.relate("wasAssociatedWith", activity=act, agent=said.actor(run.tags[USER_TAG]))
    for one in origin.datasets:
        id = _id(one.ref)
        said.entity(id, "Dataset", label=str(one.ref), digest=one.digest)
        said.relate("used", activity=act, entity=id)
        said.relate("wasDerivedFrom", generatedEntity=model, usedEntity=id)


def _evaluate(said: _Statements, origin: Origin) -> None:
    for one in origin.evaluations:
        name = f"evaluation/{origin.bundle.digest}/{escaped(one.suite)}"
        act, result = f"activities:{name}", f"results:{name}"
        said.activity(act, "Evaluation", end=one.at)
        measures = one.model_dump(include={"suite", "verdict", "passed", "failed", "score"})
        said.entity(result, "EvaluationResult", **measures)
        said.relate("used", activity=act, entity=_id(origin.bundle.ref))
        said.relate("wasGeneratedBy", entity=result, activity=act)
        said.relate("wasAssociatedWith", activity=act, agent=said.actor(one.actor))


def _state_pairing(said: _Statements, origin: Origin) -> None:
    stated = origin.pairing
    if stated is None:
        return
    name = f"pairing/{_local(stated.model)}/{_local(stated.prompt)}"
    act, result = f"activities:{name}", f"results:{name}"
    said.activity(act, "PairingStatement", end=stated.at)
    said.entity(result, "PairingStatus", status=stated.status, reason=stated.reason)
    said.relate("used", activity=act, entity=_id(stated.model))
    said.relate("used", activity=act, entity=_id(stated.prompt))
    said.relate("wasGeneratedBy", entity=result, activity=act)
    said.relate("wasAssociatedWith", activity=act, agent=said.actor(stated.actor))


def _id(ref: Ref) -> str:
    return f"{ref.scheme}:{_local(ref)}"


def _local(ref: Ref) -> str:
    return escaped(str(ref).removeprefix(f"{ref.scheme}:/"))


def _attributes(kind: str, more: dict[str, Any]) -> Json:
    named = {("prov:label" if name == "label" else f"tw:{name}"): more[name] for name in more}
    known = {name: _value(value) for name, value in named.items() if value is not None}
    return {"prov:type": _name(f"tw:{kind}"), **known}


def _name(text: str) -> Json:
    return {"$": text, "type": "xsd:QName"}


def _value(value: str | int | float) -> Any:
    match value:
        case str():
            return value
        case int():
            return {"$": str(value), "type": "xsd:int"}
        case float():
            return {"$": repr(value), "type": "xsd:double"}
