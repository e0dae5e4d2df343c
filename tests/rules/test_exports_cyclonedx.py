"""A bill of materials is what CycloneDX's own library takes, and says what we know."""

import json
from typing import Any

import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.support.origins import ORIGINS, PARAMETERS, hosted, plain
from twinline.exports.cyclonedx import document
from twinline.exports.origin import Origin
from twinline.language.canonical import canonical

origins = pytest.mark.parametrize("origin", ORIGINS.values(), ids=ORIGINS)


def _by_ref(found: dict[str, Any]) -> dict[str, Any]:
    return {one["bom-ref"]: one for one in found["components"]}


def _said(properties: list[dict[str, str]]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in properties}


@origins
def test_the_schema_of_1_7_takes_it_strictly(origin: Origin) -> None:
    text = canonical(document(origin, "0.1.0")).decode()
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(text) is None


def test_the_validator_would_notice_a_fault() -> None:
    broken = document(plain(), "0.1.0")
    broken["components"][0]["modelCard"]["surprise"] = True
    validator = JsonStrictValidator(SchemaVersion.V1_7)
    assert validator.validate_str(json.dumps(broken)) is not None


@origins
def test_the_library_reads_the_same_components_and_dependencies(origin: Origin) -> None:
    made = document(origin, "0.1.0")
    bom = Bom.from_json(data=json.loads(json.dumps(made)))
    assert {str(one.bom_ref) for one in bom.components} == set(_by_ref(made))
    read = {str(one.ref): {str(on.ref) for on in one.dependencies} for one in bom.dependencies}
    assert read == {one["ref"]: set(one["dependsOn"]) for one in made["dependencies"]}
    assert bom.validate()


@origins
def test_every_reference_within_it_leads_somewhere(origin: Origin) -> None:
    made = document(origin, "0.1.0")
    known = {*_by_ref(made), made["metadata"]["component"]["bom-ref"]}
    assert {one["ref"] for one in made["dependencies"]} == known
    named = {on for one in made["dependencies"] for on in one["dependsOn"]}
    card = _by_ref(made)[str(origin.model.ref)]["modelCard"]
    data = {one["ref"] for one in card["modelParameters"]["datasets"]}
    for one in made["compositions"]:
        named |= {*one.get("assemblies", ()), *one["dependencies"]}
    assert named | data <= known


def test_the_bundle_is_the_application_that_it_describes() -> None:
    origin = plain()
    described = document(origin, "0.1.0")["metadata"]["component"]
    assert (described["type"], described["version"]) == ("application", origin.bundle.digest[:12])
    assert described["hashes"] == [{"alg": "SHA-256", "content": origin.bundle.digest}]
    said = _said(described["properties"])
    told = {name: said[f"twinline:parameter:{name}"] for name in PARAMETERS}
    assert {name: json.loads(value) for name, value in told.items()} == PARAMETERS


def test_the_model_card_has_the_data_the_metrics_and_the_parameters() -> None:
    origin = plain()
    card = _by_ref(document(origin, "0.1.0"))["models:/churn/3"]["modelCard"]
    assert card["modelParameters"]["datasets"] == [
        {"ref": "datasets:/tickets/5e1f0a7c"},
        {"ref": "datasets:/faq/1"},
    ]
    metrics = {one["type"]: one["value"] for one in card["quantitativeAnalysis"][
        "performanceMetrics"
    ]}  # fmt: skip
    assert metrics == {"auc": "0.91", "loss": "0.125", "steps": "300"}
    assert _said(card["properties"]) == {
        "twinline:run": "runs:/run-3",
        "twinline:parameter:epochs": "3",
        "twinline:parameter:rank": "8",
    }


@pytest.mark.parametrize(
    ("origin", "kind", "content"),
    [
        pytest.param(plain(), "text/plain", "Answer {{ question }}\n", id="text"),
        pytest.param(
            hosted(),
            "application/json",
            '[{"content":"Answer <shortly> & well.","role":"system"},'
            '{"name":"history","type":"placeholder"}]',
            id="chat",
        ),
    ],
)
def test_a_prompt_is_configuration_data_with_its_text(
    origin: Origin, kind: str, content: str
) -> None:
    prompt = _by_ref(document(origin, "0.1.0"))["prompts:/support/answer/7"]
    assert prompt["type"] == "data"
    (data,) = prompt["data"]
    assert data["type"] == "configuration"
    assert data["contents"]["attachment"] == {"contentType": kind, "content": content}


def test_a_model_whose_data_nobody_knows_was_not_made_of_none() -> None:
    def complete(origin: Origin) -> dict[str, str]:
        return {
            ref: one["aggregate"]
            for one in document(origin, "0.1.0")["compositions"]
            for ref in one["dependencies"]
        }

    known, unknown = complete(plain()), complete(hosted())
    assert set(known.values()) == {"complete"}
    assert unknown["models:/gpt-4o/3"] == "unknown"
    assert unknown[str(hosted().bundle.ref)] == "complete"


def test_the_same_bundle_is_the_same_bytes_and_another_has_another_serial_number() -> None:
    one, again, other = (document(origin, "0.1.0") for origin in (plain(), plain(), hosted()))
    assert canonical(one) == canonical(again)
    assert one["serialNumber"] != other["serialNumber"]
    evaluated = plain()._replace(evaluations=(), pairing=None)
    assert document(evaluated, "0.1.0") == one
