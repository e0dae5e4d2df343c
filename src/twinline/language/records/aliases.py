"""Aliases in MLflow that go with slots, and what others did to them."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from twinline.language.records.base import Count, Instant, Reason, Record, Request, example
from twinline.language.refs import ModelVersionRef, SlotRef

ForeignMoves = Literal["alert", "revert", "propose", "deploy"]
LinkState = Literal["in_sync", "pending", "drifted", "error", "no_alias"]
MoveOutcome = Literal[
    "shown",
    "overwritten",
    "reverted",
    "held",
    "refused",
    "deployed",
    "proposed",
    "accepted",
    "declined",
    "superseded",
]


def _not_reserved(alias: str) -> str:
    if alias.lower() == "latest" or (alias[0] in "vV" and alias[1:].isdigit()):
        raise ValueError(f"MLflow reserves the alias {alias!r}; take another one")
    return alias


MlflowAlias = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=255, examples=["production"]),
    AfterValidator(_not_reserved),
]
"""A name on a version of a model in MLflow: letters, digits, ``_ -``."""


class NewAliasLink(Request):
    """Which alias in MLflow goes with a slot, and in which directions."""

    alias: MlflowAlias
    writes: bool = Field(
        default=True,
        description="MLflow's alias follows deployments, rollbacks and recalls, from now on.",
    )
    foreign: ForeignMoves = Field(
        default="alert",
        description="What happens when somebody moves the alias in MLflow: it is only shown; it "
        "is written back; a deployment of that version is proposed here; that version is "
        "deployed here at once, with the same prompt and parameters.",
    )

    model_config = example(alias="production", writes=True, foreign="propose")


class AliasLink(Record):
    """A slot and the alias in MLflow that goes with it, and whether they agree.

    ``in_sync``: the alias is on the model version that is live. ``pending``: a deployment is
    not written yet. ``drifted``: the alias is elsewhere, and is left there. ``error``: the
    last try failed; it is tried again. ``no_alias``: nothing that MLflow has is live.
    """

    slot: SlotRef
    alias: str
    writes: bool
    foreign: ForeignMoves
    actor: str = Field(description="Who linked them.")
    at: Instant = Field(description="When they did.")
    state: LinkState
    why: str = Field(description="What stands in the way, in words; empty when in sync.")
    live: ModelVersionRef | None = Field(
        description="The model version that is live: the one of the policy's default bundle."
    )
    seen: ModelVersionRef | None = Field(
        description="Where the alias was when MLflow was asked last; None: nowhere."
    )
    looked_at: Instant | None = Field(description="When MLflow was asked last; None: never yet.")
    written: ModelVersionRef | None = Field(
        description="Where Twinline put the alias last, and found it afterwards."
    )
    written_at: Instant | None
    pending_since: Instant | None = Field(
        description="Since when a deployment waits to be written; None: none does."
    )
    tries: Count = Field(description="Failed tries since the last one that succeeded.")
    proposal: int | None = Field(description="The proposal that waits for a person.")


class ForeignMove(Record):
    """A move of a linked alias that was not ours, and what came of it.

    ``shown``: nothing. ``overwritten``: a deployment that waited was written over it.
    ``reverted``: the alias was put back. ``held``: it was not, because that happened too
    often. ``refused``: what MLflow's users chose may not be deployed. ``deployed``: it was.
    ``proposed``: a person shall decide; they ``accepted`` or ``declined``, or the alias went
    on and it was ``superseded``. MLflow does not tell who moved an alias.
    """

    number: int
    slot: SlotRef
    alias: str
    model: str
    before: int | None = Field(description="The version that it was on; None: on none.")
    after: int | None = Field(description="The version that it came to; None: it was removed.")
    found_at: Instant = Field(description="When it was found, not when it happened.")
    live: int = Field(description="The number of the deployment that was live then.")
    outcome: MoveOutcome
    why: str
    deployment: int | None = Field(description="The number of the deployment that came of it.")
    decided_by: str | None
    decided_at: Instant | None
    stale: bool = Field(description="A proposal: another deployment is live than when it was made.")


class ProposalDecision(Request):
    """Why a proposal is accepted or declined."""

    reason: Reason

    model_config = example(reason="evaluated yesterday, better in every suite")
