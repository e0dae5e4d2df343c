"""The Langfuse face as its SDKs ask it: HTTP Basic at the root of the server."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from twinline.language.records import Role

Door = Callable[[Role], httpx.Client]


def basic(key: str) -> tuple[str, str]:
    """The public and the secret key of a Langfuse client."""
    return key[:12], key


@pytest.fixture
def door(url: str, issue: Callable[[Role], str]) -> Iterator[Door]:
    """Langfuse's addresses, with the pair of keys of a role."""
    with ExitStack() as stack:

        def opened(role: Role) -> httpx.Client:
            base = f"{url}/api/public"
            return stack.enter_context(httpx.Client(base_url=base, auth=basic(issue(role))))

        yield opened


@pytest.fixture
def author(door: Door) -> httpx.Client:
    return door(Role.AUTHOR)
