"""An application that resolves in its own process: with the server, without it, and after."""

import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.support import policies
from tests.support.catalog import Catalog
from tests.support.serving import served
from twinline import AsyncClient, Client
from twinline.access import actions as access
from twinline.app import make_app
from twinline.client.local.files import read_signed, write_manifest
from twinline.db.session import Database, connect
from twinline.language.errors import (
    Killed,
    NoActiveBundle,
    NotFound,
    TwinlineError,
    Unavailable,
)
from twinline.language.records import NewKey, Role
from twinline.routing.manifest import Signed

SLOT = "answer@production"
SECONDS = 15.0
KILLS = 100
UNTRACED = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
"""What measures coverage is slow, and grows by itself."""
BURST = 20


@dataclass
class Stage:
    """A server that can go away and come back where it was."""

    database: Database
    folder: Path
    key: str
    port: int = 0
    url: str = ""

    @contextmanager
    def up(self) -> Generator[None]:
        own = connect(self.database.url)
        try:
            with served(make_app(own), self.port) as url:
                self.url, self.port = url, int(url.rpartition(":")[2])
                yield
        finally:
            own.close()

    def client(self, name: str = "kept", **more: Any) -> Client:
        return Client(self.url, self.key, folder=self.folder / name, **more)

    def recorded(self) -> Counter[UUID]:
        with self.database.reading() as tx:
            return Counter(tx.values(text("select id from inference")))

    def rows(self, columns: str) -> list[dict[str, Any]]:
        with self.database.reading() as tx:
            return [dict(row) for row in tx.rows(text(f"select {columns} from inference"))]


@pytest.fixture
def stage(database: Database, tmp_path: Path) -> Stage:
    with database.writing("test") as tx:
        key = access.issue_key(tx, NewKey(owner="application", role=Role.ADMIN)).key
    return Stage(database, tmp_path, key)


@pytest.fixture
def up(stage: Stage) -> Iterator[Stage]:
    """The stage with its server running and two bundles behind a canary."""
    with stage.up():
        with stage.client("admin") as admin:
            catalog = Catalog(admin)
            document = policies.canary(catalog.bundle(1, 1).ref, catalog.bundle(1, 2).ref, 0.5)
            admin.slots.deploy(SLOT, policy=document, reason="half", expected=0)
        yield stage


def user(number: int) -> dict[str, Any]:
    return {"user": {"id": f"user-{number}"}}


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_application_and_the_server_resolve_alike(up: Stage) -> None:
    with up.client() as client:
        for number in range(50):
            here = client.resolve("answer", user(number)).resolution()
            there = client.inferences.resolve("answer", "production", user(number), record=False)
            own = {"inference_id", "served_from", "stale_seconds"}
            assert here.model_dump(exclude=own) == there.model_dump(exclude=own)
        assert here.served_from == "stream"
        assert here.stale_seconds == 0


def test_what_is_resolved_arrives_once_with_where_it_came_from(up: Stage) -> None:
    with up.client() as client:
        ids = [client.resolve("answer", user(number)).inference_id for number in range(30)]
        assert client.flush()
    assert up.recorded() == Counter(ids)
    (where,) = {(row["served_from"], row["rule"], row["role"]) for row in up.rows("*")}
    assert where == ("stream", "rollout", 0)


def test_nothing_is_recorded_when_that_is_said(up: Stage) -> None:
    with up.client() as client:
        found = client.resolve("answer", user(1), record=False)
        assert (found.inference_id, found.spooled) == (None, False)
        client.flush()
    assert not up.recorded()


HOSTILE: dict[str, Any] = {
    "none": None,
    "list": [1, 2],
    "text": "context",
    "nan": {"user": {"id": float("nan")}},
    "bool": {"user": {"id": True}},
    "huge": {"user": {"id": "x" * 1_000_000}},
    "object": {"user": {"id": object()}},
    "surrogate": {"user": {"id": "\ud800"}},
    "keys": {1: 2, None: 3},
}


@pytest.mark.parametrize("context", HOSTILE.values(), ids=HOSTILE)
def test_no_context_raises(up: Stage, context: Any) -> None:
    with up.client() as client:
        assert client.resolve("answer", context).spooled
        with client.inference("answer", context, keep_context=True) as call:
            pass
        assert call.spooled
        client.flush()
    assert sum(up.recorded().values()) == 2


def test_a_context_200_deep_raises_nothing(up: Stage) -> None:
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"a": deep}
    with up.client() as client:
        assert client.resolve("answer", deep).unknown == ("user.id",)


