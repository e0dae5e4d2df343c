"""Libraries that MLflow traces by itself, inside a call: their spans belong to it."""

import asyncio
import json
import threading
import warnings
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

import twinline.mlflow
from tests.hooks.conftest import ROUTE, Stage, mlflow
from tests.hooks.test_calls import Shipped, Traces
from twinline.client import Client

with warnings.catch_warnings(action="ignore"):
    import openai

QUESTION = [{"role": "user", "content": "why?"}]
WORDS = ["because ", "of ", "that"]
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


class ChatApi(BaseHTTPRequestHandler):
    """Answers as OpenAI's chat completions do, at once or as a stream of events."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if asked["messages"] != QUESTION:
            self._send(400, "application/json", b'{"error": {"message": "ask why"}}')
        elif asked.get("stream"):
            lines = [*map(self._chunk, WORDS), self._completion("chunk", choices=[], usage=USAGE)]
            events = "".join(f"data: {json.dumps(line)}\n\n" for line in lines)
            self._send(200, "text/event-stream", f"{events}data: [DONE]\n\n".encode())
        else:
            message = {"role": "assistant", "content": "".join(WORDS)}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            whole = self._completion("completion", choices=[choice], usage=USAGE)
            self._send(200, "application/json", json.dumps(whole).encode())

    def log_message(self, *_: Any) -> None:
        """Keep still."""

    def _chunk(self, word: str) -> dict[str, Any]:
        delta = {"role": "assistant", "content": word}
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        return self._completion("chunk", choices=[choice], usage=None)

    def _completion(self, kind: str, **more: Any) -> dict[str, Any]:
        object = "chat.completion.chunk" if kind == "chunk" else "chat.completion"
        return {"id": "c-1", "object": object, "created": 1, "model": "gpt-4o", **more}

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def chat_api() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), ChatApi) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module", autouse=True)
def _autologged() -> Iterator[None]:
    with warnings.catch_warnings(action="ignore"):
        mlflow.openai.autolog(silent=True)
        mlflow.sklearn.autolog(silent=True, log_models=False)
    yield
    mlflow.openai.autolog(disable=True, silent=True)
    mlflow.sklearn.autolog(disable=True, silent=True)


Ask = Callable[..., Any]


@pytest.fixture
def ask(chat_api: str) -> Iterator[Ask]:
    with openai.OpenAI(base_url=chat_api, api_key="none", max_retries=0) as client:
        yield lambda **more: client.chat.completions.create(
            **{"model": "gpt-4o", "messages": QUESTION} | more
        )


def test_an_answer_of_openai_s_api_brings_its_tokens(
    application: Client, shipped: Shipped, traces: Traces, ask: Ask
) -> None:
    with twinline.mlflow.inference(application, ROUTE) as call:
        assert ask().choices[0].message.content == "because of that"
    kept = shipped(call.id)
    assert (kept.measured.input_tokens, kept.measured.output_tokens) == (7, 3)
    spans = traces(kept).data.spans
    assert len(spans) == 2
    assert spans[1].attributes["twinline.inference_id"] == call.id


def test_an_error_of_openai_s_api_is_the_program_s_to_see(
    application: Client, shipped: Shipped, ask: Ask
) -> None:
    block = twinline.mlflow.inference(application, ROUTE)
    with pytest.raises(openai.BadRequestError), block as call:
        ask(messages=[{"role": "user", "content": "how?"}])
    assert shipped(call.id).measured.status == "error"


def test_a_stream_of_openai_s_api_brings_its_tokens_at_the_end(
    application: Client, shipped: Shipped, ask: Ask
) -> None:
    ids: list[str] = []

    @twinline.mlflow.traced(application, ROUTE)
    def answer() -> Generator[str]:
        call = twinline.mlflow.current_call()
        assert call is not None
        ids.append(call.id)
        for chunk in ask(stream=True, stream_options={"include_usage": True}):
            if chunk.choices:
                yield chunk.choices[0].delta.content

    assert list(answer()) == WORDS
    measured = shipped(ids[0]).measured
    assert (measured.input_tokens, measured.output_tokens) == (7, 3)


def test_an_asynchronous_stream_of_openai_s_api_brings_its_tokens(
    application: Client, shipped: Shipped, chat_api: str
) -> None:
    ids: list[str] = []

    @twinline.mlflow.traced(application, ROUTE)
    async def answer() -> AsyncGenerator[str]:
        call = twinline.mlflow.current_call()
        assert call is not None
        ids.append(call.id)
        async with openai.AsyncOpenAI(base_url=chat_api, api_key="none") as client:
            chunks = await client.chat.completions.create(
                model="gpt-4o",
                messages=QUESTION,  # pyright: ignore[reportArgumentType] -- plain dictionaries
                stream=True,
                stream_options={"include_usage": True},
            )
            async for chunk in chunks:
                if chunk.choices:
                    yield chunk.choices[0].delta.content or ""

    async def read() -> list[str]:
        return [word async for word in answer()]

    assert asyncio.run(read()) == WORDS
    measured = shipped(ids[0]).measured
    assert (measured.input_tokens, measured.output_tokens) == (7, 3)


def test_what_scikit_learn_trains_inside_a_call_is_a_run_of_its_own(
    stage: Stage, application: Client, shipped: Shipped
) -> None:
    from sklearn.dummy import DummyClassifier

    with twinline.mlflow.inference(application, ROUTE) as call:
        DummyClassifier().fit([[0], [1]], [0, 1])
    assert mlflow.last_active_run().info.status == "FINISHED"
    assert shipped(call.id).bundle == stage.bundle.ref
