"""Applications as they run: forked, asynchronous, killed, and for long."""

import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.client.conftest import SECONDS, Stage, soon
from twinline import AsyncClient, Client
from twinline.language.errors import Unavailable

KILLS = 100
BURST = 20
UNTRACED = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
"""What measures coverage is slow, and grows by itself."""


def _user(number: int) -> dict[str, Any]:
    return {"user": {"id": f"user-{number}"}}


def _in_child(client: Client, ids: Any) -> None:
    ids.extend([str(client.resolve("answer", _user(n)).inference_id) for n in range(20)])
    client.close()


def test_forked_processes_go_on_by_themselves(stage: Stage, application: Client) -> None:
    fork = multiprocessing.get_context("fork")
    with fork.Manager() as manager:
        own = [str(application.resolve("answer", _user(n)).inference_id) for n in range(20)]
        ids = manager.list()
        children = [fork.Process(target=_in_child, args=(application, ids)) for _ in range(3)]
        for child in children:
            child.start()
        for child in children:
            child.join(SECONDS)
            assert child.exitcode == 0
        own += [str(application.resolve("answer", _user(n)).inference_id) for n in range(20)]
        wanted = Counter(map(UUID, [*own, *ids]))
        soon(lambda: application.flush() and len(stage.recorded()) == len(wanted))
    assert stage.recorded() == wanted
    assert len(wanted) == 100


def test_an_event_loop_is_never_held_up(stage: Stage, tmp_path: Path) -> None:
    """Others have many turns while the first answer and the last delivery are waited for."""

    async def work() -> tuple[list[int], list[UUID | None]]:
        async with AsyncClient(stage.url, stage.key, folder=tmp_path / "app") as client:
            turns, going = 0, True

            async def watch() -> None:
                nonlocal turns
                while going:
                    await asyncio.sleep(0)
                    turns += 1

            watching = asyncio.create_task(watch())
            begun = [turns]
            first = await client.resolve("answer", _user(1))
            begun.append(turns)
            ids = [first.inference_id]
            for number in range(200):
                ids.append((await client.resolve("answer", _user(number))).inference_id)
                await asyncio.sleep(0)
            async with await client.inference("answer", _user(2)) as call:
                await asyncio.sleep(0)
            ids.append(UUID(call.id))
            begun.append(turns)
            assert await client.run(client.client.flush)
            begun.append(turns)
            going = False
            await watching
            return [begun[1] - begun[0], begun[3] - begun[2]], ids

    meanwhile, ids = asyncio.run(work())
    assert min(meanwhile) > 10, meanwhile
    assert stage.recorded() == Counter(ids)


def test_an_asynchronous_first_call_says_what_is_missing(tmp_path: Path) -> None:
    async def ask() -> None:
        async with AsyncClient("http://127.0.0.1:1", folder=tmp_path / "new") as client:
            with pytest.raises(Unavailable):
                await client.inference("answer")

    asyncio.run(ask())


RECORDING = """
import sys
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
def test_what_was_said_to_be_spooled_survives_kill_9_and_arrives_once(
    stage: Stage, tmp_path: Path
) -> None:
    """A hundred applications are killed in the middle of recording."""
    folder = tmp_path / "killed"
    said: set[UUID] = set()
    for number in range(KILLS):
        words = [sys.executable, "-c", RECORDING, stage.url, stage.key, str(folder)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=UNTRACED) as process:
            assert process.stdout is not None
            for _ in range(BURST + number):
                said.add(UUID(process.stdout.readline().strip()))
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().splitlines()
            said.update(UUID(line) for line in rest if len(line) == 36)
    after = stage.application(folder)
    after.start()
    soon(lambda: after.flush() and said <= stage.recorded().keys())
    counted = stage.recorded()
    assert len(said) >= KILLS * BURST
    assert {counted[id] for id in said} == {1}


RESOLVING = """
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
def test_memory_is_flat_however_much_is_resolved(stage: Stage, tmp_path: Path) -> None:
    """The first tenth warms up; then nothing grows. (A million take four minutes.)"""
    words = [sys.executable, "-c", RESOLVING, stage.url, stage.key, str(tmp_path), "50000"]
    ran = subprocess.run(words, capture_output=True, text=True, check=True, env=UNTRACED)
    first, *later = json.loads(ran.stdout)
    assert max(later) - first < 16 << 20
    with stage.database.reading() as tx:
        assert tx.value(text("select sum(requests) from rollup_day")) == 55_000
