"""Long lists come by columns, say what the records say, and are whole or refused."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pandas
import polars
import pyarrow
import pytest

from tests.client.conftest import SLOT, Stage, soon, staged
from tests.client.wire import Meddler
from tests.support.serving import served
from tests.support.tables import rows_of
from twinline.app import make_app
from twinline.client import Client
from twinline.client.frames import to_arrow, to_pandas, to_polars
from twinline.db.session import Database, Reading
from twinline.inferences import streams
from twinline.language.columns import columns
from twinline.language.errors import CutShort, Invalid, NotFound, NotInstalled
from twinline.language.ids import new_id
from twinline.language.records import (
    Inference,
    NewEvaluation,
    NewInference,
    NewOutcome,
    RequestFilter,
    Role,
)

NOW = datetime.now(UTC).replace(microsecond=0)
PROMPT = "prompts:/support/answer/1"
HOSTILE = ('", \n"x",\r\n\\N', "NULL", "\\.", "'; drop", "ünï\u2028", " ")


def _request(**more: Any) -> NewInference:
    known = {"slot": f"routes:/{SLOT}", "model": "models:/churn/1", "prompt": PROMPT}
    return NewInference.model_validate(known | more)


def _varied() -> list[NewInference]:
    """Requests that have everything, nothing, or what is hard to write down."""
    parent = new_id(NOW - timedelta(hours=1))
    full = _request(
        id=parent, deployment=1, arm="control", rule="eu", reason="split", experiment="salt",
        unit="00ff" * 4, served_from="stream", stale_seconds=0.25, manifest_version=2**60,
        context={"tenant": "bänk,\n\"x\"", "n": [1, None]}, keep_context=True, trace_id="t",
        status="ok", latency_ms=12.5, input_tokens=0, output_tokens=2_000_000_000,
        cost_usd=0.1, score=1 / 3,
    )  # fmt: skip
    odd = [
        _request(id=new_id(NOW - timedelta(days=day)), parent_id=parent, arm=text, decision=text)
        for day, text in enumerate(HOSTILE)
    ]
    shadow = _request(role="shadow", id=new_id(NOW))
    return [full, *odd, shadow]


@pytest.fixture(scope="module")
def filled(shared_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One for all tests that only read it."""
    with staged(shared_database, tmp_path_factory.mktemp("tables")) as stage:
        yield _fill(stage)


def _fill(stage: Stage) -> Stage:
    sent = _varied()
    assert stage.admin.inferences.record(sent).recorded == len(sent)
    assert sent[0].id is not None
    stage.admin.inferences.add_outcome(sent[0].id, NewOutcome(status="error", score=0.5))
    stage.admin.inferences.add_outcome(sent[0].id, NewOutcome(latency_ms=99.0))
    return stage


def test_a_table_says_what_the_records_say(filled: Stage) -> None:
    listed = list(filled.admin.lineage.affected(PROMPT))
    assert len(listed) == 1 + len(HOSTILE)
    assert rows_of(filled.admin.lineage.table(PROMPT)) == rows_of(listed)
    assert rows_of(filled.admin.inferences.table()) == rows_of(listed)


def test_a_table_has_the_model_and_the_prompt_of_each_request(stage: Stage) -> None:
    filled = _fill(stage)
    words = _request(prompt="prompts:/nobody/knows/1", id=new_id(NOW))
    assert filled.admin.inferences.record([words]).unresolved == 1
    found = {row["id"]: row for row in to_arrow(filled.admin.inferences.table()).to_pylist()}
    unresolved = found.pop(str(words.id))
    assert (unresolved["model"], unresolved["prompt"]) == (None, None)
    assert {(row["model"], row["prompt"]) for row in found.values()} == {
        ("models:/churn/1", PROMPT)
    }


def test_a_table_can_be_filtered(filled: Stage) -> None:
    inferences = filled.admin.inferences
    assert [row["measured.latency_ms"] for row in rows_of(inferences.table(
        RequestFilter(status="error")))] == [99.0]  # fmt: skip
    since = RequestFilter(begin=NOW - timedelta(hours=30), environment="production")
    assert len(rows_of(inferences.table(since))) == 3
    with pytest.raises(NotFound, match="environment"):
        inferences.table(RequestFilter(environment="prodution")).read()
    with pytest.raises(NotFound, match="no prompt 'none'"):
        filled.admin.lineage.table("prompts:/none/1").read()
    with pytest.raises(Invalid, match="before it begins"):
        inferences.table(RequestFilter(begin=NOW, end=NOW - timedelta(days=1))).read()


def test_columns_have_the_types_of_records_and_words_are_categories(filled: Stage) -> None:
    table = filled.admin.inferences.table()
    assert to_arrow(table).schema.field("at").type == pyarrow.timestamp("us", "UTC")
    names = {column.name for column in columns(Inference)} - {"ref"} | {"model", "prompt"}
    in_pandas, in_polars = to_pandas(table), to_polars(table)
    assert set(in_pandas.columns) == set(in_polars.columns) == names
    from_records = to_pandas(filled.admin.lineage.affected(PROMPT))
    words = {
        "arm", "rule", "reason", "role", "assigned", "experiment", "served_from", "slot",
        "deployment", "bundle", "model", "prompt", "measured.status",
    }  # fmt: skip
    for name in names:
        if name in words:
            assert isinstance(in_pandas[name].dtype, pandas.CategoricalDtype), name
            assert in_polars.schema[name] == polars.Categorical, name
        else:
            assert in_pandas[name].dtype == from_records[name].dtype, name
    assert in_polars["arm"].to_list() == in_pandas["arm"].astype(object).where(
        in_pandas["arm"].notna(), None
    ).tolist()  # fmt: skip


