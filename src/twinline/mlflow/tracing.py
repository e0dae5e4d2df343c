"""The MLflow span of a call: opened, named, watched and read; nothing here ever raises.

Every MLflow span that ends in the trace of an open call is given the names of that call
(a span processor does it, so that whatever exports spans carries them), and is asked for
tokens, cost and model. So what came of a call is known when its own span ends, without
asking a server for the trace.
"""

# MLflow is half typed:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache, wraps
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from twinline.client.local.calls import Call, current_call
from twinline.mlflow.marking import facts_of, has_failed, name_span, name_trace, names_of
from twinline.mlflow.measures import SpanFacts, totals

if TYPE_CHECKING:
    from mlflow.entities import LiveSpan

NO_TRACE = "MLFLOW_NO_OP_SPAN_TRACE_ID"

_log = logging.getLogger("twinline.mlflow")
_open: dict[str, tuple["CallSpan", ...]] = {}
"""The spans of calls that are going on, by trace; the innermost last."""
_changing = threading.Lock()


Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def _harmless(
    what: str,
) -> Callable[[Callable[Given, Answer]], Callable[Given, Answer | None]]:
    """Whatever ails MLflow, the request that is being answered goes on."""

    def decorate(step: Callable[Given, Answer]) -> Callable[Given, Answer | None]:
        @wraps(step)
        def attempt(*given: Given.args, **named: Given.kwargs) -> Answer | None:
            try:
                return step(*given, **named)
            except Exception as error:  # noqa: BLE001 -- a trace is never worth a request
                _warn_once(f"{what}: {type(error).__name__}: {error}")
                return None

        return attempt

    return decorate


class CallSpan:
    """The span of one call: within the trace that is going on, or the root of a new one.

    While tracing is off or the trace is not sampled it is a span without effect, and the
    call keeps the trace id that it had.
    """

    def __init__(
        self, call: Call, block: AbstractContextManager["LiveSpan"], span: "LiveSpan"
    ) -> None:
        self.call = call
        self._block = block
        self._span = span
        self._names = names_of(call)
        self._seen: list[SpanFacts] = []
        self._trace_id = span.trace_id
        if self._traced:
            call.trace_id = self._trace_id.rpartition("/")[2].removeprefix("tr-")
            call.span_id = span.span_id
            with _changing:
                _open[self._trace_id] = (*_open.get(self._trace_id, ()), self)

    @_harmless("inputs are not shown")
    def show_inputs(self, inputs: dict[str, Any]) -> None:
        """What the call was asked, for whoever looks at the trace."""
        self._span.set_inputs(inputs)

    @_harmless("outputs are not shown")
    def show_outputs(self, outputs: object) -> None:
        """What it answered, unless the program said so itself."""
        if self._span.outputs is None:
            self._span.set_outputs(outputs)

    def saw(self, span: "LiveSpan") -> None:
        """Name a span that ends, and note what it says."""
        name_span(span, self._names)
        self._seen.append(facts_of(span))

    def close(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the span, and tell the call what the trace says of it."""
        if self._traced:
            self._name_trace()
        self._end(kind, error, trace)
        if self._traced:
            self._forget()
            self._tell()

    @property
    def _traced(self) -> bool:
        return self._trace_id != NO_TRACE

    @_harmless("a span does not end")
    def _end(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._block.__exit__(kind, error, trace)

    @_harmless("a trace is not named")
    def _name_trace(self) -> None:
        """Say in the trace's metadata what it answered with, and link the prompt.

        At the end, so that of a call and those inside it the outermost has the last word.
        """
        name_trace(self._span, self._names, self.call.bundle.prompt)

    def _forget(self) -> None:
        with _changing:
            left = tuple(one for one in _open.get(self._trace_id, ()) if one is not self)
            if left:
                _open[self._trace_id] = left
            else:
                _open.pop(self._trace_id, None)

    @_harmless("a trace is not read")
    def _tell(self) -> None:
        """What the program itself said of the call stays."""
        self.call.complete(
            {
                "status": "error" if has_failed(self._span) else None,
                "latency_ms": _took_ms(self._span),
                **totals(self._seen)._asdict(),
            }
        )
        for facts in self._seen:
            if facts.model is not None:
                _compare(self.call, facts.model)


def open_span(call: Call) -> CallSpan | None:
    """Begin the span of a call; None where MLflow is not installed, or fails."""
    return _open_span(call) if _installed() else None


@_harmless("a call has no span")
def _open_span(call: Call) -> CallSpan:
    import mlflow

    _watch_spans()
    block = mlflow.start_span(call.resolved.slot.route, span_type="CHAIN")
    return CallSpan(call, block, block.__enter__())


def name_and_note(span: "LiveSpan") -> None:
    """The span processor: tell the call of a span that it ends."""
    calls = _open.get(span.trace_id)
    if calls:
        _innermost(calls).saw(span)


def _innermost(calls: tuple[CallSpan, ...]) -> CallSpan:
    """The call that is going on where the span ends; the last, if none of the trace is."""
    here = current_call()
    return next((one for one in calls if one.call is here), calls[-1])


def _watch_spans() -> None:
    """Have MLflow call us for every span that ends, beside the processors that it has."""
    configure, known = _configuring()
    if name_and_note not in known().span_processors:
        with _changing:
            others = known().span_processors
            if name_and_note not in others:
                configure(span_processors=[*others, name_and_note])


@cache
def _configuring() -> tuple[Callable[..., Any], Callable[[], Any]]:
    """How MLflow's tracing is configured, and how it is configured now."""
    from mlflow.tracing import configure
    from mlflow.tracing.config import get_config

    return configure, get_config


def _took_ms(span: "LiveSpan") -> float | None:
    ended = span.end_time_ns
    return round((ended - span.start_time_ns) / 1e6, 3) if ended else None


def _compare(call: Call, model: str) -> None:
    """Warn when a provider's model answered that is not the one of the bundle."""
    scheme, _, name = call.bundle.model.uri.partition(":/")
    if scheme in _PROVIDERS and model.rpartition("/")[2] != name.rpartition("/")[2]:
        _warn_once(
            f"{call.resolved.slot} serves {call.bundle.ref}, whose model is {name!r}, but "
            f"{model!r} was asked: take the model from call.bundle.model.uri."
        )


_PROVIDERS = {"anthropic", "azure", "bedrock", "cohere", "gemini", "groq", "mistral", "openai"}


@cache
def _warn_once(message: str) -> None:
    _log.warning(message)


@cache
@_harmless("calls have no traces")
def _installed() -> bool:
    """Whether MLflow can be imported, which is tried once."""
    import_module("mlflow")
    return True
