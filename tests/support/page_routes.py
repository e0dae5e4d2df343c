"""The addresses of all pages, what each asks before it answers, and all kinds of pages."""

from collections.abc import Iterator
from typing import Any, get_args

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from twinline.web import pages
from twinline.web.page import Page

LOGIN = "/login"
ASSETS = "/assets/{digest}/{name}"


def page_routes(method: str) -> list[APIRoute]:
    """Those that take a method, in the order in which they are asked."""
    found = [one.original_route for one in iter_route_contexts(pages.router().routes)]
    made = [one for one in found if isinstance(one, APIRoute) and method in (one.methods or ())]
    assert made
    return made


def kinds(kind: type[Page] = Page) -> Iterator[type[Page]]:
    """The kinds of pages of ours; those that a test made are none."""
    assert pages.router()  # whose pages are known by now
    for one in kind.__subclasses__():
        if one.__module__.startswith("twinline."):
            yield one
        yield from kinds(one)


def texts_asked(dependant: Dependant) -> list[str]:
    """The parameters of an address, by their names in it, that are any text."""
    own = [one for one in dependant.query_params if _takes_text(one.field_info.annotation)]
    within = (name for one in dependant.dependencies for name in texts_asked(one))
    return [*(one.alias for one in own), *within]


def _takes_text(annotation: Any) -> bool:
    return annotation is str or str in get_args(annotation)


def asked_before(dependant: Dependant) -> Iterator[Any]:
    """What runs before the address itself does."""
    for one in dependant.dependencies:
        yield one.call
        yield from asked_before(one)
