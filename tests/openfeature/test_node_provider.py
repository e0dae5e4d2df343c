"""The unmodified OFREP provider for Node, as an application uses it."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.openfeature.conftest import DEFAULT, Door
from tests.support import node

HERE = Path(__file__).parent
BANK = {"targetingKey": "user-1", "tenant": "bank-a"}
USERS = [{"targetingKey": f"user-{number}"} for number in range(40)]


@pytest.fixture(scope="session")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the program and the packages that it needs, from the machine's registry."""
    return node.installed(HERE, tmp_path_factory.mktemp("node"))


def ask(
    application: Path, door: Door, *asked: tuple[str, str, Any, Any], base: str = "", key: str = ""
) -> list[dict[str, Any]]:
    """The evaluation details of each (kind, flag, default, context)."""
    given = {"baseUrl": door.url + base, "apiKey": key or door.key, "asked": asked}
    return json.loads(node.run(application, "node.mjs", {}, json.dumps(given)))


def test_the_value_is_the_bundle_and_the_details_say_why(application: Path, door: Door) -> None:
    fixed, matched, other = ask(
        application,
        door,
        ("Object", "answer", DEFAULT, {}),
        ("Object", "regulated", DEFAULT, BANK),
        ("Object", "regulated", DEFAULT, {"tenant": "bank-b"}),
    )
    assert fixed["value"] == door.served(1, 1)
    assert fixed["value"]["prompt"]["template"] == "Answer 1: {{ question }}"
    assert (fixed["variant"], fixed["reason"]) == ("default", "STATIC")
    assert matched["value"] == door.served(2, 2)
    assert (matched["variant"], matched["reason"]) == ("regulated", "TARGETING_MATCH")
    assert other["value"] == door.served(1, 1)
    metadata = matched["flagMetadata"]
    assert metadata["deployment"] == "deployments:/regulated@production/1"
    assert metadata["rule"] == "regulated"
    kept = door.client.inferences.get(UUID(metadata["inferenceId"]))
    assert str(kept.bundle) == metadata["bundle"]
    assert "errorCode" not in fixed


def test_a_route_in_a_folder_is_divided_by_the_targeting_key(application: Path, door: Door) -> None:
    given = ask(application, door, *(("Object", "team/answer", DEFAULT, user) for user in USERS))
    for user, details in zip(USERS, given, strict=True):
        rest = door.client.inferences.resolve("team/answer", "production", user, record=False)
        assert (details["reason"], details["variant"]) == ("SPLIT", rest.arm)
        assert details["flagMetadata"]["bucket"] == rest.bucket
        assert details["value"] == rest.bundle.model_dump(mode="json")
    assert {details["variant"] for details in given} == {"control", "canary"}


def test_a_flag_nobody_knows_gives_the_caller_s_own_value(application: Path, door: Door) -> None:
    for details in ask(
        application,
        door,
        ("Object", "unknown", DEFAULT, {}),
        ("Object", "a b", DEFAULT, {}),
        ("Object", "", DEFAULT, {}),
    ):
        assert (details["value"], details["errorCode"]) == (DEFAULT, "FLAG_NOT_FOUND")


def test_what_is_switched_off_gives_the_caller_s_own_value(application: Path, door: Door) -> None:
    """This version of the provider takes an answer without a value for none of the protocol's
    (0.3.0 allows it, 0.1.0 did not), so its reason is ERROR; what it gives is right."""
    (details,) = ask(application, door, ("Object", "stopped", DEFAULT, BANK))
    assert details["value"] == DEFAULT
    assert (details["reason"], details["errorCode"]) == ("ERROR", "GENERAL")


def test_a_bundle_is_no_text_number_or_boolean(application: Path, door: Door) -> None:
    asked = [("String", "mine"), ("Number", 1), ("Boolean", True)]
    given = ask(application, door, *((kind, "answer", own, {}) for kind, own in asked))
    assert [one["value"] for one in given] == ["mine", 1, True]
    assert {one["errorCode"] for one in given} == {"TYPE_MISMATCH"}


def test_a_base_of_an_environment_evaluates_there(application: Path, door: Door) -> None:
    door.catalog.deploy("answer@staging", door.catalog.bundle(3, 3))
    asked = ("Object", "answer", DEFAULT, {})
    (details,) = ask(application, door, asked, base="/environments/staging")
    assert details["value"] == door.served(3, 3)


def test_without_a_good_key_the_caller_s_own_value_is_given(application: Path, door: Door) -> None:
    (details,) = ask(application, door, ("Object", "answer", DEFAULT, {}), key="twl_wrong")
    assert (details["value"], details["reason"]) == (DEFAULT, "ERROR")
