"""Differences of prompt versions over HTTP."""

from typing import Annotated

from fastapi import Query

from twinline.access.gate import reading, strict_router
from twinline.access.rules import Permission
from twinline.db.session import Reading
from twinline.language.names import LATEST
from twinline.language.records import PromptDiff
from twinline.prompts import comparing
from twinline.prompts.paths import PathName

router = strict_router("prompts", prefix="/prompts")
Read = Annotated[Reading, reading(Permission.READ)]


@router.get("/{name:path}/diff")
def read_diff(
    name: PathName,
    tx: Read,
    old: Annotated[
        str,
        Query(
            alias="from",
            min_length=1,
            max_length=400,
            description="The old side: a number or a label, or a reference as "
            "`prompts:/other/3` or `prompts:/other@production`.",
        ),
    ],
    new: Annotated[
        str, Query(alias="to", min_length=1, max_length=400, description="The new side, likewise.")
    ] = LATEST,
    context: Annotated[
        int | None,
        Query(ge=0, le=1000, description="Equal lines around each change; without it all."),
    ] = None,
) -> PromptDiff:
    """What differs between two versions, to the word.

    A chat is compared message by message, lines of a message are paired when they are alike,
    and of a pair the words are compared; a variable is one word. The parts that are not
    inserted are the old text, those that are not deleted the new one. Where more than 20,000
    words changed in one place, they are shown as deleted and inserted, and a note says so.

    Templates are compared as they were written, and `includes` says which of their includes
    mean another version; where nothing else changed, the composed templates are compared.
    """
    return comparing.compare(tx, name, old, new, context=context)
