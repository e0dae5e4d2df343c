"""Which ids are taken, which value of a measure counts, and how well latencies are kept."""

import math
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import measured
from twinline.inferences.rules import AHEAD_MAX, by_inference, latency, newest, refusal
from twinline.language.ids import first_id, new_id
from twinline.language.records import Measured, NewOutcome, Outcome
from twinline.language.refs import InferenceRef

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
OLDEST = datetime(2026, 6, 24, tzinfo=UTC)
MS = timedelta(milliseconds=1)

# --- ids --------------------------------------------------------------------------------

TAKEN_IDS = {
    "of-now": new_id(NOW),
    "of-the-oldest-moment": first_id(OLDEST),
    "ahead-as-far-as-clocks-differ": new_id(NOW + AHEAD_MAX),
}

REFUSED_IDS = {
    "version-4": (UUID("5f0e8a8e-6d0d-4b5e-9a50-4b3a6f0c1d2e"), "no UUIDv7 (it is version 4)"),
    "version-1": (UUID("c232ab00-9414-11ec-b3c8-9f6bdeced846"), "no UUIDv7 (it is version 1)"),
    "nil": (UUID(int=0), "no UUIDv7 (it is version None)"),
    "other-variant": (UUID(int=new_id(NOW).int | 0b11 << 62), "no UUIDv7 (it is version None)"),
    "ahead": (new_id(NOW + AHEAD_MAX + MS), "made at 2026-07-01T12:05:00.001000+00:00, which is"),
    "far-ahead": (new_id(datetime(9999, 1, 1, tzinfo=UTC)), "in the future"),
    "before-the-oldest-day": (
        new_id(OLDEST - MS),
        "made at 2026-06-23T23:59:59.999000+00:00, before the oldest day that the ledger keeps "
        "(2026-06-24)",
    ),
    "of-1970": (UUID("00000000-0000-7000-8000-000000000000"), "before the oldest day"),
    "beyond-the-year-9999": (UUID("ffffffff-ffff-7fff-bfff-ffffffffffff"), "in the future"),
}


@pytest.mark.parametrize("id", TAKEN_IDS.values(), ids=TAKEN_IDS)
def test_an_id_is_taken_that_is(id: UUID) -> None:
    assert refusal(id, NOW, OLDEST) is None


@pytest.mark.parametrize(("id", "why"), REFUSED_IDS.values(), ids=REFUSED_IDS)
def test_an_id_is_refused_and_named_that_is(id: UUID, why: str) -> None:
    detail = refusal(id, NOW, OLDEST)
    assert detail is not None
    assert str(id) in detail
    assert why in detail


@given(st.datetimes(datetime(2026, 6, 1), datetime(2026, 8, 1), timezones=st.just(UTC)))
def test_an_id_is_taken_exactly_between_the_oldest_day_and_a_little_ahead(at: datetime) -> None:
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    assert (refusal(new_id(at), NOW, OLDEST) is None) == (OLDEST <= at <= NOW + AHEAD_MAX)


# --- measures ---------------------------------------------------------------------------

FOLDS: dict[str, tuple[Measured, list[Measured], Measured]] = {
    "nothing-came": (Measured(score=0.5), [], Measured(score=0.5)),
    "nothing-is-known": (Measured(), [Measured()], Measured()),
    "unknown-becomes-known": (
        Measured(),
        [Measured(latency_ms=7), Measured(score=1)],
        Measured(latency_ms=7, score=1),
    ),
    "the-newest-counts": (
        Measured(score=0.1),
        [Measured(score=0.2), Measured(score=0.3)],
        Measured(score=0.3),
    ),
    "the-newest-counts-even-when-it-is-less": (
        Measured(latency_ms=9),
        [Measured(latency_ms=3)],
        Measured(latency_ms=3),
    ),
    "unknown-does-not-take-back": (
        Measured(status="error", cost_usd=0.1),
        [Measured(status="ok"), Measured(score=1)],
        Measured(status="ok", cost_usd=0.1, score=1),
    ),
    "zero-is-known": (
        Measured(input_tokens=5, cost_usd=1.5, score=0.9),
        [Measured(input_tokens=0, cost_usd=0, score=0)],
        Measured(input_tokens=0, cost_usd=0, score=0),
    ),
    "each-measure-on-its-own": (
        Measured(input_tokens=1, output_tokens=1),
        [Measured(input_tokens=2), Measured(output_tokens=3), Measured(input_tokens=4)],
        Measured(input_tokens=4, output_tokens=3),
    ),
    "an-outcome-s-own-members-are-no-measures": (
        Measured(),
        [NewOutcome(id=UUID(int=1), source="judge", score=1)],
        Measured(score=1),
    ),
}


@pytest.mark.parametrize(("first", "later", "now"), FOLDS.values(), ids=FOLDS)
def test_what_is_known_after(first: Measured, later: list[Measured], now: Measured) -> None:
    found = newest(first, later)
    assert type(found) is Measured
    assert found == now


