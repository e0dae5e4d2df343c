"""Records become tables and walks become graphs, with nothing lost and unknown as null."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import networkx as nx
import pandas
import polars
import pyarrow
import pytest
from pydantic import BaseModel

from tests.support.origins import ORIGINS, plain
from twinline.client import frames
from twinline.client.frames import to_arrow, to_networkx, to_pandas, to_polars
from twinline.language import records
from twinline.language.columns import columns
from twinline.language.errors import Invalid
from twinline.language.ids import new_id
from twinline.language.records import Edge, Inference, Lineage, Measured, Node, Page
from twinline.language.refs import BundleRef, DeploymentRef, InferenceRef, SlotRef

AT = datetime(2026, 7, 1, 12, 0, 0, 123_000, tzinfo=UTC)
SLOT = SlotRef("answer", "production")


def _inference(**more: Any) -> Inference:
    id = new_id(AT)
    known = {
        "ref": InferenceRef(id), "id": id, "at": AT, "slot": None, "deployment": None,
        "bundle": BundleRef("ab" * 32), "context_digest": None, "context": None, "decision": None,
        "trace_id": None, "parent_id": None, "measured": Measured(),
    }  # fmt: skip
    return Inference.model_validate(known | more)


KNOWN = _inference(
    slot=SLOT, deployment=DeploymentRef(SLOT, 3), context={"tenant": "bänk", "n": [1]},
    manifest_version=2**60, decision="loan-1",
    measured=Measured(status="ok", latency_ms=12.5, input_tokens=0, score=1.0),
)  # fmt: skip
UNKNOWN = _inference()

Rows = Callable[[frames.Records], list[dict[str, Any]]]


def _from_pandas(found: frames.Records) -> list[dict[str, Any]]:
    table = to_pandas(found)
    return [
        {
            name: None if value is pandas.NA or value is pandas.NaT else value
            for name, value in row.items()
        }
        for row in table.to_dict("records")
    ]


LIBRARIES: dict[str, Rows] = {
    "pandas": _from_pandas,
    "polars": lambda found: to_polars(found).to_dicts(),
    "arrow": lambda found: to_arrow(found).to_pylist(),
}
libraries = pytest.mark.parametrize("rows", LIBRARIES.values(), ids=LIBRARIES)


class Part(BaseModel):
    number: int
    within: "Part | None" = None


@libraries
def test_a_record_of_its_own_kind_within_is_one_column(rows: Rows) -> None:
    (found,) = rows([Part(number=1, within=Part(number=2))])
    assert found == {"number": 1, "within": '{"number": 2, "within": null}'}


@libraries
def test_a_record_is_a_row_of_flat_columns(rows: Rows) -> None:
    known, unknown = rows([KNOWN, UNKNOWN])
    assert known["ref"] == str(KNOWN.ref)
    assert known["id"] == str(KNOWN.id)
    assert known["slot"] == "routes:/answer@production"
    assert known["deployment"] == "deployments:/answer@production/3"
    assert known["at"] == AT
    assert known["at"].utcoffset().total_seconds() == 0
    assert json.loads(known["context"]) == {"tenant": "bänk", "n": [1]}
    assert known["manifest_version"] == 2**60
    assert (known["measured.status"], known["measured.latency_ms"]) == ("ok", 12.5)
    assert set(known) == set(unknown) == {column.name for column in columns(Inference)}


@libraries
def test_what_is_not_known_is_null_and_zero_is_zero(rows: Rows) -> None:
    known, unknown = rows([KNOWN, UNKNOWN])
    assert known["measured.input_tokens"] == 0
    for name in ("slot", "context", "decision", "manifest_version", "measured.input_tokens",
                 "measured.latency_ms", "measured.status", "stale_seconds"):  # fmt: skip
        assert unknown[name] is None, name


@libraries
def test_words_stay_lists_and_the_caller_s_own_members_are_json(rows: Rows) -> None:
    (row,) = rows([plain().model])
    assert list(row["aliases"]) == ["champion"]
    assert json.loads(row["metrics"]) == {"auc": 0.91}
    assert (row["number"], row["pinned"]) == (3, True)


@libraries
def test_a_record_in_a_record_that_is_absent_is_null_in_every_column(rows: Rows) -> None:
    slot = records.Slot(ref=SLOT, route="answer", environment="production", created_at=AT,
                        live=None)  # fmt: skip
    (row,) = rows([slot])
    within = {name: value for name, value in row.items() if name.startswith("live.")}
    assert "live.number" in within
    assert set(within.values()) == {None}


@libraries
def test_a_page_is_its_items_and_nothing_is_no_columns(rows: Rows) -> None:
    assert len(rows(Page[Inference](items=(KNOWN, UNKNOWN)))) == 2
    assert len(rows(one for one in (KNOWN, UNKNOWN))) == 2
    assert rows([]) == []


@libraries
def test_records_of_several_classes_are_refused(rows: Rows) -> None:
    with pytest.raises(Invalid, match="Inference, ModelVersion"):
        rows([KNOWN, plain().model])


@libraries
def test_every_record_of_an_origin_is_a_row(rows: Rows) -> None:
    for origin in ORIGINS.values():
        for found in origin:
            many = found if isinstance(found, tuple) else (found,)
            for record in many:
                if isinstance(record, BaseModel):
                    assert len(rows([record])) == 1


def test_types_do_not_depend_on_what_is_known() -> None:
    """So that pages can be put together, and written to one file."""
    assert to_arrow([KNOWN]).schema == to_arrow([UNKNOWN]).schema
    assert to_polars([KNOWN]).schema == to_polars([UNKNOWN]).schema
    assert (to_pandas([KNOWN]).dtypes == to_pandas([UNKNOWN]).dtypes).all()
    assert to_arrow([UNKNOWN]).schema.field("at").type == pyarrow.timestamp("us", "UTC")
    assert to_polars([UNKNOWN]).schema["at"] == polars.Datetime("us", "UTC")
    assert str(to_pandas([UNKNOWN]).dtypes["at"]) == "datetime64[us, UTC]"


@pytest.mark.parametrize("name", records.__all__)
def test_every_record_of_ours_has_columns_with_names_of_their_own(name: str) -> None:
    kind = getattr(records, name)
    if isinstance(kind, type) and issubclass(kind, records.Record):
        names = [column.name for column in columns(kind)]
        assert len(names) == len(set(names))


def test_a_walk_is_a_graph_with_what_is_known_of_it() -> None:
    lineage = Lineage(
        root="models:/churn/3", direction="upstream",
        nodes=(
            Node(ref="models:/churn/3", kind="model", created_at=AT, depth=0),
            Node(ref="runs:/r", kind="run", created_at=AT, depth=-1),
        ),
        edges=(Edge(source="runs:/r", target="models:/churn/3", kind="made", since=AT),),
        left_out=4, why_left_out="4 deeper than 1 hops",
    )  # fmt: skip
    graph = to_networkx(lineage)
    assert nx.ancestors(graph, "models:/churn/3") == {"runs:/r"}
    known = {"kind": "run", "created_at": AT, "depth": -1, "withdrawn": None, "pinned": None}
    assert graph.nodes["runs:/r"] == known
    known = {"kind": "made", "since": AT, "until": None}
    assert graph.edges["runs:/r", "models:/churn/3", "made"] == known
    assert (graph.graph["left_out"], graph.graph["root"]) == (4, "models:/churn/3")


@pytest.mark.parametrize(
    ("library", "convert"),
    [
        ("networkx", to_networkx),
        ("pandas", to_pandas),
        ("polars", to_polars),
        ("pyarrow", to_arrow),
    ],
)
def test_a_missing_library_is_named_with_the_extra_that_brings_it(
    library: str, convert: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"needs {library}.*twinline\[lineage\]"):
        convert([])
