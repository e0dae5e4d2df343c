"""The README's five minutes are what happens."""

import re
import shlex
from pathlib import Path
from typing import Any

from tests.cli.conftest import Run

README = Path(__file__).parents[2] / "README.md"
_uuid = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_time = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?Z)?")


def test_the_five_minutes_print_what_the_readme_says(run: Run) -> None:
    said = _conversation()
    assert len(said) >= 10
    seen = "no inference yet"
    for command, expected in said:
        words = [_uuid.sub(seen, word) for word in shlex.split(command)]
        ran = run(*words, COLUMNS="120")
        assert ran.code == 0, (command, ran.err)
        found = re.search(r"^inference\s+(\S+)", ran.out, re.MULTILINE)
        seen = found[1] if found else seen
        if expected:
            assert _plain(ran.out) == _plain(expected), command


def test_a_wrong_line_would_be_noticed() -> None:
    command, expected = next(found for found in _conversation() if found[1])
    assert command
    assert _plain(expected) != _plain(expected.replace("deploy", "rollback", 1))


def test_the_client_of_a_few_lines_is_a_program_that_works(run: Run) -> None:
    create = ("prompts", "create")
    assert run(*create, "plain/tone", "-t", "Be {{ mood }}.").code == 0
    assert run(*create, "plain/reply", "-t", "{{> plain/tone@1 }} Answer {{ question }}.").code == 0
    (example,) = re.findall(
        r"<!-- example: plain -->\n```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL
    )
    program: dict[str, Any] = {}
    exec(compile(example, str(README), "exec"), program)
    text = program["said"]("plain/reply", mood="calm", question="Why?")
    assert text == "Be calm. Answer Why?."


def test_every_file_that_the_readme_names_is_there() -> None:
    named = set(re.findall(r"`((?:tests|src)/[\w/.]+)`", README.read_text("utf-8")))
    assert len(named) > 8
    assert {path for path in named if not (README.parent / path).exists()} == set()


def _conversation() -> list[tuple[str, str]]:
    """The README's ``twinline`` commands with what they print; not ``up``, which runs."""
    blocks = re.findall(r"```console\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    parts = [part for block in blocks for part in block.split("$ twinline ")[1:]]
    lines = [part.split("\n", 1) for part in parts]
    return [(command, output) for command, output in lines if command != "up"]


def _plain(text: str) -> list[str]:
    """Lines without what differs from day to day: times, ids, and spaces at the end."""
    neutral = _time.sub("TIME", _uuid.sub("ID", text))
    return [re.sub(r" {2,}", "  ", line.rstrip()) for line in neutral.splitlines() if line.strip()]
