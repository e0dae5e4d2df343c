"""What spans say, dialect by dialect; and what follows from a span alone."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinline.language.ids import made_at
from twinline.language.records import Measured
from twinline.otel.dialects import DIALECTS, KNOWN
from twinline.otel.naming import at_time, only_one
from twinline.otel.rules import Words, calls, facts, id_of, is_call, refusal
from twinline.otel.spans import Scalar, Span

AT = datetime(2026, 1, 1, 12, 30, 0, 123_000, tzinfo=UTC)
ID = "01978f6e-5c3a-7b10-8a2e-2f9c0d1e4b5a"
BEGUN = int(AT.timestamp() * 1000) * 1_000_000


def span(attributes: dict[str, Scalar] | None = None, **members: Any) -> Span:
    given = {"trace_id": "ab" * 16, "span_id": "cd" * 8, "parent_id": "", "begun_ns": BEGUN}
    ended = {"ended_ns": BEGUN + 250_000_000, "failed": None}
    return Span(**{**given, **ended, "attributes": attributes or {}, **members})


CALLS: dict[str, tuple[dict[str, Scalar], Words, dict[str, Any]]] = {
    "gen_ai": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.prompt.name": "answer",
            "gen_ai.prompt.version": "production",
            "gen_ai.usage.input_tokens": 12,
            "gen_ai.usage.output_tokens": 34,
        },
        Words(
            provider="openai",
            asked_model="gpt-4o",
            answered_model="gpt-4o-2024-08-06",
            prompt="answer",
            prompt_version="production",
        ),
        {"status": "ok", "latency_ms": 250, "input_tokens": 12, "output_tokens": 34},
    ),
    "gen_ai, old names": (
        {
            "gen_ai.system": "anthropic",
            "gen_ai.request.model": "claude",
            "gen_ai.usage.prompt_tokens": 12,
            "gen_ai.usage.completion_tokens": 34,
            "error.type": "timeout",
        },
        Words(provider="anthropic", asked_model="claude"),
        {"status": "error", "latency_ms": 250, "input_tokens": 12, "output_tokens": 34},
    ),
    "OpenLLMetry": (
        {"llm.request.type": "completion", "gen_ai.response.model": "m"},
        Words(answered_model="m"),
        {"status": "ok", "latency_ms": 250},
    ),
    "OpenInference": (
        {
            "openinference.span.kind": "LLM",
            "llm.provider": "openai",
            "llm.model_name": "gpt-4o-2024-08-06",
            "llm.invocation_parameters": '{"model": "gpt-4o"}',
            "llm.token_count.prompt": 12,
            "llm.token_count.completion": 34,
            "llm.prompt_template.template": "Answer {q}",
            "llm.prompt_template.version": "v1.0",
        },
        Words(
            provider="openai",
            asked_model="gpt-4o",
            answered_model="gpt-4o-2024-08-06",
            prompt=f"template {hashlib.sha256(b'Answer {q}').hexdigest()[:12]}",
            prompt_version="v1.0",
        ),
        {"status": "ok", "latency_ms": 250, "input_tokens": 12, "output_tokens": 34},
    ),
    "MLflow": (
        {
            "mlflow.spanType": '"CHAT_MODEL"',
            "mlflow.llm.model": '"gpt-4o"',
            "mlflow.llm.provider": '"openai"',
            "mlflow.chat.tokenUsage": '{"input_tokens": 12, "output_tokens": 34}',
            "mlflow.llm.cost": '{"total_cost": 0.25}',
            "mlflow.linkedPrompts": json.dumps(json.dumps([{"name": "answer", "version": "7"}])),
        },
        Words(
            provider="openai",
            asked_model="gpt-4o",
            prompt="answer",
            prompt_version="7",
            linked=True,
        ),
        {
            "status": "ok",
            "latency_ms": 250,
            "input_tokens": 12,
            "output_tokens": 34,
            "cost_usd": 0.25,
        },
    ),
    "MLflow with two prompts": (
        {
            "mlflow.spanType": "LLM",
            "mlflow.linkedPrompts": '[{"name": "a", "version": 1}, {"name": "b", "version": 2}]',
        },
        Words(prompt="a@1, b@2"),
        {"status": "ok", "latency_ms": 250},
    ),
    "Langfuse": (
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "gpt-4o",
            "langfuse.observation.prompt.name": "answer",
            "langfuse.observation.prompt.version": 7,
            "langfuse.observation.usage_details": '{"input": 12, "output": 34}',
            "langfuse.observation.cost_details": '{"total": 0.25}',
            "langfuse.observation.level": "ERROR",
        },
        Words(asked_model="gpt-4o", prompt="answer", prompt_version="7"),
        {
            "status": "error",
            "latency_ms": 250,
            "input_tokens": 12,
            "output_tokens": 34,
            "cost_usd": 0.25,
        },
    ),
    "ours": (
        {"twinline.bundle": "bundles:/9f86d081884c", "twinline.score": 0.5},
        Words(bundle="bundles:/9f86d081884c"),
        {"status": "ok", "latency_ms": 250, "score": 0.5},
    ),
}


@pytest.mark.parametrize(("attributes", "words", "measured"), CALLS.values(), ids=CALLS)
def test_what_each_dialect_says_of_a_call(
    attributes: dict[str, Scalar], words: Words, measured: dict[str, Any]
) -> None:
    (call,) = calls([span(attributes)])
    assert call.words == words
    assert call.measured.model_dump(exclude_none=True) == measured


@pytest.mark.parametrize(
    ("attributes", "is_one"),
    [
        pytest.param({}, False, id="nothing said"),
        pytest.param({"gen_ai.operation.name": "chat"}, True, id="chat"),
        pytest.param({"gen_ai.operation.name": "embeddings"}, False, id="embeddings"),
        pytest.param({"gen_ai.operation.name": "execute_tool"}, False, id="a tool"),
        pytest.param(
            {"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "m"},
            False,
            id="an agent, which repeats what its calls used",
        ),
        pytest.param({"gen_ai.request.model": "m"}, True, id="a model is a sign"),
        pytest.param(
            {"openinference.span.kind": "CHAIN", "llm.model_name": "m"}, False, id="chain"
        ),
        pytest.param({"mlflow.spanType": '"LLM"'}, True, id="encoded by MLflow"),
        pytest.param({"mlflow.spanType": "UNKNOWN", "twinline.bundle": "b"}, False, id="unknown"),
        pytest.param({"twinline.inference_id": "i"}, True, id="ours"),
        pytest.param({"twinline.bundle": "b", "url.full": "u"}, False, id="ours by baggage"),
        pytest.param(
            {"langfuse.observation.type": "span", "gen_ai.operation.name": "chat"},
            True,
            id="one says that it is a call",
        ),
    ],
)
def test_which_spans_are_calls(attributes: dict[str, Scalar], is_one: bool) -> None:
    assert is_call(span(attributes)) is is_one


def test_each_fact_is_taken_from_the_first_dialect_that_tells_it() -> None:
    told = {
        "gen_ai.usage.input_tokens": 1,
        "llm.token_count.prompt": 2,
        "mlflow.chat.tokenUsage": '{"input_tokens": ""}',
        "langfuse.observation.usage_details": '{"output": 3}',
    }
    assert facts(span(told)) == {"input_tokens": 2, "output_tokens": 3}


def test_every_dialect_is_named_once_and_reads_what_is_known() -> None:
    assert len({dialect.name for dialect in DIALECTS}) == len(DIALECTS)
    assert all(dialect.attributes <= KNOWN for dialect in DIALECTS)


def test_an_id_follows_from_the_span_and_holds_its_start() -> None:
    id = id_of(span())
    assert (id, id.version, made_at(id)) == (id_of(span({"a": 1}, ended_ns=0)), 7, AT)
    others = [{"trace_id": "ac" * 16}, {"span_id": "ce" * 8}, {"begun_ns": BEGUN + 1_000_000}]
    assert len({id, *(id_of(span(**other)) for other in others)}) == 4


@given(st.integers(0, 2**64 - 1), st.binary(min_size=24, max_size=24))
def test_any_span_has_an_id_of_its_time(begun: int, ids: bytes) -> None:
    id = id_of(span(begun_ns=begun, trace_id=ids[:16].hex(), span_id=ids[16:].hex()))
    assert (id.version, id.int >> 80) == (7, begun // 1_000_000)


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"trace_id": "0" * 32}, "16 bytes"),
        ({"trace_id": "ab"}, "16 bytes"),
        ({"span_id": "0" * 16}, "8 bytes"),
        ({"span_id": "x" * 16}, "8 bytes"),
        ({"begun_ns": 0}, "when it began"),
        ({}, None),
    ],
)
def test_which_spans_are_not_taken(members: dict[str, Any], says: str | None) -> None:
    why = refusal(span(**members))
    assert why is None if says is None else why is not None and says in why


def test_a_prompt_is_never_put_together_from_two_spans() -> None:
    root = span({"gen_ai.prompt.name": "a", "gen_ai.prompt.version": "1"}, span_id="01" * 8)
    own = {"gen_ai.operation.name": "chat", "gen_ai.prompt.name": "b"}
    (call,) = calls([span(own, parent_id="01" * 8), root])
    assert (call.words.prompt, call.words.prompt_version) == ("b", None)


def test_a_call_below_an_inference_tells_what_it_used_and_not_how_long_all_took() -> None:
    (none,) = calls([span({"twinline.inference_id": "x" * 36})])
    assert none.about is None
    around = span({"twinline.inference_id": f"inferences:/{ID}"}, span_id="01" * 8)
    own = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 7}
    first, second = calls([around, span(own, parent_id="01" * 8)])
    assert (str(first.about), str(second.about)) == (ID, ID)
    assert first.measured.latency_ms == 250
    assert second.measured.model_dump(exclude_none=True) == {"input_tokens": 7}


@pytest.mark.parametrize("mark", [True, "true"], ids=["a bool", "MLflow's JSON"])
def test_a_call_adds_no_measures_where_a_hook_measures_the_whole(mark: Scalar) -> None:
    hooked: dict[str, Scalar] = {"twinline.inference_id": ID, "twinline.measured": mark}
    own: dict[str, Scalar] = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 7}
    around = span(hooked, span_id="01" * 8)
    for call in calls([around, span(own, parent_id="01" * 8), span(own | hooked)]):
        assert (str(call.about), call.measured) == (ID, Measured())


def test_the_mark_of_a_hook_holds_for_its_own_inference_alone() -> None:
    hooked: dict[str, Scalar] = {"twinline.inference_id": ID, "twinline.measured": True}
    around = span(hooked, span_id="01" * 8)
    other: dict[str, Scalar] = {"gen_ai.usage.input_tokens": 7}
    other["twinline.inference_id"] = ID.replace("0", "1")
    (_, call) = calls([around, span(other, parent_id="01" * 8)])
    assert call.measured.input_tokens == 7
    (call,) = calls([span({"twinline.measured": True, "gen_ai.operation.name": "chat"})])
    assert call.measured.status == "ok"


texts = st.text(max_size=20) | st.sampled_from(['"', "[[", '{"a": 1}', "NaN", "1e999", "-1"])
scalars = texts | st.integers() | st.floats() | st.booleans()


@given(
    st.lists(st.dictionaries(st.sampled_from(sorted(KNOWN)), scalars, max_size=6), max_size=5),
    st.lists(st.integers(0, 5), min_size=5, max_size=5),
)
def test_whatever_spans_hold_their_calls_can_be_kept(
    told: list[dict[str, Scalar]], parents: list[int]
) -> None:
    spans = [
        span(attributes, span_id=f"{place + 1:016x}", parent_id=f"{parents[place]:016x}")
        for place, attributes in enumerate(told)
    ]
    found = list(calls(spans))
    assert len(found) == sum(map(is_call, spans))
    for call in found:
        for word in (call.words.prompt, call.words.asked_model, call.decision):
            assert word is None or (0 < len(word) <= 500 and "\x00" not in word)


def test_a_label_is_where_it_was_put_last_before_a_time() -> None:
    moves = ((AT, 1), (AT + timedelta(days=1), 2), (AT + timedelta(days=2), None))
    times = [AT - timedelta(seconds=1), *(at for at, _ in moves), AT + timedelta(days=9)]
    assert [at_time(moves, at) for at in times] == [None, 1, 2, None, None]


def test_a_name_means_a_version_only_while_there_was_one() -> None:
    made = ((AT, 4), (AT + timedelta(days=1), 5))
    times = [AT - timedelta(seconds=1), AT, AT + timedelta(days=1)]
    assert [only_one(made, at) for at in times] == [None, 4, None]
    assert only_one((), AT) is None
