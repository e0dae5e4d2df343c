"""What the door to MLflow does about servers in trouble and odd content.

The servers are small pretended ones: no MLflow would do most of this when asked.
"""

import asyncio
import json
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest

from twinline.language.errors import Invalid, MlflowUnavailable, NotFound
from twinline.language.records import MlflowImport
from twinline.mirror.asking import BODY_BYTES_MAX
from twinline.mirror.remote import MlflowServer
from twinline.mirror.rules import RUN_IS_GONE, VALUE_CHARACTERS_MAX

LOGGED_MODEL = "m-" + "0" * 32


# A server in trouble


def test_a_server_that_is_down_is_named_with_the_remedy():
    url = f"http://127.0.0.1:{closed_port()}"
    with pytest.raises(MlflowUnavailable, match=f"{url} cannot be read.*TWINLINE_MLFLOW_URL"):
        read(url)
    assert not MlflowServer(url).reachable()


@pytest.mark.parametrize(
    ("before", "drop"),
    [
        pytest.param(b"", b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"z", id="an endless header"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b" ", id="a slow body"),
    ],
)
def test_a_server_that_sends_bit_by_bit_does_not_stretch_the_deadline(before, drop):
    with dripping(before, drop) as url:
        begun = time.monotonic()
        with pytest.raises(MlflowUnavailable, match=r"did not answer within 0\.5 s"):
            read(url, timeout_seconds=0.5)
        assert time.monotonic() - begun < 3
        assert not MlflowServer(url).reachable()
        assert no_thread_is_left()


def test_a_whole_read_has_three_seconds_unless_told_otherwise():
    with dripping(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"z") as url:
        begun = time.monotonic()
        with pytest.raises(MlflowUnavailable, match="did not answer within 3 s"):
            read(url)
        assert time.monotonic() - begun < 6


def test_the_deadline_is_for_all_requests_together():
    async def slowly(request):
        await asyncio.sleep(0.3)
        return pretend_mlflow()(request)

    with pytest.raises(MlflowUnavailable, match=r"did not answer within 0\.5 s"):
        read_from(slowly, timeout_seconds=0.5)


def test_what_cannot_be_cancelled_does_not_hold_up_the_caller():
    def stuck_in_a_name_lookup(request):
        time.sleep(2)
        return pretend_mlflow()(request)

    begun = time.monotonic()
    with pytest.raises(MlflowUnavailable, match=r"did not answer within 0\.2 s"):
        read_from(stuck_in_a_name_lookup, timeout_seconds=0.2)
    assert time.monotonic() - begun < 1.5


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(httpx.Response(500), "answers with HTTP 500", id="500"),
        pytest.param(httpx.Response(502, html="<h1>no"), "answers with HTTP 502", id="502 in HTML"),
        pytest.param(httpx.Response(429), "answers with HTTP 429", id="too many requests"),
        pytest.param(httpx.Response(404, html="<h1>no"), "answers with HTTP 404", id="no MLflow"),
        pytest.param(
            httpx.Response(302, headers={"location": "https://sso.example/?secret"}),
            r"redirects us \(HTTP 302\), perhaps to a login page",
            id="redirect to a login page",
        ),
        pytest.param(
            httpx.Response(200, html="<h1>Sign in</h1>"), "but with text/html", id="login page"
        ),
        pytest.param(httpx.Response(401), "TWINLINE_MLFLOW_TOKEN", id="401"),
        pytest.param(httpx.Response(403), "TWINLINE_MLFLOW_TOKEN", id="403"),
        pytest.param(httpx.Response(200, json=[]), "not as MLflow does", id="a list"),
        pytest.param(httpx.Response(200, json={"x": 1}), "not as MLflow does", id="another object"),
        pytest.param(httpx.Response(200, content=b'{"regis'), "not as MLflow does", id="cut short"),
        pytest.param(
            httpx.Response(200, content=b" " * (BODY_BYTES_MAX + 1)), "more than", id="too much"
        ),
    ],
)
def test_an_answer_that_mlflow_would_not_give(answer, words):
    def always(request):
        return answer

    with pytest.raises(MlflowUnavailable, match=words) as trouble:
        read_from(always)
    assert "http://mlflow.test" in trouble.value.detail
    assert "secret" not in trouble.value.detail


