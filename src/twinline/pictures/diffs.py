"""What differs between two prompt versions as an HTML table."""

import json
from collections.abc import Iterator
from html import escape
from itertools import chain

from twinline.language.records import DiffLine, DiffPart, Hunk, MessageDiff, PromptDiff
from twinline.pictures.style import DARK, FONT, LIGHT, variables
from twinline.pictures.text import legible

CONTEXT = 3
"""Equal lines shown before and after each change."""

ROWS_MOST = 500
"""Rows of the table; how many more there are is said."""

FACTS_MOST = 100
"""Likewise of what differs beside the text."""

_CLASS = ".twinline-diff"
_STYLE = "".join(
    [
        f"{_CLASS}{{{variables(LIGHT)}color:var(--text);background:var(--ground);padding:8px;"
        f"font:13px/1.5 {FONT}}}",
        f"@media (prefers-color-scheme:dark){{{_CLASS}{{{variables(DARK)}}}}}",
        f"{_CLASS} table{{border-collapse:collapse;background:none;color:inherit;font:inherit;"
        "width:100%}}",
        # Notebooks give rows grounds of their own theme, on which our text may be unreadable.
        f"{_CLASS} tr{{background:none!important}}",
        f"{_CLASS} caption{{text-align:left;color:inherit;padding:4px 8px}}",
        f"{_CLASS} :is(td,th){{text-align:left;vertical-align:top;padding:1px 8px;border:0}}",
        f"{_CLASS} th{{background:var(--lane);color:var(--text)}}",
        f"{_CLASS} .nr{{color:var(--quiet);text-align:right;width:1%}}",
        f"{_CLASS} .text{{font-family:ui-monospace,monospace;white-space:pre-wrap;"
        "overflow-wrap:anywhere}",
        f"{_CLASS} .note{{color:var(--quiet);font-style:italic}}",
        f"{_CLASS} ins{{color:var(--up);background:var(--up-tint);text-decoration:underline}}",
        f"{_CLASS} del{{color:var(--down);background:var(--down-tint);"
        "text-decoration:line-through}",
    ]
)
_END = "\n"
_TAGS = {"delete": "del", "insert": "ins"}
_CAME = {"delete": ", deleted", "insert": ", inserted"}


def diff_style_sheet() -> str:
    """The style sheet of all differences, for a page that may not have it in the difference."""
    return _STYLE


def diff_html(diff: PromptDiff, *, styled: bool = True) -> str:
    """A difference as HTML: deleted words struck through, inserted ones underlined, and what
    nobody sees shown. Everything that people wrote is escaped. ``styled``: with its style
    sheet within."""
    style = f"<style>{_STYLE}</style>" if styled else ""
    heading = '<tr><th class="nr">old</th><th class="nr">new</th><th>text</th></tr>'
    return "".join(
        [
            f'<div class="twinline-diff">{style}',
            f"<table><caption><b>{_safe(str(diff.old))} → {_safe(str(diff.new))}</b><br>",
            f"{_safe(diff.summary)}</caption><thead>{heading}</thead><tbody>",
            *_shortened(diff),
            "</tbody></table>",
            *_facts_listed(diff),
            "</div>",
        ]
    )


def _shortened(diff: PromptDiff) -> Iterator[str]:
    rows = list(chain.from_iterable(_message(one, diff) for one in diff.messages))
    yield from rows[:ROWS_MOST]
    if len(rows) > ROWS_MOST:
        yield _note(f"and {len(rows) - ROWS_MOST:,} more rows")


def _message(one: MessageDiff, diff: PromptDiff) -> Iterator[str]:
    if len(diff.messages) > 1 or one.old_role or one.new_role:
        places = _both(one.old, one.new)
        said = f"message {places} {_both(one.old_role, one.new_role)}{_CAME.get(one.op, '')}"
        yield f'<tr><th colspan="3">{_safe(said)}</th></tr>'
    for place, hunk in enumerate(one.content.hunks):
        is_last = place == len(one.content.hunks) - 1
        yield from _hunk(hunk, before=place > 0, after=not is_last)


def _both(old: object, new: object) -> str:
    return " → ".join(str(one) for one in dict.fromkeys((old, new)) if one is not None)


def _hunk(hunk: Hunk, *, before: bool, after: bool) -> Iterator[str]:
    """A hunk; of equal lines those next to a change before or after them."""
    if hunk.left_out:
        yield _note(_equal_lines(hunk.left_out))
    if hunk.note:
        yield _note(hunk.note)
    begin, end = (CONTEXT if before else 0), (CONTEXT if after else 0)
    hidden = len(hunk.lines) - begin - end if hunk.op == "equal" else 0
    if hidden <= 1:
        yield from map(_line, hunk.lines)
        return
    yield from map(_line, hunk.lines[:begin])
    yield _note(_equal_lines(hidden))
    yield from map(_line, hunk.lines[len(hunk.lines) - end :])


def _equal_lines(count: int) -> str:
    return f"{count:,} equal line{'' if count == 1 else 's'}"


def _note(said: str) -> str:
    return f'<tr><td class="note" colspan="3">… {_safe(said)}</td></tr>'


def _line(line: DiffLine) -> str:
    numbers = "".join(f'<td class="nr">{number or ""}</td>' for number in (line.old, line.new))
    places = [place for place, part in enumerate(line.parts) if part.text.strip(_END)]
    last = places[-1] if places else -1
    parts = (_part(part, follows=place < last) for place, part in enumerate(line.parts))
    return f'<tr>{numbers}<td class="text">{"".join(parts)}</td></tr>'


def _part(part: DiffPart, *, follows: bool) -> str:
    """Its last spaces are at the end of a line only when nothing else follows."""
    text = part.text if part.op != "equal" and follows else part.text.removesuffix(_END)
    said = legible(f"{text}|")[:-1] if follows else legible(text)
    tag = _TAGS.get(part.op)
    return f"<{tag}>{escape(said)}</{tag}>" if tag else escape(said)


def _facts_listed(diff: PromptDiff) -> Iterator[str]:
    facts = list(_facts(diff))
    if facts:
        yield "<ul>"
        yield from (f"<li>{_safe(fact)}</li>" for fact in facts[:FACTS_MOST])
        if len(facts) > FACTS_MOST:
            yield f"<li>and {len(facts) - FACTS_MOST:,} more</li>"
        yield "</ul>"


def _facts(diff: PromptDiff) -> Iterator[str]:
    """What differs beside the text, and what nobody sees in it."""
    if diff.composed:
        yield "What is written is the same; this is the composed text."
    for include in diff.includes:
        before, after = include.before or "nothing", include.after or "nothing"
        yield f"include {include.written}: {before} → {after}"
    variables = diff.variables
    yield from (f"variable {one.before} is called {one.after}" for one in variables.renamed)
    yield from (f"new variable {name}" for name in variables.added)
    yield from (f"without variable {name}" for name in variables.removed)
    for what, values in (
        ("variable", variables.changed),
        ("parameter", diff.parameters),
        ("other", diff.others),
    ):
        for one in values:
            yield f"{what} {one.name}: {_json(one.before)} → {_json(one.after)}"
    for hidden in diff.invisible:
        yield f"{hidden.side} line {hidden.line}: invisible {hidden.code} {hidden.name}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _safe(text: str) -> str:
    return escape(legible(text))
