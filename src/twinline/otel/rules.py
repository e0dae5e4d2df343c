"""From spans to calls: what each span says about a call of a model.

Nothing here fails: what is not as its convention says is unknown.
"""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from twinline.language.errors import InvalidReference
from twinline.language.ids import EPOCH, first_id, id_beside
from twinline.language.records import Measured
from twinline.language.refs import InferenceRef, SlotRef
from twinline.otel.dialects import DIALECTS, PLUMBING, Fact
from twinline.otel.spans import Span, unpacked

TEXT_MAX = 500
LATENCY_MS_MAX, TOKENS_MAX, USD_MAX, DEPLOYMENT_MAX = 86_400_000, 2_000_000_000, 1e6, 999_999_999
DIGEST_SHOWN = 12
UNNAMED = "unnamed"
"""The model of a call that names none."""

_unkeepable = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_trace_id, _span_id = re.compile(r"(?!0{32})[0-9a-f]{32}"), re.compile(r"(?!0{16})[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Words:
    """The pair of a call, in the words that were sent; None: it says nothing.

    ``linked``: MLflow linked the prompt, so its name and version are those of MLflow.
    """

    bundle: str | None = None
    provider: str | None = None
    asked_model: str | None = None
    answered_model: str | None = None
    prompt: str | None = None
    prompt_version: str | None = None
    linked: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a model.

    ``id`` follows from the span alone. ``about`` is the inference that somebody else
    records, of which this call is a part.
    """

    id: UUID
    trace_id: str
    words: Words
    measured: Measured
    slot: SlotRef | None = None
    deployment: int | None = None
    decision: str | None = None
    about: UUID | None = None


def cut(text: str) -> str:
    """Text of at most 500 characters, ending in an ellipsis when it had to be cut."""
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"


def refusal(span: Span) -> str | None:
    """Why a span is not taken; None when it is."""
    if not _trace_id.fullmatch(span.trace_id):
        return f"the trace id {span.trace_id[:40]!r} is not 16 bytes other than zero"
    if not _span_id.fullmatch(span.span_id):
        return f"the span id {span.span_id[:40]!r} is not 8 bytes other than zero"
    if not span.begun_ns:
        return f"span {span.span_id} of trace {span.trace_id} does not say when it began"
    return None


def is_call(span: Span) -> bool:
    """Whether a span is a call of a language model.

    What says what the span is decides; else the signs of a dialect do.
    """
    kinds = [
        str(unpacked(span.attributes[name])).lower() in meant
        for dialect in DIALECTS
        for name, meant in dialect.kind.items()
        if name in span.attributes
    ]
    if kinds:
        return any(kinds)
    if not PLUMBING.isdisjoint(span.attributes):
        return False
    return any(not dialect.signs.isdisjoint(span.attributes) for dialect in DIALECTS)


def calls(spans: Sequence[Span]) -> Iterator[Call]:
    """The calls among spans that came together.

    What a call does not say itself is taken from the nearest span around it that does: the
    pair and the slot, because applications say them where the request begins, and MLflow
    links a prompt to the span that loaded it.
    """
    by_id = {(span.trace_id, span.span_id): span for span in spans}
    seen: dict[tuple[str, str], Mapping[Fact, Any]] = {}
    for span in spans:
        if is_call(span):
            yield _call(span, _around(span, by_id, seen))


def id_of(span: Span) -> UUID:
    """The inference id of a span: a UUIDv7 of its start whose other bits follow from its
    trace id and span id."""
    begun = EPOCH + timedelta(milliseconds=span.begun_ns // 1_000_000)
    return id_beside(first_id(begun), f"{span.trace_id}/{span.span_id}")


def facts(span: Span) -> dict[Fact, Any]:
    """What a span says, each fact from the first dialect and place that tells it."""
    found: dict[Fact, Any] = {}
    for dialect in DIALECTS:
        for fact, places in dialect.facts.items():
            for at in places:
                if fact not in found and at.attribute in span.attributes:
                    told = _member(unpacked(span.attributes[at.attribute]), at.member)
                    if told is not None and told != "":
                        found[fact] = told
    return found


_INHERITED: tuple[Fact, ...] = (
    *("inference_id", "measured", "bundle", "slot", "deployment", "decision"),
    *("prompt_name", "prompt_version", "prompt_text", "linked_prompts"),
)
_TOGETHER: tuple[frozenset[Fact], ...] = (
    frozenset({"inference_id", "measured"}),
    frozenset({"prompt_name", "prompt_version", "prompt_text", "linked_prompts"}),
)
"""Facts about one thing, which are never taken from two spans: a prompt's name from one and
its version from another."""


def _around(
    span: Span,
    by_id: Mapping[tuple[str, str], Span],
    seen: dict[tuple[str, str], Mapping[Fact, Any]],
) -> Mapping[Fact, Any]:
    """What the spans around one say that holds for it too, the nearest first.

    Goes up without recursion, and no span twice: parents may be a thousand deep, or a ring.
    """
    path: dict[tuple[str, str], None] = {}
    at = (span.trace_id, span.parent_id)
    while at in by_id and at not in seen and at not in path:
        path[at] = None
        at = (span.trace_id, by_id[at].parent_id)
    told = seen.get(at, {})
    for key in reversed(path):
        seen[key] = told = _inherited(facts(by_id[key]), told)
    return told


def _inherited(own: Mapping[Fact, Any], around: Mapping[Fact, Any]) -> dict[Fact, Any]:
    """A span's facts for those below it."""
    settled = {fact for one in _TOGETHER if not one.isdisjoint(own) for fact in one}
    found: dict[Fact, Any] = {}
    for fact in _INHERITED:
        if fact in own:
            found[fact] = own[fact]
        elif fact in around and fact not in settled:
            found[fact] = around[fact]
    return found


def _call(span: Span, around: Mapping[Fact, Any]) -> Call:
    own = facts(span)
    told: dict[Fact, Any] = {**own, **_inherited(own, around)}
    about = _inference(told.get("inference_id"))
    measured = _measured(span, own)
    if about is not None and str(told.get("measured")).lower() == "true":
        measured = Measured()
    elif about is not None and "inference_id" not in own:
        # How long the whole took, and how it ended, is said by whoever records it.
        measured = measured.model_copy(update={"status": None, "latency_ms": None, "score": None})
    return Call(
        id=id_of(span),
        trace_id=span.trace_id,
        words=_words(told),
        measured=measured,
        slot=_slot(told.get("slot")),
        deployment=_whole(told.get("deployment"), 1, DEPLOYMENT_MAX),
        decision=_text(told.get("decision")),
        about=about,
    )


def _words(told: Mapping[Fact, Any]) -> Words:
    prompt, version = _prompt(told)
    return Words(
        bundle=_text(told.get("bundle")),
        provider=_text(told.get("provider")),
        asked_model=_text(told.get("asked_model")),
        answered_model=_text(told.get("answered_model")),
        prompt=prompt,
        prompt_version=version,
        linked=_is_linked(told),
    )


def _is_linked(told: Mapping[Fact, Any]) -> bool:
    return told.get("prompt_name") is None and len(_linked(told.get("linked_prompts"))) == 1


def _prompt(told: Mapping[Fact, Any]) -> tuple[str | None, str | None]:
    """The prompt's name and version: as they are said, else the one that is linked, else
    the template's text by its digest. Of several that are linked none can be told."""
    name, version = _text(told.get("prompt_name")), _text(told.get("prompt_version"))
    if name is not None:
        return name, version
    linked = _linked(told.get("linked_prompts"))
    if len(linked) == 1:
        return linked[0]
    if linked:
        return _text(", ".join(f"{one}@{number}" for one, number in linked)), None
    text = told.get("prompt_text")
    if isinstance(text, str):
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
        return f"template {digest[:DIGEST_SHOWN]}", version
    return None, None


def _linked(value: Any) -> list[tuple[str | None, str | None]]:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    pairs = [(_text(_member(one, "name")), _text(_member(one, "version"))) for one in items]
    return list(dict.fromkeys(pair for pair in pairs if pair[0] is not None))


def _measured(span: Span, told: Mapping[Fact, Any]) -> Measured:
    return Measured(
        status=_status(span),
        latency_ms=_latency_ms(span),
        input_tokens=_whole(told.get("input_tokens"), 0, TOKENS_MAX),
        output_tokens=_whole(told.get("output_tokens"), 0, TOKENS_MAX),
        cost_usd=_within(told.get("cost_usd"), USD_MAX),
        score=_within(told.get("score"), 1.0),
    )


def _status(span: Span) -> Any:
    """How the call ended; a span that ended and says nothing of an error went well."""
    failed = span.failed is True or any(
        name in span.attributes and (not bad or str(span.attributes[name]).lower() in bad)
        for dialect in DIALECTS
        for name, bad in dialect.failures.items()
    )
    if failed:
        return "error"
    return "ok" if span.ended_ns >= span.begun_ns else None


def _latency_ms(span: Span) -> float | None:
    milliseconds = (span.ended_ns - span.begun_ns) / 1_000_000
    return milliseconds if span.ended_ns and 0 <= milliseconds <= LATENCY_MS_MAX else None


def _inference(value: Any) -> UUID | None:
    text = str(value).removeprefix(f"{InferenceRef.scheme}:/")
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


def _slot(value: Any) -> SlotRef | None:
    try:
        return SlotRef.parse(value) if isinstance(value, str) else None
    except InvalidReference:
        return None


def _text(value: Any) -> str | None:
    """A word or number as text that can be kept: no control characters, up to 500 long."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    said = str(value)[: TEXT_MAX + 1]
    return cut(_unkeepable.sub("\N{REPLACEMENT CHARACTER}", said).strip()) or None


def _whole(value: Any, low: int, high: int) -> int | None:
    number = _number(value)
    return int(number) if number is not None and low <= number <= high else None


def _within(value: Any, high: float) -> float | None:
    number = _number(value)
    return number if number is not None and 0 <= number <= high else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _member(value: Any, name: str | None) -> Any:
    if name is None:
        return value
    return cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None
