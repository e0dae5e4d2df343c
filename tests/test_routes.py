"""What holds for every route: who may ask it, where it is, and that it says what it does."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel

from twinline.access.gate import reader, reading
from twinline.access.rules import Permission
from twinline.app import make_app
from twinline.db.session import connect
from twinline.langfuse import records as langfuse_records
from twinline.language import records
from twinline.language.names import RESERVED
from twinline.plain import records as plain_records
from twinline.prompts.reader import reads
from twinline.web import pages
from twinline.web.gate import trying, visitor

ROOT = Path(__file__).resolve().parents[1]

OPEN = {
    "/healthz", "/readyz", "/metrics", "/docs", "/docs/start.js", "/docs/{asset}", "/openapi.json",
    "/schemas/openlineage/service/1.json", "/assets/{digest}/{name}",
}  # fmt: skip
"""The only addresses that anybody may ask without a key."""


SIGNED = {"/api/v1/mlflow/webhooks/{server}"}
"""What is let in by its signature, because who sends it has no key."""


SIGNING_IN = {"/login"}
"""Where a browser shows the key that it will not keep."""


class Route(NamedTuple):
    path: str
    methods: frozenset[str]
    dependant: Dependant | None


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return make_app(connect("postgresql://nowhere.invalid/x"))


@pytest.fixture(scope="module")
def routes(app: FastAPI) -> list[Route]:
    """Every route, those of included routers with their prefix and their dependencies."""
    return [
        Route(
            route.path or "",
            frozenset(route.methods or ()),
            route.dependant if isinstance(route.original_route, APIRoute) else None,
        )
        for route in iter_route_contexts(app.routes)
    ]


def _permissions(dependant: Dependant) -> set[Permission]:
    found: set[Permission] = set()
    for dependency in dependant.dependencies:
        permission = getattr(dependency.call, "permission", None)
        found |= ({permission} if permission else set()) | _permissions(dependency)
    return found


def _admissions(dependant: Dependant) -> set[type]:
    """The kinds of transaction that a route opens."""
    found: set[type] = set()
    for dependency in dependant.dependencies:
        if getattr(dependency.call, "permission", None):
            found.add(type(dependency.call))
        found |= _admissions(dependency)
    return found


def _asked(routes: list[Route]) -> dict[str, set[Permission]]:
    return {
        f"{' '.join(sorted(route.methods))} {route.path}": (
            _permissions(route.dependant) if route.dependant else set()
        )
        for route in routes
    }


def test_every_route_declares_the_one_permission_that_it_needs(routes: list[Route]) -> None:
    closed = [route for route in routes if route.path not in OPEN | SIGNED | SIGNING_IN]
    assert len(closed) > 50
    assert {name: asked for name, asked in _asked(closed).items() if len(asked) != 1} == {}


def test_what_is_open_asks_for_no_key_and_is_there(routes: list[Route]) -> None:
    opened = [route for route in routes if route.path in OPEN]
    assert {route.path for route in opened} == OPEN
    assert not any(_asked(opened).values())
    assert all(route.methods <= {"GET", "HEAD"} for route in opened)


ASKED_WITH_A_BODY = {
    "/api/v1/prompts/check",
    "/api/v1/policies/check",
    "/api/v1/slots/{slot:path}/explain",
    "/api/v1/inferences/{id}/replay",
    "/write/draft",
    "/write/checks",
}
"""Questions that are too long for an address; POSTed, though they change nothing."""
ONE_S_OWN = {"/logout"}
"""What changes nothing but the session of whoever asks."""


def test_whoever_may_only_read_can_change_nothing(routes: list[Route]) -> None:
    opening = (reading, reader, reads, visitor, trying)
    read_only = {type(opens(Permission.READ).dependency) for opens in opening}
    for route in routes:
        if route.path in ONE_S_OWN:
            continue
        if route.dependant and Permission.READ in _permissions(route.dependant):
            assert route.methods <= {"GET", "HEAD"} or route.path in ASKED_WITH_A_BODY, route.path
            assert _admissions(route.dependant) <= read_only, route.path


def test_every_permission_opens_something(routes: list[Route]) -> None:
    asked = set[Permission]().union(*_asked(routes).values())
    assert asked == set(Permission)


def test_every_address_of_the_api_has_its_version(routes: list[Route]) -> None:
    versioned = re.compile(r"(|/api|/ofrep|/environments/\{environment\}/ofrep)/v1/")
    others = re.compile(r"/api/(public|prompts)(/|$)")  # known to clients that are not ours
    shown = {route.path for route in iter_route_contexts(pages.router().routes)}
    assert not any(path.startswith(("/api/", "/v1/", "/ofrep/")) for path in shown if path)
    mine = [route.path for route in routes if route.path not in OPEN | shown]
    assert all(versioned.match(path) or others.match(path) for path in mine)


def test_every_address_that_the_readme_names_is_one(routes: list[Route]) -> None:
    """Whole, or where addresses begin or end that stand beside it."""
    readme = (ROOT / "README.md").read_text("utf-8")
    named = set(re.findall(r"`(?:(?P<method>[A-Z]+) )?(/[a-z][\w./]*)[^`]*`", readme))
    assert len(named) >= 15
    assert {one for one in named if not any(_names(*one, route) for route in routes)} == set()
    gone = "/api/v1/prompts/NAME/nothing"
    assert not any(_names("GET", gone, route) for route in routes)


def _names(method: str, address: str, route: Route) -> bool:
    said = ["{}" if one.isupper() else one for one in address.strip("/").split("/")]
    there = ["{}" if one.startswith("{") else one for one in route.path.strip("/").split("/")]
    within = said in (there[: len(said)], there[-len(said) :])
    return method in route.methods and said == there if method else within


def test_every_word_that_follows_a_prompt_s_name_where_it_is_read_is_reserved(
    routes: list[Route],
) -> None:
    """Else a prompt could take a name that our addresses never reach. The other way round,
    what became reserved after it was taken could be read no more."""
    prompts = "/api/v1/prompts/{name:path}/"
    words = {
        route.path.removeprefix(prompts).partition("/")[0]
        for route in routes
        if route.path.startswith(prompts) and "GET" in route.methods
    }
    assert {"versions", "labels", "history"} <= words
    assert words <= RESERVED
    since_the_first_release = (
        "access deployments diff explain export history import kill labels latest ramp rollback"
        " versions"
    )
    assert sorted(RESERVED) == since_the_first_release.split()


def test_every_endpoint_says_what_it_does(app: FastAPI) -> None:
    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            assert operation.get("description"), f"{method} {path}"


def test_every_parameter_is_described(app: FastAPI) -> None:
    bare = {
        f"{method} {path} {parameter['name']}"
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    }
    assert bare == set()


OF_PROMPTS = (records.diffs, records.inclusions, records.labels, records.prompts, records.reads)
DESCRIBED = (*OF_PROMPTS, records.templates, langfuse_records, plain_records)
"""What other registries' clients and people's own scripts read of prompts."""


def test_every_field_of_a_prompt_is_described(app: FastAPI) -> None:
    schemas = app.openapi()["components"]["schemas"]
    names = {
        name
        for module in DESCRIBED
        for name, kind in vars(module).items()
        if isinstance(kind, type)
        and issubclass(kind, BaseModel)
        and kind.__module__ == module.__name__
    }
    assert {"PromptVersion", "PromptRow", "PlainPrompt"} <= names & schemas.keys()
    bare = {
        f"{name}.{field}"
        for name in names & schemas.keys()
        for field, said in schemas[name].get("properties", {}).items()
        if not said.get("description")
    }
    assert bare == set()
