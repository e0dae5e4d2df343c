"""The addresses of all pages, and what each asks before it answers."""

from collections.abc import Iterator
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from twinline.web import pages

LOGIN = "/login"
ASSETS = "/assets/{digest}/{name}"


def page_routes(method: str) -> list[APIRoute]:
    """Those that take a method, in the order in which they are asked."""
    found = [one.original_route for one in iter_route_contexts(pages.router().routes)]
    made = [one for one in found if isinstance(one, APIRoute) and method in (one.methods or ())]
    assert made
    return made


def asked_before(dependant: Dependant) -> Iterator[Any]:
    """What runs before the address itself does."""
    for one in dependant.dependencies:
        yield one.call
        yield from asked_before(one)
