"""Slots and deployments over HTTP."""

import re
from typing import Annotated

from fastapi import Depends, Header, Path, Query, Response

from twinline.access.gate import Cursor, Limit, OnceOnly, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.deployments import actions, policies, ramps
from twinline.kills import actions as kills
from twinline.kills.api import THROWN, answer
from twinline.language.errors import Invalid, PreconditionRequired
from twinline.language.names import Environment, Label
from twinline.language.records import (
    Deployment,
    ExplainRequest,
    Instant,
    Kill,
    KillRequest,
    NewDeployment,
    Page,
    PolicyExplanation,
    RampPreview,
    RampRequest,
    RampWanted,
    Share,
    Slot,
)
from twinline.language.refs import SlotRef

router = strict_router("slots", prefix="/slots")
Read = Annotated[Reading, reading(Permission.READ)]
Write = Annotated[Writing, writing(Permission.DEPLOY)]
Stop = Annotated[Writing, writing(Permission.KILL)]

_etag = re.compile(r'"?([0-9]{1,9})"?')


def _slot(
    slot: Annotated[str, Path(description="ROUTE@ENVIRONMENT", examples=["support@production"])],
) -> SlotRef:
    return SlotRef.parse(slot)


def _expected(
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description='The number of the live deployment that you looked at: `"12"`, or `"0"` '
            "when nothing is live. Without it 428; when another is live by now 412.",
        ),
    ] = None,
) -> int:
    if if_match is None:
        raise PreconditionRequired(
            'Send `If-Match: "NUMBER"` with the number of the live deployment that you looked at '
            '("0" when nothing is live), so that nobody overwrites what they have not seen.'
        )
    number = _etag.fullmatch(if_match.strip())
    if number is None:
        raise Invalid(
            f'If-Match is {if_match!r}; it is the number of a deployment, as in "12".',
            field="If-Match",
            value=if_match,
        )
    return int(number[1])


PathSlot = Annotated[SlotRef, Depends(_slot)]
Expected = Annotated[int, Depends(_expected)]


@router.get("")
def list_slots(
    tx: Read,
    environment: Annotated[
        Environment | None, Query(description="Only in this environment.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[Slot]:
    """All slots, and what is live in each."""
    return actions.list_slots(tx, environment, cursor=cursor, limit=limit)


@router.get("/{slot:path}/deployments")
def history(
    tx: Read,
    slot: PathSlot,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[Deployment]:
    """A slot's history: every deployment with who, when and why; the newest first."""
    return actions.history(tx, slot, cursor=cursor, limit=limit)


@router.post("/{slot:path}/deployments", status_code=201, response_model=Deployment)
def deploy(
    tx: Write, slot: PathSlot, body: NewDeployment, expected: Expected, once: OnceOnly
) -> Response:
    """Make a bundle or a policy live in a slot; the slot is made when it is new."""
    return once(tx, lambda: (201, actions.deploy(tx, slot, body, expected)))


@router.get("/{slot:path}/ramp/preview")
def preview_ramp(
    tx: Read,
    slot: PathSlot,
    arm: Annotated[Label, Query(description="The arm that should get the share.")],
    share: Annotated[Share, Query()],
    rule: Annotated[Label | None, Query(description="The rule with the split.")] = None,
    donor: Annotated[Label | None, Query(description="Take from this arm alone.")] = None,
) -> RampPreview:
    """Which of the 100,000 buckets a ramp would move, and from where."""
    wanted = RampWanted(rule=rule, arm=arm, share=share, donor=donor)
    return ramps.preview(tx, slot, wanted)


@router.post("/{slot:path}/ramp", status_code=201, response_model=Deployment)
def ramp(
    tx: Write, slot: PathSlot, body: RampRequest, expected: Expected, once: OnceOnly
) -> Response:
    """Give an arm of a live split another share; only the buckets that must move do."""
    return once(tx, lambda: (201, ramps.ramp(tx, slot, body, expected)))


@router.post("/{slot:path}/explain")
def explain(tx: Read, slot: PathSlot, body: ExplainRequest) -> PolicyExplanation:
    """Which rule decides for a context, and why; nothing is recorded."""
    return policies.explain(tx, slot, body)


@router.post("/{slot:path}/kill", status_code=201, response_model=Kill, responses=THROWN)
def kill(tx: Stop, slot: PathSlot, body: KillRequest, once: OnceOnly) -> Response:
    """Stop a slot, now: it serves nothing until the kill is lifted."""
    actions.read_slot(tx, slot)
    return once(tx, lambda: answer(kills.kill(tx, slot, body.reason)))


@router.get("/{slot:path}")
def read_slot(
    tx: Read,
    slot: PathSlot,
    response: Response,
    at: Annotated[Instant | None, Query(description="What was live then.")] = None,
) -> Slot:
    """A slot and what is live in it, or was live ``at`` a time.

    The `ETag` is what `If-Match` wants.
    """
    found = actions.read_slot(tx, slot)
    if at is not None:
        return found.model_copy(update={"live": actions.live(tx, slot, at)})
    response.headers["ETag"] = f'"{found.live.number if found.live else 0}"'
    return found
