"""The commands for suites and evaluations, and the worker as a process of its own."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ran, Run
from tests.process.conftest import Up, environment
from tests.support.readme import snippet

_numbers = count(1)

SCORE = """
import json, os, sys
pending = json.load(sys.stdin)
assert pending["subject"] == os.environ["TWINLINE_SUBJECT"]
assert os.environ["TWINLINE_URL"].startswith("http://") and os.environ["TWINLINE_API_KEY"]
print("a line for people")
cases = [{"id": f"case {n}", "passed": n != 1} for n in range(4)]
print(json.dumps({"passed": 3, "failed": 1, "score": 0.75, "cases": cases}))
"""
SLOW = """
import pathlib, time
pathlib.Path("begun").touch()
time.sleep(1.5)
print('{"passed": 1, "failed": 0, "score": 1}')
"""


@pytest.fixture
def suite(run: Run) -> tuple[str, str]:
    """A suite that is attached to a prompt, both the test's own; version 1 waits."""
    number = next(_numbers)
    name, prompt = f"golden-{number}", f"scored-{number}"
    _done(run("suites", "define", name, "--threshold", "0.7", "--command", "python score.py"))
    _done(run("suites", "attach", name, prompt))
    _done(run("prompts", "create", prompt, "-t", "Say {{ it }}"))
    return name, prompt


def test_a_suite_is_defined_attached_required_and_released(
    run: Run, suite: tuple[str, str]
) -> None:
    name, prompt = suite
    shown = _done(run("suites", "require", name, f"{prompt}@dev", "-r", "because")).out
    assert f"{prompt}@dev, by admin: because" in shown
    listed = next(one for one in _json(run("suites", "list", "--json")) if one["name"] == name)
    assert listed["prompts"] == [prompt]
    assert [one["place"] for one in listed["required_in"]] == [f"{prompt}@dev"]
    assert name in _done(run("suites", "list")).out
    why = ("-r", "it has moved")
    assert "required in" not in _done(run("suites", "release", name, f"{prompt}@dev", *why)).out
    assert "attached to" not in _done(run("suites", "detach", name, prompt, *why)).out
    assert run("suites", "define", name, "--threshold", "0.1").code == 1
    assert "0.1" in _done(run("suites", "define", name, "--threshold", "0.1", *why)).out
    assert run("suites", "define", name, "--scores", "bundle").code == 4
    assert run("suites", "show", "unknown-suite").code == 3


def test_results_are_recorded_shown_and_compared(
    run: Run, suite: tuple[str, str], tmp_path: Path
) -> None:
    name, prompt = suite
    old, new = f"prompts:/{prompt}/1", f"prompts:/{prompt}/2"
    _done(run("prompts", "create", prompt, "-t", "Shout {{ it }}"))
    for subject, passed in ((old, "ab"), (new, "bcd")):
        cases = [{"id": id, "passed": id in passed} for id in "abcd"]
        (tmp_path / "cases.json").write_text(json.dumps(cases))
        words = ("--suite", name, "--cases", "cases.json", "--note", "by hand")
        made = _done(run("evaluate", "record", subject, *words, "--run", "runs:/r1"))
        assert "by hand" in made.out
    listed = _json(run("evaluate", "list", "--suite", name, "--json"))
    assert [one["verdict"] for one in listed] == ["passed", "failed"]
    shown = _done(run("evaluate", "show", listed[1]["ref"])).out
    assert "failed: c, d" in shown
    assert "0.5 (passes from 0.7)" in shown
    compared = _done(run("evaluate", "compare", old, f"prompts:/{prompt}@latest")).out
    for said in ("failed 2/4 0.5", "now passed 3/4 0.75", "+0.2500", f"fixed in {name}: c, d"):
        assert said in compared
    assert f"broken in {name}: a" in compared
    found = _json(run("evaluate", "compare", old, new, "--json"))
    assert found["suites"][0]["fixed"] == ["c", "d"]
    assert "Neither was evaluated" in _done(run("evaluate", "compare", *_models(run, name))).out
    half = run("evaluate", "record", old, "--suite", name, "--passed", "0")
    assert (half.code, "needs --failed, or --cases" in half.err) == (1, True)
    assert [one["suite"] for one in _json(run("evaluate", "newest", new, "--json"))] == [name]
    assert name in _done(run("evaluate", "list", new)).out


