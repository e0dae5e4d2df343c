"""Traces at the door: calls become inferences, once; nothing is lost and nothing guessed."""

import gzip
import json
import random
import time
import zlib
from collections.abc import Callable

import httpx
import pytest
from sqlalchemy import text

from tests.otel.conftest import Send, words
from tests.support import traces
from tests.support.catalog import Catalog
from tests.support.rehearsal import Rehearsal
from tests.support.traces import CHAT, JSON, PROTOBUF, span
from twinline.client import Client
from twinline.language.ids import new_id
from twinline.language.records import Inference, NewInference, NewModelVersion

Kept = Callable[[traces.Sent], list[Inference]]
GPT = {"gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-2024-08-06"}
ANSWER = {"gen_ai.prompt.name": "support/answer", "gen_ai.prompt.version": "1"}


@pytest.fixture
def gpt(catalog: Catalog) -> str:
    """A provider's model and a prompt, as the spans above name them."""
    catalog.client.prompts.create("support/answer", "Answer {{ question }}.")
    new = NewModelVersion(name="gpt-4o", source_uri="openai:/gpt-4o-2024-08-06")
    return str(catalog.client.models.register(new).ref)


def test_a_call_becomes_an_inference_of_its_pair(
    client: Client, send: Send, kept: Kept, gpt: str
) -> None:
    usage = {"gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 34}
    call = span({**CHAT, **GPT, **ANSWER, **usage}, ms=250)
    assert traces.rejected(send(call)) == (0, "")
    (one,) = kept(call)
    pair = client.bundles.get(one.bundle)
    assert (str(pair.model), str(pair.prompt)) == (gpt, "prompts:/support/answer/1")
    assert one.measured.model_dump(exclude_none=True) == {
        "status": "ok", "latency_ms": 250, "input_tokens": 12, "output_tokens": 34,
    }  # fmt: skip
    assert one.at.timestamp() * 1e9 == pytest.approx(int(call["startTimeUnixNano"]), abs=1e6)


@pytest.mark.parametrize("packed", ["", "gzip", "deflate"])
@pytest.mark.parametrize("encoding", [PROTOBUF, JSON])
def test_both_encodings_say_the_same_packed_or_not(
    otlp: httpx.Client, kept: Kept, encoding: str, packed: str
) -> None:
    call = span(CHAT | GPT, code=2)
    request = traces.message([call])
    body = request.SerializeToString()
    if encoding == JSON:
        body = otlp.build_request("POST", "/", json=traces.request([call])).content
    pack = {"": bytes, "gzip": gzip.compress, "deflate": zlib.compress}[packed]
    headers = {"Content-Type": encoding} | ({"Content-Encoding": packed} if packed else {})
    for _ in range(2):
        answer = otlp.post("/v1/traces", content=pack(body), headers=headers)
        assert traces.rejected(answer) == (0, "")
        assert answer.headers["content-type"] == encoding
    (one,) = kept(call)
    assert (one.measured.status, one.measured.latency_ms) == ("error", 120)


def test_what_is_no_call_is_ignored_and_counted(
    url: str, send: Send, kept: Kept, client: Client
) -> None:
    before = _counted(url)
    others = [
        span(),
        span({"http.request.method": "POST", "twinline.bundle": "bundles:/" + "0" * 64}),
        span({"gen_ai.operation.name": "embeddings", **GPT}),
        span({"gen_ai.operation.name": "invoke_agent", **GPT}),
        span({"mlflow.spanType": '"CHAIN"'}),
        span({"openinference.span.kind": "TOOL"}),
    ]
    assert traces.rejected(send(*others)) == (0, "")
    assert not any(kept(one) for one in others)
    assert _counted(url)["ignored"] - before["ignored"] == len(others)


def test_spans_that_come_twice_and_in_any_order_count_once(
    url: str, send: Send, client: Client, gpt: str
) -> None:
    chance = random.Random(7)
    attributes = [{}, CHAT, CHAT | GPT, CHAT | GPT | ANSWER, {"openinference.span.kind": "LLM"}]
    spans = [span(chance.choice(attributes)) for _ in range(300)]
    calls = {one["spanId"] for one in spans if one["attributes"]}
    twice = spans * 2
    chance.shuffle(twice)
    before = _counted(url)
    while twice:
        size = chance.randint(1, 120)
        send(*twice[:size])
        del twice[:size]
    found = {name: count - before[name] for name, count in _counted(url).items()}
    assert found["recorded"] + found["unresolved"] == found["duplicate"] == len(calls)
    counted = [client.lineage.impact(one.ref).service.requests for one in client.bundles.list()]
    assert sum(counted) == len(calls)


def test_a_label_means_what_it_was_on_when_the_span_began(
    client: Client, send: Send, kept: Kept, gpt: str
) -> None:
    client.prompts.create("support/answer", "Answer {{ question }} at length.")
    name = "support/answer"
    client.prompts.move_label(name, "live", 1, reason="first")
    first = time.time()
    time.sleep(0.01)
    client.prompts.move_label(name, "live", 2, reason="second")
    attributes = CHAT | GPT | {"gen_ai.prompt.name": name, "gen_ai.prompt.version": "live"}
    calls = [span(attributes, at=at) for at in (first, time.time(), first - 3600)]
    send(*calls)
    pairs = [client.bundles.get(kept(call)[0].bundle) for call in calls]
    assert [str(pair.prompt) for pair in pairs] == [
        "prompts:/support/answer/1", "prompts:/support/answer/2", "None",
    ]  # fmt: skip
    assert pairs[2].words == {"model": gpt, "prompt": "support/answer@live"}


def test_an_alias_means_what_it_was_on_when_the_span_began(
    client: Client, send: Send, kept: Kept, gpt: str
) -> None:
    def version(number: int, *aliases: str) -> None:
        client.models.register(
            NewModelVersion(name="m", source_uri=f"x:/{number}", number=number, aliases=aliases)
        )

    version(1, "champion")
    first = time.time()
    time.sleep(0.01)
    version(2, "champion")
    second = time.time()
    time.sleep(0.01)
    version(2)
    attributes = CHAT | ANSWER | {"gen_ai.request.model": "models:/m@champion"}
    calls = [span(attributes, at=at) for at in (first, second, time.time())]
    send(*calls)
    pairs = [client.bundles.get(kept(call)[0].bundle) for call in calls]
    assert [str(pair.model) for pair in pairs] == ["models:/m/1", "models:/m/2", "None"]
    assert pairs[2].words == {"model": "m@champion", "prompt": "prompts:/support/answer/1"}


def test_what_cannot_be_resolved_is_kept_in_the_words_that_were_sent(
    client: Client, send: Send, kept: Kept
) -> None:
    call = span(
        CHAT
        | {"gen_ai.system": "acme", "gen_ai.request.model": "big", "gen_ai.prompt.name": "hi there"}
        | {"gen_ai.prompt.version": "1.2.0", "gen_ai.response.model": "big-7"}
    )
    send(call, nothing := span(CHAT))
    assert words(client, kept(call)[0]) == {
        "model": "acme/big -> big-7", "prompt": "hi there@1.2.0",
    }  # fmt: skip
    assert words(client, kept(nothing)[0]) == {"model": "unnamed"}


def test_the_model_that_answered_counts_before_the_one_that_was_asked(
    client: Client, send: Send, kept: Kept, gpt: str
) -> None:
    moving = NewModelVersion(name="moving", source_uri="openai:/gpt-4o", pinned=False)
    client.models.register(moving)
    exact = GPT["gen_ai.request.model"]
    asked_and_answered = {
        ("gpt-4o", exact): gpt,
        ("gpt-4o", "gpt-4o-2024-11-20"): "models:/moving/1",
        (exact, "gpt-4o-2024-11-20"): "None",
        (exact, exact): gpt,
        ("models:/nothing/3", "gpt-4o-2024-11-20"): "None",
    }
    for (asked, answered), meant in asked_and_answered.items():
        call = span(
            CHAT | GPT | ANSWER
            | {"gen_ai.request.model": asked, "gen_ai.response.model": answered}
        )  # fmt: skip
        send(call)
        assert str(client.bundles.get(kept(call)[0].bundle).model) == meant, (asked, answered)


def test_a_span_about_an_inference_adds_an_outcome_to_it(
    client: Client, catalog: Catalog, send: Send, kept: Kept
) -> None:
    bundle = catalog.bundle(1, 1).ref
    (made,) = client.inferences.record([NewInference(bundle=str(bundle))]).items
    usage = {"gen_ai.usage.output_tokens": 34}
    call = span({**CHAT, **usage, "twinline.inference_id": str(made.id)}, code=2)
    for _ in range(2):
        send(call)
    assert kept(call) == []
    assert made.id is not None
    told = client.inferences.explain(made.id)
    assert len(told.outcomes) == 1
    assert (told.inference.measured.output_tokens, told.inference.measured.status) == (34, "error")
    service = client.lineage.impact(bundle).service
    assert (service.requests, service.errors, service.output_tokens) == (1, 1, 34)


def test_a_span_that_is_quicker_than_its_inference_waits_for_it(
    client: Client, catalog: Catalog, send: Send, kept: Kept
) -> None:
    bundle, id = catalog.bundle(1, 1).ref, new_id()
    about = {"twinline.inference_id": str(id), "twinline.bundle": str(bundle)}
    around = span(about | {"mlflow.spanType": "CHAIN"})
    call = span(
        CHAT | {"gen_ai.usage.output_tokens": 34},
        trace=around["traceId"],
        parent=around["spanId"],
        ms=9_000,
    )
    send(call, around)
    send(call, around)
    assert kept(call) == []
    client.inferences.record([NewInference(id=id, bundle=str(bundle), latency_ms=5, score=0.5)])
    send(span())
    one = client.inferences.get(id)
    assert (one.measured.output_tokens, one.measured.latency_ms, one.measured.score) == (34, 5, 0.5)
    assert client.lineage.impact(bundle).service.requests == 1


def test_a_span_whose_inference_never_comes_is_recorded_under_its_id(
    client: Client, catalog: Catalog, send: Send, rehearsal: Rehearsal
) -> None:
    bundle, id = catalog.bundle(1, 1).ref, new_id()
    about = {"twinline.inference_id": str(id), "twinline.bundle": str(bundle)}
    first, second = (span(CHAT | about | {"gen_ai.usage.output_tokens": n}) for n in (1, 2))
    send(first, second, empty := span(CHAT, trace=first["traceId"], parent=first["spanId"]))
    with rehearsal.writing("test") as tx:
        tx.run(text("update waiting_call set at = at - interval '61 minutes'"))
    send(span())
    service = client.lineage.impact(bundle).service
    assert (service.requests, service.output_tokens in (1, 2)) == (1, True)
    assert len(client.inferences.explain(id).outcomes) == 1
    send(first, second, empty)
    assert client.lineage.impact(bundle).service.requests == 1


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5-mini"}, 2),
        ({"gen_ai.provider.name": "azure", "gen_ai.request.model": "mine"}, 1),
        ({"gen_ai.request.model": "mine"}, 1),
        ({"gen_ai.request.model": "openai:/m-1"}, 1),
        ({"gen_ai.request.model": "models:/m/2"}, 2),
        ({"gen_ai.request.model": "models:/m@latest"}, 2),
        ({"gen_ai.request.model": "models:/m@nobody"}, None),
        ({"gen_ai.request.model": "m"}, None),
        ({"gen_ai.provider.name": "azure", "gen_ai.request.model": "gpt-5"}, None),
    ],
)
def test_what_the_name_of_a_model_means(
    client: Client, send: Send, kept: Kept, said: dict[str, str], meant: int | None
) -> None:
    client.prompts.create("support/answer", "Answer {{ question }}.")
    for number in (1, 2):
        client.models.register(NewModelVersion(name="m", source_uri=f"openai:/m-{number}"))
    client.models.keep_name("openai", "gpt-5*", "models:/m/2", reason="ours")
    client.models.keep_name("*", "mine", "models:/m/1", reason="ours")
    calls = [
        span(CHAT | said | {"gen_ai.prompt.name": name})
        for name in (
            "support/answer",
            "prompts:/support/answer/1",
            "prompts:/support/answer@latest",
        )
    ]
    send(*calls)
    pairs = [client.bundles.get(kept(call)[0].bundle) for call in calls]
    expected = None if meant is None else f"models:/m/{meant}"
    assert [pair.model and str(pair.model) for pair in pairs] == [expected] * 3
    sides = [pair.prompt or (pair.words or {})["prompt"] for pair in pairs]
    assert list(map(str, sides)) == ["prompts:/support/answer/1"] * 3