@given(measured(), st.lists(measured(), max_size=6))
def test_of_each_measure_the_last_that_is_known_counts(
    first: Measured, later: list[Measured]
) -> None:
    found = newest(first, later)
    for name in Measured.model_fields:
        known = [getattr(one, name) for one in (first, *later) if getattr(one, name) is not None]
        assert getattr(found, name) == (known[-1] if known else None)


@given(measured(), st.lists(measured(), max_size=6), st.integers(0, 6))
def test_folding_in_two_parts_gives_the_same(
    first: Measured, later: list[Measured], cut: int
) -> None:
    assert newest(newest(first, later[:cut]), later[cut:]) == newest(first, later)


def _outcome(of: UUID, number: int) -> Outcome:
    return Outcome(
        id=new_id(NOW), inference=InferenceRef(of), number=number, source="judge", at=NOW, score=1
    )


def test_outcomes_are_kept_apart_by_inference_and_in_their_order() -> None:
    one, other = uuid4(), uuid4()
    first, second, third = _outcome(one, 1), _outcome(other, 1), _outcome(one, 2)
    assert by_inference([first, second, third]) == {one: [first, third], other: [second]}
    assert by_inference([]) == {}


# --- latencies --------------------------------------------------------------------------

BUCKETS = 166
SHARES = {"p50": Fraction(50, 100), "p95": Fraction(95, 100), "p99": Fraction(99, 100)}


def bucket(ms: float) -> int:
    """A copy of the SQL function ``latency_bucket`` in migration 0002."""
    return 0 if ms <= 0.1 else min(165, math.ceil(math.log(ms / 0.1) / math.log(1.1)))


def counts(samples: list[float]) -> list[int]:
    found = [0] * BUCKETS
    for ms in samples:
        found[bucket(ms)] += 1
    return found


def exact(samples: list[float], share: Fraction) -> float:
    return sorted(samples)[math.ceil(share * len(samples)) - 1]


milliseconds = st.floats(0.1, 600_000) | st.floats(-1, math.log10(600_000)).map(
    lambda power: min(max(10**power, 0.1), 600_000)
)


@given(st.lists(milliseconds, min_size=1, max_size=300))
def test_percentiles_are_within_five_percent_from_a_tenth_of_a_millisecond_to_ten_minutes(
    samples: list[float],
) -> None:
    found = latency(counts(samples))
    assert found is not None
    for name, share in SHARES.items():
        wanted = exact(samples, share)
        assert abs(getattr(found, name) - wanted) <= 0.05 * wanted


@pytest.mark.parametrize("step", range(154))
def test_the_edges_of_every_bucket_are_within_five_percent(step: int) -> None:
    edge = 0.1 * 1.1**step
    for ms in (edge, math.nextafter(edge, math.inf), math.nextafter(edge, 0) if step else edge):
        found = latency(counts([ms]))
        assert found is not None
        assert found.p50 == found.p99 == pytest.approx(ms, rel=0.05)


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=BUCKETS))
def test_percentiles_are_in_order(counts: list[int]) -> None:
    found = latency(counts)
    assert (found is None) == (sum(counts) == 0)
    if found:
        assert found.p50 <= found.p95 <= found.p99


@pytest.mark.parametrize("counts", [[], [0], [0] * BUCKETS], ids=["none", "one-zero", "zeros"])
def test_what_was_not_measured_has_no_latency(counts: list[int]) -> None:
    """Unknown is not zero."""
    assert latency(counts) is None


def test_what_is_faster_than_a_tenth_of_a_millisecond_is_called_that() -> None:
    found = latency(counts([0.0, 0.01, 0.1]))
    assert found is not None
    assert (found.p50, found.p99) == (0.1, 0.1)


RANKS = {
    "one-request": ([1.0], 1.0, 1.0),
    "the-slow-one-of-two-is-the-p95": ([1.0, 100.0], 1.0, 100.0),
    "five-in-a-hundred-are-not-yet-the-p95": ([1.0] * 95 + [100.0] * 5, 1.0, 1.0),
    "six-in-a-hundred-are": ([1.0] * 94 + [100.0] * 6, 1.0, 100.0),
    "half-is-the-median": ([1.0] * 50 + [100.0] * 50, 1.0, 100.0),
    "one-less-than-half-is-not": ([1.0] * 49 + [100.0] * 51, 100.0, 100.0),
    "faster-than-the-first-bucket": ([0.0, 0.01], 0.1, 0.1),
}


@pytest.mark.parametrize(("samples", "p50", "p95"), RANKS.values(), ids=RANKS)
def test_a_percentile_is_the_value_at_its_rank(
    samples: list[float], p50: float, p95: float
) -> None:
    found = latency(counts(samples))
    assert found is not None
    assert (found.p50, found.p95) == (pytest.approx(p50, rel=0.05), pytest.approx(p95, rel=0.05))