def test_what_a_slot_requires_is_said_before_and_when_deploying(
    run: Run, suite: tuple[str, str]
) -> None:
    name, prompt = suite
    slot = f"{prompt}@staging"
    _done(run("suites", "require", name, slot, "-r", "because"))
    model, _ = _models(run, name)
    sides = ("--model", model, "--prompt", f"prompts:/{prompt}/1")
    bundle = _json(run("bundles", "pair", *sides, "--json"))["ref"]
    lacks = run("evaluate", "missing", slot, bundle)
    assert (lacks.code, "never evaluated" in lacks.out) == (4, True)
    refused = run("deploy", slot, "--bundle", bundle, "-r", "because")
    assert refused.code == 4
    for said in ("Not evaluated", name, "python score.py", "twinline evaluate waive"):
        assert said in " ".join(refused.err.split())
    _done(run("evaluate", "waive", name, bundle, slot, "-r", "the suite is broken"))
    assert "the suite is broken" in _done(run("evaluate", "waivers")).out
    assert "has passed all" in _done(run("evaluate", "missing", slot, bundle)).out
    _done(run("deploy", slot, "--bundle", bundle, "-r", "because"))
    counts = ("--passed", "9", "--failed", "1", "--score", "0.9")
    _done(run("evaluate", "record", f"prompts:/{prompt}/1", "--suite", name, *counts))
    inference = _json(run("resolve", slot, "--json"))["inference_id"]
    assert f"passed {name} with 0.9" in _done(run("explain", inference)).out


# --- workers ----------------------------------------------------------------------------


def test_a_command_is_run_for_what_waits(run: Run, suite: tuple[str, str], tmp_path: Path) -> None:
    name, prompt = suite
    (tmp_path / "score.py").write_text(SCORE)
    assert name in _done(run("evaluate", "pending", "--suite", name)).out
    words = ("--suite", name, "--until-empty", "--command", f"{sys.executable} score.py")
    said = _done(run("evaluate", "worker", *words)).err
    assert f"{name} prompts:/{prompt}/1: passed with 0.75" in said
    assert "Ran 1 evaluation." in said
    (made,) = _json(run("evaluate", "list", f"prompts:/{prompt}/1", "--json"))
    assert (made["cases"], made["suite"]) == (4, name)
    assert "Nothing waits" in _done(run("evaluate", "pending", "--suite", name)).out
    assert "done" in _done(run("evaluate", "pending", "--suite", name, "--all")).out
    again = _done(run("evaluate", "ask", name, f"prompts:/{prompt}/1"))
    assert f"waits for {name}" in again.out


def test_the_runner_in_the_readme_scores_what_waits(
    run: Run, suite: tuple[str, str], tmp_path: Path
) -> None:
    name, prompt = suite
    (tmp_path / "score.py").write_text(snippet("score"))
    words = ("--suite", name, "--until-empty", "--command", f"{sys.executable} score.py")
    assert "passed with 1" in _done(run("evaluate", "worker", *words)).err
    (made,) = _json(run("evaluate", "newest", f"prompts:/{prompt}/1", "--json"))
    assert (made["passed"], made["cases"]) == (2, 2)


def test_a_function_is_called_for_what_waits(
    run: Run, suite: tuple[str, str], tmp_path: Path
) -> None:
    name, prompt = suite
    module = f"scoring_{prompt.replace('-', '_')}"
    (tmp_path / f"{module}.py").write_text(
        "def score(pending):\n    return {'passed': 1, 'failed': 0, 'score': 1.0}\n"
    )
    words = ("--suite", name, "--until-empty", "--call")
    assert "passed with 1" in _done(run("evaluate", "worker", *words, f"{module}:score")).err
    for wrong in (f"{module}:nothing", "no_such_module:score", module, f"{module}:__name__"):
        assert run("evaluate", "worker", *words, wrong).code == 1, wrong


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("raise SystemExit('no model here')", "no model here"),
        ("print('nothing useful')", "is no result: 'nothing useful'"),
        ("import time; time.sleep(60)", "timed out"),
    ],
    ids=["it fails", "it prints no result", "it takes too long"],
)
def test_a_command_that_comes_to_nothing_is_a_failure_that_says_why(
    run: Run, suite: tuple[str, str], tmp_path: Path, script: str, said: str
) -> None:
    name, _ = suite
    (tmp_path / "score.py").write_text(script)
    words = ("--suite", name, "--until-empty", "--timeout", "3")
    _done(run("evaluate", "worker", *words, "--command", f"{sys.executable} score.py"))
    (failed,) = _json(run("evaluate", "pending", "--suite", name, "--json"))
    assert (failed["state"], failed["attempts"]) == ("waiting", 1)
    assert said in failed["last_error"]


