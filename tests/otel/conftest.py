"""A door for traces with a catalog behind it, and a way to send to it."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.support import traces
from tests.support.catalog import Catalog
from twinline.client import Client
from twinline.language.records import Inference, Role

Send = Callable[..., httpx.Response]


@pytest.fixture
def otlp(url: str, issue: Callable[[Role], str]) -> Iterator[httpx.Client]:
    """HTTP at the root of the server, with a service's key as an exporter sends it."""
    headers = {"Authorization": f"Bearer {issue(Role.SERVICE)}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as made:
        yield made


@pytest.fixture
def send(otlp: httpx.Client) -> Send:
    """Send spans in JSON."""

    def sent(*spans: traces.Sent) -> httpx.Response:
        return otlp.post("/v1/traces", json=traces.request(spans))

    return sent


@pytest.fixture
def catalog(client: Client) -> Catalog:
    return Catalog(client)


@pytest.fixture
def kept(client: Client) -> Callable[[traces.Sent], list[Inference]]:
    """The inferences of a span's trace."""
    return lambda span: list(client.inferences.find(trace_id=span["traceId"]))


def words(client: Client, one: Inference) -> dict[str, Any]:
    """What an unresolved inference was sent as."""
    return client.bundles.get(one.bundle).words or {}


def without(*words: str) -> dict[str, str]:
    """The environment without what names any of these: MLflow of somebody's own, or
    coverage, which takes minutes where MLflow is run."""
    return {
        name: value for name, value in os.environ.items() if not any(word in name for word in words)
    }
