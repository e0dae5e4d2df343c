"""Compare two prompt versions, also one with what is only written yet."""

import re

from twinline.db.session import Reading
from twinline.diffs import versions
from twinline.language import templates
from twinline.language.errors import InvalidReference
from twinline.language.records import (
    NewPromptVersion,
    PromptCheck,
    PromptDiff,
    PromptVersion,
    Template,
)
from twinline.language.refs import PromptLabelRef, PromptVersionRef, parse_ref
from twinline.prompts import actions

BYTES_PER_TOKEN = 4
"""Of English; other languages take more tokens for the same bytes, or fewer."""

_number = re.compile(r"[1-9][0-9]{0,8}")


def compare(tx: Reading, name: str, old: str, new: str, *, context: int | None) -> PromptDiff:
    """What differs between two versions, each named as `named` reads it.

    Args:
        tx: the transaction.
        name: the prompt that numbers and labels are of.
        old: the version from which the changes are.
        new: the version that they lead to.
        context: how many equal lines to give around each change; None: all.

    Raises:
        NotFound: there is no such prompt, number or label.
        InvalidReference: a side is none of these.
    """
    found = versions.compare(*sides(tx, name, old, new))
    return found if context is None else versions.around(found, context)


def sides(tx: Reading, name: str, old: str, new: str) -> tuple[PromptVersion, PromptVersion]:
    """Two versions, each named as `named` reads it.

    Raises:
        NotFound, InvalidReference: as for `compare`.
    """
    before, after = (actions.read_version(tx, named(name, side)) for side in (old, new))
    return before, after


def proposed(
    before: PromptVersion, new: NewPromptVersion, check: PromptCheck, number: int
) -> PromptDiff:
    """What a version would change, were it made now and got this number; ``check`` is what
    `actions.check_version` found of it."""
    after = before.model_copy(
        update={
            **check.model_dump(include={"kind", "digest"}),
            "ref": PromptVersionRef(new.name, number),
            "number": number,
            "template": new.template,
            "composed": check.composed,
            "syntax": new.syntax,
            "variables": check.variables,
            "examples": new.examples,
            "includes": check.includes,
            "parameters": new.parameters,
        }
    )
    return versions.compare(before, after)


def tokens_about(template: Template) -> int:
    """Roughly how many tokens a model reads of a composed template: a quarter of its bytes.

    Each model counts otherwise; by the same rule two versions can be compared.
    """
    return -(-templates.size(template, {}) // BYTES_PER_TOKEN)


def named(name: str, side: str) -> PromptVersionRef | PromptLabelRef:
    """The version that is meant: a number or a label of prompt ``name``, or a whole reference,
    of whichever prompt.

    Raises:
        InvalidReference: the text is none of these.
    """
    if _number.fullmatch(side):
        return PromptVersionRef(name, int(side))
    ref = parse_ref(side if ":/" in side else f"prompts:/{name}@{side}")
    if not isinstance(ref, PromptVersionRef | PromptLabelRef):
        raise InvalidReference(
            f"{side!r} is no prompt version; give a number, a label, or a reference of the form "
            f"{PromptVersionRef.example}.",
            value=side,
        )
    return ref
