"""The lineage graph as the client offers it: walks, impact, nodes of your own."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from twinline.client.filters import asked
from twinline.client.http import Http
from twinline.client.notebooks import ShownLineage
from twinline.client.tables import Table
from twinline.language.records import (
    AffectedDecision,
    CustomNode,
    Direction,
    Edge,
    EdgeEnd,
    Impact,
    Inference,
    LiftRequest,
    Lineage,
    NewCustomNode,
    NewEdge,
    NodeKind,
    Owner,
    Ownership,
    Prospect,
    ProspectKind,
    RequestFilter,
    RetireRequest,
    Withdrawal,
)
from twinline.language.refs import CustomRef, Ref, SlotRef


class LineageGraph:
    """What came from what, and what a version touched. A node is given by its reference."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def walk(
        self,
        node: Ref | str,
        *,
        direction: Direction = "both",
        depth: int = 10,
        limit: int = 500,
        kinds: Sequence[NodeKind] = (),
        as_of: datetime | None = None,
    ) -> Lineage:
        """Everything upstream or downstream of a node within ``depth`` hops."""
        query = {"node": node, "direction": direction, "depth": depth, "limit": limit}
        return self._http.get(ShownLineage, "/lineage", {**query, "kinds": kinds, "as_of": as_of})

    def impact(self, node: Ref | str, wanted: RequestFilter | None = None) -> Impact:
        """Everything downstream of a node, counted."""
        return self._http.get(Impact, "/impact", {"node": node, **asked(wanted)})

    def affected(self, node: Ref | str, wanted: RequestFilter | None = None) -> Iterator[Inference]:
        """The requests downstream of a node, the newest first."""
        query = {"node": node, **asked(wanted)}
        return self._http.pages(Inference, "/impact/inferences", query)

    def decisions(
        self, node: Ref | str, wanted: RequestFilter | None = None
    ) -> Iterator[AffectedDecision]:
        """The decisions downstream of a node, each once."""
        query = {"node": node, **asked(wanted)}
        return self._http.pages(AffectedDecision, "/impact/decisions", query)

    def csv(self, node: Ref | str, wanted: RequestFilter | None = None) -> Iterator[bytes]:
        """Every request downstream of a node as CSV, in chunks, however many there are."""
        return self._http.chunks("/impact.csv", {"node": node, **asked(wanted)})

    def table(self, node: Ref | str, wanted: RequestFilter | None = None) -> Table:
        """Every request downstream of a node as a table, for notebooks: ten times as fast as
        the records of `affected`, and more the more there are::

            to_polars(client.lineage.table("prompts:/support/answer/5"))
        """
        return Table(self._http, "/impact.arrow", {"node": node, **asked(wanted)})

    def prospect(self, change: ProspectKind, node: Ref | str) -> Prospect:
        """What a change would touch that nobody has made yet."""
        return self._http.get(Prospect, "/impact/prospect", {"change": change, "node": node})

    def add_node(
        self,
        type: str,
        name: str,
        *,
        description: str = "",
        properties: dict[str, Any] | None = None,
        owner: str = "",
        since: datetime | None = None,
    ) -> CustomNode:
        """Add something of your own, or say anew what it is."""
        new = NewCustomNode(
            type=type,
            name=name,
            description=description,
            properties=properties or {},
            owner=owner,
            since=since,
        )
        return self._http.write(CustomNode, "POST", "/nodes", new)

    def node(self, ref: CustomRef | str) -> CustomNode:
        """Something that people added."""
        path = str(ref).removeprefix("nodes:/")
        return self._http.get(CustomNode, f"/nodes/{path}")

    def nodes(self, type: str | None = None) -> Iterator[CustomNode]:
        """What people added, by type and name."""
        return self._http.pages(CustomNode, "/nodes", {"type": type})

    def connect(
        self,
        source: Ref | str,
        target: Ref | str,
        kind: str,
        *,
        since: datetime | None = None,
        evidence: dict[str, Any] | None = None,
    ) -> Edge:
        """Say that ``target`` came from ``source``, or uses it."""
        new = NewEdge(
            source=str(source), target=str(target), kind=kind, since=since, evidence=evidence or {}
        )
        return self._http.write(Edge, "POST", "/edges", new)

    def disconnect(
        self,
        source: Ref | str,
        target: Ref | str,
        kind: str,
        *,
        reason: str,
        until: datetime | None = None,
    ) -> Edge:
        """Say that an edge of yours holds no longer."""
        end = EdgeEnd(source=str(source), target=str(target), kind=kind, until=until, reason=reason)
        return self._http.write(Edge, "POST", "/edges/end", end)

    def retire(self, node: Ref | str, *, reason: str) -> Withdrawal:
        """Retire a version: nothing that is built on it goes live any more."""
        wanted = RetireRequest(node=str(node), reason=reason)
        return self._http.write(Withdrawal, "POST", "/retirements", wanted)

    def retirements(self) -> Iterator[Withdrawal]:
        """Every retirement, the newest first."""
        return self._http.pages(Withdrawal, "/retirements")

    def lift(self, number: int, *, reason: str) -> Withdrawal:
        """End a retirement."""
        wanted = LiftRequest(reason=reason)
        return self._http.write(Withdrawal, "POST", f"/retirements/{number}/lift", wanted)

    def own(self, subject: SlotRef | str, owner: str, contact: str = "") -> Ownership:
        """Say whom to tell about a slot (``ROUTE@ENVIRONMENT``) or a route."""
        short = subject.short if isinstance(subject, SlotRef) else subject
        kind = "slots" if "@" in short else "routes"
        new = Owner(owner=owner, contact=contact)
        return self._http.write(Ownership, "PUT", f"/{kind}/{short}/owner", new)
