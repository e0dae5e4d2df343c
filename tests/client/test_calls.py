"""One inference from beginning to end, in an application's process."""

import pytest

from tests.client.conftest import Stage
from twinline.client import Client

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
OUTSIDE = f"00-{TRACE}-00f067aa0ba902b7-01"


def test_an_inference_keeps_what_came_of_it(stage: Stage, application: Client) -> None:
    with application.inference("answer", {"n": 1}, decision="loan-1") as call:
        call.observe(input_tokens=10, score=0.5)
        call.observe(output_tokens=20, cost_usd=0.01)
    assert call.spooled
    assert application.flush()
    kept = stage.inference(call.id)
    measured = kept.measured
    assert (kept.decision, measured.status, measured.score) == ("loan-1", "ok", 0.5)
    assert (measured.input_tokens, measured.output_tokens) == (10, 20)
    assert measured.latency_ms is not None
    assert kept.context_digest is not None
    assert kept.context is None


def test_what_no_measure_can_be_is_left_out_and_the_request_goes_on(
    stage: Stage, application: Client
) -> None:
    with application.inference("answer") as call:
        call.observe(score=2.0, input_tokens=-1, cost_usd=float("nan"), output_tokens=3)
    assert application.flush()
    measured = stage.inference(call.id).measured
    assert (measured.score, measured.input_tokens, measured.cost_usd) == (None, None, None)
    assert measured.output_tokens == 3


def test_an_error_is_recorded_and_goes_on_its_way(stage: Stage, application: Client) -> None:
    with pytest.raises(ZeroDivisionError), application.inference("answer") as call:
        raise ZeroDivisionError
    assert application.flush()
    assert stage.inference(call.id).measured.status == "error"


def test_a_call_in_a_call_is_its_child_in_the_same_trace(stage: Stage, application: Client) -> None:
    with (
        application.inference("answer", traceparent=OUTSIDE) as outer,
        application.inference("answer") as inner,
    ):
        headers = inner.headers()
    assert application.flush()
    child = stage.inference(inner.id)
    assert headers["traceparent"] == f"00-{TRACE}-{inner.span_id}-01"
    assert f"twinline.bundle={inner.bundle.ref.digest}" in headers["baggage"]
    assert (str(child.parent_id), child.trace_id) == (outer.id, TRACE)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (OUTSIDE, True),
        (f"01-{TRACE}-00f067aa0ba902b7-01-more", True),
        (OUTSIDE + "-more", False),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", False),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        ("rubbish", False),
        ("", False),
    ],
)
def test_a_trace_goes_on_from_a_header_that_is_one(
    application: Client, given: str, taken: bool
) -> None:
    with application.inference("answer", traceparent=given) as call:
        pass
    assert (call.trace_id == TRACE) is taken
    assert len(call.trace_id) == 32
