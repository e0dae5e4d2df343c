"""Our provider over the client that resolves in its own process: what OFREP says, faster."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagEvaluationDetails, Reason

from tests.openfeature.conftest import BANK, DEFAULT, NOBODY, USERS, Door, issue, stock
from tests.support.serving import served
from twinline.app import make_app
from twinline.client import Client
from twinline.client.openfeature import TwinlineProvider
from twinline.db.session import Database
from twinline.language.records import Role

ROUTES = ("answer", "team/answer", "regulated", "stopped", "unknown")
ONLY_HERE = {"inferenceId", "servedFrom"}
ODD = [
    EvaluationContext("", {"tenant": "bank-a"}),
    EvaluationContext("模型🙂", {"tenant": None}),
    EvaluationContext("user-1", {"tenant": ["bank-a"], "a": {"b": [1, 2.5, True]}}),
    EvaluationContext(None, {"targetingKey": "user-7", "tenant": "bank-b"}),
    EvaluationContext(None, {"targetingKey": 42}),
    EvaluationContext(None, {"targetingKey": 42.0, "tenant": 7}),
]


@pytest.fixture
def application(door: Door, tmp_path: Path) -> Iterator[Client]:
    with Client(door.url, door.key, folder=tmp_path / "application") as client:
        yield client


@pytest.fixture
def flags(application: Client) -> OpenFeatureClient:
    return over(application)


def over(application: Client, environment: str | None = None) -> OpenFeatureClient:
    api.set_provider_and_wait(TwinlineProvider(application, environment))
    return api.get_client()


def ask(flags: OpenFeatureClient, route: str, context: Any = NOBODY) -> FlagEvaluationDetails[Any]:
    return flags.get_object_details(route, DEFAULT, context)


def test_it_says_what_ofrep_says(flags: OpenFeatureClient, door: Door) -> None:
    reasons: set[str] = set()
    asked = [(context, route) for context in [BANK, NOBODY, *USERS, *ODD] for route in ROUTES]
    with httpx.Client(base_url=door.url, headers={"X-API-Key": door.key}) as http:
        for context, route in asked:
            here, there = ask(flags, route, context), _by_ofrep(http, route, context)
            assert (here.error_code or None) == there.get("errorCode")
            assert here.value == there.get("value", DEFAULT)
            assert (here.variant or "") == there.get("variant", "")
            assert str(here.reason) == there.get("reason", "ERROR")
            metadata = there.get("metadata", {})
            assert _without(here.flag_metadata, ONLY_HERE) == _without(metadata, ONLY_HERE)
            reasons.add(str(here.reason))
    assert reasons == {"STATIC", "TARGETING_MATCH", "SPLIT", "UNKNOWN", "DISABLED", "ERROR"}


def test_every_evaluation_is_one_inference_of_that_id(flags: OpenFeatureClient, door: Door) -> None:
    ids = [UUID(str(ask(flags, "answer", BANK).flag_metadata["inferenceId"])) for _ in range(20)]
    assert len(set(ids)) == 20
    api.shutdown()  # ships what was recorded
    ref = door.catalog.bundle(1, 1).ref
    assert door.client.lineage.impact(ref).service.requests == 20
    assert {door.client.inferences.get(id).bundle for id in ids} == {ref}


def test_a_bundle_is_no_text_number_or_boolean(flags: OpenFeatureClient) -> None:
    asked = (
        flags.get_string_details("answer", "mine"),
        flags.get_integer_details("answer", 1),
        flags.get_float_details("answer", 1.5),
        flags.get_boolean_details("answer", True),
    )
    assert [one.value for one in asked] == ["mine", 1, 1.5, True]
    assert {one.error_code for one in asked} == {ErrorCode.TYPE_MISMATCH}


def test_what_is_switched_off_is_disabled_and_gives_the_caller_s_own_value(
    flags: OpenFeatureClient,
) -> None:
    details = ask(flags, "stopped", BANK)
    assert (details.value, details.reason) == (DEFAULT, Reason.DISABLED)
    assert details.error_code is None
    assert details.flag_metadata["killedBy"] == "admin"


def test_who_changes_a_value_changes_nobody_else_s(flags: OpenFeatureClient, door: Door) -> None:
    value = flags.get_object_value("answer", DEFAULT)
    value["prompt"]["template"] = "Say yes to everything"
    value["model"].clear()
    assert flags.get_object_value("answer", DEFAULT) == door.served(1, 1)


def test_without_the_server_it_answers_and_records_as_before(
    database: Database, tmp_path: Path
) -> None:
    admin = issue(database, Role.ADMIN)
    with served(make_app(database)) as url, Client(url, admin, folder=tmp_path / "admin") as client:
        stock(client)
        folder = tmp_path / "application"
        with Client(url, admin, folder=folder) as application:
            before = [ask(over(application), route, BANK) for route in ROUTES]
            api.shutdown()
    with Client(url, admin, folder=folder, cold_start_seconds=0.5) as restarted:
        after = [ask(over(restarted), route, BANK) for route in ROUTES]
        assert [one.flag_metadata.get("servedFrom") for one in after[:3]] == ["file"] * 3
        assert [_seen(one) for one in after] == [_seen(one) for one in before]
        api.shutdown()


def test_without_a_server_and_a_manifest_it_is_not_ready_and_gives_the_caller_s_own_value(
    tmp_path: Path,
) -> None:
    with Client("http://127.0.0.1:9", folder=tmp_path, cold_start_seconds=0.2) as client:
        api.set_provider(TwinlineProvider(client))
        details = ask(api.get_client(), "answer")
        assert (details.value, details.reason) == (DEFAULT, Reason.ERROR)
        assert details.error_code is ErrorCode.PROVIDER_NOT_READY
        api.shutdown()


def test_it_evaluates_in_the_environment_that_it_is_told(application: Client, door: Door) -> None:
    door.catalog.deploy("answer@staging", door.catalog.bundle(3, 3))
    assert ask(over(application, "staging"), "answer").value == door.served(3, 3)
    assert ask(over(application), "answer").value == door.served(1, 1)


def _by_ofrep(http: httpx.Client, route: str, context: EvaluationContext) -> dict[str, Any]:
    own = {"targetingKey": context.targeting_key} if context.targeting_key else {}
    sent = {"context": {**context.attributes, **own}}
    return http.post(f"/ofrep/v1/evaluate/flags/{route}", json=sent).json()


def _seen(details: FlagEvaluationDetails[Any]) -> tuple[Any, ...]:
    metadata = _without(details.flag_metadata, ONLY_HERE)
    return details.value, details.variant, details.reason, details.error_code, metadata


def _without(members: Any, names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name not in names}
