"""Requests as the client offers them: resolve, record, explain."""

import json
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from twinline.client.filters import asked
from twinline.client.http import Http
from twinline.client.tables import Table
from twinline.language.ids import new_id
from twinline.language.records import (
    Arrivals,
    BatchResult,
    Explanation,
    Inference,
    InferenceBatch,
    Json,
    LedgerDays,
    LedgerSince,
    NewInference,
    NewOutcome,
    Outcome,
    Replay,
    ReplayRequest,
    RequestFilter,
    Resolution,
    ResolveRequest,
    Status,
    TracesTaken,
)


class Inferences:
    """The record of each request, and what came of it.

    Ids are made here, so that what got no answer can be sent again without being
    counted twice.
    """

    def __init__(self, http: Http) -> None:
        self._http = http

    def resolve(
        self,
        route: str,
        environment: str,
        context: dict[str, Any] | None = None,
        *,
        record: bool = True,
        decision: str | None = None,
        trace_id: str | None = None,
        parent_id: UUID | None = None,
        keep_context: bool = False,
    ) -> Resolution:
        """Which bundle answers a request; the inference is recorded before the answer."""
        wanted = ResolveRequest(
            route=route,
            environment=environment,
            context=context or {},
            record=record,
            inference_id=new_id() if record else None,
            decision=decision,
            trace_id=trace_id,
            parent_id=parent_id,
            keep_context=keep_context,
        )
        return self._http.write(Resolution, "POST", "/resolve", wanted)

    def open_days(self, since: date) -> tuple[date, ...]:
        """Let the ledger take inferences since a day, up to 400 days ago; which days that
        opened."""
        opened: list[date] = []
        while True:
            body = LedgerSince(since=since)
            found = self._http.write(LedgerDays, "POST", "/inferences/days", body)
            opened += found.opened
            if not found.missing or not found.opened:
                return tuple(opened)

    def send_traces(self, request: Json) -> TracesTaken:
        """Send an OTLP ``ExportTraceServiceRequest`` in its JSON form; sending it again
        changes nothing."""
        body = json.dumps(request).encode()
        answer = self._http.post_json(Json, f"{self._http.url}/v1/traces", body)
        part = answer.get("partialSuccess", {})
        rejected = int(part.get("rejectedSpans", 0))
        return TracesTaken(rejected=rejected, why=part.get("errorMessage", ""))

    def record(self, inferences: Sequence[NewInference]) -> BatchResult:
        """Record up to 10,000 inferences; the answer says what became of each."""
        named = tuple(
            one if one.id else one.model_copy(update={"id": new_id()}) for one in inferences
        )
        return self._http.write(
            BatchResult, "POST", "/inferences", InferenceBatch(inferences=named)
        )

    def add_outcome(self, id: UUID, outcome: NewOutcome) -> Outcome:
        """Say what came of an inference."""
        named = outcome if outcome.id else outcome.model_copy(update={"id": new_id()})
        return self._http.write(Outcome, "POST", f"/inferences/{id}/outcomes", named)

    def get(self, id: UUID) -> Inference:
        """One inference, with the newest of its measures."""
        return self._http.get(Inference, f"/inferences/{id}")

    def find(
        self, *, trace_id: str | None = None, decision: str | None = None
    ) -> Iterator[Inference]:
        """The inferences of a trace, or of a decision, the newest first."""
        query = {"trace_id": trace_id, "decision": decision}
        return self._http.pages(Inference, "/inferences", query)

    def table(self, wanted: RequestFilter | None = None) -> Table:
        """Every request that was served as a table, for notebooks, the newest first::

            to_pandas(client.inferences.table(RequestFilter(environment="production")))

        What ran in the shadow is left out.
        """
        return Table(self._http, "/inferences.arrow", asked(wanted))

    def arrivals(
        self,
        cursor: str | None = None,
        *,
        nodes: Sequence[str] = (),
        slot: str | None = None,
        environment: str | None = None,
        status: Status | None = None,
        last: int = 10,
        late_seconds: int = 3600,
    ) -> Arrivals:
        """What arrived since a cursor (``next`` of the answer before), each exactly once;
        without one the ``last`` so many that are here.

        Args:
            cursor: where the answer before ended.
            nodes: only bundles that are made of all of these, as ``prompts:/support/answer/7``.
            slot: only this one, ``ROUTE@ENVIRONMENT``.
            environment: only there.
            status: only with this one when it arrives; a later outcome is not followed.
            last: how many to begin with, 0 to 500.
            late_seconds: how long after it was made one may still come, up to a week.

        Raises:
            Invalid: the cursor is older than a week, or of a database before it was restored;
                or a node leads to slots, which have an argument of their own.
            NotFound: there is no such node, slot or environment.
        """
        query = {"cursor": cursor, "node": nodes, "slot": slot, "environment": environment}
        more = {"status": status, "last": last, "late_seconds": late_seconds, "limit": 500}
        return self._http.get(Arrivals, "/arrivals", {**query, **more})

    def explain(self, id: UUID) -> Explanation:
        """The whole story of one inference, as things were at its time."""
        return self._http.get(Explanation, f"/inferences/{id}/lineage")

    def replay(self, id: UUID, context: dict[str, Any] | None = None) -> Replay:
        """Evaluate the policy of an inference again, with the context that was kept or with
        this one, and compare."""
        body = ReplayRequest(context=context)
        return self._http.write(Replay, "POST", f"/inferences/{id}/replay", body)