def test_an_inference_keeps_what_came_of_it(up: Stage) -> None:
    with up.client() as client:
        with client.inference("answer", user(1), decision="loan-1") as call:
            call.observe(input_tokens=10, score=0.5)
            call.observe(output_tokens=20, cost_usd=0.01)
        assert call.spooled
        client.flush()
        kept = client.inferences.get(UUID(call.id))
    measured = kept.measured
    assert (kept.decision, measured.status, measured.score) == ("loan-1", "ok", 0.5)
    assert (measured.input_tokens, measured.output_tokens) == (10, 20)
    assert measured.latency_ms is not None
    assert kept.context_digest is not None
    assert kept.context is None


def test_an_error_is_recorded_and_goes_on_its_way(up: Stage) -> None:
    with up.client() as client:
        with pytest.raises(ZeroDivisionError), client.inference("answer", user(1)) as call:
            raise ZeroDivisionError
        client.flush()
        assert client.inferences.get(UUID(call.id)).measured.status == "error"


def test_a_call_in_a_call_is_its_child_in_the_same_trace(up: Stage) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with up.client() as client:
        outside = f"00-{trace}-00f067aa0ba902b7-01"
        with (
            client.inference("answer", user(1), traceparent=outside) as outer,
            client.inference("answer", user(2)) as inner,
        ):
            headers = inner.headers()
        with client.inference("answer", user(3), traceparent="rubbish") as other:
            pass
        client.flush()
        child = client.inferences.get(UUID(inner.id))
    assert headers["traceparent"] == f"00-{trace}-{inner.span_id}-01"
    assert f"twinline.bundle={inner.bundle.ref.digest}" in headers["baggage"]
    assert (str(child.parent_id), child.trace_id) == (outer.id, trace)
    assert other.trace_id not in (trace, "rubbish")


def test_a_shadow_has_a_record_of_its_own(up: Stage) -> None:
    with up.client("admin") as admin:
        bundle, beside = (str(one.ref) for one in list(admin.bundles.list())[:2])
        document = {
            "schema": "routing-policy/1",
            "unit": {"by": ["user.id"]},
            "default": {"bundle": bundle},
            "shadow": [{"bundle": beside, "sample": 100_000}],
        }
        admin.slots.deploy("shadowed@production", policy=document, reason="beside", expected=0)
    with up.client() as client:
        found = client.resolve("shadowed", user(1))
        (run,) = found.shadow
        assert str(run.bundle.ref) == beside
        assert client.resolve("shadowed", user(1), record=False).shadow[0].inference_id is None
        client.flush()
        kept = client.inferences.get(run.inference_id or UUID(int=0))
    assert (kept.role, kept.parent_id) == ("shadow", found.inference_id)


def test_what_is_not_live_is_said_and_a_default_stands_in(up: Stage) -> None:
    with up.client() as client:
        with pytest.raises(NotFound, match="Live routes: answer"):
            client.resolve("nothing")
        bundle = client.resolve("answer", user(1)).bundle
        given = client.resolve("nothing", default=bundle)
        assert (given.served_from, given.deployment, given.bundle) == ("default", None, bundle)
        assert given.spooled
        with pytest.raises(ValueError, match="was not resolved by a deployment"):
            given.resolution()
        client.flush()
        assert client.inferences.get(given.inference_id or UUID(int=0)).slot is not None


def test_what_is_killed_serves_nothing_not_even_the_default(up: Stage) -> None:
    with up.client() as client:
        bundle = client.resolve("answer", user(1)).bundle
        client.kills.slot(SLOT, "leaks")
        until(lambda: _refused(client, Killed))
        with pytest.raises(Killed, match="leaks"):
            client.resolve("answer", user(1), default=bundle)


def test_a_killed_bundle_without_a_fallback_is_said(up: Stage) -> None:
    with up.client() as client:
        arm = client.resolve("answer", user(1)).bundle.ref
        client.kills.bundle(arm, "worse")
        until(lambda: _refused(client, NoActiveBundle))


def test_without_the_server_the_answers_stay_and_the_records_wait(up: Stage, stage: Stage) -> None:
    with up.client() as client:
        before = [client.resolve("answer", user(number)).bundle.ref for number in range(20)]
        client.flush()
    # the fixture's server is up: this client talks to a port where nobody is
    away = Client(
        "http://127.0.0.1:1", stage.key, folder=stage.folder / "kept", cold_start_seconds=1.0
    )
    with away:
        found = [away.resolve("answer", user(number)) for number in range(20)]
        assert [one.bundle.ref for one in found] == before
        assert {one.served_from for one in found} == {"file"}
        assert all(one.spooled and one.stale_seconds is not None for one in found)
        assert not away.flush()
    with up.client() as back:
        back.start()
        until(lambda: back.flush() and len(up.recorded()) == 40)
    assert {one.inference_id for one in found} <= up.recorded().keys()
    assert set(up.recorded().values()) == {1}


