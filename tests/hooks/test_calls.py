"""A request that is answered with hooks: its trace names the bundle, its record the trace."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import twinline.mlflow
from tests.client.conftest import soon
from tests.hooks.conftest import PROMPT, ROUTE, Stage, mlflow
from twinline.client import AsyncClient, Client
from twinline.language.errors import NotFound
from twinline.language.records import Inference, NewModelVersion

Shipped = Callable[[str], Inference]
Traces = Callable[[Inference], Any]
TOKENS = {"input_tokens": 12, "output_tokens": 30, "total_tokens": 42}
LONG = "the-prompt-that-answers-questions-about-loans-of-small-firms"


def ask_model(tokens: dict[str, int] = TOKENS, **attributes: object) -> str:
    """What a library does that MLflow traces: a span with what the model's answer said."""
    with mlflow.start_span("llm", span_type="LLM") as span:
        span.set_attributes({"mlflow.chat.tokenUsage": tokens, **attributes})
        span.set_inputs("a question")
        span.set_outputs("an answer")
    return "an answer"


def names(stage: Stage, id: str) -> dict[str, str]:
    return {
        "twinline.bundle": str(stage.bundle.ref),
        "twinline.slot": f"routes:/{ROUTE}@production",
        "twinline.inference_id": id,
    }


def test_trace_and_inference_name_each_other(
    stage: Stage, application: Client, shipped: Shipped, traces: Traces
) -> None:
    with twinline.mlflow.inference(application, ROUTE, decision="ticket-1") as call:
        ask_model(**{"mlflow.llm.cost": {"total_cost": 0.5}})
    kept = shipped(call.id)
    trace = traces(kept)
    assert names(stage, call.id).items() <= trace.info.trace_metadata.items()
    assert [span.name for span in trace.data.spans] == [ROUTE, "llm"]
    for span in trace.data.spans:
        assert names(stage, call.id).items() <= span.attributes.items()
    assert (kept.bundle, kept.decision) == (stage.bundle.ref, "ticket-1")
    measured = kept.measured
    assert (measured.status, measured.cost_usd) == ("ok", 0.5)
    assert (measured.input_tokens, measured.output_tokens) == (12, 30)
    assert measured.latency_ms == pytest.approx(trace.info.execution_duration, abs=1)


def test_what_the_program_says_itself_stays(application: Client, shipped: Shipped) -> None:
    with twinline.mlflow.inference(application, ROUTE) as call:
        ask_model()
        call.observe(input_tokens=1, latency_ms=5_000, score=0.5)
    measured = shipped(call.id).measured
    assert (measured.input_tokens, measured.latency_ms, measured.score) == (1, 5_000, 0.5)
    assert measured.output_tokens == 30


def test_an_error_is_recorded_on_both_sides_and_goes_on_its_way(
    application: Client, shipped: Shipped, traces: Traces
) -> None:
    block = twinline.mlflow.inference(application, ROUTE)
    with pytest.raises(ZeroDivisionError), block as call:
        raise ZeroDivisionError
    kept = shipped(call.id)
    assert kept.measured.status == "error"
    assert traces(kept).info.state == "ERROR"


def test_a_span_that_is_said_to_have_failed_is_an_error(
    application: Client, shipped: Shipped
) -> None:
    with twinline.mlflow.inference(application, ROUTE) as call:
        mlflow.get_current_active_span().set_status("ERROR")
    assert shipped(call.id).measured.status == "error"


def test_a_call_in_a_call_is_its_child_and_counts_its_own_tokens(
    stage: Stage, application: Client, shipped: Shipped, traces: Traces
) -> None:
    inner_bundle = stage.release("rewrite@production", "rewrite", "Rewrite {{ question }}")
    with twinline.mlflow.inference(application, ROUTE) as outer:
        ask_model()
        with twinline.mlflow.inference(application, "rewrite") as inner:
            ask_model({"input_tokens": 1, "output_tokens": 2, "total_tokens": 3})
        ask_model()
    child, parent = shipped(inner.id), shipped(outer.id)
    assert (str(child.parent_id), child.trace_id) == (outer.id, parent.trace_id)
    assert (child.bundle, child.measured.output_tokens) == (inner_bundle.ref, 2)
    assert (parent.bundle, parent.measured.output_tokens) == (stage.bundle.ref, 60)
    trace = traces(parent)
    assert names(stage, outer.id).items() <= trace.info.trace_metadata.items()
    named = [span.attributes["twinline.inference_id"] for span in trace.data.spans]
    assert sorted(named) == sorted([outer.id] * 3 + [inner.id] * 2)


