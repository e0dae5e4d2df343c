"""Calls that are told in parts: that they began, later how they went, then that they ended.

OpenTelemetry tells a span once, when it is over; older SDKs tell each step as it happens, in
requests of their own. What is known of a call is kept until it ends, and recorded then. What
never ends is recorded after an hour, as `actions.settle` does with all that waits.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any
from uuid import UUID

from twinline.db.session import Reading
from twinline.inferences import actions as inferences
from twinline.language.ids import id_beside
from twinline.language.records import InferenceBatch, NewInference
from twinline.otel import rules, store
from twinline.otel.actions import TOGETHER, Begin, Part, add_outcomes, as_inference
from twinline.otel.naming import Catalog
from twinline.otel.rules import UNNAMED, Call
from twinline.otel.spans import Span

CALLS_OF_TRACE = 500
"""How many calls of a trace are looked through for the one that is meant."""

UNKNOWN = "nothing is known of its beginning; send that first"


@dataclass
class _Sorted:
    """What a request's parts come to."""

    ended: dict[UUID, NewInference] = field(default_factory=dict[UUID, NewInference])
    going_on: dict[UUID, NewInference] = field(default_factory=dict[UUID, NewInference])
    later: list[Part] = field(default_factory=list[Part])
    refused: dict[int, str] = field(default_factory=dict[int, str])


def take(begin: Begin, parts: Sequence[Span]) -> tuple[Counter[str], dict[int, str]]:
    """Keep what parts of calls say; sending them again changes nothing.

    In a part, 0 stands for a beginning or an end that it does not tell, and there is one
    part for each call. The answer counts what became of them, and says by its place in
    ``parts`` why one was refused.
    """
    counts: Counter[str] = Counter()
    refused: dict[int, str] = {}
    for start in range(0, len(parts), TOGETHER):
        some = dict(enumerate(parts[start : start + TOGETHER], start))
        found, whys = _take(begin, some)
        counts += found
        refused |= whys
    counts["refused"] = len(refused)
    return counts, refused


def _take(begin: Begin, parts: Mapping[int, Span]) -> tuple[Counter[str], dict[int, str]]:
    with begin() as tx:
        known = store.begun(tx, {part.trace_id for part in parts.values()})
        found = _sorted(tx, parts, known)
        for id, sent in sorted(found.going_on.items()):
            store.keep_begun(tx, id, sent.model_dump(mode="json", exclude_none=True))
        store.drop_begun(tx, found.ended)
        counts = Counter(waiting=len(found.going_on))
        if found.ended:
            batch = InferenceBatch(inferences=tuple(found.ended.values()))
            counts.update(one.result for one in inferences.record(tx, batch).items)
    if found.later:
        with begin() as tx:
            counts["outcome"] += add_outcomes(tx, sorted(found.later, key=lambda part: part[0]))
    return counts, found.refused


def _sorted(
    tx: Reading, parts: Mapping[int, Span], known: Mapping[UUID, dict[str, Any]]
) -> _Sorted:
    catalog, found = Catalog(tx), _Sorted()
    ids = {place: _id(tx, part, known) for place, part in parts.items()}
    wrong = inferences.refusals(tx, {id for id in ids.values() if id is not None})
    there = inferences.present(tx, {id for id in ids.values() if id is not None})
    for place, part in parts.items():
        id = ids[place]
        if id is None or id in wrong:
            found.refused[place] = UNKNOWN if id is None else wrong[id]
            continue
        call = _call(part, id)
        if id in there:
            told = id_beside(id, call.measured.model_dump_json())
            found.later.append((id, told, call.measured))
        else:
            sent = _joined(known.get(id), as_inference(call, catalog), call)
            (found.ended if part.ended_ns else found.going_on)[id] = sent
    return found


def _id(tx: Reading, part: Span, known: Iterable[UUID]) -> UUID | None:
    """The id of the call that is meant; None when it cannot be told.

    It follows from the beginning, which a later part may leave out: then that of a call of
    the same trace from which the same id follows.
    """
    if part.begun_ns:
        return rules.id_of(part)
    meant = (id for id in chain(known, _of_trace(tx, part.trace_id)) if _is(part, id))
    return next(meant, None)


def _of_trace(tx: Reading, trace_id: str) -> Iterator[UUID]:
    page = inferences.find(tx, trace_id, None, cursor=None, limit=CALLS_OF_TRACE)
    yield from (one.id for one in page.items)


def _is(part: Span, id: UUID) -> bool:
    return rules.id_of(_from(part, id)) == id


def _from(part: Span, id: UUID) -> Span:
    return replace(part, begun_ns=(id.int >> 80) * 1_000_000)


def _call(part: Span, id: UUID) -> Call:
    (call,) = rules.calls([part if part.begun_ns else _from(part, id)])
    return call


def _joined(before: dict[str, Any] | None, now: NewInference, call: Call) -> NewInference:
    """All that is known: what is said now counts before what was said."""
    if before is None:
        return now
    said = now.model_dump(exclude_none=True)
    if now.model == UNNAMED:
        said.pop("model")
    joined = {**before, **said}
    if "prompt" in joined and joined.get("model") == UNNAMED:
        del joined["model"]
    return NewInference.model_validate({**joined, "id": call.id})
