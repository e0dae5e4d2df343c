"""What the OpenAPI document promises to whoever makes a client from it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from twinline.app import make_app
from twinline.db.session import connect
from twinline.language.errors import NotFound, UntestedPair

Json = dict[str, Any]
POLICY = {"$ref": "#/components/schemas/Policy"}


@pytest.fixture(scope="module")
def document() -> Json:
    return make_app(connect("postgresql://nowhere.invalid/x")).openapi()


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def answers(document: Json) -> Iterator[tuple[str, Json]]:
    """Every answer of success, with its operation and status."""
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status.startswith("2"):
                yield f"{name} {status}", answer


def named(document: Json, place: Any) -> set[str]:
    """The schemas that something names, and those that they name."""
    found: set[str] = set()
    open_ends = [place]
    while open_ends:
        match open_ends.pop():
            case {"$ref": str(ref)} if (name := ref.rpartition("/")[2]) not in found:
                found.add(name)
                open_ends.append(document["components"]["schemas"][name])
            case dict() as members:
                open_ends += members.values()
            case list() as items:
                open_ends += items
            case _:
                pass
    return found


def test_every_operation_has_a_name_of_its_own_noun_then_verb(document: Json) -> None:
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert {"prompts_create_version", "slots_roll_back", "inferences_resolve"} <= set(ids)
    assert len(set(ids)) == len(ids)
    assert {id for id in ids if not re.fullmatch(r"[a-z]+(_[a-z]+)+", id)} == set()
    for name, operation in operations(document):
        (tag,) = operation["tags"]
        assert operation["operationId"].startswith(tag.replace(" ", "_") + "_"), name


LEFT_OUT = {"EvaluatedFlag.value", "RefusedFlag.key", "RefusedFlag.metadata"}
"""What OFREP wants to be left out."""


def test_an_answer_has_all_its_members(document: Json) -> None:
    """None, an empty list: a member that has nothing to say is there."""
    answered = named(document, [answer for _, answer in answers(document)])
    assert {"PromptVersion", "Resolution", "Impact", "Example-Output"} <= answered
    schemas = document["components"]["schemas"]
    optional = {
        f"{name}.{member}"
        for name in answered - named(document, POLICY)  # which is kept as it was sent
        for member in schemas[name].get("properties", {})
        if member not in schemas[name].get("required", ())
    }
    assert {name for name in optional if name not in LEFT_OUT} == set()


def test_what_has_a_default_may_be_left_out_of_a_request(document: Json) -> None:
    schemas = document["components"]["schemas"]
    sent = named(document, [one.get("requestBody") for _, one in operations(document)])
    assert set(schemas["ResolveRequest"]["required"]) == {"route", "environment"}
    assert schemas["Example-Input"]["properties"].keys() > set(schemas["Example-Input"]["required"])
    demanded = {
        f"{name}.{member}"
        for name in sent
        for member, schema in schemas[name].get("properties", {}).items()
        if "default" in schema and member in schemas[name].get("required", ())
    }
    assert demanded == set()


def test_every_answer_has_a_schema_that_says_something(document: Json) -> None:
    empty = {
        f"{name} {media_type}"
        for name, answer in answers(document)
        for media_type, said in answer.get("content", {"nothing": {}}).items()
        if not said.get("schema") or said["schema"] == {"type": "object"}
    }
    assert {name for name in empty if " 204 " not in name} == set()


def test_every_failure_is_a_problem(document: Json) -> None:
    """Where others wrote the protocol, their words come first."""
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for name, operation in operations(document):
        for status in ("4XX", "5XX"):
            said = operation["responses"][status]["content"]
            assert said == problem if " /api/v1/" in name else said.items() >= problem.items(), name
    assert not {"HTTPValidationError", "ValidationError"} & document["components"]["schemas"].keys()


def test_a_problem_names_every_error_that_a_program_may_decide_by(document: Json) -> None:
    kinds = document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
    assert {"about:blank", "urn:twinline:problem:stale"} <= set(kinds)
    assert {"urn:twinline:problem:" + kind.code for kind in (NotFound, UntestedPair)} <= set(kinds)
    assert not any("already-running" in kind for kind in kinds)


def test_what_is_refused_without_its_precondition_says_so(document: Json) -> None:
    demanding = {
        operation["operationId"]: parameter
        for _, operation in operations(document)
        for parameter in operation.get("parameters", ())
        if parameter["name"] == "If-Match"
    }
    assert {"slots_deploy", "slots_roll_back", "slots_ramp"} <= demanding.keys()
    for parameter in demanding.values():
        assert (parameter["required"], parameter["schema"]["type"]) == (True, "string")


SENT_AND_ANSWERED = "CaseResult Declaration Example NewPromptVersion Origin PromptItem"
"""What is sent with less than it is answered with: of each there is an -Input and an -Output."""


def test_no_two_schemas_share_a_name(document: Json) -> None:
    """Else FastAPI tells them apart by the modules that they are in, or takes them for one."""
    names = set(document["components"]["schemas"])
    assert {name for name in names if "__" in name} == set()
    apart = {name.partition("-")[0] for name in names if "-" in name}
    assert sorted(apart) == SENT_AND_ANSWERED.split()
    assert names >= {f"{name}-{way}" for name in apart for way in ("Input", "Output")}


def test_a_policy_has_its_shape_wherever_it_is_sent_or_answered(document: Json) -> None:
    schemas = document["components"]["schemas"]
    carriers = {
        name: schema["properties"]["policy"]
        for name, schema in schemas.items()
        if "policy" in schema.get("properties", {})
    }
    assert {"NewDeployment", "Deployment"} <= carriers.keys()
    shapes = {"null", POLICY["$ref"], "#/components/schemas/PolicyDifference"}
    for name, member in carriers.items():
        said = {shape.get("$ref", shape.get("type")) for shape in member.get("anyOf", [member])}
        assert said <= shapes, name
    assert {"Rule", "All", "Leaf", "Split", "Arm"} <= named(document, schemas["Policy"])
    assert schemas["Split"]["required"] == ["arms"]


def test_what_is_added_to_the_document_hides_nothing(document: Json) -> None:
    added = {"Problem", "FieldFinding", "Policy"} | named(document, POLICY)
    bare = FastAPI.openapi(make_app(connect("postgresql://nowhere.invalid/x")))
    schemas = bare["components"]["schemas"].keys()
    assert schemas & added == set()
    assert schemas | added == document["components"]["schemas"].keys()