def test_a_body_that_is_not_compressed_as_it_says():
    def broken(request):
        return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Chunks(b"no gzip"))

    with pytest.raises(MlflowUnavailable, match="cannot be read"):
        read_from(broken)


def test_something_else_that_answers_is_not_reachable():
    def login_page(request):
        return httpx.Response(200, html="<h1>Sign in</h1>")

    assert not server_from(login_page).reachable()


def test_an_unknown_name_is_not_found_even_where_names_may_not_be_listed():
    refused = {"registered-models/search": httpx.Response(403)}
    absent = {"registered-models/get": no_such_thing()}
    with pytest.raises(NotFound, match="'churn'") as missing:
        read_from(pretend_mlflow(refused | absent))
    assert missing.value.fields["nearest"] == ()


def test_a_run_that_is_gone_is_still_named():
    version = read_from(pretend_mlflow({"runs/get": no_such_thing()}))
    assert (version.run.id, version.run.status) == ("run-1", RUN_IS_GONE)


def test_a_logged_model_that_is_gone_leaves_the_run():
    version = read_from(pretend_mlflow({f"logged-models/{LOGGED_MODEL}": no_such_thing()}))
    assert version.metrics == {"auc": 0.5}


# What MLflow may hold


def test_the_logged_model_counts_where_the_run_says_otherwise():
    measured = {"metrics": [{"key": "auc", "value": 0.75}], "params": [{"key": "c", "value": "8"}]}
    version = read_from(
        pretend_mlflow({f"logged-models/{LOGGED_MODEL}": {"model": {"data": measured}}})
    )
    assert (version.metrics, version.params) == ({"auc": 0.75}, {"c": "8"})
    assert (version.run.metrics, version.run.params) == ({"auc": 0.5}, {"c": "1"})


def test_the_last_measurement_counts():
    points = [(0.9, 2, 10), (0.8, 3, 20), (0.1, 1, 30)]
    measured = [{"key": "auc", "value": v, "step": s, "timestamp": t} for v, s, t in points]
    version = read_from(
        pretend_mlflow(
            {f"logged-models/{LOGGED_MODEL}": {"model": {"data": {"metrics": measured}}}}
        )
    )
    assert version.metrics == {"auc": 0.8}


@pytest.mark.parametrize("value", ['"NaN"', "NaN", '"Infinity"', "-Infinity", "1e999"])
def test_a_metric_without_a_json_form_is_left_out(value):
    run = json.dumps(a_run()).replace("0.5", value).encode()
    version = read_from(pretend_mlflow({"runs/get": httpx.Response(200, content=run)}))
    assert version.metrics == {}


def test_a_long_value_is_cut_visibly():
    long = {"data": {"params": [{"key": "p", "value": "x" * 9000}]}}
    version = read_from(pretend_mlflow({"runs/get": a_run(**long)}))
    assert len(version.run.params["p"]) == VALUE_CHARACTERS_MAX
    assert version.run.params["p"].endswith("x…")


def test_long_names_of_a_run_are_cut():
    info = {"run_id": "run-1", "experiment_id": "7", "run_name": "n" * 600, "status": "s" * 60}
    run = read_from(pretend_mlflow({"runs/get": a_run(info=info)})).run
    assert (len(run.name), len(run.status)) == (500, 50)