def test_calls_side_by_side_in_one_trace_keep_their_spans_apart(
    application: Client, shipped: Shipped
) -> None:
    async def one(tokens: int) -> str:
        async with twinline.mlflow.inference(application, ROUTE) as call:
            await asyncio.sleep(0.001 * (tokens % 3))
            ask_model({"input_tokens": tokens, "output_tokens": tokens, "total_tokens": tokens})
            await asyncio.sleep(0.001 * (tokens % 2))
        return call.id

    async def all_of_them() -> list[str]:
        with mlflow.start_span("request"):
            return await asyncio.gather(*(one(tokens) for tokens in range(1, 20)))

    kept = [shipped(id) for id in asyncio.run(all_of_them())]
    assert [one.measured.output_tokens for one in kept] == list(range(1, 20))
    assert len({one.trace_id for one in kept}) == 1


def test_spans_of_threads_that_know_only_the_trace_belong_to_its_call(
    application: Client, shipped: Shipped
) -> None:
    with twinline.mlflow.inference(application, ROUTE) as call:
        around = mlflow.get_current_active_span()

        def work() -> None:
            span = mlflow.start_span_no_context("thread", parent_span=around)
            span.set_attribute("mlflow.chat.tokenUsage", TOKENS)
            span.end()

        with ThreadPoolExecutor(1) as pool:
            pool.submit(work).result()
    assert shipped(call.id).measured.input_tokens == 12


def test_the_trace_that_is_going_on_is_gone_on_with(
    stage: Stage, application: Client, shipped: Shipped, traces: Traces
) -> None:
    @mlflow.trace
    def handler() -> str:
        with twinline.mlflow.inference(application, ROUTE) as call:
            assert call.headers()["traceparent"].split("-")[1] == call.trace_id
        return call.id

    kept = shipped(handler())
    trace = traces(kept)
    assert [span.name for span in trace.data.spans] == ["handler", ROUTE]
    assert names(stage, str(kept.id)).items() <= trace.info.trace_metadata.items()


def test_a_program_s_own_span_processors_stay(application: Client, shipped: Shipped) -> None:
    seen: list[str] = []
    with mlflow.tracing.configure(span_processors=[lambda span: seen.append(span.name)]):
        for _ in range(2):
            with twinline.mlflow.inference(application, ROUTE) as call:
                ask_model()
    assert seen == ["llm", ROUTE] * 2
    assert shipped(call.id).measured.input_tokens == 12


def test_without_tracing_the_inference_is_recorded(application: Client, shipped: Shipped) -> None:
    mlflow.tracing.disable()
    try:
        with twinline.mlflow.inference(
            application, ROUTE, traceparent=f"00-{'ab' * 16}-{'cd' * 8}-01"
        ) as call:
            pass
    finally:
        mlflow.tracing.enable()
    kept = shipped(call.id)
    assert (kept.trace_id, kept.measured.status) == ("ab" * 16, "ok")


