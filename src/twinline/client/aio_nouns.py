"""The nouns of the client for asyncio: each method of a noun, in a thread.

What a method lists comes from ``async for``; a `Table` is given at once, because nothing is
asked for before it is read; everything else is awaited. How each looks is said in the stub
beside this file, which is made from the nouns (``python -m tests.support.async_nouns``).
"""

from collections.abc import AsyncGenerator, Callable, Iterator
from functools import wraps
from itertools import islice
from typing import Any, get_origin, get_type_hints

from twinline.client.client import Client
from twinline.client.tables import Table
from twinline.client.waiting import Waiting

_AT_ONCE = 100
"""Items that a thread is asked for: a page of the server's."""


class AsyncNouns:
    """Has every noun of a client, by the same name."""

    def __init__(self, client: Client, waiting: Waiting) -> None:
        for name, noun in nouns(client).items():
            setattr(self, name, AsyncNoun(noun, waiting))


class AsyncNoun:
    """A noun whose methods are awaited, or iterated over."""

    def __init__(self, noun: object, waiting: Waiting) -> None:
        for name in methods(type(noun)):
            setattr(self, name, _asynchronous(getattr(noun, name), waiting))


def nouns(client: Client) -> dict[str, object]:
    """The nouns of a client by name."""
    return {
        name: found
        for name, found in vars(client).items()
        if not name.startswith("_") and type(found).__module__.startswith("twinline.")
    }


def methods(kind: type) -> list[str]:
    """The names of the public methods of a noun."""
    return [name for name, found in vars(kind).items() if name[0] != "_" and callable(found)]


def answer_of(method: Callable[..., Any]) -> Any:
    """What a method returns, without what it is a generic of."""
    found = get_type_hints(method)["return"]
    return get_origin(found) or found


def _asynchronous(method: Callable[..., Any], waiting: Waiting) -> Callable[..., Any]:
    kind = answer_of(method)
    if kind is Table:
        return method
    if kind is Iterator:
        return _listing(method, waiting)

    @wraps(method)
    async def awaited(*given: Any, **more: Any) -> Any:
        return await waiting.run(method, *given, **more)

    return awaited


def _listing(
    method: Callable[..., Iterator[Any]], waiting: Waiting
) -> Callable[..., AsyncGenerator[Any]]:
    @wraps(method)
    async def listed(*given: Any, **more: Any) -> AsyncGenerator[Any]:
        items = method(*given, **more)
        while found := await waiting.run(lambda: list(islice(items, _AT_ONCE))):
            for item in found:
                yield item

    return listed
