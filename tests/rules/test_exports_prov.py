"""PROV's own library reads the statements and writes the same ones again."""

import json
import warnings
from typing import Any

import pytest
from prov.model import ProvActivity, ProvAgent, ProvDocument, ProvEntity

from tests.support.origins import ORIGINS, hosted, plain
from twinline.exports.origin import Origin
from twinline.exports.prov import document

origins = pytest.mark.parametrize("origin", ORIGINS.values(), ids=ORIGINS)


def _read(made: dict[str, Any]) -> ProvDocument:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return ProvDocument.deserialize(content=json.dumps(made), format="json")


def _pairs(made: dict[str, Any], relation: str, one: str, other: str) -> set[tuple[str, str]]:
    return {(said[f"prov:{one}"], said[f"prov:{other}"]) for said in made[relation].values()}


@origins
def test_the_library_reads_and_writes_it_unchanged(origin: Origin) -> None:
    made = document(origin)
    read = _read(made)
    written = json.loads(read.serialize(format="json"))
    assert written == made
    assert _read(written) == read
    assert not read.has_bundles()


@origins
def test_each_reference_expands_to_itself(origin: Origin) -> None:
    found = {one.identifier.uri for one in _read(document(origin)).get_records(ProvEntity)}
    assert str(origin.bundle.ref) in found
    assert str(origin.prompt.ref) in found
    if origin.model.name.isascii() and " " not in origin.model.name:
        assert str(origin.model.ref) in found


@origins
def test_every_end_of_a_relation_is_described(origin: Origin) -> None:
    made = document(origin)
    known = {id for kind in ("entity", "activity", "agent") for id in made[kind]}
    ends = {
        end
        for relation in ("used", "wasGeneratedBy", "wasDerivedFrom", "wasAssociatedWith")
        for said in made[relation].values()
        for end in said.values()
    }
    assert ends <= known
    read = _read(made)
    counted = sum(
        len(list(read.get_records(kind))) for kind in (ProvEntity, ProvActivity, ProvAgent)
    )
    assert counted == len(known)


def test_the_chain_goes_from_the_bundle_to_the_data() -> None:
    made = document(plain())
    bundle = f"bundles:{plain().bundle.digest}"
    assert _pairs(made, "wasDerivedFrom", "generatedEntity", "usedEntity") == {
        (bundle, "models:churn/3"),
        (bundle, "prompts:support/answer/7"),
        ("models:churn/3", "datasets:tickets/5e1f0a7c"),
        ("models:churn/3", "datasets:faq/1"),
    }
    assert ("models:churn/3", "runs:run-3") in _pairs(made, "wasGeneratedBy", "entity", "activity")
    assert _pairs(made, "used", "activity", "entity") >= {
        ("runs:run-3", "datasets:tickets/5e1f0a7c"),
        ("runs:run-3", "datasets:faq/1"),
    }
    assert made["activity"]["runs:run-3"]["prov:startTime"] == "2026-07-01T10:00:30.250000+00:00"


def test_agents_are_associated_with_what_they_did() -> None:
    agents = {
        agent for _, agent in _pairs(document(plain()), "wasAssociatedWith", "activity", "agent")
    }
    assert agents == {"tw:twinline", "agents:ana@example.org", "agents:ben", "agents:ci"}


def test_results_and_pairings_are_generated_by_somebody() -> None:
    made = document(plain())
    results = {id: made["entity"][id] for id in made["entity"] if id.startswith("results:")}
    assert {one["prov:type"]["$"] for one in results.values()} == {
        "tw:EvaluationResult",
        "tw:PairingStatus",
    }
    (evaluated,) = (one for one in results.values() if "tw:score" in one)
    assert evaluated["tw:score"] == {"$": "0.9", "type": "xsd:double"}


def test_what_is_not_known_is_not_said() -> None:
    made = document(hosted())
    assert set(made["activity"]) == {
        f"activities:bundle/{hosted().bundle.digest}",
        "activities:write/support/answer/7",
    }
    assert not any(id.startswith("results:") for id in made["entity"])


def test_an_actor_who_is_called_like_us_is_not_us() -> None:
    origin = plain()
    named = origin._replace(prompt=origin.prompt.model_copy(update={"author": "twinline"}))
    agents = document(named)["agent"]
    assert agents["tw:twinline"]["prov:type"]["$"] == "prov:SoftwareAgent"
    assert agents["agents:twinline"]["prov:type"]["$"] == "tw:Actor"
