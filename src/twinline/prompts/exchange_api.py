"""Import and export of prompts over HTTP."""

from typing import Annotated

from fastapi import Query, Response

from twinline.access import actions as access
from twinline.access.gate import Cursor, Limit, OnceOnly, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.language.names import Domain, Label, Name
from twinline.language.records import ImportReport, Page, PromptImport, PromptItem
from twinline.prompts import exchange

router = strict_router("prompts", prefix="/prompts")


@router.post("/import", response_model=ImportReport)
def import_prompts(
    body: PromptImport, tx: Annotated[Writing, writing(Permission.PROMPTS)], once: OnceOnly
) -> Response:
    """Make prompt versions that come from another place, where they are not there yet.

    The same content is the same version, so an import can be repeated. Labels stay where they
    are unless `labels` is said. An item that is refused does not hold up the others unless
    `atomic` is said; the answer is 200 also then, and says of each item what became of it.
    A body may have 16 MB. `labels` needs the permission `labels:write` too.
    """
    if body.labels:
        access.require(tx, Permission.LABELS, "Moving the labels of an import")
    return once(tx, lambda: (200, exchange.take_over(tx, body)))


@router.get("/export")
def export_prompts(
    tx: Annotated[Reading, reading(Permission.READ)],
    name: Annotated[Name | None, Query(description="Only the versions of this prompt.")] = None,
    domain: Annotated[Domain | None, Query(description="Only those in this folder.")] = None,
    label: Annotated[Label | None, Query(description="Only those that this label is on.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[PromptItem]:
    """Prompt versions by name and number as `POST /prompts/import` takes them, with their
    labels and with what their includes are pinned to; retired ones too."""
    return exchange.give_out(tx, name=name, domain=domain, label=label, cursor=cursor, limit=limit)