def test_a_table_of_nothing_keeps_its_columns(filled: Stage) -> None:
    nothing = filled.admin.inferences.table(RequestFilter(begin=NOW + timedelta(days=1)))
    assert to_arrow(nothing).num_rows == len(to_pandas(nothing)) == to_polars(nothing).height == 0
    assert "measured.cost_usd" in to_polars(nothing).columns
    assert list(nothing.batches()) == []


def test_whatever_is_listed_or_counted_becomes_a_frame(filled: Stage) -> None:
    client, bundle = filled.admin, filled.catalog.bundle(1, 1)
    client.evaluations.record(
        NewEvaluation(subject=bundle.ref, suite="golden", passed=9, failed=1, score=0.9)
    )
    impact = client.lineage.impact(PROMPT)
    assert to_polars(client.slots.timeline(SLOT))["deployment.number"].to_list() == [1]
    assert to_polars(client.evaluations.list())["score"].to_list() == [0.9]
    assert to_polars(impact.days)["requests"].sum() == 1 + len(HOSTILE)
    assert to_polars(impact.slots)["slot"].to_list() == [f"routes:/{SLOT}"]
    assert set(to_pandas(client.lineage.decisions(PROMPT))["decision"]) == set(HOSTILE)


def test_every_request_is_there_once_however_they_are_cut(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where many are of one millisecond, or none for days."""
    ages = [timedelta(0)] * 9 + [timedelta(hours=5)] * 5 + [timedelta(days=6)]
    sent = [_request(id=new_id(NOW - age)) for age in ages]
    assert stage.admin.inferences.record(sent).recorded == len(sent)
    for stretch, most in ((2, 2), (1, 3), (3, 1000)):
        monkeypatch.setattr(streams, "STRETCH", stretch)
        monkeypatch.setattr(streams, "STRETCH_MAX", most)
        batches = list(stage.admin.inferences.table().batches())
        ids = [UUID(id.as_py()) for batch in batches for id in batch["id"]]
        assert ids == sorted((one.id for one in sent if one.id), reverse=True)
        assert max(map(len, batches)) <= most


def test_progress_is_told_in_rows(filled: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    told: list[int] = []
    to_polars(filled.admin.inferences.table(), progress=told.append)
    assert told[-1] == 1 + len(HOSTILE)
    assert told == sorted(told)
    to_pandas(filled.admin.lineage.affected(PROMPT), progress=told.append)
    assert told[-1] == 1 + len(HOSTILE)
    to_arrow(filled.admin.inferences.table(), progress=True)
    assert f"{1 + len(HOSTILE)} rows" in capsys.readouterr().out


def test_a_server_without_the_library_says_so(
    filled: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = filled.admin.inferences.table()
    monkeypatch.setitem(sys.modules, "pyarrow.csv", None)  # what only the server needs
    with pytest.raises(NotInstalled, match=r"twinline\[arrow\]"):
        table.read()


def test_without_the_library_the_client_says_so(
    filled: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"needs pyarrow.*twinline\[lineage\]"):
        to_polars(filled.admin.inferences.table())


class Failing(Database):
    """A database that is gone after so many more readings."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.engine, database.wait_seconds)
        self.left: int | None = None

    def reading(self) -> AbstractContextManager[Reading]:
        if self.left is not None:
            if self.left == 0:
                raise ConnectionError("gone")
            self.left -= 1
        return super().reading()


def test_a_stream_that_fails_in_the_middle_is_no_table(
    filled: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "STRETCH_MAX", 1)
    failing = Failing(filled.database)
    with served(make_app(failing)) as url, Client(url, _admin_key(filled)) as client:
        table = client.inferences.table()
        assert table.read().num_rows == 1 + len(HOSTILE)
        failing.left = 6
        with pytest.raises(CutShort):
            to_pandas(table)
        failing.left = 6
        batches = table.batches()
        assert next(batches).num_rows == 1
        with pytest.raises(CutShort):
            list(batches)
        failing.left = None


@pytest.mark.parametrize("missing", [8, 9, 200, 3000])
def test_a_stream_that_a_proxy_cut_is_no_table(filled: Stage, missing: int) -> None:
    """Though the proxy says that it is whole."""

    def cut(request: httpx.Request, answer: httpx.Response) -> httpx.Response | None:
        if not request.url.path.endswith(".arrow"):
            return None
        return httpx.Response(200, content=answer.read()[:-missing])

    transport = Meddler(cut)
    with (
        Client(filled.url, _admin_key(filled), transport=transport) as client,
        pytest.raises(CutShort, match="ask again"),
    ):
        client.inferences.table().read()


def test_whoever_goes_away_leaves_nothing_open(filled: Stage) -> None:
    batches = filled.admin.inferences.table().batches()
    assert next(batches).num_rows
    batches.close()
    pool: Any = filled.database.engine.pool
    soon(lambda: pool.checkedout() == 0)
    assert filled.admin.inferences.table().read().num_rows == 1 + len(HOSTILE)


def _admin_key(stage: Stage) -> str:
    return stage.admin.keys.issue("another", Role.ADMIN).key
