"""Two texts, compared line by line and word by word."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from twinline.diffs.matching import (
    Run,
    Span,
    in_pairs,
    lines_of,
    runs,
    similarity,
    spans,
    words_of,
)
from twinline.language.records import DiffLine, DiffPart, Hunk, LineOp, TextDiff

WORDS_MAX = 20_000
"""Words of a changed run that are compared; more are too different to be read anyway."""
PAIRS_MAX = 40_000
"""Pairs of lines of one changed run that are looked at."""
PAIRS_MAX_IN_ALL = 60_000
ONE_BY_ONE_MAX = 20_000
"""Lines of a run that are told one by one; more are told as one piece."""
ALIKE = 0.45
"""From which similarity on, in [0, 1], two lines are one line that was changed."""

TOO_DIFFERENT = "too different for a word diff"


def compare(old: str, new: str) -> TextDiff:
    """What differs between two texts."""
    before, after = lines_of(old), lines_of(new)
    left = PAIRS_MAX_IN_ALL
    hunks: list[Hunk] = []
    for run in runs(before, after):
        if run.equal:
            hunks.append(_equal(run, before))
            continue
        looked_at = (run.old_to - run.old_from) * (run.new_to - run.new_from)
        hunks.append(_changed(run, before, after, pairs_max=min(PAIRS_MAX, left)))
        left = max(0, left - looked_at)
    return TextDiff(hunks=tuple(hunks))


def around(diff: TextDiff, context: int) -> TextDiff:
    """The same with at most ``context`` equal lines before and after each change."""
    last = len(diff.hunks) - 1
    cut = (
        [hunk] if hunk.op == "change" else _cut(hunk, context, place == 0, place == last)
        for place, hunk in enumerate(diff.hunks)
    )
    return TextDiff(hunks=tuple(chain.from_iterable(cut)))


def _equal(run: Run, old: Sequence[str]) -> Hunk:
    lines = old[run.old_from : run.old_to]
    told = (
        _line_of("equal", run.old_from + place, run.new_from + place, [Span("equal", text)])
        for place, text in _pieces(lines)
    )
    return Hunk(op="equal", lines=tuple(told))


def _changed(run: Run, old: Sequence[str], new: Sequence[str], *, pairs_max: int) -> Hunk:
    before, after = old[run.old_from : run.old_to], new[run.new_from : run.new_to]
    if not before or not after:
        return Hunk(op="change", lines=tuple(_apart(run, old, new)))
    too_many = len(before) * len(after) > pairs_max or _words_beyond(before, after)
    if too_many:
        return Hunk(op="change", lines=tuple(_apart(run, old, new)), note=TOO_DIFFERENT)
    lines = (
        _paired(i, k, before, after, run) for i, k in in_pairs(before, after, similarity, ALIKE)
    )
    return Hunk(op="change", lines=tuple(lines))


def _paired(
    i: int | None, k: int | None, before: Sequence[str], after: Sequence[str], run: Run
) -> DiffLine:
    if k is None and i is not None:
        return _line_of("delete", run.old_from + i, None, [Span("delete", before[i])])
    if i is None and k is not None:
        return _line_of("insert", None, run.new_from + k, [Span("insert", after[k])])
    assert i is not None
    assert k is not None
    found = spans(before[i], after[k])
    return _line_of("change", run.old_from + i, run.new_from + k, found)


def _apart(run: Run, old: Sequence[str], new: Sequence[str]) -> Iterator[DiffLine]:
    for place, text in _pieces(old[run.old_from : run.old_to]):
        yield _line_of("delete", run.old_from + place, None, [Span("delete", text)])
    for place, text in _pieces(new[run.new_from : run.new_to]):
        yield _line_of("insert", None, run.new_from + place, [Span("insert", text)])


def _pieces(lines: Sequence[str]) -> Iterable[tuple[int, str]]:
    """Lines with their places, or all as one, lest a million of them become a million records."""
    return enumerate(lines) if len(lines) <= ONE_BY_ONE_MAX else [(0, "".join(lines))]


def _line_of(op: LineOp, old: int | None, new: int | None, found: Iterable[Span]) -> DiffLine:
    return DiffLine(
        op=op,
        old=None if old is None else old + 1,
        new=None if new is None else new + 1,
        parts=tuple(DiffPart(op=span.op, text=span.text) for span in found),
    )


def _cut(hunk: Hunk, context: int, first: bool, last: bool) -> Iterator[Hunk]:
    head, tail = (0 if first else context), (0 if last else context)
    left_out = len(hunk.lines) - head - tail
    if left_out <= 0:
        yield hunk
        return
    if head:
        yield Hunk(op="equal", lines=hunk.lines[:head])
    yield Hunk(op="equal", lines=hunk.lines[head + left_out :], left_out=left_out)


def _words_beyond(*texts: Sequence[str]) -> bool:
    counted = 0
    for line in chain(*texts):
        counted += len(words_of(line))
        if counted > WORDS_MAX:
            return True
    return False
