"""What two texts have in common: runs of lines, lines that are alike, words."""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from rapidfuzz.distance import Indel

from twinline.language.records import PartOp

LINES_MAX = 400_000_000
"""Old lines times new lines, without those at both ends that are equal; their comparison
takes a bit of memory for each."""

_END = 500
_line = re.compile(r"[^\n]*\n|[^\n]+")
# Everything is in one of these, so that words put together are the text. Lengths in braces
# are bounded, lest braces that are never closed be searched to the end of the text each.
_word = re.compile(
    r"\{\{[^{}\n]{0,200}\}\}|\{%[^%\n]{0,200}%\}|\$\{[^{}\n]{0,200}\}"
    r"|\d+(?:[.,:]\d+)*|\w+(?:['’-]\w+)*|[^\S\n]+|\n|[^\w\s]"
)

Paired = tuple[int | None, int | None]
"""Places in two sequences; None: the other has no partner here."""
Item = TypeVar("Item")
Word = TypeVar("Word", bound=Hashable)


class Run(NamedTuple):
    """Lines that are the same in both texts, or of which none is in both: from where to
    where (exclusive) in the old one and in the new one."""

    equal: bool
    old_from: int
    old_to: int
    new_from: int
    new_to: int


class Span(NamedTuple):
    """Words that are in both texts, or in one of them."""

    op: PartOp
    text: str


def lines_of(text: str) -> list[str]:
    """The lines of a text with their ends; only a line feed ends one."""
    return _line.findall(text)


def words_of(text: str) -> list[str]:
    """The words, spaces and marks of a text; a variable or tag of a template is one."""
    return _word.findall(text)


def runs(old: Sequence[str], new: Sequence[str]) -> Iterator[Run]:
    """The runs of equal and of changed lines, in turn."""
    head, tail = _common_ends(old, new)
    old_to, new_to = len(old) - tail, len(new) - tail
    if head:
        yield Run(True, 0, head, 0, head)
    if (old_to - head) * (new_to - head) > LINES_MAX:
        yield Run(False, head, old_to, head, new_to)
    else:
        yield from _middle(old[head:old_to], new[head:new_to], head)
    if tail:
        yield Run(True, old_to, len(old), new_to, len(new))


def spans(old: str, new: str) -> list[Span]:
    """The words of two lines; in each change first what went, then what came."""
    before, after = words_of(old), words_of(new)
    found: list[Span] = []
    for op in Indel.opcodes(*_numbered(before, after)):
        gone = "".join(before[op.src_start : op.src_end])
        come = "".join(after[op.dest_start : op.dest_end])
        same = op.tag == "equal"
        found += [Span("equal", gone)] if same else [Span("delete", gone), Span("insert", come)]
    return list(_tidied([span for span in found if span.text]))


def similarity(old: str, new: str) -> float:
    """How alike two texts are, in [0, 1], by characters; long ones by both of their ends."""
    return Indel.normalized_similarity(_ends(old), _ends(new))


def in_pairs(
    old: Sequence[Item], new: Sequence[Item], alike: Callable[[Item, Item], float], least: float
) -> list[Paired]:
    """All items in order, those that are alike in pairs.

    Of all ways to pair them without crossing, one with the greatest sum of similarities;
    a pair is at least ``least`` alike.
    """
    n, m = len(old), len(new)
    score = [[alike(one, other) for other in new] for one in old]
    best = [[0.0] * (m + 1) for _ in range(n + 1)]
    for i in range(n - 1, -1, -1):
        for j in range(m - 1, -1, -1):
            paired = best[i + 1][j + 1] + score[i][j] if score[i][j] >= least else 0.0
            best[i][j] = max(best[i + 1][j], best[i][j + 1], paired)
    return list(_path(score, best, least))


def _path(
    score: Sequence[Sequence[float]], best: Sequence[Sequence[float]], least: float
) -> Iterator[Paired]:
    i = j = 0
    n, m = len(best) - 1, len(best[0]) - 1
    while i < n and j < m:
        if score[i][j] >= least and best[i][j] == best[i + 1][j + 1] + score[i][j]:
            yield i, j
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            yield i, None
            i += 1
        else:
            yield None, j
            j += 1
    yield from ((one, None) for one in range(i, n))
    yield from ((None, one) for one in range(j, m))


def _ends(text: str) -> str:
    return text if len(text) <= 2 * _END else text[:_END] + text[-_END:]


def _common_ends(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """How many lines are equal at the beginning, and of the others at the end."""
    most = min(len(old), len(new))
    head = 0
    while head < most and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < most - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    return head, tail


def _middle(old: Sequence[str], new: Sequence[str], offset: int) -> Iterator[Run]:
    changed: Run | None = None
    for op in Indel.opcodes(*_numbered(old, new)):
        run = Run(
            op.tag == "equal",
            *(place + offset for place in (op.src_start, op.src_end, op.dest_start, op.dest_end)),
        )
        if run.equal:
            yield from [changed] if changed else []
            yield run
            changed = None
        else:
            changed = _joined(changed, run) if changed else run
    yield from [changed] if changed else []


def _joined(first: Run, then: Run) -> Run:
    return Run(False, first.old_from, then.old_to, first.new_from, then.new_to)


def _tidied(found: Sequence[Span]) -> Iterator[Span]:
    """Spans in which each change is one deletion and one insertion, also where only a space
    between two changes stayed."""
    gone = come = ""
    for place, span in enumerate(found):
        if span.op == "delete":
            gone += span.text
        elif span.op == "insert":
            come += span.text
        elif (gone or come) and span.text.isspace() and place + 1 < len(found):
            gone, come = gone + span.text, come + span.text
        else:
            yield from _change(gone, come)
            yield span
            gone = come = ""
    yield from _change(gone, come)


def _change(gone: str, come: str) -> Iterator[Span]:
    if gone:
        yield Span("delete", gone)
    if come:
        yield Span("insert", come)


def _numbered(old: Iterable[Word], new: Iterable[Word]) -> tuple[list[int], list[int]]:
    """Both with a number for each different item: equal numbers are equal items for certain,
    where equal hashes are so only nearly."""
    numbers: dict[Word, int] = {}
    before = [numbers.setdefault(item, len(numbers)) for item in old]
    return before, [numbers.setdefault(item, len(numbers)) for item in new]
