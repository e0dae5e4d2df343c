"""What came of a call, from the spans that it took."""

from collections.abc import Callable, Collection
from typing import NamedTuple, TypeVar

Amount = TypeVar("Amount", int, float)


class SpanFacts(NamedTuple):
    """A finished span, as far as measures are concerned. None means that it says nothing."""

    id: str
    parent: str | None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    model: str | None = None

    @property
    def amounts(self) -> "Totals":
        """What it says by itself."""
        return Totals(self.input_tokens, self.output_tokens, self.cost_usd)


class Totals(NamedTuple):
    """Over all spans of a call; None where no span says anything."""

    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None


NOTHING = Totals(None, None, None)


def totals(spans: Collection[SpanFacts]) -> Totals:
    """Tokens and cost of a call.

    A span that says what its children said already (as those of some libraries do) counts
    instead of them, as in MLflow's own sum over a trace.
    """
    said = [amounts for span in spans if (amounts := span.amounts) != NOTHING]
    if len(said) < 2:  # as of nearly every call
        return said[0] if said else NOTHING
    known = {span.id: span for span in spans}
    return Totals(
        input_tokens=_total(known, lambda span: span.input_tokens),
        output_tokens=_total(known, lambda span: span.output_tokens),
        cost_usd=_total(known, lambda span: span.cost_usd),
    )


def _total(known: dict[str, SpanFacts], of: Callable[[SpanFacts], Amount | None]) -> Amount | None:
    said = {id: amount for id, span in known.items() if (amount := of(span)) is not None}
    counted = [amount for id, amount in said.items() if not _within(known, said, id)]
    return sum(counted[1:], counted[0]) if counted else None


def _within(known: dict[str, SpanFacts], said: dict[str, Amount], id: str) -> bool:
    """Whether a span around this one says its amount, too."""
    around = known[id].parent
    while around is not None and around in known:
        if around in said:
            return True
        around = known[around].parent
    return False
