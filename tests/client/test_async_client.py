"""The client for asyncio has what the client has, and says the same."""

import asyncio
import inspect
import threading
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client.conftest import SLOT, Stage
from tests.support.async_nouns import STUB, made
from twinline import AsyncClient, Client
from twinline.client import aio_nouns
from twinline.client.frames import to_polars
from twinline.client.tables import Table
from twinline.client.waiting import AT_ONCE
from twinline.language.errors import NotFound
from twinline.language.records import Role

CALLED_OTHERWISE = {"close": "aclose"}
NOT_FOR_WAITING = {"resolves_at_once", "environment"}


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Client]:
    with Client("http://127.0.0.1:1", folder=tmp_path / "plain") as made:
        yield made


def _asynchronous(folder: Path, url: str = "http://127.0.0.1:1", key: str = "") -> AsyncClient:
    return AsyncClient(url, key, folder=folder)


def test_every_noun_and_method_of_the_client_is_there(plain: Client, tmp_path: Path) -> None:
    other = _asynchronous(tmp_path)
    mine = {name for name in dir(plain) if name[0] != "_"} - NOT_FOR_WAITING
    assert {CALLED_OTHERWISE.get(name, name) for name in mine} <= set(dir(other))
    nouns = aio_nouns.nouns(plain)
    assert len(nouns) > 15
    for name, noun in nouns.items():
        theirs = {method for method in dir(getattr(other, name)) if method[0] != "_"}
        assert theirs == {method for method in dir(noun) if method[0] != "_"}, name


def test_a_method_is_awaited_iterated_over_or_answers_at_once(
    plain: Client, tmp_path: Path
) -> None:
    other = _asynchronous(tmp_path)
    for name, noun in aio_nouns.nouns(plain).items():
        for method in aio_nouns.methods(type(noun)):
            kind = aio_nouns.answer_of(getattr(noun, method))
            found = getattr(getattr(other, name), method)
            where = f"{name}.{method}"
            assert inspect.isasyncgenfunction(found) == (kind is Iterator), where
            assert inspect.iscoroutinefunction(found) == (kind not in (Iterator, Table)), where


def test_calls_that_wait_leave_the_threads_of_the_event_loop_to_others(tmp_path: Path) -> None:
    answered = threading.Event()

    async def busy() -> str:
        async with _asynchronous(tmp_path) as client:
            calls = [asyncio.create_task(client.run(answered.wait, 60)) for _ in range(2 * AT_ONCE)]
            await asyncio.sleep(0)
            try:
                return await asyncio.wait_for(asyncio.to_thread(str, "looked up"), 30)
            finally:
                answered.set()
                await asyncio.gather(*calls)

    assert asyncio.run(busy()) == "looked up"


def test_the_types_are_those_of_the_client() -> None:
    """Else run ``python -m tests.support.async_nouns``."""
    assert STUB.read_text() == made()


def test_it_asks_lists_and_raises_as_the_client_does(stage: Stage, tmp_path: Path) -> None:
    stage.catalog.serve(SLOT, stage.catalog.bundle(1, 1), 230)
    asked = stage.admin

    async def ask() -> None:
        async with _asynchronous(tmp_path, stage.url, _admin_key(stage)) as client:
            slot, bundles = await asyncio.gather(
                client.slots.get(SLOT), _all(client.bundles.list())
            )
            assert slot == asked.slots.get(SLOT)
            assert bundles == list(asked.bundles.list())
            node = "prompts:/support/answer/1"
            listed = await _all(client.lineage.affected(node))
            assert listed == list(asked.lineage.affected(node))
            assert len(listed) == 230
            async for one in client.lineage.affected(node):  # and stops after the first
                assert one == listed[0]
                break
            frame = await client.run(to_polars, client.inferences.table())
            assert frame.height == 230
            with pytest.raises(NotFound, match="nowhere"):
                await client.slots.get("nowhere@production")
            with pytest.raises(NotFound, match="none"):
                await _all(client.lineage.affected("prompts:/none/1"))
            assert await client.divergences("production") is not None
            assert await client.save_manifest("production", tmp_path / "manifest.json") > 0
            await client.start()
            assert client.client.resolves_at_once()
            assert await client.flush()

    asyncio.run(ask())


async def _all(items: Any) -> list[Any]:
    assert isinstance(items, AsyncGenerator)
    return [item async for item in items]


def _admin_key(stage: Stage) -> str:
    return stage.admin.keys.issue("another", Role.ADMIN).key