def test_what_a_call_does_not_say_is_taken_from_the_spans_around_it(
    client: Client, send: Send, kept: Kept, gpt: str
) -> None:
    linked = json.dumps(json.dumps([{"name": "support/answer", "version": "1"}]))
    root = span({"mlflow.linkedPrompts": linked})
    root["attributes"] += span({"twinline.slot": "answer@production"})["attributes"]
    step = span(trace=root["traceId"], parent=root["spanId"])
    call = span(CHAT | GPT, trace=root["traceId"], parent=step["spanId"])
    send(call, step, root)
    (one,) = kept(call)
    pair = client.bundles.get(one.bundle)
    assert (str(pair.prompt), str(one.slot)) == (
        "prompts:/support/answer/1", "routes:/answer@production",
    )  # fmt: skip


def test_spans_of_another_time_are_rejected_with_the_reason_and_the_others_kept(
    url: str, send: Send, kept: Kept
) -> None:
    before = _counted(url)
    good, no_time = span(CHAT), span(CHAT)
    no_time["startTimeUnixNano"] = "0"
    bad = [
        span(CHAT, at=time.time() - 30 * 86_400),
        span(CHAT, at=time.time() + 3600),
        no_time,
        span(CHAT, id="0" * 16),
        span(CHAT, trace="zz" * 16),
        span(CHAT | {"twinline.inference_id": "c0ffee00-0000-4000-8000-000000000000"}),
    ]
    count, why = traces.rejected(send(*bad, good))
    assert count == len(bad)
    for said in ("before the oldest day", "in the future", "when it began", "8 bytes"):
        assert said in why
    assert "and 1 more" in why
    assert len(kept(good)) == 1
    assert _counted(url)["refused"] - before["refused"] == len(bad)


def _counted(url: str) -> dict[str, int]:
    found = httpx.get(f"{url}/metrics")
    assert found.headers["content-type"].startswith("text/plain")
    prefix = "twinline_otlp_spans_total{result="
    lines = [line for line in found.text.splitlines() if line.startswith(prefix)]
    return {line.split('"')[1]: int(line.rpartition(" ")[2]) for line in lines}
