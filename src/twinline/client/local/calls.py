"""One inference from beginning to end: what was chosen, and what came of it."""

import json
import logging
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from pydantic import ValidationError

from twinline.client.local.resolved import Resolved
from twinline.client.local.routes import Routes
from twinline.language import strict_json
from twinline.language.canonical import digest
from twinline.language.errors import MalformedJson
from twinline.language.ids import new_id_text, random_hex
from twinline.language.records import Measured, ServedBundle

TEXT_LENGTH_MAX = 500
BLOCK_MS_MAX = 86_400_000
CONTEXT_BYTES_MAX = 1_000_000
"""What of a kept context fits into a segment of the spool, beside all else."""

_log = logging.getLogger("twinline.client")
_current: ContextVar["Call | None"] = ContextVar("twinline_call", default=None)
_traceparent = re.compile(  # version 00 has four parts; a later one may have more
    r"(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?"
)


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
        context: Mapping[str, Any] | None,
        *,
        decision: str | None,
        traceparent: str | None,
        keep_context: bool,
    ) -> None:
        self._routes = routes
        self._context = context
        self._decision = decision
        self._keep_context = keep_context
        around = _current.get()
        self._parent_id = around.id if around is not None else None
        self._said: dict[str, Any] = {}
        self._token: Token[Call | None] | None = None
        self._began = time.perf_counter()
        self.resolved = resolved
        self.id = new_id_text(time.time_ns() // 1_000_000)
        self.span_id = random_hex(64)
        self.trace_id = _trace_id(traceparent, around)
        self.spooled = False

    @property
    def bundle(self) -> ServedBundle:
        """The model, the prompt with its text, and the parameters."""
        return self.resolved.bundle

    @property
    def measured(self) -> Measured:
        """What was said so far of what came of it."""
        return Measured.model_validate(self._said)

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
        ``status`` whether it raised. What no measure can be (a NaN, a score of 2) is left
        out with a warning: the request that is being answered goes on.
        """
        self._hear(
            {
                "status": status,
                "latency_ms": latency_ms,
                "input_tokens": input_tokens,
                "output_tokens": output_tokens,
                "cost_usd": cost_usd,
                "score": score,
            }
        )

    def complete(self, found: Mapping[str, Any]) -> None:
        """`observe` measures by name, but for those that were said before."""
        self._hear({name: value for name, value in found.items() if name not in self._said})

    def _hear(self, told: Mapping[str, Any]) -> None:
        known = {name: value for name, value in told.items() if value is not None}
        try:
            self._take(known)
        except ValidationError:
            for name, value in known.items():
                self._hear_one(name, value)

    def _hear_one(self, name: str, value: object) -> None:
        try:
            self._take({name: value})
        except ValidationError as error:
            why = error.errors()[0]["msg"]
            _log.warning("%s of the inference %s is left out: %s", name, self.id, why)

    def _take(self, known: Mapping[str, Any]) -> None:
        told = Measured.model_validate(known)
        self._said.update({name: getattr(told, name) for name in known})

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
            with suppress(ValueError):  # a generator may end in another context than it began
                _current.reset(self._token)
        self.spooled = self._routes.record(self.resolved, self.id, self._more(took_ms, kind))

    def _more(self, took_ms: float, kind: type[BaseException] | None) -> str:
        members: dict[str, Any] = {
            "status": "ok" if kind is None else "error",
            "latency_ms": round(min(took_ms, BLOCK_MS_MAX), 3),
            **self._said,
            "trace_id": self.trace_id,
            "parent_id": self._parent_id,
            "decision": clean(self._decision),
        }
        return _joined(members) + _context_members(self._context, self._keep_context)


def current_call() -> Call | None:
    """The innermost call that is going on here; None outside of all."""
    return _current.get()


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
        "decision": clean(decision),
        "trace_id": clean(trace_id),
        "parent_id": str(parent_id) if parent_id else None,
    }
    return _joined(members) + (_context_members(context, keep=True) if keep_context else "")


def clean(text: object) -> str | None:
    """Text as the ledger can keep it: no NUL, no lone surrogate, at most 500 characters."""
    if text is None:
        return None
    kept = str(text).replace("\0", "").encode(errors="replace").decode()
    return kept[:TEXT_LENGTH_MAX] or None


def _context_members(context: Mapping[str, Any] | None, keep: bool) -> str:
    """The digest of a context, and itself when it is kept and the server can take it;
    neither when it is no JSON."""
    try:
        plain = dict(context) if isinstance(context, Mapping) else {}
        members = f',"context_digest":"{digest(plain)}"'
        content = json.dumps(plain) if keep else ""
    except Exception:  # noqa: BLE001 -- whatever a caller's objects raise, his request goes on
        return ""
    return f'{members},"context":{content},"keep_context":true' if _fits(content) else members


def _fits(content: str) -> bool:
    """Whether the server takes this context in a record, which lies three levels deep."""
    if not 0 < len(content) <= CONTEXT_BYTES_MAX:
        return False
    try:
        strict_json.loads(f"[[[{content}]]]".encode())
    except MalformedJson:
        return False
    return True


def _joined(members: Mapping[str, Any]) -> str:
    known = {name: value for name, value in members.items() if value is not None}
    return "," + json.dumps(known)[1:-1] if known else ""


def _trace_id(traceparent: str | None, parent: Call | None) -> str:
    found = _traceparent.fullmatch(traceparent) if isinstance(traceparent, str) else None
    if found:
        return found[1]
    return parent.trace_id if parent is not None else random_hex(128)