def test_a_server_that_comes_back_is_followed_again(stage: Stage) -> None:
    with stage.up(), stage.client("admin") as admin:
        first, second = (Catalog(admin).bundle(1, 1).ref, Catalog(admin).bundle(1, 1).ref)
        admin.slots.deploy(SLOT, first, reason="first", expected=0)
        client = stage.client()
        assert client.resolve("answer").manifest_version == 1
    waiting = [client.resolve("answer").inference_id for _ in range(10)]
    with stage.up():
        with stage.client("admin") as admin:
            admin.slots.deploy(SLOT, second, reason="second", expected=1)
        until(lambda: client.resolve("answer", record=False).manifest_version == 2)
        until(lambda: set(waiting) <= stage.recorded().keys())
        client.close()


def test_a_first_start_without_a_server_says_so_in_time(stage: Stage) -> None:
    with Client("http://127.0.0.1:1", folder=stage.folder / "new") as client:
        began = time.monotonic()
        with pytest.raises(Unavailable, match="There is no manifest of 'production'"):
            client.resolve("answer")
        assert time.monotonic() - began < SECONDS


def test_a_file_that_was_brought_along_does_for_a_first_start(up: Stage) -> None:
    file = up.folder / "brought.signed"
    with up.client() as client:
        assert client.save_manifest("production", file) >= 1
    with Client("http://127.0.0.1:1", folder=up.folder / "new", bootstrap=file) as client:
        assert client.resolve("answer", user(1)).served_from == "bootstrap"


@pytest.mark.parametrize("damage", ["changed", "truncated", "no-head", "another-key"])
def test_a_damaged_file_is_not_resolved_from(up: Stage, damage: str) -> None:
    file = up.folder / "brought.signed"
    with up.client() as client:
        client.save_manifest("production", file)
    found = read_signed(file)
    assert found is not None
    (content, signature), key = found
    match damage:
        case "changed":
            write_manifest(file, Signed(content.replace(b"answer", b"anzwer"), signature), key)
        case "truncated":
            write_manifest(file, Signed(content[:-10], signature), key)
        case "no-head":
            file.write_bytes(content)
        case _:
            pass
    pinned = "A" * 43 + "=" if damage == "another-key" else None
    client = Client(
        "http://127.0.0.1:1", folder=up.folder / "new", bootstrap=file, manifest_key=pinned
    )
    with client, pytest.raises(Unavailable):
        client.resolve("answer")


def test_another_server_s_manifests_are_refused_and_the_last_good_one_serves(up: Stage) -> None:
    with up.client() as client:
        served_now = client.resolve("answer", user(1)).bundle.ref
    (up.folder / "kept" / "manifest-key").write_text("A" * 43 + "=")
    with up.client(cold_start_seconds=0.5) as client, pytest.raises(Unavailable):
        client.resolve("answer", user(1))
    (up.folder / "kept" / "manifest-key").unlink()
    with up.client() as client:
        assert client.resolve("answer", user(1)).bundle.ref == served_now


