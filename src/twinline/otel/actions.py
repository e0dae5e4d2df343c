"""Record the calls among spans, and what came of inferences that others record."""

from collections import Counter
from collections.abc import Collection, Sequence
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

BATCH = 10_000
REASONS_SHOWN = 5
SETTLED_MOST = 2_000
WAIT = timedelta(hours=1)
"""How long a call waits for the inference that it is about. Applications ship their records
a moment after the request; the spans below it may be quicker."""
SOURCE = "otel"


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


def take(tx: Writing, spans: Sequence[Span]) -> Taken:
    """Record what spans say, in this one transaction; sending them again changes nothing.

    A call that is about an inference adds an outcome to it, at once or when that comes.
    """
    settle(tx)
    refused = [why for span in spans if (why := rules.refusal(span))]
    fit = [span for span in spans if rules.refusal(span) is None]
    calls = list(rules.calls(fit))
    catalog = Catalog(tx)
    recorded = _record(tx, [_inference(call, catalog) for call in calls if call.about is None])
    parts, wrong = _fit_parts(tx, [call for call in calls if call.about])
    refused += [*(one.detail or "" for one in recorded if one.result == "refused"), *wrong]
    counts = Counter(one.result for one in recorded)
    counts.update(_add_parts(tx, parts, catalog))
    counts |= {"refused": len(refused), "ignored": len(fit) - len(calls)}
    return Taken(counts, tuple(refused))


def settle(tx: Writing) -> None:
    """Add what waited to the inferences that have come since.

    What waited for an hour in vain is recorded under the id that it names: somebody meant
    to, and it must not be lost. Of several that name it, the one that says most.
    """
    rows = store.settled(tx, access.now(tx) - WAIT, SETTLED_MOST)
    present = inferences.present(tx, {row["inference_id"] for row in rows})
    for row in sorted(rows, key=_in_turn):
        sent = NewInference.model_validate(row["sent"])
        if row["inference_id"] in present:
            _add_outcome(tx, row["inference_id"], sent.id, sent)
        else:
            _record(tx, [sent.model_copy(update={"id": row["inference_id"]})])
            present.add(row["inference_id"])


def _in_turn(row: RowMapping) -> tuple[UUID, int, str]:
    return row["inference_id"], -len(row["sent"]), row["sent"]["id"]


def _fit_parts(tx: Writing, calls: Sequence[Call]) -> tuple[list[Call], list[str]]:
    """The calls that are about an id which can be recorded; why the others are not."""
    wrong = inferences.refusals(tx, {call.about for call in calls if call.about})
    whys = [wrong.get(call.about or call.id) for call in calls]
    fit = [call for call, why in zip(calls, whys, strict=True) if why is None]
    return fit, [why for why in whys if why is not None]


def _add_parts(tx: Writing, calls: Collection[Call], catalog: Catalog) -> Counter[str]:
    """Add calls to their inferences, in one order so that requests cannot deadlock."""
    counts: Counter[str] = Counter()
    present = inferences.present(tx, {call.about for call in calls if call.about})
    for call in sorted(calls, key=lambda call: (call.about or call.id, call.id)):
        assert call.about is not None
        if call.about in present:
            new = _add_outcome(tx, call.about, call.id, call.measured)
            counts["outcome" if new else "duplicate"] += 1
        else:
            sent = _inference(call, catalog).model_dump(mode="json", exclude_none=True)
            new = store.wait(tx, call.about, call.id, sent)
            counts["waiting" if new else "duplicate"] += 1
    return counts


def _add_outcome(tx: Writing, inference: UUID, id: UUID | None, measured: Measured) -> bool:
    """Whether there was something new to add."""
    known = measured.model_dump(include=set(Measured.model_fields), exclude_none=True)
    if not known:
        return False
    return inferences.add_outcome(tx, inference, NewOutcome(id=id, source=SOURCE, **known))[1]


def _record(tx: Writing, sent: Sequence[NewInference]) -> list[Recorded]:
    found: list[Recorded] = []
    for start in range(0, len(sent), BATCH):
        batch = InferenceBatch(inferences=tuple(sent[start : start + BATCH]))
        found += inferences.record(tx, batch).items
    return found


def _inference(call: Call, catalog: Catalog) -> NewInference:
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
