"""What the README shows is what happens: its conversation, and the snippets that go on from it.

The snippets that are here share the server to which the README's console commands were said.
"""

import io
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.cli.conftest import Ran, Run
from tests.process.conftest import Up
from tests.support.readme import README, ROOT, executed, exported, snippet, snippets
from twinline.cli import main
from twinline.client import Client
from twinline.language.records import NewOutcome, Role

_uuid = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_time = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?Z)?")


class Said(NamedTuple):
    """A command of the README, what the README says that it prints, and what came of it."""

    command: str
    expected: str
    ran: Ran


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the README's reader works."""
    return tmp_path_factory.mktemp("reader")


@pytest.fixture(scope="module")
def said(server: Up, folder: Path) -> list[Said]:
    """The README's conversation, held once: every snippet below goes on from it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TWINLINE_URL", server.url)
        patch.setenv("TWINLINE_API_KEY", server.key or "")
        patch.setenv("XDG_CONFIG_HOME", str(folder))
        patch.setenv("COLUMNS", "120")
        patch.chdir(folder)
        return list(_held(patch))


def _held(patch: pytest.MonkeyPatch) -> Iterator[Said]:
    seen = "no inference yet"
    for command, expected in _conversation():
        words = [_uuid.sub(seen, word) for word in shlex.split(command)]
        patch.setattr(sys, "argv", ["twinline", *words])
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main()
        ran = Ran(int(ended.value.code or 0), out.getvalue(), err.getvalue())
        found = re.search(r"^inference\s+(\S+)", ran.out, re.MULTILINE)
        seen = found[1] if found else seen
        yield Said(command, expected, ran)


@pytest.fixture
def client(server: Up, said: list[Said]) -> Iterator[Client]:
    """Our client, at the catalog that the conversation made."""
    assert {one.ran.code for one in said} == {0}
    with server.client(server.key or "") as made:
        yield made


def test_the_conversation_prints_what_the_readme_says(said: list[Said]) -> None:
    assert len(said) >= 20
    for command, expected, ran in said:
        assert ran.code == 0, (command, ran.err)
        if expected:
            assert _plain(ran.out) == _plain(expected), command


def test_a_wrong_line_would_be_noticed() -> None:
    command, expected = next(found for found in _conversation() if found[1])
    assert command
    assert _plain(expected) != _plain(expected.replace("deploy", "rollback", 1))


def test_the_client_resolves_and_records_what_came_of_it(
    server: Up, client: Client, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    program = executed("client", url=server.url, key=server.key or "")
    program["client"].close()
    assert program["prompt"] == "Answer {{ question }} in one sentence."
    assert program["model"] == "openai:/gpt-4o-2024-08-06"
    newest = next(iter(client.inferences.find(decision="ticket-4711")))
    assert (newest.measured.score, newest.measured.output_tokens) == (0.9, 210)
    client.inferences.add_outcome(program["call"].id, NewOutcome(score=0.2))
    later = client.inferences.get(newest.id)
    assert (later.measured.score, later.measured.output_tokens) == (0.2, 210)


def test_the_policy_can_go_live_when_its_bundles_are_there(
    client: Client, run: Run, tmp_path: Path
) -> None:
    text = snippet("policy")
    for number, named in enumerate(sorted(set(re.findall(r"bundles:/[0-9a-f]{12}", text))), 1):
        client.prompts.create("routed", f"{number} {{{{ question }}}}")
        made = client.bundles.pair("models:/gpt-4o/1", f"prompts:/routed/{number}")
        text = text.replace(named, str(made.ref))
    (tmp_path / "policy.json").write_text(text)
    assert run("policies", "check", "policy.json").code == 0
    assert run("deploy", "routed@production", "--policy", "policy.json", "-r", "as read").code == 0
    asked = '{"tenant": "bank-a", "dq.score": 0.9}'
    ran = run("policies", "explain", "routed@production", "-c", asked, "--json")
    assert json.loads(ran.out)["rule"] == "regulated", ran.out


def test_an_exporter_that_is_told_where_to_go_brings_calls(server: Up, client: Client) -> None:
    told = exported(snippet("otlp", url=server.url, key=_key(client, Role.SERVICE)))
    program = """
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "some"}
with provider.get_tracer("app").start_as_current_span("chat", attributes=attributes) as span:
    print(f"{span.get_span_context().trace_id:032x}")
