"""Help: each command says what it does, shows an example that is right, and its exit codes."""

import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from typer.core import TyperGroup

from tests.cli.conftest import Run
from twinline.cli.examples import EXAMPLES, EXIT_CODES_SAID, example_of
from twinline.cli.root import EXIT_CODES, command_line


def commands(group: TyperGroup, within: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, (*within, name))
        else:
            yield " ".join((*within, name)), command


COMMANDS = dict(commands(command_line()))


def test_every_command_has_one_example_and_no_example_is_left_over() -> None:
    owners = [name for name in COMMANDS if example_of(name)]
    assert owners == list(COMMANDS)
    assert len(EXAMPLES) == len(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_an_example_is_a_call_that_the_command_takes(name: str) -> None:
    example = example_of(name)
    assert example
    words = shlex.split(example)[len(name.split()) :]
    with COMMANDS[name].make_context(name, words) as context:
        assert context.params is not None


def test_a_wrong_example_would_be_noticed() -> None:
    with pytest.raises(Exception, match="--nothing"):
        COMMANDS["history"].make_context("history", ["support@production", "--nothing"])


def test_help_ends_with_the_example_and_the_exit_codes(run: Run) -> None:
    ran = run("history", "--help")
    assert ran.code == 0
    said = " ".join(ran.out.split())
    assert "Example: twinline history support@production" in said
    assert EXIT_CODES_SAID in said
    assert all(f"{code} " in EXIT_CODES_SAID for code in {0, 1, 2, *EXIT_CODES.values()})
