"""Records as tables, and walks as graphs, for notebooks.

``pip install 'twinline[lineage]'`` brings the libraries; each is loaded when its
function is called. A table has a column for each field, those of a record within a
record by dotted names (``measured.latency_ms``). References and ids are text, moments
are in UTC, lists of words stay lists, and members that are the caller's own (a context,
parameters) are JSON text. What is not known is null, never zero.

Of long lists the server gives a `Table`, which comes by columns instead of record by record::

    to_pandas(client.lineage.affected(node))  # thousands of requests
    to_pandas(client.lineage.table(node))  # millions

There, words that repeat (slots, bundles, models, prompts, arms) are categories.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from twinline.client.libraries import load
from twinline.client.progress import Progress, counted
from twinline.client.tables import Table
from twinline.language.columns import Column, Kind, columns
from twinline.language.errors import Invalid
from twinline.language.records import Lineage, Page

if TYPE_CHECKING:
    import networkx
    import pandas
    import polars
    import pyarrow

Records = Page[Any] | Iterable[BaseModel] | Table
"""Records of one class: a page, or what a method of the client lists; or a table."""


def to_networkx(lineage: Lineage) -> "networkx.MultiDiGraph[str]":
    """A walk as a directed graph: references, with what is known of nodes and edges.

    What the walk left out is said on the graph (``graph.graph["left_out"]``).

    Raises:
        ImportError: networkx is not installed.
    """
    graph = load("networkx").MultiDiGraph(**lineage.model_dump(exclude={"nodes", "edges"}))
    for node in lineage.nodes:
        graph.add_node(node.ref, **node.model_dump(exclude={"ref"}))
    for edge in lineage.edges:
        facts = edge.model_dump(exclude={"source", "target"})
        graph.add_edge(edge.source, edge.target, key=edge.kind, **facts)
    return graph


def to_pandas(records: Records, *, progress: Progress = False) -> "pandas.DataFrame":
    """Records as a pandas table, of types that know null.

    ``progress`` shows a line (True), or is told the rows so far.

    Raises:
        ImportError: pandas is not installed, or pyarrow for a `Table`.
        Invalid: the records are of several classes.
        CutShort: a `Table` broke off.
    """
    pandas = load("pandas")
    if isinstance(records, Table):
        return _pandas_of(records.read(progress))
    types = {
        "text": "string",
        "int": "Int64",
        "float": "Float64",
        "bool": "boolean",
        "moment": "datetime64[us, UTC]",
        "words": "object",
        "json": "string",
    }
    return pandas.DataFrame(
        {
            column.name: pandas.Series(values, dtype=types[column.kind])
            for column, values in _table(records, progress)
        }
    )


def to_polars(records: Records, *, progress: Progress = False) -> "polars.DataFrame":
    """Records as a polars table.

    ``progress`` shows a line (True), or is told the rows so far.

    Raises:
        ImportError: polars is not installed, or pyarrow for a `Table`.
        Invalid: the records are of several classes.
        CutShort: a `Table` broke off.
    """
    polars = load("polars")
    if isinstance(records, Table):
        return polars.from_arrow(records.read(progress))
    types = {
        "text": polars.String,
        "int": polars.Int64,
        "float": polars.Float64,
        "bool": polars.Boolean,
        "moment": polars.Datetime("us", "UTC"),
        "words": polars.List(polars.String),
        "json": polars.String,
    }
    table = list(_table(records, progress))
    return polars.DataFrame(
        {column.name: values for column, values in table},
        schema={column.name: types[column.kind] for column, _ in table},
    )


def to_arrow(records: Records, *, progress: Progress = False) -> "pyarrow.Table":  # pyright: ignore[reportUnknownParameterType, reportUnknownMemberType] -- has no types
    """Records as an Arrow table.

    ``progress`` shows a line (True), or is told the rows so far.

    Raises:
        ImportError: pyarrow is not installed.
        Invalid: the records are of several classes.
        CutShort: a `Table` broke off.
    """
    arrow = load("pyarrow")
    if isinstance(records, Table):
        return records.read(progress)
    types: dict[Kind, Callable[[], Any]] = {
        "text": arrow.string,
        "int": arrow.int64,
        "float": arrow.float64,
        "bool": arrow.bool_,
        "moment": lambda: arrow.timestamp("us", "UTC"),
        "words": lambda: arrow.list_(arrow.string()),
        "json": arrow.string,
    }
    return arrow.table(
        {
            column.name: arrow.array(values, types[column.kind]())
            for column, values in _table(records, progress)
        }
    )


def _pandas_of(table: Any) -> "pandas.DataFrame":
    """An Arrow table as pandas has it, without a second copy where that can be avoided."""
    pandas, arrow = load("pandas"), load("pyarrow")
    types = {
        arrow.string(): pandas.StringDtype(),
        arrow.int64(): pandas.Int64Dtype(),
        arrow.float64(): pandas.Float64Dtype(),
    }
    return table.to_pandas(types_mapper=types.get, split_blocks=True)


def _table(
    records: Page[Any] | Iterable[BaseModel], progress: Progress
) -> Iterator[tuple[Column, list[Any]]]:
    """Each column with its values; none when there are no records."""
    items: Iterable[BaseModel] = records.items if isinstance(records, Page) else records
    rows = list(counted(items, progress))
    kinds = {type(row) for row in rows}
    if len(kinds) > 1:
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise Invalid(f"A table holds records of one class, not of several: {names}.")
    for column in columns(kinds.pop()) if kinds else ():
        yield column, [_told(column.value(row), column.kind) for row in rows]


def _told(value: Any, kind: Kind) -> Any:
    """A value as libraries of tables take it."""
    if value is None:
        return None
    match kind:
        case "text":
            return str(value)
        case "words":
            return [str(item) for item in value]
        case "json":
            return json.dumps(value, default=_plain, ensure_ascii=False)
        case "int" | "float" | "bool" | "moment":
            return value


def _plain(value: object) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)