def test_many_threads_resolve_and_lose_nothing(up: Stage) -> None:
    with up.client() as client:
        client.start()
        found: list[UUID | None] = []

        def resolve() -> None:
            found.extend(client.resolve("answer", user(n)).inference_id for n in range(200))

        threads = [threading.Thread(target=resolve) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert client.flush()
    assert up.recorded() == Counter(found)
    assert len(set(found)) == 1600


def _in_child(client: Client, ids: Any) -> None:
    ids.extend([str(client.resolve("answer", user(n)).inference_id) for n in range(20)])
    client.close()


def test_forked_processes_go_on_by_themselves(up: Stage) -> None:
    fork = multiprocessing.get_context("fork")
    with up.client() as client, fork.Manager() as manager:
        own = [str(client.resolve("answer", user(n)).inference_id) for n in range(20)]
        ids = manager.list()
        children = [fork.Process(target=_in_child, args=(client, ids)) for _ in range(3)]
        for child in children:
            child.start()
        for child in children:
            child.join(SECONDS)
            assert child.exitcode == 0
        own += [str(client.resolve("answer", user(n)).inference_id) for n in range(20)]
        wanted = Counter(map(UUID, [*own, *ids]))
        until(lambda: client.flush() and len(up.recorded()) == len(wanted))
    assert up.recorded() == wanted
    assert len(wanted) == 100


def test_an_event_loop_is_never_held_up(up: Stage) -> None:
    async def work() -> tuple[float, list[UUID | None]]:
        async with AsyncClient(up.url, up.key, folder=up.folder / "kept") as client:
            worst, going = 0.0, True

            async def watch() -> None:
                nonlocal worst
                while going:
                    began = time.perf_counter()
                    await asyncio.sleep(0)
                    worst = max(worst, time.perf_counter() - began)

            watching = asyncio.create_task(watch())
            first = await client.resolve("answer", user(1))
            ids = [first.inference_id]
            for number in range(200):
                ids.append((await client.resolve("answer", user(number))).inference_id)
                await asyncio.sleep(0)
            async with await client.inference("answer", user(2)) as call:
                await asyncio.sleep(0)
            ids.append(UUID(call.id))
            going = False
            await watching
            assert await client.run(client.client.flush)
            return worst, ids

    worst, ids = asyncio.run(work())
    assert worst < 1.0
    assert up.recorded() == Counter(ids)


def test_an_asynchronous_first_call_says_what_is_missing(stage: Stage) -> None:
    async def ask() -> None:
        async with AsyncClient("http://127.0.0.1:1", folder=stage.folder / "new") as client:
            with pytest.raises(Unavailable):
                await client.inference("answer")

    asyncio.run(ask())


def test_the_server_can_be_asked_for_each_request(up: Stage) -> None:
    with up.client(local=False) as client:
        found = client.resolve("answer", user(1), decision="loan-1", keep_context=True)
        there = client.inferences.get(found.inference_id or UUID(int=0))
        assert (found.served_from, there.decision, there.context) == ("server", "loan-1", user(1))
        assert there.unit is not None
        assert found.bucket == int(there.unit, 16) * 100_000 >> 64
        assert not client.resolve("answer", record=False).spooled


APPLICATION = """
import sys, json
from pathlib import Path
from twinline import Client
client = Client(sys.argv[1], sys.argv[2], folder=Path(sys.argv[3]))
client.start()
number = 0
while True:
    number += 1
    with client.inference("answer", {"user": {"id": f"user-{number}"}}) as call:
        pass
    if call.spooled:
        print(call.id, flush=True)
"""


@pytest.mark.slow
def test_what_was_said_to_be_spooled_survives_kill_9_and_arrives_once(up: Stage) -> None:
    """A hundred applications are killed in the middle of recording."""
    folder = up.folder / "killed"
    said: set[UUID] = set()
    for number in range(KILLS):
        words = [sys.executable, "-c", APPLICATION, up.url, up.key, str(folder)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=UNTRACED) as process:
            assert process.stdout is not None
            for _ in range(BURST + number):
                said.add(UUID(process.stdout.readline().strip()))
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().splitlines()
            said.update(UUID(line) for line in rest if len(line) == 36)
    with Client(up.url, up.key, folder=folder) as client:
        client.start()
        until(lambda: client.flush() and said <= up.recorded().keys())
    counted = up.recorded()
    assert len(said) >= KILLS * BURST
    assert {counted[id] for id in said} == {1}


MEMORY = """
import sys, resource, json
from pathlib import Path
from twinline import Client

def rss() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

client = Client(sys.argv[1], sys.argv[2], folder=Path(sys.argv[3]))
client.start()
seen = []
for turn in range(11):
    for number in range(int(sys.argv[4]) // 10):
        client.resolve("answer", {"user": {"id": f"user-{number % 1000}"}})
    client.flush()
    seen.append(rss())
client.close()
print(json.dumps(seen))
"""


@pytest.mark.slow
def test_memory_is_flat_however_much_is_resolved(up: Stage) -> None:
    """The first tenth warms up; then nothing grows. (A million take four minutes.)"""
    words = [sys.executable, "-c", MEMORY, up.url, up.key, str(up.folder / "flat"), "50000"]
    ran = subprocess.run(words, capture_output=True, text=True, check=True, env=UNTRACED)
    first, *later = json.loads(ran.stdout)
    assert max(later) - first < 16 << 20
    with up.database.reading() as tx:
        assert tx.value(text("select sum(requests) from rollup_day")) == 55_000


def _refused(client: Client, kind: type[TwinlineError]) -> bool:
    try:
        client.resolve("answer", user(1), record=False)
    except kind:
        return True
    return False


def test_a_manifest_of_another_environment_is_refused(up: Stage) -> None:
    file = up.folder / "brought.signed"
    with up.client() as client:
        client.save_manifest("production", file)
    found = read_signed(file)
    assert found is not None
    kept = up.folder / "new" / "manifest-staging.signed"
    write_manifest(kept, *found)
    client = Client("http://127.0.0.1:1", folder=up.folder / "new", environment="staging")
    with client, pytest.raises(Unavailable, match="not of 'staging'"):
        client.resolve("answer")
