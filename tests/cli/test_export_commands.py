"""``twinline export``: documents printed or written, and following what serves."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.cli.conftest import Run
from tests.process.conftest import Up
from twinline.language.ids import new_id

SLOT = "support@production"
MINUTE = (datetime.now(UTC) - timedelta(minutes=10)).replace(second=0, microsecond=0)


@pytest.fixture
def bundle(run: Run, tmp_path: Path) -> str:
    """A bundle that is live, and served two requests in `MINUTE`, whatever ran before."""
    sides = ("--model", "models:/model-export/1", "--prompt", "prompts:/prompt-export/1")
    if run("live", SLOT).code:
        for words in (
            ("models", "register", "model-export", "openai:/gpt"),
            ("prompts", "create", "prompt-export", "-t", "Say {{ it }}"),
            ("deploy", SLOT, "-r", "release", *sides),
        ):
            assert run(*words).code == 0
        found = json.loads(run("bundles", "pair", *sides, "--json").out)["ref"]
        lines = [
            json.dumps({"id": str(new_id(MINUTE)), "bundle": found, "slot": f"routes:/{SLOT}"})
            for _ in range(2)
        ]
        (tmp_path / "requests.jsonl").write_text("\n".join(lines))
        assert run("record", "requests.jsonl").code == 0
    return json.loads(run("bundles", "pair", *sides, "--json").out)["ref"]


def test_documents_are_printed_or_written(run: Run, bundle: str, tmp_path: Path) -> None:
    printed = run("export", "cyclonedx", bundle)
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(printed.out) is None
    written = run("export", "cyclonedx", bundle, "-o", "bom.json")
    assert (written.code, written.out, "bom.json is written" in written.err) == (0, "", True)
    assert (tmp_path / "bom.json").read_text("utf-8") == printed.out
    assert "payload" in json.loads(run("export", "intoto", bundle).out)
    assert "subject" in json.loads(run("export", "intoto", bundle, "--unsigned").out)
    assert "wasDerivedFrom" in json.loads(run("export", "prov", bundle).out)


def test_a_walk_is_a_graph(run: Run, bundle: str) -> None:
    asked = ("export", "graphml", bundle, "--direction", "upstream", "--depth", "1")
    assert "prompts:/prompt-export/1" in nx.parse_graphml(run(*asked).out).nodes


def test_a_window_is_an_event_a_line(run: Run, bundle: str) -> None:
    at = f"{MINUTE:%Y-%m-%dT%H:%M:%S}"
    (line,) = run("export", "openlineage", "--from", at).out.splitlines()
    event = json.loads(line)
    assert event["job"]["name"] == SLOT
    assert event["run"]["facets"]["twinline_service"]["requests"] == 2
    assert run("export", "openlineage", "--from", at, "--until", at).out == ""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(("openlineage",), 1, "Say --from when, or --follow", id="no-window"),
        pytest.param(("openlineage", "--follow"), 1, "--follow needs --to", id="no-sink"),
        pytest.param(("openlineage", "--to", "x"), 1, "go with --follow", id="sink-alone"),
        pytest.param(
            ("openlineage", "--follow", "--to", "x", "--from", "2026-07-01"),
            1,
            "goes on from where it was",
            id="both",
        ),
        pytest.param(
            ("openlineage", "--from", "2026-07-01", "--until", "2026-07-03"),
            1,
            "more than 24 hours",
            id="too-long",
        ),
        pytest.param(
            ("openlineage", "nowhere", "--follow", "--to", "x"), 3, "no environment", id="unknown"
        ),
        pytest.param(("cyclonedx", "models:/x/1"), 1, "not of the form", id="no-bundle"),
        pytest.param(("prov", "0" * 12), 3, "There is no bundle", id="unknown-bundle"),
    ],
)
def test_what_is_wrong_is_said(
    run: Run, bundle: str, words: tuple[str, ...], code: int, said: str
) -> None:
    ran = run("export", *words)
    assert (ran.code, ran.out) == (code, "")
    assert said in " ".join(ran.err.split())


def test_a_document_that_cannot_be_written_is_said(run: Run, bundle: str) -> None:
    ran = run("export", "prov", bundle, "-o", "nowhere/prov.json")
    assert (ran.code, "cannot be written" in " ".join(ran.err.split())) == (1, True)


def test_following_tells_a_file_and_goes_on_after_it_was_killed(
    server: Up, bundle: str, tmp_path: Path
) -> None:
    file, state = tmp_path / "events.ndjson", tmp_path / "events.ndjson.state"
    state.write_text(json.dumps({"environment": "production", "until": MINUTE.isoformat()}))
    _follow_until(server, file, lambda: file.exists() and _until(state) > MINUTE)
    told = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert [one["run"]["facets"]["twinline_service"]["requests"] for one in told] == [2]
    assert _until(state) > MINUTE
    state.write_text(json.dumps({"environment": "production", "until": MINUTE.isoformat()}))
    _follow_until(server, file, lambda: len(file.read_text("utf-8").splitlines()) == 2)
    first, again = (json.loads(line) for line in file.read_text("utf-8").splitlines())
    assert again["run"]["runId"] == first["run"]["runId"]


def _until(state: Path) -> datetime:
    return datetime.fromisoformat(json.loads(state.read_text())["until"])


def _follow_until(server: Up, file: Path, done: Any) -> None:
    """Follow in a process of its own, which is then killed as it stands."""
    words = ("export", "openlineage", "production", "--follow", "--to", str(file))
    chosen = {"TWINLINE_URL": server.url, "TWINLINE_API_KEY": server.key or ""}
    process = subprocess.Popen(
        [sys.executable, "-m", "twinline", *words],
        env=os.environ | chosen,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        end = time.monotonic() + 30
        while not done() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        assert done(), process.poll()
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=10)
