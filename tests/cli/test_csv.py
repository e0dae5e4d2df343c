"""CSV: what lists something prints its records as lines that a spreadsheet may open."""

import ast
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import twinline.cli
from tests.cli.conftest import Run
from twinline.cli.output import cells_of, show_list
from twinline.language.columns import columns
from twinline.language.csv_lines import line
from twinline.language.records import Slot

WRITTEN_OTHERWISE = {"impact", "_decisions", "_show_withdrawals"}
"""To a file by ``impact --csv``; what was changed, which is no list."""


class Part(BaseModel):
    number: int
    within: "Part | None" = None


class Whole(BaseModel):
    name: str
    part: Part | None = None
    parts: tuple[Part, ...] = ()
    ratio: float | None = None
    free: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("cells", "written"),
    [
        pytest.param(("a", None, 1, -2.5, True), "a,,1,-2.5,True\r\n", id="values"),
        pytest.param(('say "x"', "a,b", "a\nb"), '"say ""x""","a,b","a\nb"\r\n', id="quoted"),
        pytest.param(("=1+1", "+1", "-1", "@x"), "'=1+1,'+1,'-1,'@x\r\n", id="formulas"),
        pytest.param(("\t=1", "\r=1"), "'\t=1,\"'\r=1\"\r\n", id="hidden-formulas"),
        pytest.param(("naïve €",), "naïve €\r\n", id="utf-8"),
    ],
)
def test_a_line_is_exactly_this(cells: tuple[object, ...], written: str) -> None:
    assert line(cells) == written


def test_columns_follow_from_the_class_alone() -> None:
    found = columns(Whole)
    names = ("name", "part.number", "part.within", "parts", "ratio", "free")
    assert tuple(column.name for column in found) == names
    assert cells_of(Whole(name="x"), found) == ["x", None, None, "[]", None, "{}"]
    full = Whole(name="x", part=Part(number=1, within=Part(number=2)), free={"a": [1]})
    deep = '{"number": 2, "within": null}'
    assert cells_of(full, found) == ["x", 1, deep, "[]", None, '{"a": [1]}']
    assert {"ref", "live.number", "live.bundle"} <= {column.name for column in columns(Slot)}


def test_a_list_is_printed_byte_for_byte(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [Whole(name="=x", part=Part(number=7)), Whole(name="y", ratio=0.5)]
    show_list(rows, False, lambda _: "", "None.", as_csv=True)
    head = "name,part.number,part.within,parts,ratio,free\r\n"
    assert capsys.readouterr() == (head + "'=x,7,,[],,{}\r\ny,,,[],0.5,{}\r\n", "")
    show_list([], False, lambda _: "", "None.", as_csv=True)
    assert capsys.readouterr() == ("", "None.\n")


def test_csv_and_json_of_a_command_say_the_same(run: Run) -> None:
    assert run("prompts", "create", "csv/p", "-t", "x", "-m", "=HYPERLINK()").code == 0
    given = json.loads(run("prompts", "versions", "csv/p", "--json").out)
    ran = run("prompts", "versions", "csv/p", "--csv")
    (found,) = csv.DictReader(io.StringIO(ran.out, newline=""))
    assert ran.code == 0
    assert found["message"] == "'=HYPERLINK()"
    assert (found["ref"], found["number"]) == (given[0]["ref"], str(given[0]["number"]))
    assert json.loads(found["labels"]) == given[0]["labels"]


def test_one_form_is_printed_at_a_time(run: Run) -> None:
    ran = run("live", "--json", "--csv")
    assert (ran.code, ran.out) == (1, "")
    assert "--json and --csv" in ran.err


def test_whatever_lists_takes_csv() -> None:
    listing: dict[str, bool] = {}
    for path in Path(twinline.cli.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and "show_list(" in ast.unparse(node):
                listing[node.name] = "as_csv=as_csv" in ast.unparse(node)
    assert len(listing) > 20
    assert {name for name, may in listing.items() if not may} <= WRITTEN_OTHERWISE | {"show_list"}
