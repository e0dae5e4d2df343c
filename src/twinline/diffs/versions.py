"""Two prompt versions: messages, variables and parameters."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, islice, pairwise
from typing import Any, Literal, NamedTuple

from twinline.diffs import texts
from twinline.diffs.matching import Paired, in_pairs, similarity, words_of
from twinline.diffs.paths import changed_paths
from twinline.language.invisible import invisible
from twinline.language.records import (
    DiffLine,
    IncludeChange,
    Invisible,
    LineOp,
    Message,
    MessageDiff,
    PartOp,
    PromptDiff,
    PromptVersion,
    Renamed,
    Template,
    TextDiff,
    ValueChange,
    VariablesDiff,
)
from twinline.language.refs import PromptVersionRef
from twinline.language.templates import VARIABLE

INVISIBLE_MOST = 100
PATHS_MOST = 1_000
"""Paths of parameters that are listed at most."""

ALIKE = 0.45
"""From which likeness on, in [0, 1], two messages are one that was changed."""

_ROLE_COUNTS = 0.25
_CHANGES: tuple[PartOp, PartOp] = ("delete", "insert")


class Said(NamedTuple):
    """A message: of a text, whose role is None; of a chat; or a placeholder with its name."""

    role: str | None
    content: str
    is_placeholder: bool = False


def compare(old: PromptVersion, new: PromptVersion) -> PromptDiff:
    """What differs between two versions, of one prompt or of two."""
    composed = old.template == new.template and old.whole != new.whole
    templates = (one.whole if composed else one.template for one in (old, new))
    messages = tuple(between(*map(said, templates)))
    includes = tuple(_includes(old, new))
    parameters = tuple(islice(changed_paths(old.parameters, new.parameters), PATHS_MOST))
    variables = _variables(old, new, messages)
    others = tuple(islice(changed_paths(_others(old), _others(new)), PATHS_MOST))
    return PromptDiff(
        old=old.ref,
        new=new.ref,
        old_kind=old.kind,
        new_kind=new.kind,
        identical=all(one.op == "equal" for one in messages)
        and not (includes or parameters or others)
        and variables == VariablesDiff(added=(), removed=(), renamed=(), changed=()),
        messages=messages,
        composed=composed,
        includes=includes,
        parameters=parameters,
        variables=variables,
        others=others,
        invisible=tuple(islice(_unseen(messages), INVISIBLE_MOST)),
        summary=_summary(messages, includes, variables, parameters, others),
    )


def around(diff: PromptDiff, context: int) -> PromptDiff:
    """The same with at most ``context`` equal lines before and after each change."""
    messages = (
        one.model_copy(update={"content": texts.around(one.content, context)})
        for one in diff.messages
    )
    return diff.model_copy(update={"messages": tuple(messages)})


def words_changed(messages: Sequence[MessageDiff]) -> tuple[int, int]:
    """How many words were deleted, and how many inserted."""
    deleted, inserted = (sum(_words(one.content, op) for one in messages) for op in _CHANGES)
    return deleted, inserted


def said(template: Template) -> tuple[Said, ...]:
    """The messages of a template; a text is one without a role."""
    if isinstance(template, str):
        return (Said(None, template),)
    return tuple(
        Said(one.role, one.content) if isinstance(one, Message) else _place_of(one.name)
        for one in template
    )


def between(old: Sequence[Said], new: Sequence[Said]) -> Iterator[MessageDiff]:
    """All messages in order; those of one role or with like content in pairs."""
    for i, k in _pairs(old, new):
        before, after = old[i] if i is not None else None, new[k] if k is not None else None
        content = texts.compare(before.content if before else "", after.content if after else "")
        yield MessageDiff(
            op=_op(before, after),
            old=None if i is None else i + 1,
            new=None if k is None else k + 1,
            old_role=before.role if before else None,
            new_role=after.role if after else None,
            content=content,
        )


def renames(
    gone: Iterable[str], come: Iterable[str], votes: Mapping[tuple[str, str], int]
) -> Iterator[Renamed]:
    """Which of the variables that went stand under which new name; those that were seen most
    often in the same place first."""
    old, new = set(gone), set(come)
    for (before, after), _ in sorted(votes.items(), key=lambda vote: (-vote[1], vote[0])):
        if before in old and after in new:
            old.remove(before)
            new.remove(after)
            yield Renamed(before=before, after=after)


def _place_of(name: str) -> Said:
    return Said("placeholder", name, is_placeholder=True)


def _op(before: Said | None, after: Said | None) -> LineOp:
    if before is None or after is None:
        return "insert" if before is None else "delete"
    return "equal" if before == after else "change"


def _pairs(old: Sequence[Said], new: Sequence[Said]) -> Sequence[Paired]:
    if len(old) * len(new) <= texts.PAIRS_MAX:
        return in_pairs(old, new, _likeness, ALIKE)
    most = max(len(old), len(new))
    return [
        (place if place < len(old) else None, place if place < len(new) else None)
        for place in range(most)
    ]


def _likeness(old: Said, new: Said) -> float:
    if old == new:
        return 1.0
    if old.is_placeholder or new.is_placeholder:
        return 0.5 if old.is_placeholder and new.is_placeholder else 0.0
    alike = similarity(old.content, new.content)
    same_role = _ROLE_COUNTS if old.role == new.role else 0.0
    return same_role + (1 - _ROLE_COUNTS) * alike


def _includes(old: PromptVersion, new: PromptVersion) -> Iterator[IncludeChange]:
    before, after = ({one.written: one for one in side.includes} for side in (old, new))
    for written in dict.fromkeys((*before, *after)):
        was, now = before.get(written), after.get(written)
        if (was and was.version) != (now and now.version):
            yield IncludeChange(
                written=written, before=was and was.version, after=now and now.version
            )


def _others(version: PromptVersion) -> dict[str, Any]:
    return version.model_dump(mode="json", include={"syntax", "examples"})


def _variables(
    old: PromptVersion, new: PromptVersion, messages: Iterable[MessageDiff]
) -> VariablesDiff:
    before, after = (
        {one.name: one.model_dump(mode="json", exclude={"declared_in"}) for one in side.variables}
        for side in (old, new)
    )
    gone = [name for name in before if name not in after]
    come = [name for name in after if name not in before]
    renamed = tuple(renames(gone, come, _votes(messages)))
    both = {name: one for name, one in before.items() if name in after}
    return VariablesDiff(
        added=tuple(name for name in come if name not in {one.after for one in renamed}),
        removed=tuple(name for name in gone if name not in {one.before for one in renamed}),
        renamed=renamed,
        changed=tuple(changed_paths(both, {name: after[name] for name in both})),
    )


def _votes(messages: Iterable[MessageDiff]) -> Counter[tuple[str, str]]:
    """How often a variable was put in the place of another."""
    votes: Counter[tuple[str, str]] = Counter()
    for parts in (line.parts for one in messages for line in _changed_lines(one.content)):
        for gone, come in pairwise(parts):
            if (gone.op, come.op) == ("delete", "insert"):
                names = VARIABLE.findall(gone.text), VARIABLE.findall(come.text)
                if len(names[0]) == len(names[1]):
                    votes.update(zip(*names, strict=True))
    return votes


def _changed_lines(content: TextDiff) -> Iterator[DiffLine]:
    for hunk in content.hunks:
        if hunk.op == "change":
            yield from hunk.lines


def _unseen(messages: Iterable[MessageDiff]) -> Iterator[Invisible]:
    for one in messages:
        for line in _changed_lines(one.content):
            for code, name in _unseen_of(line, "delete"):
                yield _invisible("old", one.old, line.old, code, name)
            for code, name in _unseen_of(line, "insert"):
                yield _invisible("new", one.new, line.new, code, name)


def _unseen_of(line: DiffLine, op: PartOp) -> Iterator[tuple[str, str]]:
    """What nobody sees in the parts of one kind, looked for in the whole line of that side,
    because only there a space is at the end or is not."""
    side = [part for part in line.parts if part.op in ("equal", op)]
    ends = list(accumulate(len(part.text) for part in side))
    for place, code, name in invisible("".join(part.text for part in side)):
        if side[bisect_right(ends, place)].op == op:
            yield code, name


def _invisible(
    side: Literal["old", "new"], message: int | None, line: int | None, code: str, name: str
) -> Invisible:
    assert message is not None
    assert line is not None
    return Invisible(side=side, message=message, line=line, code=code, name=name)


def _summary(
    messages: Sequence[MessageDiff],
    includes: Sequence[IncludeChange],
    variables: VariablesDiff,
    parameters: Sequence[ValueChange],
    others: Sequence[ValueChange],
) -> str:
    deleted, inserted = words_changed(messages)
    parts = [
        f"{deleted} words deleted, {inserted} inserted" if deleted or inserted else "",
        *(f"{one.written} {_number(one.before)} -> {_number(one.after)}" for one in includes[:5]),
        *(f"{one.before} is called {one.after}" for one in variables.renamed),
        _listed("new variable", variables.added),
        _listed("without variable", variables.removed),
        _listed("declared otherwise:", tuple(one.name for one in variables.changed)),
        _listed("parameter", tuple(one.name for one in parameters)),
        _listed("other", tuple(one.name for one in others)),
    ]
    return "; ".join(part for part in parts if part) or "the same"


def _number(included: PromptVersionRef | None) -> str:
    return str(included.number) if included else "nothing"


def _words(content: TextDiff, op: PartOp) -> int:
    parts = (part for line in _changed_lines(content) for part in line.parts if part.op == op)
    return sum(not word.isspace() for part in parts for word in words_of(part.text))


def _listed(what: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{what} {', '.join(names[:5])}{more}" if names else ""
