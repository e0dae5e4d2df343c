"""An application over a real database, with a key to ask it."""

from collections.abc import Generator
from contextlib import contextmanager

import httpx

from tests.support.serving import served
from twinline.access import actions as access
from twinline.app import make_app
from twinline.client import Client
from twinline.db.session import Database, connect
from twinline.language.records import NewKey, Role

SECONDS = 10.0
"""Far from what anything here should take, whatever the machine does beside."""


@contextmanager
def asked(database: Database, role: Role = Role.ADMIN) -> Generator[httpx.Client]:
    """A client at an application of its own, over a pool of its own, as another process."""
    with database.writing("test") as tx:
        key = access.issue_key(tx, NewKey(owner=role.value, role=role)).key
    own = connect(database.engine.url.render_as_string(hide_password=False))
    try:
        with (
            served(make_app(own)) as url,
            httpx.Client(
                base_url=f"{url}/api/v1", headers={"X-API-Key": key}, timeout=SECONDS
            ) as http,
        ):
            yield http
    finally:
        own.close()


@contextmanager
def managed(http: httpx.Client) -> Generator[Client]:
    """Our client at the same application, with the same key."""
    url = str(http.base_url).removesuffix("/api/v1/").removesuffix("/api/v1")
    with Client(url, http.headers["X-API-Key"]) as client:
        yield client
