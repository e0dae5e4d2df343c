"""The unmodified OFREP provider for Python, as an application uses it."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagEvaluationDetails, Reason

from tests.openfeature.conftest import BANK, DEFAULT, NOBODY, USERS, Door


@pytest.fixture
def flags(door: Door) -> Iterator[OpenFeatureClient]:
    yield from _over(door.url, door.key)


def _over(url: str, key: str) -> Iterator[OpenFeatureClient]:
    provider = OFREPProvider(url, headers_factory=lambda: {"X-API-Key": key})
    api.set_provider_and_wait(provider)
    yield api.get_client()
    provider.session.close()


def ask(flags: OpenFeatureClient, route: str, context: Any = NOBODY) -> FlagEvaluationDetails[Any]:
    return flags.get_object_details(route, DEFAULT, context)


def test_the_value_is_the_bundle_with_its_prompt_text(flags: OpenFeatureClient, door: Door) -> None:
    value = flags.get_object_value("answer", DEFAULT)
    assert value == door.served(1, 1)
    assert value["prompt"]["template"] == "Answer 1: {{ question }}"
    assert value["model"]["uri"] == "runs:/run-1/model"


def test_the_details_say_why_and_name_the_recorded_inference(
    flags: OpenFeatureClient, door: Door
) -> None:
    details = ask(flags, "regulated", BANK)
    assert details.error_code is None
    assert (details.variant, details.reason) == ("regulated", Reason.TARGETING_MATCH)
    assert details.value == door.served(2, 2)
    metadata = details.flag_metadata
    kept = door.client.inferences.get(UUID(str(metadata["inferenceId"])))
    assert str(kept.bundle) == metadata["bundle"] == door.served(2, 2)["ref"]
    assert metadata["deployment"] == "deployments:/regulated@production/1"
    assert ask(flags, "regulated").reason == Reason.STATIC


def test_a_route_in_a_folder_is_divided_by_the_targeting_key(
    flags: OpenFeatureClient, door: Door
) -> None:
    seen: set[str] = set()
    for user in USERS:
        details = ask(flags, "team/answer", user)
        rest = door.client.inferences.resolve(
            "team/answer", "production", {"targetingKey": user.targeting_key}, record=False
        )
        assert (details.reason, details.variant) == (Reason.SPLIT, rest.arm)
        assert details.flag_metadata["bucket"] == rest.bucket
        assert details.value == rest.bundle.model_dump(mode="json")
        seen.add(str(details.variant))
    assert seen == {"control", "canary"}


def test_a_flag_nobody_knows_gives_the_caller_s_own_value(flags: OpenFeatureClient) -> None:
    for route in ("unknown", "a b", "a@b"):
        details = ask(flags, route)
        assert (details.value, details.error_code) == (DEFAULT, ErrorCode.FLAG_NOT_FOUND)


def test_what_is_switched_off_gives_the_caller_s_own_value_without_an_error(
    flags: OpenFeatureClient,
) -> None:
    details = ask(flags, "stopped", BANK)
    assert (details.value, details.reason) == (DEFAULT, Reason.DISABLED)
    assert details.error_code is None
    assert details.flag_metadata["killedBecause"] == "it says too much"


def test_a_bundle_is_no_text_number_or_boolean(flags: OpenFeatureClient) -> None:
    asked = (
        flags.get_string_details("answer", "mine"),
        flags.get_integer_details("answer", 1),
        flags.get_float_details("answer", 1.5),
        flags.get_boolean_details("answer", True),
    )
    assert [one.value for one in asked] == ["mine", 1, 1.5, True]
    assert {one.error_code for one in asked} == {ErrorCode.TYPE_MISMATCH}


def test_another_deployment_is_another_value_at_once(flags: OpenFeatureClient, door: Door) -> None:
    assert ask(flags, "answer").value == door.served(1, 1)
    door.catalog.deploy("answer@production", door.catalog.bundle(1, 2))
    assert ask(flags, "answer").value == door.served(1, 2)


def test_a_base_of_an_environment_evaluates_there(door: Door) -> None:
    door.catalog.deploy("answer@staging", door.catalog.bundle(3, 3))
    for flags in _over(f"{door.url}/environments/staging", door.key):
        assert ask(flags, "answer").value == door.served(3, 3)


@pytest.mark.parametrize("key", ["", "twl_wrong"])
def test_without_a_key_the_caller_s_own_value_is_given(door: Door, key: str) -> None:
    for flags in _over(door.url, key):
        details = ask(flags, "answer")
        assert (details.value, details.error_code) == (DEFAULT, ErrorCode.GENERAL)
        assert details.error_message == "unauthorized"


def test_a_context_that_no_json_can_carry_gives_the_caller_s_own_value(
    flags: OpenFeatureClient,
) -> None:
    context = type(BANK)(targeting_key="user-1", attributes={"a": "\ud800"})
    details = ask(flags, "answer", context)
    assert (details.value, details.error_code) == (DEFAULT, ErrorCode.PARSE_ERROR)
