"""One inference from beginning to end: what was chosen, and what came of it."""

import json
import re
import secrets
import time
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from twinline.client.local.resolved import Resolved
from twinline.client.local.routes import Routes
from twinline.language.canonical import digest
from twinline.language.errors import Invalid
from twinline.language.ids import new_id_text
from twinline.language.records import Measured, ServedBundle
from twinline.routing.conditions import exact_type

_current: ContextVar["Call | None"] = ContextVar("twinline_call", default=None)
_traceparent = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


class Call:
    """An inference that is going on; it is recorded when the block ends.

    Attributes:
        resolved: which bundle answers, and why.
        trace_id: 32 hexadecimal digits: of the caller's trace, of the call around this
            one, or new.
        spooled: after the block: whether the record is on this machine's disk. It then
            reaches the server exactly once, whatever happens to this process.
    """

    def __init__(
        self,
        routes: Routes,
        resolved: Resolved,
        context: dict[str, Any],
        *,
        decision: str | None,
        traceparent: str | None,
        keep_context: bool,
    ) -> None:
        self._routes = routes
        self._context = context
        self._decision = decision
        self._keep_context = keep_context
        self._parent = _current.get()
        self._measured = Measured()
        self._token: Token[Call | None] | None = None
        self._began = time.perf_counter()
        self.resolved = resolved
        self.id = new_id_text(time.time_ns() // 1_000_000)
        self.span_id = secrets.token_hex(8)
        self.trace_id = _trace_id(traceparent, self._parent)
        self.spooled = False

    @property
    def bundle(self) -> ServedBundle:
        """The model, the prompt with its text, and the parameters."""
        return self.resolved.bundle

    def observe(
        self,
        *,
        status: str | None = None,
        latency_ms: float | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cost_usd: float | None = None,
        score: float | None = None,
    ) -> None:
        """Say what came of it. What is None stays as it was said before.

        Without a ``latency_ms`` the time of the block is taken, and without a
        ``status`` whether it raised.
        """
        said = {
            "status": status,
            "latency_ms": latency_ms,
            "input_tokens": input_tokens,
            "output_tokens": output_tokens,
            "cost_usd": cost_usd,
            "score": score,
        }
        known = {name: value for name, value in said.items() if value is not None}
        self._measured = Measured.model_validate(self._measured.model_dump() | known)

    def headers(self) -> dict[str, str]:
        """What to send along to other services: W3C trace context, and the bundle as
        baggage."""
        return {
            "traceparent": f"00-{self.trace_id}-{self.span_id}-01",
            "baggage": f"twinline.bundle={self.bundle.ref.digest},twinline.inference_id={self.id}",
        }

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        self._began = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        took_ms = (time.perf_counter() - self._began) * 1000
        if self._token is not None:
            _current.reset(self._token)
        self.spooled = self._routes.record(self.resolved, self.id, self._more(took_ms, kind))

    def _more(self, took_ms: float, kind: type[BaseException] | None) -> str:
        said = self._measured.model_dump(exclude_none=True)
        members: dict[str, Any] = {
            "status": "ok" if kind is None else "error",
            "latency_ms": round(took_ms, 3),
            **said,
            "trace_id": self.trace_id,
            **_context_members(self._context, self._keep_context),
        }
        if self._parent is not None:
            members["parent_id"] = self._parent.id
        if self._decision is not None:
            members["decision"] = clean(self._decision)
        return "," + json.dumps(members)[1:-1]


def more_of(
    context: dict[str, Any] | None,
    decision: str | None,
    trace_id: str | None,
    parent_id: UUID | None,
    *,
    keep_context: bool,
) -> str:
    """Members of a record that only some requests have, as JSON, each preceded by a comma."""
    members: dict[str, Any] = {
        "decision": clean(decision) if decision else None,
        "trace_id": clean(trace_id) if trace_id else None,
        "parent_id": str(parent_id) if parent_id else None,
        **(_context_members(context or {}, keep=True) if keep_context else {}),
    }
    known = {name: value for name, value in members.items() if value is not None}
    return "," + json.dumps(known)[1:-1] if known else ""


def clean(text: str) -> str:
    """Text as the ledger can keep it: no NUL, no lone surrogate, at most 500 characters."""
    return text.replace("\0", "").encode(errors="replace").decode()[:500]


def _context_members(context: dict[str, Any], keep: bool) -> dict[str, Any]:
    """The digest of a context, and itself when it is kept; neither when it is no JSON."""
    if exact_type(context) is not dict:
        return {}
    try:
        members: dict[str, Any] = {"context_digest": digest(context)}
    except (Invalid, RecursionError, TypeError):
        return {}
    return {**members, "context": context, "keep_context": True} if keep else members


def _trace_id(traceparent: str | None, parent: Call | None) -> str:
    found = _traceparent.fullmatch(traceparent) if traceparent else None
    if found:
        return found[1]
    return parent.trace_id if parent is not None else secrets.token_hex(16)
