"""What the command line prints: tables for people, JSON and CSV for machines."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel
from rich.table import Column as Heading
from rich.table import Table
from rich.text import Text

from twinline.cli.terminal import Terminal, seen
from twinline.language.columns import Column, columns
from twinline.language.csv_lines import line
from twinline.language.errors import Invalid
from twinline.language.refs import BundleRef

UNKNOWN = "–"
"""What stands for a value that is not known: unknown is neither nothing nor zero."""

out = Terminal()
err = Terminal(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print what the API answered, as JSON.")]
AsCsv = Annotated[
    bool, typer.Option("--csv", help="Print lines of CSV, with the names that --json has.")
]

Row = TypeVar("Row", bound=BaseModel)


def show(
    record: BaseModel, as_json: bool, human: Callable[[], object], *, as_csv: bool = False
) -> None:
    """Print one record: as JSON, as a line of CSV, or as ``human`` draws it.

    Raises:
        Invalid: JSON and CSV are wanted at once.
    """
    _refuse_both(as_json, as_csv)
    if as_csv:
        _print_csv([record], "")
    elif as_json:
        print(record.model_dump_json(indent=2))
    else:
        out.print(human())


def show_list(
    records: Iterable[Row],
    as_json: bool,
    table: Callable[[Sequence[Row]], object],
    empty: str,
    *,
    as_csv: bool = False,
) -> None:
    """Print records: as a JSON array, as CSV, or as a table; ``empty`` says what to do when
    none.

    Raises:
        Invalid: JSON and CSV are wanted at once.
    """
    _refuse_both(as_json, as_csv)
    if as_csv:
        _print_csv(records, empty)
        return
    found = list(records)
    if as_json:
        print(json.dumps([record.model_dump(mode="json") for record in found], indent=2))
    elif found:
        out.print(table(found))
    else:
        out.print(Text(empty, style="dim"))


def _refuse_both(as_json: bool, as_csv: bool) -> None:
    if as_json and as_csv:
        raise Invalid("--json and --csv were given; give one of them.", field="--csv")


def csv_lines(records: Iterable[BaseModel]) -> Iterator[str]:
    """Line by line as the records come; names of columns first, when there is a record."""
    head: Sequence[Column] = ()
    for record in records:
        if not head:
            head = columns(type(record))
            yield line(column.name for column in head)
        yield line(cells_of(record, head))


def _print_csv(records: Iterable[BaseModel], empty: str) -> None:
    printed = False
    for one in csv_lines(records):
        sys.stdout.write(one)
        printed = True
    if not printed:
        err.print(Text(empty, style="dim"))


def cells_of(record: BaseModel, columns: Iterable[Column]) -> list[Any]:
    """A record's values as its JSON has them; what is no single value (a list, an object of the
    caller's own) is JSON itself."""
    document = record.model_dump(mode="json")
    return [_json_cell(document, column.path) for column in columns]


def _json_cell(document: Any, path: Sequence[str]) -> Any:
    for name in path:
        if not isinstance(document, dict):
            return None
        document = document.get(name)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] -- JSON
    return json.dumps(document) if isinstance(document, dict | list) else document  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] -- likewise


def table_of(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """A table; columns whose name ends in ``#`` are numbers, set flush right."""
    table = Table(header_style="bold", box=None, pad_edge=False)
    for place, column in enumerate(columns):
        right = column.endswith("#")
        table.add_column(
            column.removesuffix("#"),
            justify="right" if right else "left",
            overflow="fold",
            no_wrap=place == 0,
        )
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    return table


def facts(pairs: Iterable[tuple[str, Any]]) -> Table:
    """Names and values of one thing, one a line; what is not known is left out."""
    table = Table.grid(Heading(), Heading(overflow="fold"), padding=(0, 2))
    for name, value in pairs:
        if value not in (None, "", UNKNOWN, (), {}):
            table.add_row(Text(name, style="dim"), _cell(value))
    return table


def short(ref: object) -> str:
    """A reference as people read it: bundles by 12 characters of their digest."""
    text = str(ref)
    return text[: len("bundles:/") + 12] if text.startswith("bundles:/") else text


def model(ref: object, pinned: bool | None) -> str | None:
    """A model version, marked when its provider may change what answers."""
    if ref is None:
        return None
    return f"{ref} (unpinned)" if pinned is False else str(ref)


def digest(ref: BundleRef) -> str:
    """The 12 characters by which commands know a bundle, for narrow columns."""
    return ref.digest[:12]


def percent(part: int, whole: int) -> str:
    """A share in per cent; a dash when there is nothing to take it of."""
    return f"{part / whole:.1%}" if whole else UNKNOWN


def plural(count: int, noun: str) -> str:
    """A count with its noun: "1 request", "2,000 requests", "2 deliveries"."""
    many = f"{noun[:-1]}ies" if noun.endswith("ry") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else many}"


def number(value: float | None, unit: str = "") -> str:
    """A number with its unit; a dash when it is not known."""
    return UNKNOWN if value is None else f"{value:,.4g}{unit}"


def _cell(value: Any) -> Text:
    """A value as it stands in a table, which is as wide as what is seen of it."""
    return seen(_text_of(value))


def _text_of(value: Any) -> Text:
    match value:
        case None:
            return Text(UNKNOWN, style="dim")
        case datetime():
            return Text(value.strftime("%Y-%m-%d %H:%MZ"))
        case bool():
            return Text("yes" if value else "no")
        case int():
            return Text(f"{value:,}")
        case Text():
            return value
        case tuple() | list():
            return Text(", ".join(map(str, value)))  # pyright: ignore[reportUnknownArgumentType] -- any items
        case _:
            return Text(str(value))
