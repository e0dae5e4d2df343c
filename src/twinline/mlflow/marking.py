"""How a call is written onto MLflow's spans and traces, and what they say is read from them.

MLflow's own functions for one value each take locks, an encoder and checks that cost more
than the value. So what a call is called is put into MLflow's words once, and laid onto a
span and a trace in one step each. The words are the same, to the byte.
"""

# MLflow is half typed:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from twinline.client.local.calls import Call
from twinline.language.records.bundles import ServedPrompt
from twinline.mlflow.measures import SpanFacts
from twinline.mlflow.run_tags import tags_of

if TYPE_CHECKING:
    from mlflow.entities import LiveSpan

LINKED_PROMPTS = "mlflow.linkedPrompts"
TOKENS, COST, MODEL = "mlflow.chat.tokenUsage", "mlflow.llm.cost", "mlflow.llm.model"
MEASURED = "twinline.measured"

_json = json.JSONEncoder(ensure_ascii=False).encode
"""A value as MLflow writes it into a span."""

_linkable = re.compile(r"(?=.{1,36}$)[A-Za-z0-9_.-]+/[0-9]+")


class Names(NamedTuple):
    """What a call is called: in a trace's metadata, and by its spans' attributes.

    Wherever a span is exported, it says too that what it measures is counted already.
    """

    metadata: dict[str, str]
    attributes: dict[str, str]


class PromptLink(NamedTuple):
    """A prompt version as MLflow links it; ``version`` None: its table has no room for it.

    ``alone`` is a list with this link only, as JSON, and ``attribute`` is that as JSON again:
    so it is in a span's attributes.
    """

    entry: dict[str, str]
    alone: str
    attribute: str
    version: Any


def names_of(call: Call) -> Names:
    """What MLflow is to call a call."""
    metadata = tags_of(call)
    attributes = {name: _json(value) for name, value in metadata.items()}
    return Names(metadata, attributes | {MEASURED: "true"})


def name_span(span: "LiveSpan", names: Names) -> None:
    """Have a span that has not ended say whose it is."""
    _plain(span).set_attributes(names.attributes)


def facts_of(span: "LiveSpan") -> SpanFacts:
    """What a span says that counts, as far as it is known yet."""
    said = _plain(span).attributes
    tokens: dict[str, int] = _said(said.get(TOKENS)) or {}
    cost: dict[str, float] = _said(said.get(COST)) or {}
    return SpanFacts(
        id=span.span_id,
        parent=span.parent_id,
        input_tokens=tokens.get("input_tokens"),
        output_tokens=tokens.get("output_tokens"),
        cost_usd=cost.get("total_cost"),
        model=_said(said.get(MODEL)),
    )


def has_failed(span: "LiveSpan") -> bool:
    """Whether a span ended with an error."""
    return _plain(span).status.status_code.name == "ERROR"


def name_trace(span: "LiveSpan", names: Names, prompt: ServedPrompt) -> None:
    """Have the trace of a span say whose it is, and link the prompt as ``load_prompt`` does:
    on the span, and by the trace's exporter.

    There is no public way to the second that does not wait for the server. It is left out
    for what MLflow's table of links cannot hold: there a longer name than that fails, for
    every trace, with a warning.

    Raises:
        LookupError: the trace took so long that MLflow forgot it.
    """
    from mlflow.tracing.trace_manager import InMemoryTraceManager

    link = _link(prompt.ref.name, prompt.ref.number)
    with InMemoryTraceManager.get_instance().get_trace(span.trace_id) as trace:
        if trace is None:
            raise LookupError("MLflow has given the trace up, as MLFLOW_TRACE_TIMEOUT_SECONDS says")
        trace.info.trace_metadata.update(names.metadata)
        if link.version is not None and link.version not in trace.prompts:
            trace.prompts.append(link.version)
            tags = trace.info.tags
            tags[LINKED_PROMPTS] = _linked(tags.get(LINKED_PROMPTS), link)
    plain = _plain(span)
    known = _said(plain.attributes.get(LINKED_PROMPTS))
    plain.set_attribute(LINKED_PROMPTS, _json(_linked(known, link)) if known else link.attribute)


@cache
def _link(name: str, number: int) -> PromptLink:
    from mlflow.entities.model_registry import PromptVersion

    entry = {"name": name, "version": str(number)}
    alone = json.dumps([entry])
    fits = _linkable.fullmatch(f"{name}/{number}")
    version = PromptVersion(name, number, template="") if fits else None
    return PromptLink(entry, alone, _json(alone), version)


def _linked(known: str | None, link: PromptLink) -> str:
    """A list of links as JSON, with this one among them."""
    if not known:
        return link.alone
    links = json.loads(known)
    return known if link.entry in links else json.dumps([*links, link.entry])


def _said(written: Any) -> Any:
    """What MLflow wrote; as it is where somebody else did."""
    if not written:
        return None
    try:
        return json.loads(written)
    except (TypeError, ValueError):
        return written


def _plain(span: "LiveSpan") -> Any:
    """The OpenTelemetry span that one of MLflow's is, whose attributes are JSON."""
    return span._span  # pyright: ignore[reportPrivateUsage] -- no public way sets several at once
