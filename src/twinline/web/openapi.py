"""The OpenAPI document, for people and for programs that make clients from it."""

from fastapi.routing import APIRoute


def operation_id(route: APIRoute) -> str:
    """What clients that are made from the document call a route: ``slots_roll_back``.

    The noun, then the verb; it stays when the address changes.
    """
    words = (*map(str, route.tags[:1]), route.name)
    return "_".join(words).replace(" ", "_")
