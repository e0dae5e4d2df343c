"""Two texts as a unified diff, for whoever reads plain lines."""

from collections.abc import Iterator, Sequence

from twinline.diffs.matching import Run, runs

CONTEXT = 3
"""Equal lines before and after each change."""


def unified(old: Sequence[str], new: Sequence[str], names: tuple[str, str]) -> Iterator[str]:
    """The lines of a unified diff of lines without their ends; none when they are the same.

    ``names`` are those of the old text and of the new one.
    """
    for place, hunk in enumerate(_hunks(tuple(runs(old, new)))):
        if place == 0:
            yield from (f"--- {names[0]}", f"+++ {names[1]}")
        first, last = hunk[0], hunk[-1]
        before = _range(first.old_from, last.old_to)
        yield f"@@ -{before} +{_range(first.new_from, last.new_to)} @@"
        for run in hunk:
            gone, come = old[run.old_from : run.old_to], new[run.new_from : run.new_to]
            if run.equal:
                yield from (f" {line}" for line in gone)
            else:
                yield from (f"-{line}" for line in gone)
                yield from (f"+{line}" for line in come)


def _hunks(found: Sequence[Run]) -> Iterator[list[Run]]:
    """Changes with the equal lines around them; those that are near each other together."""
    hunk: list[Run] = []
    for place, run in enumerate(found):
        if not run.equal:
            hunk.append(run)
            continue
        head = min(CONTEXT, run.old_to - run.old_from) if place > 0 else 0
        tail = min(CONTEXT, run.old_to - run.old_from) if place < len(found) - 1 else 0
        if run.old_to - run.old_from <= head + tail:
            hunk.append(run)
            continue
        if hunk:
            yield [*hunk, _part(run, 0, head)]
        hunk = [_part(run, run.old_to - run.old_from - tail, tail)] if tail else []
    if hunk:
        yield hunk


def _part(run: Run, start: int, length: int) -> Run:
    """So many equal lines of a run."""
    old, new = run.old_from + start, run.new_from + start
    return Run(True, old, old + length, new, new + length)


def _range(start: int, end: int) -> str:
    match end - start:
        case 0:
            return f"{start},0"
        case 1:
            return str(start + 1)
        case length:
            return f"{start + 1},{length}"
