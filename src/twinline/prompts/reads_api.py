"""Who read which prompt version, over HTTP; and how a door says that somebody did."""

from typing import Annotated

from fastapi import Query, Request

from twinline.access.gate import Cursor, Limit, reading, strict_router
from twinline.access.rules import Permission
from twinline.db.session import Reading
from twinline.language.records import Door, Number, Page, PromptAccess, VersionUse
from twinline.language.refs import PromptVersionRef
from twinline.prompts import reads
from twinline.prompts.access_log import AccessLog
from twinline.prompts.paths import PathName

router = strict_router("prompts", prefix="/prompts")
Read = Annotated[Reading, reading(Permission.READ)]


def note(request: Request, principal: str, version: PromptVersionRef, door: Door) -> None:
    """Count that ``principal`` read a version through ``door``."""
    log: AccessLog = request.app.state.access_log
    log.note(version, principal, door)


@router.get("/{name:path}/access/versions")
def list_uses(
    name: PathName, tx: Read, cursor: Cursor = None, limit: Limit = 100
) -> Page[VersionUse]:
    """When each version of a prompt was read or served last and how often, the newest version
    first."""
    return reads.list_uses(tx, name, cursor=cursor, limit=limit)


@router.get("/{name:path}/access")
def list_accesses(
    name: PathName,
    tx: Read,
    version: Annotated[Number | None, Query(description="Only this version.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[PromptAccess]:
    """Who read which version of a prompt, through which door and how often, day by day, the
    newest day first.

    Reads are kept about a second after they happened. What a process counted in the second
    before it was killed is lost, and so is what does not fit while the database is away;
    ``twinline_prompt_reads_total`` in ``/metrics`` counts that.
    """
    return reads.list_accesses(tx, name, number=version, cursor=cursor, limit=limit)
