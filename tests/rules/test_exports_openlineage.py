"""Events are those that OpenLineage's own classes make, once for slot, bundle and minute."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from openlineage.client.event_v2 import InputDataset, Job, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    dataset_type_dataset,
    dataset_version_dataset,
    job_type_job,
    nominal_time_run,
    processing_engine_run,
)
from openlineage.client.generated.base import RunFacet
from openlineage.client.serde import Serde
from referencing import Registry, Resource

from twinline.exports.openlineage import FACET, Producer, ServedMinute, events, schema
from twinline.exports.rules import window
from twinline.language.errors import Invalid
from twinline.language.ids import made_at
from twinline.language.records import Json
from twinline.language.refs import BundleRef, ModelVersionRef, PromptVersionRef, SlotRef

MINUTE = datetime(2026, 7, 1, 14, 2, tzinfo=UTC)
BUNDLE = BundleRef("ab" * 32)
PRODUCER = Producer("0.1.0", "http://127.0.0.1:8420")
SERVED = ServedMinute(
    MINUTE, SlotRef("support-answer", "production"), BUNDLE,
    ModelVersionRef("churn", 3), PromptVersionRef("support/answer", 7),
    deployment=12, requests=40, errors=2,
)  # fmt: skip
UNRESOLVED = SERVED._replace(model=None, prompt=None, deployment=None)


def _events(*served: ServedMinute) -> list[Json]:
    return list(events(served, PRODUCER))


def _rebuilt(event: Json) -> dict[str, Any]:
    """The event, made again by the library's classes out of its values alone."""
    by, facets, job = event["producer"], event["run"]["facets"], event["job"]
    time, engine = facets["nominalTime"], facets["processing_engine"]
    kind = job["facets"]["jobType"]
    ours = {name: said for name, said in facets[FACET].items() if not name.startswith("_")}
    run = {
        "nominalTime": nominal_time_run.NominalTimeRunFacet(
            time["nominalStartTime"], time["nominalEndTime"], producer=by
        ),
        "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
            engine["version"], engine["name"], producer=by
        ),
        FACET: RunFacet(producer=by).with_additional_properties(**ours),
    }
    job_type = job_type_job.JobTypeJobFacet(
        kind["processingType"],
        kind["integration"],
        kind["jobType"],
        job_type_job.EmissionPattern(**kind["emissionPattern"]),
        producer=by,
    )
    made = RunEvent(
        eventType=RunState(event["eventType"]),
        eventTime=event["eventTime"],
        producer=by,
        run=Run(event["run"]["runId"], run),
        job=Job(job["namespace"], job["name"], {"jobType": job_type}),
        inputs=[_input(one, by) for one in event["inputs"]],
        outputs=[],
    )
    return Serde.to_dict(made)


def _input(one: Json, by: str) -> InputDataset:
    version, kind = one["facets"]["version"], one["facets"]["datasetType"]
    facets = {
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(
            version["datasetVersion"], producer=by
        ),
        "datasetType": dataset_type_dataset.DatasetTypeDatasetFacet(
            kind["datasetType"], producer=by
        ),
    }
    return InputDataset(one["namespace"], one["name"], facets=facets)


@pytest.mark.parametrize("served", [SERVED, UNRESOLVED], ids=["pair", "unresolved"])
def test_the_library_s_classes_make_the_same_event(served: ServedMinute) -> None:
    (event,) = _events(served)
    rebuilt = _rebuilt(event)
    # The library knows no schema of ours, and leaves empty facets of an input standing.
    rebuilt["run"]["facets"][FACET]["_schemaURL"] = event["run"]["facets"][FACET]["_schemaURL"]
    for one in rebuilt["inputs"]:
        assert one.pop("inputFacets") == {}
    assert rebuilt == event


def test_a_slot_is_a_service_that_reports_a_whole_minute() -> None:
    (event,) = _events(SERVED)
    assert (event["job"]["namespace"], event["job"]["name"]) == (
        "twinline",
        "support-answer@production",
    )
    kind = event["job"]["facets"]["jobType"]
    assert (kind["processingType"], kind["integration"]) == ("SERVICE", "TWINLINE")
    assert kind["emissionPattern"] == {
        "eventTrigger": "PERIODIC",
        "eventContentMode": "COMPLETE_SNAPSHOT",
        "windowDuration": 60,
    }
    assert event["eventTime"] == "2026-07-01T14:03:00+00:00"
    assert event["run"]["facets"]["nominalTime"]["nominalStartTime"] == MINUTE.isoformat()


def test_both_sides_are_inputs_with_their_version_and_type() -> None:
    (event,) = _events(SERVED)
    assert [
        (
            one["name"],
            one["facets"]["version"]["datasetVersion"],
            one["facets"]["datasetType"]["datasetType"],
        )
        for one in event["inputs"]
    ] == [("models:/churn", "3", "MODEL"), ("prompts:/support/answer", "7", "PROMPT")]