def test_all_that_a_command_started_ends_with_its_time(
    run: Run, suite: tuple[str, str], tmp_path: Path
) -> None:
    name, _ = suite
    words = ("--suite", name, "--until-empty", "--timeout", "1")
    command = 'sh -c "sleep 60 & echo $! > child; wait"'
    _done(run("evaluate", "worker", *words, "--command", command))
    child, deadline = int((tmp_path / "child").read_text()), time.monotonic() + 20
    while _runs(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("command", ["", "no-such-program score.py", "python 'score.py", "./no.sh"])
def test_a_command_that_cannot_be_run_takes_nothing(
    run: Run, suite: tuple[str, str], command: str
) -> None:
    name, _ = suite
    refused = run("evaluate", "worker", "--suite", name, "--until-empty", "--command", command)
    assert (refused.code, f"--command {command!r}" in " ".join(refused.err.split())) == (1, True)
    (waiting,) = _json(run("evaluate", "pending", "--suite", name, "--json"))
    assert (waiting["state"], waiting["attempts"]) == ("waiting", 0)


@pytest.fixture
def worker(server: Up, tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts a worker as a process, which runs SLOW; it is running that when returned."""
    started: list[subprocess.Popen[str]] = []

    def start(suite: str) -> subprocess.Popen[str]:
        (tmp_path / "slow.py").write_text(SLOW)
        away = {"TWINLINE_URL": server.url, "TWINLINE_API_KEY": server.key or ""}
        words = ("--suite", suite, "--lease", "1", "--command", f"{sys.executable} slow.py")
        process = subprocess.Popen(
            [sys.executable, "-m", "twinline", "evaluate", "worker", *words],
            cwd=tmp_path,
            env=environment(tmp_path, **away),
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        deadline = time.monotonic() + 30
        while not (tmp_path / "begun").exists():
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_worker_that_is_told_to_end_brings_what_it_runs_to_its_end(
    run: Run, suite: tuple[str, str], worker: Callable[[str], subprocess.Popen[str]]
) -> None:
    name, _ = suite
    process = worker(name)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, "Ran 1 evaluation." in said) == (0, True), said
    (done,) = _json(run("evaluate", "pending", "--suite", name, "--all", "--json"))
    assert (done["state"], done["attempts"]) == ("done", 1)


def test_what_a_killed_worker_ran_is_run_by_another(
    run: Run, suite: tuple[str, str], worker: Callable[[str], subprocess.Popen[str]]
) -> None:
    name, _ = suite
    worker(name).kill()
    deadline = time.monotonic() + 20
    words = ("--suite", name, "--until-empty", "--command", f"{sys.executable} slow.py")
    while "Ran 1 evaluation." not in _done(run("evaluate", "worker", *words)).err:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    (done,) = _json(run("evaluate", "pending", "--suite", name, "--all", "--json"))
    assert (done["state"], done["attempts"]) == ("done", 2)


def _runs(pid: int) -> bool:
    """Whether a process does anything yet; one that ended may wait for somebody to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _models(run: Run, name: str) -> tuple[str, str]:
    """Two model versions of a model of the test's own."""
    for provider in ("a", "b"):
        _done(run("models", "register", f"model-{name}", f"{provider}:/it"))
    return f"models:/model-{name}/1", f"models:/model-{name}/2"


def _json(ran: Ran) -> Any:
    return json.loads(_done(ran).out)


def _done(ran: Ran) -> Ran:
    assert ran.code == 0, ran.err
    return ran
