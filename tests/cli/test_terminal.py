"""Text of others on a terminal: shown, wherever it is printed, and never obeyed."""

import io

import pytest
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text
from rich.tree import Tree

from tests.cli.conftest import Run
from tests.cli.test_tail import inference
from twinline.cli import tail
from twinline.cli.output import facts, table_of
from twinline.cli.terminal import Terminal, seen

HOSTILE = "ok\x1b]52;c;ZXZpbA==\x1b\\\x1b[2J\x9b2J\u202e"
SHOWN = "ok⟨U+001B⟩]52;c;ZXZpbA==⟨U+001B⟩\\⟨U+001B⟩[2J⟨U+009B⟩2J⟨U+202E⟩"


def tree_of(text: str) -> Tree:
    tree = Tree(Text("root"))
    tree.add(Text(text))
    return tree


@pytest.mark.parametrize(
    "drawn",
    [
        pytest.param(table_of(("name", "nr#"), [(HOSTILE, 1)]), id="table"),
        pytest.param(table_of(("names",), [([HOSTILE, "b"],)]), id="list-in-a-table"),
        pytest.param(table_of(("name",), [(Text(HOSTILE, style="red"),)]), id="styled"),
        pytest.param(facts([("reason", HOSTILE)]), id="facts"),
        pytest.param(tree_of(HOSTILE), id="tree"),
        pytest.param(Group(Text.assemble(("a", "bold"), HOSTILE)), id="group"),
        pytest.param(f"[bold red]Not found:[/] {escape(HOSTILE)}", id="error"),
    ],
)
@pytest.mark.parametrize("is_terminal", [True, False], ids=["terminal", "pipe"])
def test_what_others_wrote_is_shown_and_not_obeyed(
    drawn: RenderableType, is_terminal: bool
) -> None:
    written = io.StringIO()
    terminal = Terminal(file=written, force_terminal=is_terminal, no_color=True, width=120)
    terminal.print(drawn)
    text = Text.from_ansi(written.getvalue()).plain if is_terminal else written.getvalue()
    assert SHOWN in text
    for bad in ("\x1b]", "\x1b[2J", "\x9b", "\u202e"):
        assert bad not in written.getvalue()


def test_a_table_is_as_wide_as_what_is_seen() -> None:
    written = io.StringIO()
    Terminal(file=written, width=80).print(table_of(("a", "b"), [("\x1b", "x"), ("plain", "y")]))
    first, *rows = written.getvalue().splitlines()
    assert {line.rstrip()[-1] for line in rows} == {"x", "y"}
    assert len({len(line.rstrip()) for line in (first, *rows)}) == 1


def test_styles_stay_on_their_words_and_spaces_stay_spaces() -> None:
    text = Text.assemble(("a\x1b", "red"), (" b ", "green"))
    made = seen(text)
    assert made.plain == "a⟨U+001B⟩ b "
    assert [made.plain[one.start : one.end] for one in made.spans] == ["a⟨U+001B⟩", " b "]
    assert seen(Text("as it is ")).plain == "as it is "


def test_a_line_of_tail_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(tail, "out", Terminal(file=written, force_terminal=True))
    tail.show_line(inference().model_copy(update={"decision": HOSTILE, "arm": "\x1b[2J"}))
    assert SHOWN in written.getvalue()
    assert "\x1b[2J" not in written.getvalue()


def test_a_command_shows_it_and_json_and_csv_say_it_exactly(run: Run) -> None:
    assert run("prompts", "create", "hostile", "-t", "x", "-m", HOSTILE).code == 0
    assert "⟨U+001B⟩" in run("prompts", "versions", "hostile", COLUMNS="300").out
    assert "⟨U+001B⟩" in run("prompts", "show", "hostile").out
    for command in ("versions", "show"):
        assert "\x1b" not in run("prompts", command, "hostile").out
    assert "\\u001b]52" in run("prompts", "versions", "hostile", "--json").out
    assert HOSTILE in run("prompts", "versions", "hostile", "--csv").out
