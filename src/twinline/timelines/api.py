"""Timelines, changes, blame and divergences over HTTP."""

from typing import Annotated

from fastapi import Path, Query

from twinline.access import actions as access
from twinline.access.gate import Cursor, Limit, reading, strict_router
from twinline.access.rules import Permission
from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.deployments.api import PathSlot
from twinline.language.names import Environment
from twinline.language.records import (
    Blame,
    Changes,
    Divergences,
    Instant,
    LiveAt,
    Page,
    TimelineEntry,
)
from twinline.timelines import blame, changes, divergences, timeline
from twinline.timelines.divergences import GRACE_SECONDS, UNSEEN_HOURS, Asked

router = strict_router("timelines")
Read = Annotated[Reading, reading(Permission.READ)]


@router.get("/slots/{slot:path}/timeline")
def read_timeline(
    tx: Read, slot: PathSlot, cursor: Cursor = None, limit: Limit = 50
) -> Page[TimelineEntry]:
    """A slot's history, the newest first: what each deployment changed against the one
    before, how long it was live, and the requests that name it."""
    return timeline.page(tx, slot, cursor=cursor, limit=limit)


@router.get("/slots/{slot:path}/changes")
def read_changes(
    tx: Read,
    slot: PathSlot,
    since: Annotated[Instant, Query(alias="from", description="When it was still well.")],
    until: Annotated[
        Instant | None, Query(alias="to", description="When it was strange; default: now.")
    ] = None,
) -> Changes:
    """Everything that changed in and around a slot between two moments: deployments, both
    sides, parameters, rules, labels, kills, evaluations; ranked, with how both ends did."""
    return changes.between(tx, slot, since, until or access.now(tx))


@router.get("/slots/{slot:path}/blame")
def read_blame(
    tx: Read,
    slot: PathSlot,
    at: Annotated[Instant | None, Query(description="When a metric moved; default: now.")] = None,
) -> Blame:
    """The nearest change of each kind before a moment, on each side: how long before, and
    how the slot did before and after it. What is no deployment is looked for in the 30
    days before."""
    moment = at or access.now(tx)
    return blame.before(tx, deployments.live(tx, slot, moment), moment)


@router.get("/environments/{environment}/live")
def read_live(
    tx: Read,
    environment: Annotated[Environment, Path()],
    at: Annotated[Instant | None, Query(description="Default: now.")] = None,
) -> LiveAt:
    """Every slot of an environment with what is live in it, or was at a moment."""
    return timeline.live_at(tx, environment, at)


@router.get("/divergences")
def read_divergences(
    tx: Read,
    environment: Annotated[
        Environment | None, Query(description="Only in this environment.")
    ] = None,
    since: Annotated[Instant | None, Query(description="Default: a day ago.")] = None,
    hours: Annotated[
        float, Query(gt=0, le=24_000, description="Not seen for so long.")
    ] = UNSEEN_HOURS,
    grace_seconds: Annotated[
        float,
        Query(ge=0, le=86_400, description="How late a request may name what was replaced."),
    ] = GRACE_SECONDS,
    limit: Annotated[int, Query(ge=1, le=1000, description="Items shown.")] = 100,
) -> Divergences:
    """Requests that were not served as declared: by a bundle that their deployment does
    not serve, before or after it was live, or, without naming one, by a bundle that was not
    in the policy; and slots that nobody asks. Counts are exact."""
    asked = Asked(environment, since, hours, grace_seconds)
    return divergences.find(tx, asked, limit)
