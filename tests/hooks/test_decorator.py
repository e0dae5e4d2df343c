"""Functions whose every call is an inference, whatever kind of function they are."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing
from typing import Any

import pytest

import twinline.mlflow
from tests.hooks.conftest import ROUTE, Stage, mlflow
from tests.hooks.test_calls import Shipped, Traces, ask_model
from twinline.client import Client
from twinline.client.local.calls import Call

CHUNKS = ["who ", "knows", "?"]


class Calls:
    """The calls that a function was given, in order."""

    def __init__(self) -> None:
        self.made: list[Call] = []

    def note(self) -> Call:
        call = twinline.mlflow.current_call()
        assert call is not None
        self.made.append(call)
        return call

    @property
    def id(self) -> str:
        return self.made[-1].id


@pytest.fixture
def calls() -> Calls:
    return Calls()


def outside() -> bool:
    """Whether nothing of a call is seen here."""
    return twinline.mlflow.current_call() is None and mlflow.get_current_active_span() is None


def test_a_function_shows_its_arguments_and_its_answer(
    application: Client, shipped: Shipped, traces: Traces, calls: Calls
) -> None:
    @twinline.mlflow.traced(
        application,
        ROUTE,
        context=lambda question, **_: {"characters": len(question)},
        decision=lambda question, ticket: ticket,
    )
    def answer(question: str, ticket: str) -> str:
        """Answers."""
        calls.note()
        return ask_model() + " to " + question

    assert (answer.__name__, answer.__doc__) == ("answer", "Answers.")
    assert answer("why", ticket="t-1") == "an answer to why"
    kept = shipped(calls.id)
    assert (kept.decision, kept.measured.output_tokens) == ("t-1", 30)
    assert kept.context_digest is not None
    root = traces(kept).data.spans[0]
    assert root.inputs == {"question": "why", "ticket": "t-1"}
    assert root.outputs == "an answer to why"
    assert outside()


def test_wrong_arguments_are_the_function_s_own_error(application: Client) -> None:
    @twinline.mlflow.traced(application, ROUTE)
    def answer(question: str) -> str:
        return question

    with pytest.raises(TypeError, match="question"):
        answer()  # pyright: ignore[reportCallIssue] -- that is the point


def test_an_asynchronous_function(application: Client, shipped: Shipped, calls: Calls) -> None:
    @twinline.mlflow.traced(application, ROUTE)
    async def answer(question: str) -> str:
        calls.note()
        await asyncio.sleep(0)
        return ask_model()

    assert asyncio.run(answer("why")) == "an answer"
    assert shipped(calls.id).measured.output_tokens == 30


def test_an_asynchronous_function_that_fails(
    application: Client, shipped: Shipped, calls: Calls
) -> None:
    @twinline.mlflow.traced(application, ROUTE)
    async def answer() -> None:
        calls.note()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(answer())
    assert shipped(calls.id).measured.status == "error"


Stream = Callable[[], Generator[str, Any, str]]
AsyncStream = Callable[[], AsyncGenerator[str, Any]]


@pytest.fixture
def stream(application: Client, calls: Calls) -> Stream:
    @twinline.mlflow.traced(application, ROUTE)
    def answer() -> Generator[str, Any, str]:
        call = calls.note()
        for chunk in CHUNKS:
            said = yield chunk
            assert twinline.mlflow.current_call() is call
            if said == "fail":
                raise ZeroDivisionError
        ask_model()
        return "the end"

    return answer


def test_a_stream_is_one_inference_and_is_not_seen_between_its_chunks(
    stream: Stream, shipped: Shipped, traces: Traces, calls: Calls
) -> None:
    chunks = [(chunk, outside()) for chunk in stream()]
    assert chunks == [(chunk, True) for chunk in CHUNKS]
    kept = shipped(calls.id)
    assert (kept.measured.status, kept.measured.output_tokens) == ("ok", 30)
    trace = traces(kept)
    assert [span.name for span in trace.data.spans] == [ROUTE, "llm"]
    assert trace.data.spans[0].outputs == CHUNKS


def test_a_stream_returns_what_it_returns(stream: Stream) -> None:
    def around() -> Generator[str, Any, None]:
        assert (yield from stream()) == "the end"
        yield "after"

    assert list(around()) == [*CHUNKS, "after"]


def test_a_stream_that_is_closed_before_its_end_is_no_error(
    stream: Stream, shipped: Shipped, calls: Calls
) -> None:
    reading = stream()
    assert next(reading) == CHUNKS[0]
    reading.close()
    assert shipped(calls.id).measured.status == "ok"


@pytest.mark.parametrize("how", ["inside", "from outside"])
def test_a_stream_that_fails_is_an_error(
    how: str, stream: Stream, shipped: Shipped, traces: Traces, calls: Calls
) -> None:
    reading = stream()
    next(reading)
    with pytest.raises(ZeroDivisionError):
        reading.send("fail") if how == "inside" else reading.throw(ZeroDivisionError())
    kept = shipped(calls.id)
    assert kept.measured.status == "error"
    assert traces(kept).info.state == "ERROR"


def test_two_streams_that_are_read_in_turn_are_two_inferences(
    stream: Stream, shipped: Shipped, calls: Calls
) -> None:
    assert [*zip(stream(), stream(), strict=True)] == [*zip(CHUNKS, CHUNKS, strict=True)]
    one, other = (shipped(call.id) for call in calls.made)
    assert one.trace_id != other.trace_id
    assert one.parent_id is None
    assert other.parent_id is None


@pytest.fixture
def async_stream(application: Client, calls: Calls) -> AsyncStream:
    @twinline.mlflow.traced(application, ROUTE)
    async def answer() -> AsyncGenerator[str, Any]:
        call = calls.note()
        async with asyncio.timeout(60):  # belongs to one task, from chunk to chunk
            for chunk in CHUNKS:
                await asyncio.sleep(0.001)
                said = yield chunk
                assert twinline.mlflow.current_call() is call
                if said == "fail":
                    raise ZeroDivisionError
            ask_model()

    return answer


def test_an_asynchronous_stream_is_one_inference(
    async_stream: AsyncStream, shipped: Shipped, traces: Traces, calls: Calls
) -> None:
    async def read() -> list[tuple[str, bool]]:
        return [(chunk, outside()) async for chunk in async_stream()]

    assert asyncio.run(read()) == [(chunk, True) for chunk in CHUNKS]
    kept = shipped(calls.id)
    assert (kept.measured.status, kept.measured.output_tokens) == ("ok", 30)
    assert traces(kept).data.spans[0].outputs == CHUNKS


def test_an_asynchronous_stream_that_is_closed_is_no_error_and_one_that_fails_is(
    async_stream: AsyncStream, shipped: Shipped, calls: Calls
) -> None:
    async def read() -> None:
        async with aclosing(async_stream()) as reading:
            await anext(reading)
        failing = async_stream()
        await anext(failing)
        with pytest.raises(ZeroDivisionError):
            await failing.asend("fail")

    asyncio.run(read())
    assert [shipped(call.id).measured.status for call in calls.made] == ["ok", "error"]


def test_an_asynchronous_stream_that_is_cancelled_stops_and_is_recorded(
    async_stream: AsyncStream, shipped: Shipped, calls: Calls
) -> None:
    async def read(begun: asyncio.Event) -> None:
        async with aclosing(async_stream()) as reading:
            async for _ in reading:
                begun.set()
                await asyncio.sleep(60)

    async def cancelled() -> None:
        begun = asyncio.Event()
        reading = asyncio.create_task(read(begun))
        await begun.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(cancelled())
    assert shipped(calls.id).measured.status == "ok"  # closed by whoever read it


def test_a_call_inside_a_stream_is_its_child(
    stage: Stage, application: Client, shipped: Shipped, calls: Calls
) -> None:
    @twinline.mlflow.traced(application, ROUTE)
    def inner() -> None:
        calls.note()

    @twinline.mlflow.traced(application, ROUTE)
    def outer() -> Generator[int]:
        calls.note()
        inner()
        yield 1

    list(outer())
    around, within = (shipped(call.id) for call in calls.made)
    assert within.parent_id == around.id
    assert within.trace_id == around.trace_id
