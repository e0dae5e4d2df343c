"""What the mirror does about an MLflow in trouble, and about lists that move while their
pages are turned.

The servers are small pretended ones: no MLflow would do most of this when asked.
"""

import asyncio
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
import pytest
from sqlalchemy import text

from tests.mirror.conftest import Mirror
from tests.support.mlflow_registry import MlflowRegistry
from twinline.db.session import Database
from twinline.language.errors import MlflowUnavailable
from twinline.mirror import inbox
from twinline.mirror.marks import mark_many
from twinline.mirror.naming import DEFAULT, Place
from twinline.mirror.remote import MlflowServer

PAGE = 3
WAITING = text("select count(*) from pg_locks where not granted")


@dataclass
class Pretended:
    """Models by name and their versions' numbers, in pages of three whose tokens are offsets.

    ``before`` is called with every path, and may change what is there, or answer itself;
    ``at_once`` says that all were made in one millisecond.
    """

    models: dict[str, list[int]] = field(default_factory=dict)
    before: Callable[[str], httpx.Response | None] = lambda path: None
    asked: list[str] = field(default_factory=list)
    at_once: bool = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/2.0/mlflow/")
        self.asked.append(path)
        return self.before(path) or self._answer(path, dict(request.url.params))

    def _answer(self, path: str, query: dict[str, str]) -> httpx.Response:
        name = query.get("name") or self._filtered(query.get("filter", ""))
        models = "!=" in query.get("filter", "!=")
        match path:
            case "registered-models/get" if name in self.models:
                return httpx.Response(200, json={"registered_model": self._model(str(name))})
            case "registered-models/search":
                found = [self._model(one) for one in sorted(self.models)] if models else []
                return self._page("registered_models", found, query)
            case "model-versions/search":
                names = [name] if name else sorted(self.models)
                all_ = [self._version(one, n) for one in names for n in self.models.get(one, ())]
                return self._page("model_versions", all_ if models else [], query)
            case "model-versions/get" if int(query["version"]) in self.models.get(str(name), ()):
                version = self._version(str(name), int(query["version"]))
                return httpx.Response(200, json={"model_version": version})
            case _:
                return httpx.Response(404, json={"error_code": "RESOURCE_DOES_NOT_EXIST"})

    def _page(self, of: str, found: list[dict], query: dict[str, str]) -> httpx.Response:
        offset = int(query.get("page_token", "0"))
        token = str(offset + PAGE) if offset + PAGE < len(found) else ""
        page = {of: found[offset : offset + PAGE], "next_page_token": token}
        return httpx.Response(200, json=page)

    def _model(self, name: str) -> dict:
        made = 0 if self.at_once else int(name.removeprefix("m") or 0)
        updated = 1000 + len(self.models[name])
        times = {"creation_timestamp": made, "last_updated_timestamp": updated}
        return {"name": name, **times}

    def _version(self, name: str, number: int) -> dict:
        times = {"creation_timestamp": 1000 + number, "last_updated_timestamp": 1000 + number}
        return {"name": name, "version": str(number), "source": f"s3://{name}/{number}", **times}

    def _filtered(self, filter: str) -> str | None:
        found = re.match(r"name = '([^']*)'", filter)
        return found[1] if found else None


@pytest.fixture
def pretended() -> Pretended:
    return Pretended({f"m{number}": [1] for number in range(8)})


def mirror_of(database: Database, pretended: Callable) -> Mirror:
    transport = httpx.MockTransport(pretended)
    return Mirror(database, MlflowServer("http://mlflow.test", transport=transport))


def present(mirror: Mirror) -> dict[str, list[int]]:
    query = (
        "select coalesce(jsonb_object_agg(name, numbers), '{}') from ("
        " select name, array_agg(number order by number) numbers from mirror_series series"
        " join mirror_version on series_id = series.id where ended_at is null"
        " and state = 'present' group by name) them"
    )
    found = mirror.value(query)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(httpx.Response(200, html="<h1>Sign in</h1>"), id="HTML"),
        pytest.param(httpx.Response(500), id="500"),
        pytest.param(httpx.Response(200, content=b'{"registered'), id="garbage"),
        pytest.param(httpx.Response(200, json={"registered_models": 7}), id="another shape"),
    ],
)
def test_an_mlflow_that_answers_wrongly_is_noted_and_tried_again(
    database: Database, pretended: Pretended, answer: httpx.Response
) -> None:
    pretended.before = lambda path: answer
    mirror = mirror_of(database, pretended)
    with pytest.raises(MlflowUnavailable):
        mirror.worker.step()
    assert "mlflow.test" in str(mirror.value("select trouble from mirror_place"))
    pretended.before = lambda path: None
    mirror.catch_up()
    assert present(mirror) == pretended.models
    assert mirror.value("select trouble from mirror_place") is None


