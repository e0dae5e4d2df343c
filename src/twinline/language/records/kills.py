"""Kill switches: one call stops a slot, a bundle, or everything."""

from typing import Annotated, Literal

from pydantic import Field

from twinline.language.records.base import Instant, Reason, Record, Request, example
from twinline.language.refs import BundleRef, SlotRef

Everything = Literal["everything"]
KillSubject = Annotated[
    SlotRef | BundleRef | Everything, Field(description="A slot, a bundle, or `everything`.")
]


class KillRequest(Request):
    """Why something is stopped."""

    reason: Reason

    model_config = example(reason="answers hold other customers' data")


class LiftRequest(Request):
    """Why something that was stopped may go on."""

    reason: Reason

    model_config = example(reason="the cache is fixed, see the incident")


class Kill(Record):
    """A kill switch that was thrown, and whether it is lifted.

    A killed slot serves nothing. A killed bundle gives way to the fallback of the
    policies that name it. Killing everything stops every slot of every environment.
    """

    number: int
    subject: KillSubject
    reason: str
    actor: str
    at: Instant
    lifted_by: str | None
    lifted_reason: str | None
    lifted_at: Instant | None


class KillNote(Record):
    """Who stopped something, when and why."""

    by: str
    at: Instant
    reason: str
