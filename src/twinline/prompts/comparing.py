"""Compare two prompt versions."""

import re

from twinline.db.session import Reading
from twinline.diffs import versions
from twinline.language.errors import InvalidReference
from twinline.language.records import PromptDiff
from twinline.language.refs import PromptLabelRef, PromptVersionRef, parse_ref
from twinline.prompts import actions

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
    before, after = (actions.read_version(tx, named(name, side)) for side in (old, new))
    found = versions.compare(before, after)
    return found if context is None else versions.around(found, context)


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
