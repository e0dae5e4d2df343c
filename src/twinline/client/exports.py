"""Exports as the client offers them: documents of others' formats, as plain JSON or text."""

from datetime import datetime
from typing import NamedTuple

from twinline.client.http import Http
from twinline.language.records import Direction, Json, ManifestKey
from twinline.language.refs import BundleRef, Ref

UNTIL = "X-Twinline-Until"
"""The header that says where what was told ends."""


class Told(NamedTuple):
    """Events, and the moment up to which they are told."""

    events: list[Json]
    until: datetime


class Exports:
    """What the catalog knows, in the formats of others.

    A bundle is given by its reference, or by 12 or more characters of its digest.
    """

    def __init__(self, http: Http) -> None:
        self._http = http

    def cyclonedx(self, bundle: BundleRef | str) -> Json:
        """What a bundle is made of: a CycloneDX 1.7 bill of materials."""
        return self._http.get(Json, "/exports/cyclonedx", {"node": bundle})

    def intoto(self, bundle: BundleRef | str, *, signed: bool = True) -> Json:
        """Where a bundle came from: an in-toto statement, in a signed DSSE envelope unless
        ``signed`` is False; `key` verifies it."""
        query = {"node": bundle, "signed": signed}
        return self._http.get(Json, "/exports/intoto", query)

    def key(self) -> ManifestKey:
        """The public key that statements are signed with."""
        return self._http.get(ManifestKey, "/exports/key")

    def prov(self, bundle: BundleRef | str) -> Json:
        """How a bundle came to be: its upstream lineage in PROV-JSON."""
        return self._http.get(Json, "/exports/prov", {"node": bundle})

    def graphml(
        self,
        node: Ref | str,
        *,
        direction: Direction = "both",
        depth: int = 10,
        limit: int = 500,
    ) -> str:
        """What a node came from and what came from it, in GraphML."""
        query = {"node": node, "direction": direction, "depth": depth, "limit": limit}
        return self._http.document("/exports/graphml", query).text

    def openlineage(self, environment: str, start: datetime, end: datetime) -> list[Json]:
        """What served in an environment from ``start`` up to ``end``, at most 24 hours
        later: an OpenLineage event for each slot, bundle and minute that is over."""
        return self.told(environment, start, end).events

    def told(self, environment: str, start: datetime, end: datetime) -> Told:
        """As `openlineage`, with how far it goes: what is not over by the server's clock
        is told later."""
        window = {"environment": environment, "from": start, "to": end, "format": "json"}
        answer = self._http.document("/exports/openlineage", window)
        return Told(answer.json(), datetime.fromisoformat(answer.headers[UNTIL]))