def test_an_mlflow_that_does_not_answer_in_time_holds_up_nothing_else(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(request: httpx.Request) -> httpx.Response:
        with database.writing("somebody else") as tx:  # nothing of ours is locked meanwhile
            tx.run(text("lock table mirror_place, mirror_mark in access exclusive mode"))
        await asyncio.sleep(30)
        raise AssertionError("it was waited for")

    monkeypatch.setattr("twinline.mirror.sweeping.READ_SECONDS", 0.3)
    mirror = mirror_of(database, never)
    with pytest.raises(MlflowUnavailable, match=r"within 0\.3 s"):
        mirror.worker.step()


def test_one_name_that_cannot_be_read_does_not_hold_up_the_others(
    database: Database, pretended: Pretended
) -> None:
    pretended.models["m3"] = [1, 10**10]  # no number that we could keep
    mirror = mirror_of(database, pretended)
    mirror.catch_up()
    assert set(present(mirror)) == set(pretended.models) - {"m3"}
    assert mirror.value("select name from mirror_mark") == "m3"
    assert "out of range" in str(mirror.value("select trouble from mirror_mark"))
    pretended.models["m3"] = [1]
    mirror.sweep()
    assert present(mirror) == pretended.models


def test_what_is_gone_before_it_is_read_is_no_trouble(
    database: Database, pretended: Pretended
) -> None:
    mirror = mirror_of(database, pretended)
    mirror.catch_up()
    with database.writing("test") as tx:
        mark_many(tx, Place(DEFAULT, DEFAULT), "prompt", ["never-there"], "change")
        mark_many(tx, Place(DEFAULT, DEFAULT), "model", ["m1"], "change")
    del pretended.models["m1"]
    mirror.catch_up()
    assert present(mirror) == pretended.models
    assert [(one.name, one.kind) for one in mirror.drift("")] == [("m1", "deleted")]


def test_names_that_go_while_pages_are_turned_hide_no_others(
    database: Database, pretended: Pretended
) -> None:
    mirror = mirror_of(database, pretended)
    mirror.catch_up()

    def drop(path: str) -> None:
        if pretended.asked.count("registered-models/search") % 2 == 0:
            pretended.models.pop("m0", None)  # from here on each page begins one name too late

    pretended.before = drop
    mirror.sweep(full=True)
    assert present(mirror) == pretended.models
    assert [(one.name, one.kind) for one in mirror.drift("")] == [("m0", "deleted")]


def test_names_of_one_millisecond_are_not_taken_for_each_other(
    database: Database, pretended: Pretended
) -> None:
    pretended.at_once = True
    mirror = mirror_of(database, pretended)
    mirror.catch_up()
    mirror.sweep()
    del pretended.models["m3"]
    mirror.sweep()
    assert [(one.name, one.kind) for one in mirror.drift("")] == [("m3", "deleted")]
    pretended.models["m9"] = pretended.models.pop("m4")
    mirror.sweep()
    assert [(one.name, one.kind) for one in mirror.drift("")][1:] == [("m4", "renamed")]


def test_versions_that_go_while_pages_are_turned_hide_no_others(
    database: Database, pretended: Pretended
) -> None:
    pretended.models = {"m": list(range(1, 9))}
    mirror = mirror_of(database, pretended)
    mirror.catch_up()
    pretended.models["m"] += [9, 10]
    turned = 0

    def drop(path: str) -> None:
        nonlocal turned
        turned += path == "model-versions/search"
        if turned == 6 and 1 in pretended.models["m"]:
            pretended.models["m"].remove(1)

    pretended.before = drop
    mirror.sweep(full=True)
    assert 10 not in present(mirror)["m"]  # its page began too late
    mirror.sweep()
    assert 1 not in pretended.models["m"]
    assert present(mirror) == pretended.models
    assert [(one.number, one.kind) for one in mirror.drift("")] == [(1, "deleted")]


def test_a_first_sync_that_is_stopped_goes_on_where_it_was(
    database: Database, pretended: Pretended
) -> None:
    for _ in range(40):
        mirror = mirror_of(database, pretended)  # as a process that starts
        if not mirror.worker.step():
            break
    assert present(mirror) == pretended.models
    assert mirror.value("select synced_at from mirror_place") is not None
    listed = pretended.asked.count("registered-models/search")
    assert listed == 4  # three pages of models and one of prompts, each once
    assert pretended.asked.count("registered-models/get") == len(pretended.models)


def test_a_read_that_breaks_off_anywhere_leaves_nothing_half_done(
    database: Database, pretended: Pretended
) -> None:
    pretended.models = {"m": list(range(1, 9))}

    def breaking(path: str) -> httpx.Response | None:
        return httpx.Response(503) if len(pretended.asked) % 3 == 0 else None

    pretended.before = breaking
    mirror = mirror_of(database, pretended)
    for _ in range(60):
        try:
            if not mirror.worker.step():
                break
        except MlflowUnavailable:
            with database.writing("test") as tx:
                tx.run(text("update mirror_mark set not_before = clock_timestamp()"))
    pretended.before = lambda path: None
    mirror.catch_up()
    assert present(mirror) == pretended.models
    assert mirror.drift("") == []
    made = "select count(*) from audit_event where action = 'model.register'"
    assert mirror.value(made) == 8


def test_each_workspace_is_asked_for_by_its_header_and_stands_in_its_names(
    database: Database, pretended: Pretended
) -> None:
    of_team = Pretended({"m1": [1, 2]})

    def both(request: httpx.Request) -> httpx.Response:
        workspace = request.headers.get("x-mlflow-workspace")
        assert workspace in (None, "team")
        return of_team(request) if workspace else pretended(request)

    server = MlflowServer(
        "http://mlflow.test",
        workspaces=("default", "team"),
        transport=httpx.MockTransport(both),
    )
    mirror = Mirror(database, server)
    mirror.catch_up()
    assert mirror.version("models:/m1/1").number == 1
    assert mirror.version("models:/default/team/m1/2").number == 2
    assert mirror.value("select count(*) from mirror_place where synced_at is not null") == 2


def test_long_prompts_come_in_smaller_pages_and_one_too_long_holds_up_nothing(
    mirror: Mirror,
    registry: MlflowRegistry,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("twinline.mirror.asking.BODY_BYTES_MAX", 60_000)
    registry.make(f"{name}-model")
    registry.add(f"{name}-model")
    for number in range(7):
        registry.make(f"{name}-{number}", prompt=True)
        registry.add_prompt(f"{name}-{number}", "long " * 4000)
    mirror.catch_up()
    assert mirror.version(f"models:/{name}-model/1")
    for number in range(7):
        assert mirror.version(f"prompts:/mlflow/{name}-{number}/1")
    registry.add_prompt(f"{name}-2", "longer " * 10_000)
    registry.add_prompt(f"{name}-6", "new")
    registry.add(f"{name}-model")
    mirror.sweep()
    assert mirror.version(f"models:/{name}-model/2")
    assert mirror.version(f"prompts:/mlflow/{name}-6/2")
    assert "shorten its text" in str(
        mirror.value("select trouble from mirror_mark where name = :name", name=f"{name}-2")
    )
    assert "the sweep leaves the rest of its prompts" in caplog.text
    registry.drop(f"{name}-2")


def test_deliveries_mark_names_in_the_order_in_which_everybody_does(database: Database) -> None:
    place = Place("default", DEFAULT)

    def deliveries() -> int:
        with database.writing("webhooks") as tx:
            return inbox.take_some(tx, "default", (DEFAULT,), 9)

    with database.writing("test") as tx:
        mark_many(tx, place, "model", ["a", "b"], "sweep")
        for name in ("b", "a"):
            payload = {"entity": "model_version", "data": {"name": name}}
            assert inbox.keep(tx, "default", name, payload)
    with ThreadPoolExecutor(1) as pool:
        with database.writing("changes") as tx:
            mark_many(tx, place, "model", ["a"], "change")
            taken = pool.submit(deliveries)
            while tx.value(WAITING) == 0:
                time.sleep(0.01)
            mark_many(tx, place, "model", ["b"], "change")
        assert taken.result(30) == 2