@pytest.mark.parametrize(
    ("milliseconds", "at"),
    [
        pytest.param(
            1_700_000_000_000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), id="a time"
        ),
        pytest.param(0, None, id="not ended"),
        pytest.param(10**18, None, id="no year of ours"),
    ],
)
def test_a_run_ends_at(milliseconds, at):
    info = {"run_id": "run-1", "experiment_id": "7", "end_time": milliseconds}
    assert read_from(pretend_mlflow({"runs/get": a_run(info=info)})).run.ended_at == at


def test_text_comes_without_what_postgresql_cannot_keep():
    nul = {"data": {"tags": [{"key": "a\x00b", "value": "c\x00d"}]}}
    version = read_from(pretend_mlflow({"runs/get": a_run(**nul)}))
    assert version.run.tags == {"a\N{REPLACEMENT CHARACTER}b": "c\N{REPLACEMENT CHARACTER}d"}


@pytest.mark.parametrize(
    ("kept", "profile"),
    [
        pytest.param('{"num_rows": 600}', {"num_rows": 600}, id="an object"),
        pytest.param("", {}, id="nothing"),
        pytest.param("null", {}, id="null"),
        pytest.param("[1]", {}, id="a list"),
        pytest.param("{", {}, id="no JSON"),
        pytest.param('{"n": ' + "9" * 5000 + "}", {}, id="an integer too long to read"),
        pytest.param("[" * 100_000, {}, id="nested too deep to read"),
        pytest.param('{"m": [NaN, 1e999, 2.5]}', {"m": [None, None, 2.5]}, id="not finite"),
        pytest.param(r'{"a\u0000": "b\u0000\ud800"}', {"a": "b?"}, id="NUL and half characters"),
    ],
)
def test_a_profile_is_kept_as_far_as_it_is_json(kept, profile):
    version = read_from(pretend_mlflow({"runs/get": a_run(inputs=fed_with(profile=kept))}))
    assert version.run.datasets[0].profile == profile


def test_a_profile_is_kept_to_a_depth_that_the_catalog_can_hold():
    deep = '{"a": ' * 100 + "1" + "}" * 100
    version = read_from(pretend_mlflow({"runs/get": a_run(inputs=fed_with(profile=deep))}))
    assert json.dumps(version.run.datasets[0].profile).count("{") == 20


@pytest.mark.parametrize(
    "odd",
    [{"name": "s3://bucket/tickets"}, {"name": "n" * 300}, {"digest": ""}, {"digest": "a\nb"}],
    ids=["an empty folder", "a name too long", "no digest", "a control character"],
)
def test_a_dataset_that_has_no_reference_is_refused_by_name(odd):
    with pytest.raises(Invalid, match="The MLflow dataset") as refused:
        read_from(pretend_mlflow({"runs/get": a_run(inputs=fed_with(**odd))}))
    assert refused.value.fields["field"] == next(iter(odd))


def test_a_number_and_an_alias_together_are_refused():
    with pytest.raises(Invalid, match="not both"):
        read_from(pretend_mlflow(), number=1, alias="champion")


# How it asks


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        pytest.param({"token": "s3cret"}, "Bearer s3cret", id="a token"),
        pytest.param({"username": "ann", "password": "pw"}, "Basic YW5uOnB3", id="a password"),
        pytest.param({"username": "ann", "token": "t"}, "Bearer t", id="both, the token wins"),
        pytest.param({}, None, id="nothing"),
    ],
)
def test_credentials_are_sent(given, sent):
    seen = []

    def listening(request):
        seen.append(request.headers.get("authorization"))
        return pretend_mlflow()(request)

    read_from(listening, **given)
    assert set(seen) == {sent}


def test_credentials_in_the_url_are_sent_and_not_shown():
    seen = []

    def refusing(request):
        seen.append(request.headers["authorization"])
        return httpx.Response(401)

    server = MlflowServer("http://ann:pw@mlflow.test", transport=httpx.MockTransport(refusing))
    with pytest.raises(MlflowUnavailable) as trouble:
        server.model_version(MlflowImport(name="churn"))
    assert seen == ["Basic YW5uOnB3"]
    assert "pw" not in json.dumps(trouble.value.problem())


