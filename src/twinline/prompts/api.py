"""Prompts over HTTP."""

from typing import Annotated

from fastapi import Path, Query, Response

from twinline.access.gate import Cursor, Limit, OnceOnly, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.language.errors import Invalid
from twinline.language.names import LATEST, Label, Name
from twinline.language.records import (
    NewPromptVersion,
    Number,
    Page,
    Prompt,
    PromptVersion,
)
from twinline.language.refs import PromptLabelRef, PromptVersionRef
from twinline.prompts import actions
from twinline.prompts.reader import Reads, reads

router = strict_router("prompts", prefix="/prompts")
Read = Annotated[Reading, reading(Permission.READ)]
Write = Annotated[Writing, writing(Permission.PROMPTS)]
Lasting = Annotated[Reads, reads(Permission.READ)]
PathName = Annotated[Name, Path(description="Slashes may be sent as they are or encoded.")]


@router.post(
    "",
    status_code=201,
    response_model=PromptVersion,
    responses={200: {"model": PromptVersion, "description": "The content existed already"}},
)
def create_version(body: NewPromptVersion, tx: Write, once: OnceOnly) -> Response:
    """Make the first version of a prompt, or its next one.

    Identical content is one version: sending it again answers 200 with the version
    that exists.
    """

    def act() -> tuple[int, PromptVersion]:
        version, made = actions.create_version(tx, body)
        return (201 if made else 200), version

    return once(tx, act)


@router.get("")
def list_prompts(
    tx: Read,
    search: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[Prompt]:
    """Prompts by name; ``search`` looks into names and descriptions."""
    return actions.list_prompts(tx, search=search, cursor=cursor, limit=limit)


@router.get("/{name:path}/versions/{number}")
def read_numbered(name: PathName, number: Number, by: Lasting, response: Response) -> PromptVersion:
    """One version by its number; from memory while the database is away."""
    return _told(by, PromptVersionRef(name, number), response)


@router.get("/{name:path}/versions")
def list_versions(
    name: PathName, tx: Read, cursor: Cursor = None, limit: Limit = 100
) -> Page[PromptVersion]:
    """All versions of a prompt, the newest first."""
    return actions.list_versions(tx, name, cursor=cursor, limit=limit)


@router.get("/{name:path}")
def read_version(
    name: PathName,
    by: Lasting,
    response: Response,
    version: Annotated[Number | None, Query()] = None,
    label: Annotated[Label | None, Query()] = None,
) -> PromptVersion:
    """One version, by number or label; the newest when neither is given.

    While the database is away, what was read before is told again, with its age in the
    header `X-Twinline-Stale-Seconds`.
    """
    if version is not None and label is not None:
        raise Invalid("Give either version or label.", field="label", value=label)
    if version is not None:
        return _told(by, PromptVersionRef(name, version), response)
    return _told(by, PromptLabelRef(name, label or LATEST), response)


def _told(by: Reads, ref: PromptVersionRef | PromptLabelRef, response: Response) -> PromptVersion:
    return by.read(ref.name, ref, lambda tx: actions.read_version(tx, ref)).mark(response)