def test_the_deployments_of_a_minute_are_told_in_one_event() -> None:
    later = SERVED._replace(deployment=13, requests=5, errors=1)
    (event,) = _events(SERVED, later)
    facet = event["run"]["facets"][FACET]
    assert (facet["requests"], facet["errors"], facet["bundle"]) == (45, 3, str(BUNDLE))
    assert facet["deployments"] == [
        {"number": 12, "requests": 40, "errors": 2},
        {"number": 13, "requests": 5, "errors": 1},
    ]


def test_what_is_unresolved_is_told_without_inputs() -> None:
    (event,) = _events(UNRESOLVED)
    facet = event["run"]["facets"][FACET]
    assert (event["inputs"], facet["resolved"], facet["requests"]) == ([], False, 40)
    assert facet["deployments"] == [{"requests": 40, "errors": 2}]


def test_a_run_s_id_follows_from_slot_bundle_and_minute() -> None:
    others = [
        SERVED._replace(minute=MINUTE + timedelta(minutes=1)),
        SERVED._replace(slot=SlotRef("support-answer", "staging")),
        SERVED._replace(bundle=BundleRef("cd" * 32)),
    ]
    ids = [event["run"]["runId"] for event in _events(SERVED, *others)]
    assert len(set(ids)) == 4
    (again,) = _events(SERVED._replace(requests=41, deployment=13))
    assert again["run"]["runId"] == ids[0]


def test_a_run_s_id_is_a_uuid_7_of_its_minute() -> None:
    (event,) = _events(SERVED)
    id = UUID(event["run"]["runId"])
    assert (id.version, made_at(id)) == (7, MINUTE)


def _validator() -> Draft202012Validator:
    """Over our schema, with OpenLineage's own definition of a run facet."""
    spec = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {
            "RunFacet": {
                "type": "object",
                "required": ["_producer", "_schemaURL"],
                "properties": {
                    "_producer": {"type": "string", "format": "uri"},
                    "_schemaURL": {"type": "string", "format": "uri"},
                },
            }
        },
    }
    url = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
    registry: Registry[Any] = Registry().with_resource(url, Resource.from_contents(spec))
    return Draft202012Validator(schema("http://127.0.0.1:8420/x"), registry=registry)


def test_our_facet_is_as_our_schema_says() -> None:
    facets = _events(SERVED, UNRESOLVED)[0]["run"]["facets"]
    validator = _validator()
    Draft202012Validator.check_schema(schema("http://127.0.0.1:8420/x"))
    validator.validate({FACET: facets[FACET]})
    for name, value in (("requests", -1), ("sha256", "ab"), ("deployments", [{}])):
        with pytest.raises(ValidationError):
            validator.validate({FACET: {**facets[FACET], name: value}})
    with pytest.raises(ValidationError):
        validator.validate({FACET: {name: facets[FACET][name] for name in ("requests", "errors")}})


def test_an_event_is_plain_json() -> None:
    (event,) = _events(SERVED)
    assert json.loads(json.dumps(event)) == event


NOW = datetime(2026, 7, 1, 15, 0, 30, tzinfo=UTC)


def _at(hour: int, minute: int, second: int = 0) -> datetime:
    return NOW.replace(hour=hour, minute=minute, second=second)


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        pytest.param(_at(14, 0), _at(14, 5), (_at(14, 0), _at(14, 5)), id="whole-minutes"),
        pytest.param(_at(14, 0, 59), _at(14, 5, 59), (_at(14, 0), _at(14, 5)), id="rounded-down"),
        pytest.param(_at(14, 0), _at(16, 0), (_at(14, 0), _at(15, 0)), id="only-what-is-over"),
        pytest.param(_at(14, 0, 5), _at(14, 0, 9), (_at(14, 0), _at(14, 0)), id="within-one"),
        pytest.param(_at(14, 0), _at(14, 0), (_at(14, 0), _at(14, 0)), id="empty"),
        pytest.param(_at(15, 0), _at(15, 1), (_at(15, 0), _at(15, 0)), id="not-over-yet"),
        pytest.param(_at(16, 0), _at(17, 0), (_at(16, 0), _at(16, 0)), id="in-the-future"),
    ],
)
def test_a_window_is_the_whole_minutes_that_are_over(
    start: datetime, end: datetime, told: tuple[datetime, datetime]
) -> None:
    assert window(start, end, NOW) == told


def test_a_window_before_1970_is_empty() -> None:
    first, last = window(datetime.min.replace(tzinfo=UTC), datetime(1, 1, 1, 9, tzinfo=UTC), NOW)
    assert first == last


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        pytest.param(_at(14, 1), _at(14, 0), "ends before it begins", id="backwards"),
        pytest.param(
            NOW, NOW + timedelta(hours=24, seconds=1), "more than 24 hours", id="too-long"
        ),
    ],
)
def test_a_window_that_is_none_is_refused(start: datetime, end: datetime, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        window(start, end, NOW)
