"""What came of a call, from the spans that it took."""

import pytest

from twinline.mlflow.measures import SpanFacts, Totals, totals


def span(id: str, parent: str | None = None, **said: float) -> SpanFacts:
    return SpanFacts(id, parent, **said)  # pyright: ignore[reportArgumentType] -- numbers


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        pytest.param([], Totals(None, None, None), id="nothing"),
        pytest.param([span("a")], Totals(None, None, None), id="nothing-said"),
        pytest.param([span("a", input_tokens=0)], Totals(0, None, None), id="zero-is-known"),
        pytest.param(
            [span("b", "a", input_tokens=1), span("c", "a", input_tokens=2), span("a")],
            Totals(3, None, None),
            id="children-add-up",
        ),
        pytest.param(
            [span("b", "a", input_tokens=1, output_tokens=5), span("a", input_tokens=1)],
            Totals(1, 5, None),
            id="a-parent-that-repeats-counts-once",
        ),
        pytest.param(
            [span("c", "b", cost_usd=0.5), span("b", "a"), span("a", cost_usd=0.5)],
            Totals(None, None, 0.5),
            id="also-two-above",
        ),
        pytest.param(
            [span("b", "elsewhere", output_tokens=4)],
            Totals(None, 4, None),
            id="a-parent-outside-of-the-call",
        ),
    ],
)
def test_tokens_and_cost_are_counted_once(spans: list[SpanFacts], expected: Totals) -> None:
    assert totals(spans) == expected
