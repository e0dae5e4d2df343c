"""The OpenAPI document, for people and for programs that make clients from it."""

from typing import Any, cast

from fastapi import FastAPI
from fastapi.routing import APIRoute

from twinline.language import errors
from twinline.language.errors import PROBLEM_PREFIX, StartRefused, TwinlineError
from twinline.routing.policy import Policy

_SCHEMAS = "#/components/schemas/"
REFUSALS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "What is wrong with the request"},
    "5XX": {"description": "What the server could not do"},
}
"""What every route may answer beside what it is there for."""

_PROBLEM = {"application/problem+json": {"schema": {"$ref": f"{_SCHEMAS}Problem"}}}

_WITH_POLICY = ("Deployment", "ExplainRequest", "ManifestSlot", "NewDeployment", "PolicyCheck")
"""What carries a policy as a plain object, because records stand below the routing."""

_FINDING: dict[str, Any] = {
    "title": "FieldFinding",
    "description": "What is wrong with one part of a malformed request.",
    "type": "object",
    "required": ["field", "message", "value"],
    "properties": {
        "field": {"type": "string", "description": "Where: `body.reason`, `query.limit`."},
        "message": {"type": "string", "description": "What is wrong with it."},
        "value": {"type": "string", "description": "What was sent, shortened."},
    },
}


class Api(FastAPI):
    """An application whose document also says what FastAPI cannot be told at a route."""

    def openapi(self) -> dict[str, Any]:
        """The document; made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            schemas = document["components"]["schemas"]
            schemas |= {"FieldFinding": _FINDING, "Problem": _problem()}
            _show_policies(schemas)
            for methods in document["paths"].values():
                for operation in methods.values():
                    _demand_precondition(operation)
                    _show_refusals(operation["responses"])
        return cast(dict[str, Any], self.openapi_schema)


def operation_id(route: APIRoute) -> str:
    """What clients that are made from the document call a route: ``slots_roll_back``.

    The noun, then the verb; it stays when the address changes.
    """
    words = (*map(str, route.tags[:1]), route.name)
    return "_".join(words).replace(" ", "_")


def _demand_precondition(operation: dict[str, Any]) -> None:
    """Without it the answer is 428, which is ours to say, so FastAPI thinks it may be left out."""
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "If-Match":
            parameter |= {"required": True, "schema": {"type": "string", "examples": ['"12"']}}


def _show_refusals(answers: dict[str, Any]) -> None:
    """After those that a route says in the words of a protocol that is not ours."""
    for status in ("4XX", "5XX"):
        answers[status]["content"] = answers[status].get("content", {}) | _PROBLEM


def _show_policies(schemas: dict[str, Any]) -> None:
    policy = Policy.model_json_schema(ref_template=_SCHEMAS + "{model}")
    parts: dict[str, Any] = policy.pop("$defs")
    parts["Split"]["required"].remove("salt")  # who sends none is given one
    schemas |= parts | {"Policy": policy}
    for name in _WITH_POLICY:
        member = schemas[name]["properties"]["policy"]
        for shape in member.get("anyOf", [member]):
            if shape.pop("additionalProperties", False):
                del shape["type"]
                shape["$ref"] = f"{_SCHEMAS}Policy"


def _problem() -> dict[str, Any]:
    texts = {"type": "array", "items": {"type": "string"}}
    return {
        "title": "Problem",
        "description": "Why there is no answer (RFC 9457). Further members are the values that "
        "`detail` speaks of.",
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {
                "type": "string",
                "enum": ["about:blank", *_problem_types()],
                "description": "What a program decides by. `about:blank`: `status` says it all. A "
                "newer server may know more.",
            },
            "title": {"type": "string", "description": "The type in words."},
            "status": {"type": "integer", "description": "The HTTP status."},
            "detail": {"type": "string", "description": "What is wrong, and what to do about it."},
            "errors": {
                "type": "array",
                "items": {"$ref": f"{_SCHEMAS}FieldFinding"},
                "description": "Of a malformed request: everything that is wrong with it.",
            },
            "nearest": texts
            | {"description": "Of what was not found: the names that are most like it."},
        },
        "additionalProperties": True,
    }


def _problem_types() -> list[str]:
    """Of every error but those of a server that does not start."""
    kinds = (kind for kind in vars(errors).values() if isinstance(kind, type))
    ours = (kind for kind in kinds if issubclass(kind, TwinlineError))
    served = {kind.code for kind in ours if not issubclass(kind, StartRefused)}
    return sorted(PROBLEM_PREFIX + code for code in served)
