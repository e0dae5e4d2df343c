"""Experiments over HTTP."""

from typing import Annotated

from fastapi import Depends, Path, Query

from twinline.access.gate import reading, strict_router
from twinline.access.rules import Permission
from twinline.db.session import Reading
from twinline.experiments import actions
from twinline.language.names import Label
from twinline.language.records import Experiment
from twinline.language.refs import SlotRef

router = strict_router("experiments", prefix="/experiments")
Read = Annotated[Reading, reading(Permission.READ)]


def _slot(
    slot: Annotated[str, Path(description="ROUTE@ENVIRONMENT", examples=["support@production"])],
) -> SlotRef:
    return SlotRef.parse(slot)


@router.get("/{slot:path}")
def read(
    tx: Read,
    slot: Annotated[SlotRef, Depends(_slot)],
    rule: Annotated[Label | None, Query(description="The rule with the split.")] = None,
    control: Annotated[
        Label | None, Query(description="The arm to compare with; default: the first.")
    ] = None,
) -> Experiment:
    """What the arms of a live split did, with 95 % intervals and a sample-ratio check."""
    return actions.read(tx, slot, rule, control)
