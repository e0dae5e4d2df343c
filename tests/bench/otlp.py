"""How many spans a second the door for traces takes.

Sends batches as OpenTelemetry's exporter does (512 spans in protobuf, gzip) from several
connections to one server process over an embedded PostgreSQL, durably: an answer means
committed. Of five spans one is a model call, as in traces of applications, or all are.

    python -m tests.bench.otlp [--seconds 5] [--senders 4]
"""

import argparse
import gzip
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.process.conftest import launch
from tests.support.traces import CHAT, PROTOBUF, message, span
from twinline.client import Client
from twinline.language.records import NewModelVersion, Role

BATCH = 512
CALL = {
    **CHAT,
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.prompt.name": "answer",
    "gen_ai.prompt.version": "production",
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.usage.output_tokens": 34,
}
OTHER = {"http.request.method": "POST", "url.full": "http://127.0.0.1/x", "thread.id": 7}


def bodies(every: int, count: int) -> Iterator[bytes]:
    """Packed requests, each of new spans of which one in ``every`` is a call."""
    for _ in range(count):
        spans = [span(OTHER if number % every else CALL) for number in range(BATCH)]
        yield gzip.compress(message(spans).SerializeToString(), 1)


def measure(url: str, key: str, every: int, seconds: float, senders: int) -> float:
    """Spans a second that were acknowledged."""
    waiting = list(bodies(every, int(60 * seconds)))
    headers = {"Content-Type": PROTOBUF, "Content-Encoding": "gzip", "X-API-Key": key}
    taken = 0
    turn = threading.Lock()
    begun = time.perf_counter()

    def send() -> None:
        nonlocal taken
        with httpx.Client(headers=headers, timeout=30) as http:
            while time.perf_counter() - begun < seconds:
                with turn:
                    if not waiting:
                        return
                    body = waiting.pop()
                http.post(f"{url}/v1/traces", content=body).raise_for_status()
                with turn:
                    taken += BATCH

    threads = [threading.Thread(target=send) for _ in range(senders)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return taken / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--senders", type=int, default=4)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        up = launch(Path(folder) / "home", Path(folder) / "up.log")
        try:
            with Client(up.url, up.key) as client:
                new = NewModelVersion(name="gpt-4o", source_uri="openai:/gpt-4o-2024-08-06")
                client.models.register(new)
                client.prompts.create("answer", "Answer {{ question }}.", labels=["production"])
                key = client.keys.issue("bench", Role.SERVICE).key
            for every, what in ((5, "one call in five"), (1, "only calls")):
                for senders in (1, wanted.senders):
                    found = measure(up.url, key, every, wanted.seconds, senders)
                    print(f"{what}, {senders} connection(s): {found:,.0f} spans/s")
        finally:
            up.stop()


if __name__ == "__main__":
    main()