def test_a_path_prefix_is_kept():
    paths = []

    def listening(request):
        paths.append(request.url.path)
        return pretend_mlflow()(request)

    url = "http://mlflow.test/tracking"
    MlflowServer(url, transport=httpx.MockTransport(listening)).model_version(
        MlflowImport(name="churn")
    )
    assert paths[0] == "/tracking/api/2.0/mlflow/registered-models/get"


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:5000", "sqlite:///mlflow.db", "http://", "http://ann:pw@a:b", "ftp://ann:pw@a/"],
)
def test_a_url_that_is_none_is_refused_at_once(url):
    with pytest.raises(Invalid, match="TWINLINE_MLFLOW_URL") as refused:
        MlflowServer(url)
    assert "pw" not in json.dumps(refused.value.problem())


def test_mlflow_is_not_imported_to_read_from_it():
    look = (
        "import sys, twinline.mirror.remote as remote;"
        "sys.exit(any(heavy in sys.modules for heavy in ('mlflow', 'pandas', 'sqlalchemy')))"
    )
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0


# Helpers


class Chunks(httpx.AsyncByteStream):
    """A body that is sent as it is."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks

    async def __aiter__(self):
        for chunk in self.chunks:
            yield chunk


def read(url: str, **options):
    return MlflowServer(url, **options).model_version(MlflowImport(name="churn"))


def server_from(handler: Callable, **options) -> MlflowServer:
    return MlflowServer("http://mlflow.test", transport=httpx.MockTransport(handler), **options)


def read_from(handler: Callable, *, number=None, alias=None, **options):
    wanted = MlflowImport(name="churn", number=number, alias=alias)
    return server_from(handler, **options).model_version(wanted)


def pretend_mlflow(otherwise: dict | None = None) -> Callable[[httpx.Request], httpx.Response]:
    """A handler that answers as MLflow does about ``churn``, except where told ``otherwise``."""
    known = {
        "registered-models/get": {
            "registered_model": {"name": "churn", "latest_versions": [{"version": "1"}]}
        },
        "model-versions/get": {
            "model_version": {
                "name": "churn",
                "version": "1",
                "run_id": "run-1",
                "source": f"models:/{LOGGED_MODEL}",
            }
        },
        "runs/get": a_run(),
        "experiments/get": {"experiment": {"name": "churn experiments"}},
        f"logged-models/{LOGGED_MODEL}": {"model": {}},
    }

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.partition("/api/2.0/mlflow/")[2]
        said = (known | (otherwise or {}))[path]
        return said if isinstance(said, httpx.Response) else httpx.Response(200, json=said)

    return answer


def a_run(**otherwise) -> dict:
    run = {
        "info": {"run_id": "run-1", "experiment_id": "7"},
        "data": {
            "metrics": [{"key": "auc", "value": 0.5}],
            "params": [{"key": "c", "value": "1"}],
        },
    }
    return {"run": run | otherwise}


def fed_with(**otherwise) -> dict:
    dataset = {"name": "tickets", "digest": "abc", "source_type": "local", "source": "{}"}
    return {"dataset_inputs": [{"dataset": dataset | otherwise}]}


def no_such_thing() -> httpx.Response:
    return httpx.Response(404, json={"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no"})


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def dripping(before: bytes, drop: bytes) -> Iterator[str]:
    """The URL of a server that says ``before``, then ``drop`` again and again, for ever."""
    over = threading.Event()

    class Drip(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(before)
            try:
                while not over.wait(0.05):
                    self.request.sendall(drop)
            except OSError:
                return  # the reader gave up

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Drip) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            over.set()
            server.shutdown()
            serving.join()


def no_thread_is_left() -> bool:
    """Whether every read has really ended, a moment after it gave up."""
    deadline = time.monotonic() + 2
    while any(thread.name.startswith("mlflow-read") for thread in threading.enumerate()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
