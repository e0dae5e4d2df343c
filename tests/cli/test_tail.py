"""``twinline tail``: what arrives, a line each, over a server that comes and goes."""

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.process.conftest import Up, environment
from twinline.cli.examples import example_of
from twinline.cli.tail import follow
from twinline.language.errors import Unavailable
from twinline.language.ids import new_id
from twinline.language.records import Arrivals, Inference, Measured
from twinline.language.refs import BundleRef, InferenceRef


def inference() -> Inference:
    id = new_id()
    nothing = dict.fromkeys(
        ("slot", "deployment", "context_digest", "context", "decision", "trace_id", "parent_id")
    )
    about = {"id": id, "ref": InferenceRef(id), "at": "2026-11-20T14:02Z", **nothing}
    return Inference.model_validate(
        {**about, "bundle": BundleRef("9f86d081884c" * 5 + "9f86"), "measured": Measured()}
    )


def test_each_is_told_once_and_a_server_that_was_away_is_asked_where_it_was() -> None:
    one, two, three = (inference() for _ in range(3))
    away = Unavailable("gone")
    answers = iter(
        [
            Arrivals(items=(one,), next="a", more=True),
            Arrivals(items=(two,), next="b", more=False),
            away,
            away,
            Arrivals(items=(three,), next="c", more=False),
        ]
    )
    asked: list[str | None] = []
    waits = iter(range(3))
    told: list[Inference] = []

    def ask(cursor: str | None) -> Arrivals:
        asked.append(cursor)
        answer = next(answers)
        if isinstance(answer, Unavailable):
            raise answer
        return answer

    def wait(seconds: float) -> None:
        assert seconds > 0
        if next(waits, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(ask, told.append, wait)
    assert told == [one, two, three]
    assert asked == [None, "a", "b", "b", "b"], "at once where more is here"


def test_help_says_that_outcomes_are_not_followed(run: Run) -> None:
    said = " ".join(re.sub("[│╭╮╰╯─]", " ", run("tail", "--help").out).split())
    assert "Outcomes that are told after an inference are not followed" in said
    assert "a later outcome shows nothing" in said
    assert "--status" not in (example_of("tail") or "")


def test_a_server_that_is_away_at_first_is_an_error(run: Run) -> None:
    assert run("tail", "--slot", "nowhere@dev").code == 3
    assert run("tail", TWINLINE_URL="http://127.0.0.1:1").code == 6


@pytest.mark.parametrize(
    ("words", "id_of"),
    [
        pytest.param(("--json",), lambda line: json.loads(line)["id"], id="json"),
        pytest.param((), lambda line: line.split()[-1], id="people"),
    ],
)
def test_what_arrives_is_printed_until_ctrl_c(
    run: Run, server: Up, tmp_path: Path, words: tuple[str, ...], id_of: Callable[[str], str]
) -> None:
    name = f"tailed-{len(words)}"
    assert run("models", "register", name, f"openai:/{name}").code == 0
    assert run("prompts", "create", name, "-t", "x").code == 0
    sides = ("--model", f"models:/{name}/1", "--prompt", f"prompts:/{name}/1")
    pair = run("bundles", "pair", *sides, "--json")
    bundle = json.loads(pair.out)["ref"]
    process = subprocess.Popen(
        [sys.executable, "-m", "twinline", "tail", "--prompt", f"prompts:/{name}/1", *words],
        env=environment(tmp_path, TWINLINE_URL=server.url, TWINLINE_API_KEY=server.key or ""),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    late = threading.Timer(60, process.kill)
    late.start()
    seen: list[str] = []
    for _ in range(2):
        id = str(new_id())
        (tmp_path / "one.jsonl").write_text(json.dumps({"id": id, "bundle": bundle}))
        assert run("record", "one.jsonl").code == 0
        while id not in seen:
            seen.append(id_of(process.stdout.readline()))
    process.send_signal(signal.SIGINT)
    rest, trouble = process.communicate(timeout=30)
    late.cancel()
    assert (process.returncode, rest, trouble) == (0, "", "")
    assert len(seen) == len(set(seen))
