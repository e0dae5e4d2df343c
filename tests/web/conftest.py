from collections.abc import Callable, Iterator

import pytest

from tests.support.browsing import Browser
from tests.support.catalog import Catalog
from twinline.client import Client
from twinline.language.records import Role


@pytest.fixture
def browser(url: str, key: str) -> Iterator[Browser]:
    """A browser in which an admin is signed in."""
    with Browser(url, key) as made:
        yield made


@pytest.fixture
def browser_of(url: str, issue: Callable[[Role], str]) -> Iterator[Callable[[Role], Browser]]:
    """Makes a browser in which somebody of a role is signed in."""
    made: list[Browser] = []

    def of(role: Role) -> Browser:
        made.append(Browser(url, issue(role)))
        return made[-1]

    yield of
    for one in made:
        one.http.close()


@pytest.fixture
def catalog(client: Client) -> Catalog:
    """A catalog with nothing in it."""
    return Catalog(client)
