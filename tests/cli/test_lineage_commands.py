"""The commands for lineage, impact, explanations and nodes of one's own."""

import csv
import io
import json
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.conftest import Ran, Run

_numbers = count(1)


class Served(NamedTuple):
    """A slot of the test's own, its bundle, and the requests that it answered."""

    slot: str
    bundle: str
    prompt: str
    requests: list[str]


def _done(ran: Ran) -> str:
    assert ran.code == 0, ran.err
    return ran.out


@pytest.fixture
def served(run: Run) -> Served:
    number = next(_numbers)
    name, slot = f"traced-{number}", f"traced-{number}.x@production"
    _done(run("models", "register", name, f"openai:/{name}"))
    _done(run("prompts", "create", name, "-t", "Say {{ it }}"))
    sides = ("--model", f"models:/{name}/1", "--prompt", f"prompts:/{name}/1")
    made = json.loads(_done(run("bundles", "pair", *sides, "--json")))
    _done(run("deploy", slot, "--bundle", made["ref"], "-r", "first"))
    asked = ("resolve", slot, "--decision", f"loan-{number}", "--json")
    ids = [json.loads(_done(run(*asked)))["inference_id"] for _ in range(3)]
    return Served(slot, made["ref"], f"prompts:/{name}/1", ids)


def test_impact_counts_and_lists_and_writes_a_spreadsheet(
    run: Run, served: Served, tmp_path: Path
) -> None:
    run("own", served.slot, "support-team", "--contact", "#support")
    shown = _done(run("impact", served.prompt, "--from", "2h", "--environment", "production"))
    for word in (served.slot, "support-team", "whole hours", "requests"):
        assert word in shown
    found = json.loads(_done(run("impact", served.prompt, "--json")))
    assert (found["service"]["requests"], found["environments"]) == (3, ["production"])
    listed = json.loads(_done(run("impact", served.prompt, "--list", "--json")))
    assert [one["id"] for one in listed] == served.requests[::-1]
    (decision,) = json.loads(_done(run("impact", served.prompt, "--decisions", "--json")))
    assert decision["requests"] == 3
    sheet = tmp_path / "impact.csv"
    _done(run("impact", served.prompt, "--csv", str(sheet)))
    rows = list(csv.DictReader(io.StringIO(sheet.read_text())))
    assert [row["id"] for row in rows] == served.requests[::-1]
    assert served.requests[0] in _done(run("impact", served.prompt, "--list"))
    assert run("impact", served.prompt, "--list", "--decisions").code == 1
    assert run("impact", served.prompt, "--list", "--csv", "-").code == 1
    _done(run("impact", served.prompt, "--decisions", "--csv", str(sheet)))
    (row,) = csv.DictReader(io.StringIO(sheet.read_text()))
    assert (row["decision"], row["requests"]) == (decision["decision"], "3")
    kept = sheet.read_bytes()
    assert run("impact", "prompts:/none/1", "--csv", str(sheet)).code == 3
    assert sheet.read_bytes() == kept


def test_explain_takes_an_id_a_reference_a_trace_or_a_decision(run: Run, served: Served) -> None:
    one = served.requests[0]
    assert served.prompt in _done(run("explain", one))
    assert served.prompt in _done(run("explain", f"inferences:/{one}"))
    decision = json.loads(_done(run("explain", one, "--json")))["inference"]["decision"]
    assert all(id in _done(run("explain", f"decisions:/{decision}")) for id in served.requests)
    for what, ids in ((f"decisions:/{decision}", served.requests), (one, [one])):
        rows = csv.DictReader(io.StringIO(_done(run("explain", what, "--csv"))))
        assert {row["id"] for row in rows} == set(ids)
    assert "gives the same again" in _done(run("explain", one, "--replay"))
    assert run("explain", one, "--replay", "--csv").code == 1
    assert run("explain", "no-such-trace").code == 1
    assert run("explain", one, "--context", "{}").code == 1


def test_a_walk_shows_trees_kinds_and_times(run: Run, served: Served) -> None:
    shown = _done(run("lineage", served.prompt, "--direction", "downstream"))
    assert served.slot in shown
    only = _done(run("lineage", served.prompt, "--kind", "slot"))
    assert (served.slot in only, "of other kinds" in only) == (True, True)
    assert run("lineage", served.prompt, "--as-of", "3d").code == 3
    assert "none of" in run("lineage", served.prompt, "--kind", "potato").err


def test_nodes_of_one_s_own_are_added_connected_and_ended(run: Run, served: Served) -> None:
    name = f"index-{next(_numbers)}"
    node = f"nodes:/vector-index/{name}"
    facts = ("--owner", "search", "--properties", '{"dim": 3}')
    _done(run("nodes", "add", "vector-index", name, *facts))
    assert node in _done(run("nodes", "list", "--type", "vector-index"))
    _done(run("nodes", "connect", node, f"routes:/{served.slot}", "-k", "feeds"))
    assert json.loads(_done(run("impact", node, "--json")))["service"]["requests"] == 3
    _done(run("nodes", "disconnect", node, f"routes:/{served.slot}", "-r", "it moved"))
    assert served.slot not in _done(run("lineage", node))


def test_what_is_retired_is_listed_and_restored(run: Run, served: Served) -> None:
    assert served.slot in _done(run("prospect", "retirement", served.prompt))
    live = run("nodes", "retire", served.prompt, "-r", "no longer")
    assert (live.code, served.slot in live.err) == (4, True)
    name = f"old-{next(_numbers)}"
    _done(run("prompts", "create", name, "-t", "x"))
    found = json.loads(_done(run("nodes", "retire", f"prompts:/{name}/1", "-r", "old", "--json")))
    assert f"prompts:/{name}/1" in _done(run("nodes", "retired"))
    _done(run("nodes", "restore", str(found["number"]), "-r", "needed"))
    assert f"prompts:/{name}/1" not in _done(run("nodes", "retired"))
    assert f"prompts:/{name}/1" in _done(run("nodes", "retired", "--all"))
