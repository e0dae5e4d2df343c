"""Record the calls among spans, and what came of inferences that others record."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping

from twinline.access import actions as access
from twinline.db.session import Writing
from twinline.inferences import actions as inferences
from twinline.language.ids import made_at
from twinline.language.records import InferenceBatch, Measured, NewInference, NewOutcome, Recorded
from twinline.otel import rules, store
from twinline.otel.naming import Catalog
from twinline.otel.rules import Call
from twinline.otel.spans import Span

TOGETHER = 500
"""Calls in one transaction: each may lock an inference, and PostgreSQL has place for some
thousand locks in all."""
REASONS_SHOWN, SETTLED_ROUNDS = 5, 4
WAIT = timedelta(hours=1)
"""How long a call waits for the inference that it is about. Applications ship their records
a moment after the request; the spans below it may be quicker."""
SOURCE = "otel"


Begin = Callable[[], AbstractContextManager[Writing]]
"""Begins a transaction."""
Part = tuple[UUID, UUID | None, Measured]
"""What a call adds: the inference that it is about, the call's own id and its measures."""


class Taken(NamedTuple):
    """What became of the spans of a request, each counted once, and why some were refused."""

    counts: Counter[str]
    refused: tuple[str, ...]

    @property
    def why(self) -> str:
        """The first reasons of what was refused."""
        more = len(self.refused) - REASONS_SHOWN
        shown = "; ".join(self.refused[:REASONS_SHOWN])
        return f"{shown}; and {more:,} more" if more > 0 else shown


def take(begin: Begin, spans: Sequence[Span]) -> Taken:
    """Record what spans say; sending them again changes nothing.

    They are taken in parts, each in a transaction of its own: what fails in the middle is
    sent again by the exporter. A call that is about an inference adds an outcome to it, at
    once or when that comes.
    """
    settle(begin)
    refused = [why for span in spans if (why := rules.refusal(span))]
    fit = [span for span in spans if rules.refusal(span) is None]
    calls = list(rules.calls(fit))
    recorded = _record(begin, [call for call in calls if call.about is None])
    parts = _take_parts(begin, [call for call in calls if call.about])
    refused += [one.detail or "" for one in recorded if one.result == "refused"]
    refused += parts.refused
    counts = parts.counts + Counter(one.result for one in recorded)
    counts["refused"] = len(refused)
    counts["ignored"] += len(fit) - len(calls)
    return Taken(counts, tuple(refused))


def settle(begin: Begin) -> None:
    """Add what waited to the inferences that have come since.

    What waited for an hour in vain is recorded under the id that it names: somebody meant
    to, and it must not be lost. Of several that name it, the one that says most; then its
    inference is there, and the others are added to it.
    """
    with begin() as tx:
        rows = store.overdue(tx, access.now(tx) - WAIT, TOGETHER)
        if rows:
            inferences.record(tx, InferenceBatch(inferences=tuple(map(_overdue, rows))))
    for _ in range(SETTLED_ROUNDS):
        with begin() as tx:
            rows = store.settled(tx, access.now(tx) - WAIT, TOGETHER)
            add_outcomes(tx, map(_waited, sorted(rows, key=_in_turn)))
        if len(rows) < TOGETHER:
            return


def _overdue(row: RowMapping) -> NewInference:
    sent = NewInference.model_validate(row["sent"])
    return sent.model_copy(update={"id": row["inference_id"]})


def _waited(row: RowMapping) -> Part:
    sent = NewInference.model_validate(row["sent"])
    return row["inference_id"], sent.id, sent


def _in_turn(row: RowMapping) -> tuple[UUID, str]:
    return row["inference_id"], row["sent"]["id"]


def _record(begin: Begin, calls: Sequence[Call]) -> list[Recorded]:
    found: list[Recorded] = []
    for batch in _batches(calls):
        with begin() as tx:
            catalog = Catalog(tx)
            sent = tuple(as_inference(call, catalog) for call in batch)
            found += inferences.record(tx, InferenceBatch(inferences=sent)).items
    return found


def _take_parts(begin: Begin, calls: Sequence[Call]) -> Taken:
    """Add calls to the inferences that they are about, in one order for all requests."""
    counts: Counter[str] = Counter()
    refused: list[str] = []
    for batch in _batches(sorted(calls, key=lambda call: (call.about or call.id, call.id))):
        with begin() as tx:
            parts, wrong = _fit_parts(tx, batch)
            counts += _add_parts(tx, parts)
            refused += wrong
    return Taken(counts, tuple(refused))


def _fit_parts(tx: Writing, calls: Sequence[Call]) -> tuple[list[Call], list[str]]:
    """The calls that are about an id which can be recorded; why the others are not."""
    wrong = inferences.refusals(tx, {call.about for call in calls if call.about})
    whys = [wrong.get(call.about or call.id) for call in calls]
    fit = [call for call, why in zip(calls, whys, strict=True) if why is None]
    return fit, [why for why in whys if why is not None]


def _add_parts(tx: Writing, calls: Collection[Call]) -> Counter[str]:
    """Add calls to their inferences: first those that wait, because to keep one may itself
    wait for whoever settles it, and that must not be while inferences are locked."""
    catalog = Catalog(tx)
    about = [(call.about, call) for call in calls if call.about]
    present = inferences.present(tx, {inference for inference, _ in about})
    waiting = 0
    for inference, call in about:
        if inference not in present:
            sent = as_inference(call, catalog).model_dump(mode="json", exclude_none=True)
            waiting += store.wait(tx, inference, call.id, sent)
    parts = [(one, call.id, call.measured) for one, call in about if one in present]
    silent = sum(measured == Measured() for _, _, measured in parts)
    added = add_outcomes(tx, parts)
    known = len(about) - waiting - silent - added
    return Counter(waiting=waiting, outcome=added, ignored=silent, duplicate=known)


def add_outcomes(tx: Writing, parts: Iterable[Part]) -> int:
    """Add what is known of parts to their inferences; to how many there was something new."""
    sent: dict[UUID, list[NewOutcome]] = {}
    for inference, id, measured in parts:
        known = measured.model_dump(include=set(Measured.model_fields), exclude_none=True)
        if known:
            outcome = NewOutcome(id=id, source=SOURCE, **known)
            sent.setdefault(inference, []).append(outcome)
    return inferences.add_outcomes(tx, sent) if sent else 0


def _batches(calls: Sequence[Call]) -> Iterator[Sequence[Call]]:
    for start in range(0, len(calls), TOGETHER):
        yield calls[start : start + TOGETHER]


def as_inference(call: Call, catalog: Catalog) -> NewInference:
    """The record of a call, its words looked up as of its time."""
    words, at = call.words, made_at(call.id)
    model = prompt = None
    if words.bundle is None:
        model, prompt = catalog.model(words, at), catalog.prompt(words, at)
    return NewInference(
        id=call.id,
        slot=call.slot,
        deployment=call.deployment if call.slot else None,
        bundle=words.bundle,
        model=model,
        prompt=prompt,
        decision=call.decision,
        trace_id=call.trace_id,
        **call.measured.model_dump(),
    )
