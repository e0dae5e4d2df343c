"""What the README names is there, and what is there is named: commands, options, settings."""

import ast
import json
import re
import shlex
from collections.abc import Iterator

import pytest
from pydantic_core import to_jsonable_python
from typer.core import TyperCommand, TyperGroup

from tests.support.readme import README, ROOT
from twinline.cli.root import command_line
from twinline.settings import Settings

COMMANDS = command_line()
PROSE = re.sub(r"^```(?!console).*?^```$|<!--.*?-->", "", README, flags=re.MULTILINE | re.DOTALL)
"""The README without what is no command of ours; its snippets are run."""

OF_OTHERS = {"--autogenerate", "--sync"}  # alembic, jupytext
"""Options in the README's prose that are not ours."""


def _options(command: TyperGroup | TyperCommand) -> set[str]:
    own = {one for each in command.params for one in (*each.opts, *each.secondary_opts)}
    return own | {"--help", "-h"}


def _told(words: list[str]) -> tuple[str, set[str]]:
    """The command that the words call, and all options that may stand there; FORMAT stands for
    any command of its group."""
    command, name, options = COMMANDS, "", _options(COMMANDS)
    for word in words:
        if isinstance(command, TyperGroup) and word == "FORMAT":
            command = next(iter(command.commands.values()))
        elif isinstance(command, TyperGroup) and word in command.commands:
            command, name = command.commands[word], f"{name} {word}".strip()
        options |= _options(command)
    assert not isinstance(command, TyperGroup), f"no command: {words}"
    return name, options


def _all(group: TyperGroup = COMMANDS, within: str = "") -> Iterator[tuple[str, set[str]]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _all(command, f"{within}{name} ")
        else:
            yield f"{within}{name}", _options(command)


def _called() -> list[list[str]]:
    """The words of each ``twinline ...`` that stands in the README's prose."""
    said = re.findall(r"(?<!`)`twinline ([^`]+)`", PROSE)
    return [shlex.split(one.replace("|", " ")) for one in said if not one.startswith("--install")]


@pytest.mark.parametrize("words", _called(), ids=" ".join)
def test_what_prose_calls_is_a_command_with_such_options(words: list[str]) -> None:
    name, options = _told(words)
    assert name
    assert {word for word in words if re.match(r"--?[a-z]", word)} <= options


def test_a_command_or_an_option_that_is_gone_would_be_noticed() -> None:
    with pytest.raises(AssertionError, match="no command"):
        _told(["prompts", "nothing"])
    assert "--nothing" not in _told(["prompts", "create"])[1]


def test_the_table_has_every_command_and_no_other() -> None:
    assert len(list(_all())) > 100
    assert sorted(_tabled()) == sorted(name for name, _ in _all())


def test_every_option_that_the_readme_names_is_one() -> None:
    ours = {one for _, options in _all() for one in options} | _options(COMMANDS)
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PROSE))
    assert len(named) > 30
    assert named - ours == OF_OTHERS


def test_the_readme_names_every_variable_of_ours_and_no_other() -> None:
    settings = {f"TWINLINE_{name.upper()}" for name in Settings.model_fields}
    named = set(re.findall(r"TWINLINE_[A-Z_]*[A-Z]", README))
    assert named == settings | set(_variables())


def test_the_readme_says_the_defaults_that_settings_have() -> None:
    rows = re.findall(r"^\| (`TWINLINE_[^|]*) \| ([^|]*) \|", README, re.MULTILINE)
    compared = set[str]()
    for names, defaults in rows:
        for name, said in zip(*map(_quoted, (names, defaults)), strict=False):
            default = getattr(Settings.model_fields.get(name.lower()), "default", None)
            if default is not None and len(_quoted(names)) == len(_quoted(defaults)):
                assert _value(said) == to_jsonable_python(default), name
                compared.add(name)
    assert {"HOST", "PORT", "POOL_SIZE", "MLFLOW_SERVERS", "MLFLOW_SWEEP_SECONDS"} <= compared


def _tabled() -> Iterator[str]:
    """The commands of the README's table: a row has some of one group, or some of no group. The
    commands of a group within a group stand in the second cell, as `names set`."""
    for first, second in re.findall(r"^\| `twinline ([^|]+?)` \| (.*) \|$", README, re.MULTILINE):
        head, *more = first.split("`, `")
        *group, verb = head.split()
        for name in (verb, *more):
            below = re.findall(rf"`{name} ([a-z-]+)`", f"{first} {second}")
            yield from (" ".join((*group, name, *rest.split())) for rest in below or [""])


def _variables() -> Iterator[str]:
    """Names of environment variables of ours that the source spells out."""
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from re.findall(r"\ATWINLINE_[A-Z_]*[A-Z]\Z", node.value)


def _quoted(cell: str) -> list[str]:
    return [one.removeprefix("TWINLINE_") for one in re.findall(r"`([^`]+)`", cell)]


def _value(said: str) -> object:
    try:
        return json.loads(said)
    except ValueError:
        return said
