"""The client's entrance: one object, with the nouns as its parts."""

from types import TracebackType
from typing import Any, Self

import httpx

from twinline.client.access import Audit, Keys
from twinline.client.http import Http
from twinline.client.ledger import Inferences, LineageGraph
from twinline.client.registry import Bundles, Models, Prompts
from twinline.client.slots import Slots
from twinline.language.records import Resolution


class Client:
    """Talks to a Twinline server.

    Args:
        url: where the server is, as ``http://127.0.0.1:8420``.
        api_key: a key as ``twl_...``; its role decides what is allowed.
        timeout_seconds: how long one try may take; three are made when it is safe.
        transport: how to reach the server, for tests and proxies; default: the network.

    Every method raises the errors of `twinline.language.errors`; `Unavailable` when the
    server cannot be reached.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        timeout_seconds: float = 10.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = Http(url, api_key, timeout_seconds=timeout_seconds, transport=transport)
        self.prompts = Prompts(self._http)
        self.models = Models(self._http)
        self.bundles = Bundles(self._http)
        self.slots = Slots(self._http)
        self.inferences = Inferences(self._http)
        self.lineage = LineageGraph(self._http)
        self.keys = Keys(self._http)
        self.audit = Audit(self._http)

    def resolve(
        self, route: str, environment: str, context: dict[str, Any] | None = None, **more: Any
    ) -> Resolution:
        """Which bundle answers a request; short for ``inferences.resolve``."""
        return self.inferences.resolve(route, environment, context, **more)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
