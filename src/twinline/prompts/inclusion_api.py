"""Prompts within prompts over HTTP."""

from typing import Annotated

from fastapi import Query, Response

from twinline.access.gate import Cursor, Limit, OnceOnly, strict_router
from twinline.language.records import (
    IncludersUpdate,
    IncludersUpdated,
    Inclusion,
    Number,
    OutdatedInclude,
    Page,
)
from twinline.prompts import inclusions
from twinline.prompts.api import Read, Write
from twinline.prompts.paths import Newest, PathName

router = strict_router("prompts", prefix="/prompts")


@router.get("/{name:path}/versions/includes")
def list_includes(
    ref: Newest, tx: Read, cursor: Cursor = None, limit: Limit = 100
) -> Page[Inclusion]:
    """All that stands in a version, directly or not; the newest version when none is said."""
    return inclusions.includes(tx, ref, cursor=cursor, limit=limit)


@router.get("/{name:path}/versions/included-by")
def list_includers(
    name: PathName,
    tx: Read,
    version: Annotated[Number | None, Query(description="Only where this one stands.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[Inclusion]:
    """All versions that a version stands in, directly or not; that any does when none is said."""
    return inclusions.included_by(tx, name, version, cursor=cursor, limit=limit)


@router.get("/{name:path}/versions/outdated")
def list_outdated(name: PathName, tx: Read) -> Page[OutdatedInclude]:
    """Where versions in use, the newest and the labelled ones, hold an older version of the
    prompt than its newest."""
    return Page(items=inclusions.outdated(tx, name))


@router.post("/{name:path}/update-includers", response_model=IncludersUpdated)
def update_includers(name: PathName, body: IncludersUpdate, tx: Write, once: OnceOnly) -> Response:
    """Make new versions of all that hold an older version of the prompt, in one transaction,
    what is included before what includes it. Labels stay where they are. A labelled version is
    left, and named, unless the newest of its prompt gets a new version, too, which is `latest`."""
    return once(tx, lambda: (200, inclusions.update_includers(tx, name, body.reason)))
