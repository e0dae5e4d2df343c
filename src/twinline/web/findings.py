"""What is to be said of a prompt version before it is made, in sentences."""

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from twinline.db.session import Reading
from twinline.language.records import (
    NewPromptVersion,
    Note,
    Prompt,
    PromptCheck,
    PromptVersion,
    Variable,
)
from twinline.prompts import comparing, labels, rules

SHOWN = 5
"""Names in a sentence; how many more there are is said."""

Tone = Literal["good", "warn", "bad", ""]
_content = re.compile(r"template\[(\d+)\]\.content")
_place = re.compile(r"(examples|variables)\[(\d+)\]")


class Sentence(NamedTuple):
    """A sentence, and how it is meant."""

    tone: Tone
    said: str


def lines(
    tx: Reading,
    new: NewPromptVersion,
    check: PromptCheck,
    known: Prompt | None,
    before: PromptVersion | None,
    live: str,
) -> tuple[Sentence, ...]:
    """All that there is to say.

    Args:
        tx: the transaction.
        new: the version.
        check: what would become of it.
        known: the prompt; None: it would be a new one.
        before: what it is compared with; None: it would be the first.
        live: where that is live, in words; empty when it is not.
    """
    return (
        _number(new, check, known),
        *_moves(tx, new, check, known),
        *_variables(check.variables, before, live),
        *(Sentence("", f"{{{{> {one.written} }}}} is {one.version}; that stays, when it is made.")
          for one in check.includes),
        _length(check, new, before),
        *(_note(one) for one in check.notes),
    )  # fmt: skip


def some(names: Sequence[str], count: int | None = None) -> str:
    """The first few names, and how many more there are; of ``count`` in all, when the rest are
    not among them."""
    left_out = (len(names) if count is None else count) - SHOWN
    more = f" and {left_out:,} more" if left_out > 0 else ""
    return ", ".join(names[:SHOWN]) + more


def _number(new: NewPromptVersion, check: PromptCheck, known: Prompt | None) -> Sentence:
    if check.existing:
        told = "the labels would move to it" if new.labels else "nothing would be made"
        return Sentence(
            "warn", f"Version {check.existing.number} has this content already: {told}."
        )
    if known is None:
        return Sentence("good", f"This would be version 1 of a new prompt, {new.name}.")
    return Sentence("good", f"This would be version {known.latest + 1}.")


def _moves(
    tx: Reading, new: NewPromptVersion, check: PromptCheck, known: Prompt | None
) -> Iterator[Sentence]:
    number = check.existing.number if check.existing else None
    protected = labels.protections(tx).items if new.labels else ()
    for label in dict.fromkeys(new.labels):
        at = known.labels.get(label) if known else None
        if at == number and at is not None:
            continue
        guarded = (one for one in protected if one.label == label)
        guard = rules.protecting(new.name, guarded)
        if guard:
            yield Sentence(
                "warn",
                f"The label {label} is protected ({guard.reason}); not everybody may move it.",
            )
        if at is not None:
            yield Sentence("warn", f"The label {label} would move here from version {at}.")


def _variables(
    variables: Sequence[Variable], before: PromptVersion | None, live: str
) -> Iterator[Sentence]:
    names = [one.name for one in variables]
    yield Sentence("", f"Variables: {some(names)}." if names else "It has no variables.")
    if before is None:
        return
    old = [one.name for one in before.variables]
    where = (
        f"version {before.number}, which is live in {live}"
        if live
        else (f"version {before.number}")
    )
    come = [one.name for one in variables if one.name not in old]
    gone = [name for name in old if name not in names]
    if come:
        said = f"Not in {where}: {some(come)}. Whoever renders it must pass this too."
        yield Sentence("warn", said)
    if gone:
        said = f"Only in {where}: {some(gone)}. Whoever passes this need not any more."
        yield Sentence("warn", said)


def _length(check: PromptCheck, new: NewPromptVersion, before: PromptVersion | None) -> Sentence:
    tokens = comparing.tokens_about(check.composed or new.template)
    if before is None:
        return Sentence("", f"About {tokens:,} tokens.")
    more = tokens - comparing.tokens_about(before.whole)
    than = f"{abs(more):,} {'more' if more > 0 else 'fewer'} than" if more else "as many as"
    return Sentence("", f"About {tokens:,} tokens, {than} version {before.number}.")


def _note(one: Note) -> Sentence:
    content = _content.fullmatch(one.place)
    place = _place.fullmatch(one.place)
    if content:
        where = f"Message {int(content[1]) + 1}: "
    elif place:
        where = f"{place[1].removesuffix('s').capitalize()} {int(place[2]) + 1}: "
    else:
        where = ""
    return Sentence("bad" if one.kind == "invisible" else "warn", f"{where}{one.text}")
