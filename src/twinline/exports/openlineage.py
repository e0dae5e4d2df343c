"""What served, as OpenLineage run events (specification 2-0-2).

A slot is a job of processing type SERVICE that reports periodically: each event is a
complete snapshot of one minute of one bundle, and never a request. Its run is that
minute, so it is COMPLETE as soon as it is said, and consumers that know only batch jobs
see no run that never ends. The run's id follows from slot, bundle and minute: saying an
event again replaces it.

Both sides are inputs, with their version and type. Counts and deployments are in a
facet of ours, whose JSON Schema the server publishes.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from twinline.language.ids import first_id, id_beside
from twinline.language.records import Json
from twinline.language.refs import BundleRef, ModelVersionRef, PromptVersionRef, SlotRef

MINUTE = timedelta(minutes=1)
NAMESPACE = "twinline"
FACET = "twinline_service"
"""Custom facets carry their producer's name."""
SCHEMA_PATH = "/schemas/openlineage/service/1.json"
_SPEC = "https://openlineage.io/spec"
_RUN_EVENT = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_RUN_FACET = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunFacet"


class ServedMinute(NamedTuple):
    """What a bundle served in a slot in one minute under one deployment.

    ``deployment`` is None where the caller did not say it; both sides are None for a
    bundle that is unresolved.
    """

    minute: datetime
    slot: SlotRef
    bundle: BundleRef
    model: ModelVersionRef | None
    prompt: PromptVersionRef | None
    deployment: int | None
    requests: int
    errors: int


class Producer(NamedTuple):
    """Who says the events: Twinline's version, and where the server is."""

    version: str
    url: str

    @property
    def name(self) -> str:
        """The URI by which events name us."""
        return f"urn:twinline:{self.version}"

    def facet(self, schema: str, **members: Any) -> Json:
        """A facet: who says it, by which schema, and what."""
        return {"_producer": self.name, "_schemaURL": schema, **members}

    def standard(self, facet: str, edition: str, /, **members: Any) -> Json:
        """A facet of the specification."""
        return self.facet(f"{_SPEC}/facets/{edition}/{facet}.json#/$defs/{facet}", **members)


def events(served: Iterable[ServedMinute], producer: Producer) -> Iterator[Json]:
    """One event for each minute, slot and bundle; ``served`` is in that order."""
    for _, found in groupby(served, key=lambda one: (one.minute, one.slot, one.bundle)):
        yield _event(list(found), producer)


def schema(url: str) -> Json:
    """The JSON Schema of our facet, as it is published at ``url``."""
    count = {"type": "integer", "minimum": 0}
    counts = {"requests": count, "errors": count}
    deployment = {
        "type": "object",
        "required": ["requests", "errors"],
        "properties": {
            "number": {"type": "integer", "description": "Absent when it is not known."},
            **counts,
        },
    }
    digest = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
    members = {
        "bundle": {"type": "string", "description": "The reference of the bundle that served."},
        "sha256": {**digest, "description": "The bundle's digest."},
        "resolved": {"type": "boolean", "description": "Whether both sides are known."},
        **counts,
        "deployments": {"type": "array", "items": deployment},
    }
    facet = {
        "allOf": [
            {"$ref": _RUN_FACET},
            {"type": "object", "required": sorted(members), "properties": members},
        ],
        "description": "What a bundle served in a slot in the minute of the run.",
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": url,
        "$defs": {"TwinlineServiceRunFacet": facet},
        "type": "object",
        "properties": {FACET: {"$ref": "#/$defs/TwinlineServiceRunFacet"}},
    }


def _event(served: list[ServedMinute], producer: Producer) -> Json:
    first = served[0]
    end = first.minute + MINUTE
    id = id_beside(first_id(first.minute), f"{first.slot} {first.bundle}")
    return {
        "eventType": "COMPLETE",
        "eventTime": end.isoformat(),
        "producer": producer.name,
        "schemaURL": _RUN_EVENT,
        "run": {"runId": str(id), "facets": _run_facets(served, producer)},
        "job": {
            "namespace": NAMESPACE,
            "name": first.slot.short,
            "facets": {"jobType": _job_type(producer)},
        },
        "inputs": [_input(ref, producer) for ref in (first.model, first.prompt) if ref is not None],
        "outputs": [],
    }


def _run_facets(served: list[ServedMinute], producer: Producer) -> Json:
    first = served[0]
    schema_url = f"{producer.url}{SCHEMA_PATH}#/$defs/TwinlineServiceRunFacet"
    return {
        "nominalTime": producer.standard(
            "NominalTimeRunFacet",
            "1-0-1",
            nominalStartTime=first.minute.isoformat(),
            nominalEndTime=(first.minute + MINUTE).isoformat(),
        ),
        "processing_engine": producer.standard(
            "ProcessingEngineRunFacet", "1-1-1", version=producer.version, name="Twinline"
        ),
        FACET: producer.facet(
            schema_url,
            bundle=str(first.bundle),
            sha256=first.bundle.digest,
            resolved=first.model is not None and first.prompt is not None,
            requests=sum(one.requests for one in served),
            errors=sum(one.errors for one in served),
            deployments=[_deployment(one) for one in served],
        ),
    }


def _deployment(served: ServedMinute) -> Json:
    """OpenLineage's own client drops what is null, so what is not known is left out."""
    number = {} if served.deployment is None else {"number": served.deployment}
    return {**number, "requests": served.requests, "errors": served.errors}


def _job_type(producer: Producer) -> Json:
    return producer.standard(
        "JobTypeJobFacet",
        "2-0-4",
        processingType="SERVICE",
        integration="TWINLINE",
        jobType="SLOT",
        emissionPattern={
            "eventTrigger": "PERIODIC",
            "eventContentMode": "COMPLETE_SNAPSHOT",
            "windowDuration": int(MINUTE.total_seconds()),
        },
    )


def _input(ref: ModelVersionRef | PromptVersionRef, producer: Producer) -> Json:
    kind = "MODEL" if isinstance(ref, ModelVersionRef) else "PROMPT"
    return {
        "namespace": NAMESPACE,
        "name": f"{ref.scheme}:/{ref.name}",
        "facets": {
            "version": producer.standard(
                "DatasetVersionDatasetFacet", "1-0-1", datasetVersion=str(ref.number)
            ),
            "datasetType": producer.standard("DatasetTypeDatasetFacet", "1-0-1", datasetType=kind),
        },
    }