@pytest.mark.ails
def test_tracing_that_fails_costs_the_trace_and_nothing_else(
    application: Client,
    shipped: Shipped,
    complaints: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_USE_DEFAULT_TRACER_PROVIDER", "rubbish")
    with twinline.mlflow.inference(application, ROUTE) as call:
        answered = True
    assert answered
    assert shipped(call.id).measured.status == "ok"
    assert len(complaints()) == 1


def test_what_cannot_be_resolved_is_said_before_anything_is_traced(application: Client) -> None:
    with pytest.raises(NotFound), twinline.mlflow.inference(application, "no-such-route"):
        raise AssertionError
    assert mlflow.get_current_active_span() is None
    assert twinline.mlflow.current_call() is None


def test_an_asynchronous_client_may_be_given(stage: Stage, tmp_path: Path) -> None:
    async def answer() -> str:
        async with AsyncClient(stage.url, stage.key, folder=tmp_path) as client:
            async with twinline.mlflow.inference(client, ROUTE) as call:
                await asyncio.to_thread(ask_model)
            return call.id

    measured = stage.inference(asyncio.run(answer())).measured
    assert measured.output_tokens == 30


@pytest.mark.slow
def test_a_model_of_mlflow_answers_in_many_threads_and_each_answer_is_explained(
    stage: Stage, application: Client, shipped: Shipped, traces: Traces
) -> None:
    loaded = twinline.mlflow.Loader(stage.admin)
    questions = [f"invoice {number} is wrong" for number in range(200)]

    def answer(question: str) -> str:
        with twinline.mlflow.inference(application, ROUTE, {"question": question}) as call:
            pair = loaded.load(call.bundle)
            with mlflow.start_span("predict") as span:
                said = pair.model.predict([pair.prompt.format(question=question)])
                span.set_outputs(list(said))
        return call.id

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(answer, questions))
    kept = [shipped(id) for id in ids]
    assert len({one.trace_id for one in kept}) == 200
    assert {one.bundle for one in kept} == {stage.bundle.ref}
    assert all(one.measured.latency_ms for one in kept)
    datasets = set(stage.admin.models.run(stage.trained[0].run_id).datasets)
    explained = stage.admin.inferences.explain(kept[0].id)
    assert {one.ref for one in explained.datasets} == datasets
    mlflow.flush_trace_async_logging()

    def traced() -> dict[str, str]:  # on a busy machine MLflow is still exporting then
        found = mlflow.search_traces(
            filter_string=f"metadata.`twinline.bundle` = '{stage.bundle.ref}'",
            max_results=500,
            return_type="list",
        )
        return {
            one.info.trace_metadata["twinline.inference_id"]: one.info.trace_id for one in found
        }

    expected = {str(one.id): f"tr-{one.trace_id}" for one in kept}
    soon(lambda: expected.items() <= traced().items())
    assert expected.items() <= traced().items()


def test_mlflow_finds_traces_by_the_prompt_of_their_bundle(
    stage: Stage, application: Client, shipped: Shipped, traces: Traces
) -> None:
    stage.release("greet@production", "greeting", "Greet {{ name }}")
    with twinline.mlflow.inference(application, "greet") as call:
        pass
    trace = traces(shipped(call.id))

    def found() -> list[str]:  # MLflow links in a thread of its own
        by_prompt = mlflow.search_traces(filter_string="prompt = 'greeting/1'", return_type="list")
        return [one.info.trace_id for one in by_prompt]

    soon(found)
    assert found() == [trace.info.trace_id]


def test_a_long_prompt_name_keeps_its_link_here(
    stage: Stage, application: Client, shipped: Shipped, traces: Traces
) -> None:
    assert len(LONG) == 60
    bundle = stage.release("loans@production", LONG)
    with twinline.mlflow.inference(application, "loans") as call:
        pass
    kept = shipped(call.id)
    affected = list(stage.admin.lineage.affected(f"prompts:/{LONG}/1"))
    assert [(one.id, one.trace_id) for one in affected] == [(kept.id, kept.trace_id)]
    (span,) = traces(kept).data.spans
    assert span.attributes["mlflow.linkedPrompts"] == [{"name": LONG, "version": "1"}]
    assert kept.bundle == bundle.ref


@pytest.mark.ails
def test_a_provider_s_model_that_is_not_the_bundle_s_is_named(
    stage: Stage, application: Client, complaints: Callable[[], list[str]]
) -> None:
    stage.admin.models.register(NewModelVersion(name="gpt", source_uri="openai:/gpt-4o-2024-08-06"))
    bundle = stage.admin.bundles.pair("models:/gpt/1", f"prompts:/{PROMPT}/1")
    stage.admin.slots.deploy("chat@production", bundle.ref, reason="a test", expected=0)
    with twinline.mlflow.inference(application, "chat"):
        ask_model(**{"mlflow.llm.model": "gpt-4o-2024-08-06"})
    assert complaints() == []
    with twinline.mlflow.inference(application, "chat"):
        ask_model(**{"mlflow.llm.model": "gpt-4o-mini"})
    (complaint,) = complaints()
    assert "'gpt-4o-mini' was asked" in complaint
