"""``twinline prompts diff``: what differs between two versions, to the word."""

import json
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from twinline.cli.output import AsJson, plural, show, table_of
from twinline.cli.session import client
from twinline.language.invisible import shown
from twinline.language.names import LATEST
from twinline.language.records import DiffLine, DiffPart, Hunk, MessageDiff, PromptDiff
from twinline.language.refs import PromptVersionRef

_END = "\n"
_STYLES = {"equal": "", "delete": "strike red", "insert": "underline blue"}
_BRACKETS = {"delete": ("[-", "-]"), "insert": ("{+", "+}")}
_CAME = {"delete": ", deleted", "insert": ", inserted"}
_MARKS = {"equal": " ", "change": "~", "delete": "-", "insert": "+"}


def diff(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The prompt, as support/answer.")],
    old: Annotated[
        str,
        typer.Argument(
            metavar="FROM", help="A number or label, or another prompt's, as prompts:/other/3."
        ),
    ],
    new: Annotated[str, typer.Argument(metavar="TO", help="Likewise.")] = LATEST,
    lines: Annotated[
        int, typer.Option("--context", min=0, max=1000, help="Equal lines around each change.")
    ] = 3,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two versions: [-deleted-] and {+inserted+} words."""
    found = client(context).prompts.diff(name, old, new, context=None if as_json else lines)
    show(found, as_json, lambda: Group(*_drawn(found)))


def _drawn(found: PromptDiff) -> Iterator[RenderableType]:
    yield Text.assemble((str(found.old), "bold"), " -> ", (str(found.new), "bold"))
    yield Text(found.summary, style="dim")
    if found.composed:
        yield Text("What is written is the same; this is the composed text.", style="dim")
    for one in found.messages:
        if one.op != "equal":
            yield Text()
            yield from _message(one, alone=len(found.messages) == 1)
    if found.includes:
        yield Text()
        yield table_of(
            ("include", "from", "to"),
            ((one.written, _short(one.before), _short(one.after)) for one in found.includes),
        )
    for what, values in (("parameter", found.parameters), ("other", found.others)):
        if values:
            yield Text()
            rows = ((one.name, _json(one.before), _json(one.after)) for one in values)
            yield table_of((what, "from", "to"), rows)
    for one in found.invisible:
        said = f"{one.side} line {one.line}: invisible {one.code} {one.name}"
        yield Text(said, style="yellow")


def _message(one: MessageDiff, *, alone: bool) -> Iterator[Text]:
    if not (alone and one.old_role is one.new_role is None):
        yield Text(_heading(one), style="bold")
    for hunk in one.content.hunks:
        yield from _hunk(hunk)


def _heading(one: MessageDiff) -> str:
    places = " -> ".join(str(place) for place in dict.fromkeys((one.old, one.new)) if place)
    roles = " -> ".join(role for role in dict.fromkeys((one.old_role, one.new_role)) if role)
    return f"message {places} {roles}{_CAME.get(one.op, '')}"


def _hunk(hunk: Hunk) -> Iterator[Text]:
    if hunk.left_out:
        yield Text(f"  ... {plural(hunk.left_out, 'equal line')}", style="dim")
    if hunk.note:
        yield Text(f"  ({hunk.note})", style="yellow")
    yield from map(_line, hunk.lines)


def _line(line: DiffLine) -> Text:
    drawn = Text(f"{_MARKS[line.op]} ", style="dim" if line.op == "equal" else "")
    for place, part in enumerate(line.parts):
        text, style = _visible(part, line.parts[place + 1 :]), _STYLES[part.op]
        if line.op == "change" and part.op != "equal":
            opening, closing = _BRACKETS[part.op]
            text = f"{opening}{text.replace(_END, '⏎')}{closing}"
        drawn.append(text.removesuffix(_END), style=style)
    return drawn


def _visible(part: DiffPart, rest: Sequence[DiffPart]) -> str:
    """A part's text with what nobody sees in it; its last spaces are at the end of a line only
    when nothing else follows."""
    if "".join(one.text for one in rest).strip(_END):
        return shown(f"{part.text}|")[:-1]
    return shown(part.text)


def _short(included: PromptVersionRef | None) -> str:
    return str(included) if included else ""


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
