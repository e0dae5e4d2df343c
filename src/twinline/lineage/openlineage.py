"""Take OpenLineage events: which jobs and datasets fed what we know.

A job becomes a node of its own (``nodes:/job/NAMESPACE|NAME``). A dataset whose version is
a digest becomes the dataset that runs log by that name and digest, so that what was
written before a training run meets the run; another one a node ``nodes:/dataset/...``. A
run that MLflow knows by the same id stands for itself instead of its job.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from twinline.access import actions as access
from twinline.access.actions import audit
from twinline.db.graph import add_edge, add_node, find_node
from twinline.db.session import Reading, Writing
from twinline.language.canonical import digest
from twinline.language.records import Instant, LineageTaken, NewCustomNode, Record
from twinline.language.records.models import DatasetFacts
from twinline.language.refs import CustomRef, DatasetRef, Ref, RunRef
from twinline.lineage import custom_store
from twinline.models import actions as models

NAME_MAX, PRODUCER_MAX = 120, 500
DIGEST_MIN = 8
"""A version of so many characters is taken for a digest: of these data, wherever they are."""
_Word = Annotated[str, Field(min_length=1, max_length=2_000)]
Facets = dict[str, Any]


EventType = Literal["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]


class SentJob(Record):
    """A job as OpenLineage names it."""

    namespace: _Word
    name: _Word


class SentDataset(Record):
    """A dataset as OpenLineage names it."""

    namespace: _Word
    name: _Word
    facets: Facets = Field(default_factory=dict[str, Any])

    @property
    def version(self) -> str | None:
        """From its version facet."""
        facet = self.facets.get("version")
        found = facet.get("datasetVersion") if isinstance(facet, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] -- any JSON
        return found if isinstance(found, str) and found else None


class SentRun(Record):
    """A run as OpenLineage names it."""

    runId: _Word  # noqa: N815 -- the word of the specification


class LineageEvent(Record):
    """A run, job or dataset event of OpenLineage 1.x or 2; facets that say nothing about
    what came from what are not looked at."""

    eventTime: Instant  # noqa: N815 -- the word of the specification
    eventType: EventType | None = None  # noqa: N815 -- the word of the specification
    producer: str = ""
    run: SentRun | None = None
    job: SentJob | None = None
    dataset: SentDataset | None = None
    inputs: Annotated[tuple[SentDataset, ...], Field(max_length=1_000)] = ()
    outputs: Annotated[tuple[SentDataset, ...], Field(max_length=1_000)] = ()


def take(tx: Writing, event: LineageEvent) -> LineageTaken:
    """Keep what an event says came from what; saying it again changes nothing.

    What a run wrote is taken from its end: before that nobody knows whether it will.
    """
    since = min(event.eventTime, access.now(tx))
    wrote = event.outputs if event.run is None or event.eventType == "COMPLETE" else ()
    read, written = [_dataset(one) for one in event.inputs], [_dataset(one) for one in wrote]
    worker = _worker(tx, event.job, event.run) if event.job else None
    alone = [_dataset(event.dataset)] if event.dataset else []
    nodes: dict[Ref, None] = dict.fromkeys([*([worker] if worker else []), *alone, *read, *written])
    for ref in sorted(nodes, key=str):  # in one order, so that events cannot deadlock
        _keep(tx, ref, since)
    edges = 0
    if worker:
        told = [(one, worker, "read_by") for one in read]
        told += [(worker, one, "wrote") for one in written]
        evidence = _evidence(event)
        for source, target, kind in sorted(dict.fromkeys(told), key=str):
            edges += _edge(tx, source, target, kind, since, evidence)
    found = LineageTaken(nodes=tuple(map(str, nodes)), new_edges=edges)
    if edges:
        audit(tx, "lineage.event", found.nodes[0], after=found.model_dump() | _evidence(event))
    return found


def _worker(tx: Reading, job: SentJob, run: SentRun | None) -> Ref:
    if run is not None:
        known = RunRef(run.runId.replace("-", ""))
        if find_node(tx, known) is not None:
            return known
    return CustomRef("job", _joined(job.namespace, job.name))


def _dataset(sent: SentDataset) -> Ref:
    """The dataset that runs log by this name and digest, when its version is one; a number
    says nothing beyond its namespace."""
    version = sent.version
    if version is None or len(version) < DIGEST_MIN or _name(version) != version:
        name = f"{sent.name}@{version}" if version else sent.name
        return CustomRef("dataset", _joined(sent.namespace, name))
    return DatasetRef(_name(sent.name), version)


def _keep(tx: Writing, ref: Ref, since: datetime) -> None:
    """Make the node when there is none."""
    if find_node(tx, ref) is not None:
        return
    match ref:
        case DatasetRef():
            facts = DatasetFacts(
                name=ref.name, digest=ref.digest, source_type="openlineage", profile={}
            )
            models.keep_dataset(tx, facts)
        case CustomRef():
            new = NewCustomNode(type=ref.type, name=ref.name, since=since, properties={})
            custom_store.keep(tx, add_node(tx, "custom", ref, since=since), new)
        case _:
            pass


def _edge(
    tx: Writing, source: Ref, target: Ref, kind: str, since: datetime, evidence: dict[str, Any]
) -> bool:
    above, below = find_node(tx, source), find_node(tx, target)
    assert above is not None
    assert below is not None
    return above != below and add_edge(tx, above, below, kind, since=since, evidence=evidence)


def _evidence(event: LineageEvent) -> dict[str, Any]:
    return {
        "run_id": event.run.runId if event.run else None,
        "event_time": event.eventTime.isoformat(),
        "producer": event.producer[:PRODUCER_MAX],
    }


def _joined(namespace: str, name: str) -> str:
    """A name of ours for a name in a namespace: different ones stay different."""
    plain = f"{_name(namespace)}|{_name(name)}"
    same = f"{namespace}|{name}" in (plain, plain.replace(":/", "://", 1))
    if same and plain.count("|") == 1:
        return plain
    return f"{plain[: NAME_MAX - 17]}-{digest([namespace, name])[:16]}"


def _name(text: str) -> str:
    """Words of others as a name of ours: no empty folders, and long ones end in their
    digest instead."""
    printable = "".join(char if char.isprintable() else "_" for char in text)
    folders = [one for one in printable.split("/") if one not in ("", ".", "..")]
    plain = "/".join(folders) or "_"
    plain = f"{plain}_" if folders[-1:] == ["versions"] else plain
    return plain if len(plain) <= NAME_MAX else f"{plain[: NAME_MAX - 17]}-{digest(plain)[:16]}"
