"""Take OpenLineage events: which jobs and datasets fed what we know.

A job becomes a node of its own (``nodes:/job/NAMESPACE/NAME``). A dataset with a version
becomes the dataset that runs log by that name and digest, so that what was written before
a training run meets the run; one without a version a node ``nodes:/dataset/...``. A run
that MLflow knows by the same id stands for itself instead of its job.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from twinline.access import actions as access
from twinline.access.actions import audit
from twinline.db.graph import add_edge, add_node, find_node
from twinline.db.session import Writing
from twinline.language.canonical import digest
from twinline.language.records import Instant, LineageTaken, NewCustomNode, Record
from twinline.language.records.models import DatasetFacts
from twinline.language.refs import CustomRef, DatasetRef, Ref, RunRef
from twinline.lineage import custom_store
from twinline.models import actions as models

NAME_MAX, PRODUCER_MAX = 128, 500
_Word = Annotated[str, Field(min_length=1, max_length=2_000)]
Facets = dict[str, Any]


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
    eventType: str | None = None  # noqa: N815 -- the word of the specification
    producer: str = ""
    run: SentRun | None = None
    job: SentJob | None = None
    dataset: SentDataset | None = None
    inputs: Annotated[tuple[SentDataset, ...], Field(max_length=1_000)] = ()
    outputs: Annotated[tuple[SentDataset, ...], Field(max_length=1_000)] = ()


FAILED = ("FAIL", "ABORT")


def take(tx: Writing, event: LineageEvent) -> LineageTaken:
    """Keep what an event says came from what; saying it again changes nothing.

    What failed wrote nothing: its outputs are left out.
    """
    since = min(event.eventTime, access.now(tx))
    nodes: list[Ref] = []
    edges = 0
    if event.dataset:
        nodes.append(_dataset(tx, event.dataset, since))
    if event.job:
        worker = _worker(tx, event.job, event.run, since)
        read = [_dataset(tx, one, since) for one in _in_order(event.inputs)]
        wrote = [] if event.eventType in FAILED else list(_in_order(event.outputs))
        written = [_dataset(tx, one, since) for one in wrote]
        evidence = _evidence(event)
        edges += sum(_edge(tx, one, worker, "read_by", since, evidence) for one in read)
        edges += sum(_edge(tx, worker, one, "wrote", since, evidence) for one in written)
        nodes += [worker, *read, *written]
    found = LineageTaken(nodes=tuple(str(one) for one in dict.fromkeys(nodes)), new_edges=edges)
    if edges:
        audit(tx, "lineage.event", found.nodes[0], after=found.model_dump() | _evidence(event))
    return found


def _worker(tx: Writing, job: SentJob, run: SentRun | None, since: datetime) -> Ref:
    if run is not None:
        known = RunRef(run.runId.replace("-", ""))
        if find_node(tx, known) is not None:
            return known
    return _custom(tx, "job", f"{job.namespace}/{job.name}", since)


def _dataset(tx: Writing, sent: SentDataset, since: datetime) -> Ref:
    if sent.version is None or "/" in sent.version:
        return _custom(tx, "dataset", f"{sent.namespace}/{sent.name}", since)
    name, version = _name(sent.name), _name(sent.version)
    facts = DatasetFacts(
        name=name,
        digest=version,
        source_type="openlineage",
        source=_name(sent.namespace),
        profile={},
    )
    models.keep_dataset(tx, facts)
    return DatasetRef(name, version)


def _custom(tx: Writing, type: str, name: str, since: datetime) -> Ref:
    ref = CustomRef(type, _name(name))
    if find_node(tx, ref) is None:
        new = NewCustomNode(type=ref.type, name=ref.name, since=since, properties={})
        custom_store.keep(tx, add_node(tx, "custom", ref, since=since), new)
    return ref


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


def _in_order(sent: tuple[SentDataset, ...]) -> list[SentDataset]:
    """In one order, so that events about the same new datasets cannot deadlock."""
    return sorted(sent, key=lambda one: (one.namespace, one.name, one.version or ""))


def _name(text: str) -> str:
    """Words of others as a name of ours: no empty folders, and long ones end in their
    digest instead."""
    printable = "".join(char if char.isprintable() else "_" for char in text)
    folders = [one for one in printable.split("/") if one not in ("", ".", "..")]
    plain = "/".join(folders) or "_"
    plain = f"{plain}_" if folders[-1:] == ["versions"] else plain
    return plain if len(plain) <= NAME_MAX else f"{plain[: NAME_MAX - 17]}-{digest(plain)[:16]}"
