"""Whether this process lives, and whether it can do its work."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import text

from twinline.access.gate import database
from twinline.db import migrations
from twinline.db.listening import Announcements
from twinline.db.session import Database, Reading
from twinline.inferences import actions as inferences
from twinline.language.errors import TwinlineError
from twinline.language.records import Health, MirrorPlace
from twinline.mirror.mirroring import Mirroring

router = APIRouter(tags=["health"])

_DURABLE = text(
    "select current_setting('fsync') as fsync,"
    " current_setting('synchronous_commit') as synchronous_commit"
)


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"model": Health, "description": "Not ready"}})
def readyz(
    request: Request, database: Annotated[Database, Depends(database)], response: Response
) -> Health:
    """The database answers, is at our schema, keeps what it confirms, and has a place
    for today's inferences.

    `mirror` tells how far each MLflow server's mirror is behind, which is no reason not to
    be ready.
    `changes` tells whether changes are heard of at once (`listening`) or within a
    second (`polling`); both are ready.
    """
    found = check(database)
    heard: Announcements = request.app.state.announcements
    checks = {**found.checks, "changes": "listening" if heard.connected else "polling"}
    if found.ready:
        checks |= _mirror(request.app.state.mirroring, database)
    response.status_code = 200 if found.ready else 503
    return found.model_copy(update={"checks": checks})


def _mirror(mirroring: Mirroring, database: Database) -> dict[str, str]:
    if not mirroring.servers:
        return {}
    with database.reading() as tx:
        places = mirroring.glance(tx).places
    return {"mirror": "; ".join(_standing(place) for place in places) or "not begun"}


def _standing(place: MirrorPlace) -> str:
    behind = place.behind_seconds
    said = "not synced yet" if behind is None else f"at most {behind:.0f} s behind"
    more = f", {place.waiting} names to read" if place.waiting else ""
    trouble = f", in trouble since {place.trouble_since:%H:%M:%S}Z" if place.trouble_since else ""
    return f"{place.server}/{place.workspace}: {said}{more}{trouble}"


def check(database: Database) -> Health:
    """Look at everything that the work depends on."""
    checks: dict[str, str] = {}
    try:
        checks["migrations"] = _migrations(database)
        with database.reading() as tx:
            checks["durability"] = _durability(tx)
            checks["ledger"] = inferences.ledger_gap(tx) or "ok"
        checks["database"] = "ok"
    except TwinlineError as error:
        checks["database"] = error.detail
    return Health(ready=all(found == "ok" for found in checks.values()), checks=checks)


def _migrations(database: Database) -> str:
    found, wanted = migrations.current(database), migrations.newest()
    return "ok" if found == wanted else f"the database is at {found}, this program wants {wanted}"


def _durability(tx: Reading) -> str:
    row = tx.row(_DURABLE)
    assert row is not None
    off = [name for name in ("fsync", "synchronous_commit") if row[name] == "off"]
    return f"{' and '.join(off)} off: what was confirmed could be lost" if off else "ok"