provider.shutdown()
"""
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, env=os.environ | told, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (found,) = client.inferences.find(trace_id=done.stdout.strip())
    assert found.slot is None


def test_what_langfuse_s_sdks_are_told_opens_the_prompts(server: Up, client: Client) -> None:
    key = _key(client, Role.SERVICE)
    told = exported(snippet("langfuse", url=server.url, key=key, public=key[:12]))
    assert told["LANGFUSE_BASE_URL"] == told["LANGFUSE_HOST"]
    pair = told["LANGFUSE_PUBLIC_KEY"], told["LANGFUSE_SECRET_KEY"]
    address = f"{told['LANGFUSE_HOST']}/api/public/v2/prompts/support%2Fanswer"
    answer = httpx.get(address, auth=pair, params={"label": "latest"})
    assert answer.raise_for_status().json()["version"] == 3


def test_the_worker_runs_the_score_that_the_readme_shows(
    client: Client, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "score.py").write_text(snippet("score"))
    (command,) = snippet("worker", python=f"{sys.executable} ").splitlines()
    monkeypatch.chdir(folder)
    program, *words = shlex.split(command)
    assert program == "twinline"
    ran = run(*words, "--until-empty")
    assert "prompts:/support/answer/3: passed with 1" in ran.err
    (made,) = client.evaluations.newest("prompts:/support/answer/3")
    assert (made.suite, made.passed, made.failed) == ("golden-questions", 2, 0)


def test_answers_become_tables_and_graphs(client: Client) -> None:
    program = executed("frames", client=client)
    assert program["requests"]["prompt"].to_list() == ["prompts:/support/answer/2"]
    assert len(program["history"]) == 3
    assert "routes:/support@production" in program["graph"]


def test_the_client_of_a_few_lines_is_a_program_that_works(run: Run) -> None:
    create = ("prompts", "create")
    assert run(*create, "plain/tone", "-t", "Be {{ mood }}.").code == 0
    assert run(*create, "plain/reply", "-t", "{{> plain/tone@1 }} Answer {{ question }}.").code == 0
    text = executed("plain")["said"]("plain/reply", mood="calm", question="Why?")
    assert text == "Be calm. Answer Why?."


# --- nothing is left out ----------------------------------------------------------------

NOT_RUN = (
    ("demo", "installs everything and takes minutes: `.ci/run` takes it from the README"),
    ("test", "would run this test again: `.ci/run` takes it from the README"),
    ("install", "takes minutes: `.ci/run` installs these extras and more by `test`"),
    ("notebooks", "takes a minute: `.ci/run` says the same"),
)
"""The shell and Python snippets that no test runs, and why."""


def test_every_snippet_is_run_or_has_a_reason_not_to_be() -> None:
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py"))
    asked = set(re.findall(r"\b(?:snippet|executed)\(\s*\"([\w-]+)\"", tests))
    named = [one for one in snippets() if one.language != "console"]
    assert {one.line for one in named if one.name is None} == set()
    names = [str(one.name) for one in named]
    assert len(set(names)) == len(names)
    assert {name for name, _ in NOT_RUN} == set(names) - asked
    assert asked <= set(names)


def test_a_console_shows_nothing_but_commands_of_ours_and_what_they_print() -> None:
    """Those are said to a server, all of them, in the conversation above."""
    shown = [one.text for one in snippets() if one.language == "console"]
    commands = re.findall(r"^\$ (\S+)", "".join(shown), re.MULTILINE)
    assert set(commands) == {"twinline"}
    assert len(commands) == len(_conversation()) + 1  # `twinline up`, which goes on


def test_what_is_not_run_here_is_run_by_ci() -> None:
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    said = {one.name: one.text for one in snippets()}
    assert all(f"$(readme {name})" in script for name in ("demo", "test"))
    assert said["notebooks"].removeprefix("pytest ").strip() in script
    extras = _project()["optional-dependencies"]["test"][0]
    assert set(_extras(said["install"])) <= set(re.findall(r"\w+", extras))


def test_every_extra_that_the_readme_installs_is_one() -> None:
    extras = set(_extras(README))
    assert len(extras) >= 6
    assert extras <= _project()["optional-dependencies"].keys()
    constraints = set(re.findall(r"pip install [^\n]*-c (\S+)", README))
    assert constraints == {"constraints.txt"}
    assert (ROOT / "constraints.txt").exists()


def test_every_file_that_the_readme_names_is_there() -> None:
    named = set(re.findall(r"`((?:tests|src)/[\w/.]+)`", README))
    assert len(named) > 8
    assert {path for path in named if not (ROOT / path).exists()} == set()


def _conversation() -> list[tuple[str, str]]:
    """The README's ``twinline`` commands with what they print; not ``up``, which runs."""
    blocks = [one.text for one in snippets() if one.language == "console"]
    parts = [part for block in blocks for part in block.split("$ twinline ")[1:]]
    lines = [part.split("\n", 1) for part in parts]
    return [(command, output) for command, output in lines if command != "up"]


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def _extras(text: str) -> list[str]:
    """What a text has pip install of ours."""
    named = re.findall(r"pip install [^`\n]*'(?:\.|twinline)\[([a-z0-9,]+)\]'", text)
    return [extra for one in named for extra in one.split(",")]


def _key(client: Client, role: Role) -> str:
    return client.keys.issue("reader", role).key


def _plain(text: str) -> list[str]:
    """Lines without what differs from day to day: times, ids, and spaces at the end."""
    neutral = _time.sub("TIME", _uuid.sub("ID", text))
    return [re.sub(r" {2,}", "  ", line.rstrip()) for line in neutral.splitlines() if line.strip()]
