"""Prompts over HTTP in the plain shape."""

from typing import Annotated, TypeVar
from urllib.parse import urlencode

from fastapi import Path, Query, Request, Response

from twinline.access.gate import Cursor, Limit, OnceOnly, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.language.names import Label
from twinline.language.records import Page
from twinline.language.refs import PromptLabelRef, PromptVersionRef
from twinline.plain import actions, rules
from twinline.plain.records import (
    NewPlainPrompt,
    PlainMove,
    PlainPromotion,
    PlainPrompt,
    Version,
)
from twinline.prompts.memory import Reads
from twinline.prompts.paths import PathName
from twinline.prompts.reader import marked, reads
from twinline.prompts.reads_api import note

router = strict_router("plain prompts", prefix="/api/prompts")
Read = Annotated[Reading, reading(Permission.READ)]
Write = Annotated[Writing, writing(Permission.PROMPTS)]
Labelling = Annotated[Writing, writing(Permission.LABELS)]
Lasting = Annotated[Reads, reads(Permission.READ)]
Item = TypeVar("Item")
Where = Annotated[Label | None, Query(description="The label of that name.")]


@router.post(
    "",
    status_code=201,
    response_model=PlainPrompt,
    responses={200: {"model": PlainPrompt, "description": "The text existed already"}},
)
def create(body: NewPlainPrompt, tx: Write, once: OnceOnly) -> Response:
    """Make the first version of a prompt, or its next one, findable by a version of yours."""

    def act() -> tuple[int, PlainPrompt]:
        found, made = actions.create(tx, body)
        return (201 if made else 200), found

    return once(tx, act)


@router.patch("/{id:path}/promote", response_model=PlainPrompt)
def promote(
    id: Annotated[str, Path(max_length=250, description="As the version says.")],
    body: PlainPromotion,
    tx: Labelling,
    once: OnceOnly,
) -> Response:
    """Let an environment have a version: the label of that name moves to it."""
    ref = PromptVersionRef.parse(f"prompts:/{id}")
    return once(tx, lambda: (200, actions.promote(tx, ref, body)))


@router.get("/{name:path}/versions")
def list_versions(
    name: PathName, tx: Read, response: Response, cursor: Cursor = None, limit: Limit = 100
) -> tuple[PlainPrompt, ...]:
    """The versions of a prompt that are not retired, the newest first; the text of a chat is
    null, and so is that of a version in jinja2. Where there may be more, the header `Link`
    names the next page."""
    return _listed(actions.versions(tx, name, cursor=cursor, limit=limit), limit, response)


@router.get("/{name:path}/history")
def read_history(
    name: PathName, tx: Read, response: Response, cursor: Cursor = None, limit: Limit = 100
) -> tuple[PlainMove, ...]:
    """Who promoted what, where, when and why; the newest first. Where there may be more, the
    header `Link` names the next page."""
    return _listed(actions.history(tx, name, cursor=cursor, limit=limit), limit, response)


@router.get("/{name:path}/latest")
def fetch_latest(
    name: PathName,
    by: Lasting,
    request: Request,
    response: Response,
    environment: Where = None,
) -> PlainPrompt:
    """What an environment has; without one the newest version."""
    return _fetched(by, rules.wanted(name, None, environment), request, response)


@router.get("/{name:path}")
def fetch(
    name: PathName,
    by: Lasting,
    request: Request,
    response: Response,
    version: Annotated[
        Version | None, Query(description="A number, or a semantic version.")
    ] = None,
    environment: Where = None,
) -> PlainPrompt:
    """One version, by its number, its semantic version or an environment; else the newest.

    While the database is away, what was read before is told again, with its age in the
    header `X-Twinline-Stale-Seconds`.
    """
    return _fetched(by, rules.wanted(name, version, environment), request, response)


def _listed(page: Page[Item], limit: int, response: Response) -> tuple[Item, ...]:
    """A list as such clients expect it; where it goes on is said beside it (RFC 8288)."""
    if page.next is not None:
        query = urlencode({"cursor": page.next, "limit": limit})
        response.headers["Link"] = f'<?{query}>; rel="next"'
    return page.items


def _fetched(
    by: Reads, ref: PromptVersionRef | PromptLabelRef, request: Request, response: Response
) -> PlainPrompt:
    told = by.read(ref.name, ("plain", ref), lambda tx: actions.fetch(tx, ref))
    note(request, by.by, PromptVersionRef(ref.name, told.answer.number), "plain")
    return marked(told, response)
