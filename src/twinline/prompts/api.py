"""Prompts over HTTP."""

from typing import Annotated

from fastapi import Depends, Path, Query, Request, Response
from pydantic import StringConstraints

from twinline.access.gate import Cursor, Limit, OnceOnly, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.language.errors import Invalid
from twinline.language.names import LATEST, Domain, Label, Name
from twinline.language.records import (
    NewPromptVersion,
    Number,
    Page,
    Prompt,
    PromptCheck,
    PromptVersion,
)
from twinline.language.refs import PromptLabelRef, PromptVersionRef
from twinline.prompts import actions, searching
from twinline.prompts.reader import Reads, reads
from twinline.prompts.reads_api import note
from twinline.prompts.rules import Wanted

router = strict_router("prompts", prefix="/prompts")
Read = Annotated[Reading, reading(Permission.READ)]
Write = Annotated[Writing, writing(Permission.PROMPTS)]
Lasting = Annotated[Reads, reads(Permission.READ)]
Retired = Annotated[bool, Query(description="Also what nobody should build on any more.")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


def _filter(
    search: Annotated[
        str | None,
        Query(
            max_length=200,
            pattern=r"^[^\x00]*$",
            description="Words or parts of words in the name, the description, the tags, or the "
            'text of the newest or a labelled version. `-word` leaves out, `"two words"` stand '
            "side by side; a name may be misspelt.",
        ),
    ] = None,
    label: Annotated[Label | None, Query(description="On a version of it.")] = None,
    tag: Annotated[
        tuple[Words, ...],
        Query(max_length=10, description="A tag that it has; as `NAME=VALUE` with this value."),
    ] = (),
    domain: Annotated[Domain | None, Query(description="A folder; those below count.")] = None,
    author: Annotated[Words | None, Query(description="Who made a version of it.")] = None,
    includes: Annotated[
        Name | None,
        Query(description="A prompt that stands in its newest or in a labelled version."),
    ] = None,
    retired: Retired = False,
) -> Wanted:
    return Wanted(
        search=(search or "").strip(),
        label=label,
        tags=tag,
        domain=domain,
        author=author,
        includes=includes,
        retired=retired,
    )


Filter = Annotated[Wanted, Depends(_filter)]
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
    that exists. What the template includes is pinned now. `notes` say what its author may
    not have meant: variables without a declaration, braces, characters that nobody sees.
    """

    def act() -> tuple[int, PromptVersion]:
        version, made = actions.create_version(tx, body)
        return (201 if made else 200), version

    return once(tx, act)


@router.post("/check")
def check_version(body: NewPromptVersion, tx: Read) -> PromptCheck:
    """What would become of a prompt version: the same refusals and notes, and nothing is kept."""
    return actions.check_version(tx, body)


@router.get("")
def list_prompts(
    wanted: Filter, tx: Read, cursor: Cursor = None, limit: Limit = 100
) -> Page[Prompt]:
    """Prompts by name; with ``search`` those that are found, the best first.

    A prompt whose versions are all retired is shown when it is asked for.
    """
    return searching.list_prompts(tx, wanted, cursor=cursor, limit=limit)


@router.get("/{name:path}/versions/{number}")
def read_numbered(
    name: PathName, number: Number, by: Lasting, request: Request, response: Response
) -> PromptVersion:
    """One version by its number; from memory while the database is away."""
    return _told(by, PromptVersionRef(name, number), request, response)


@router.get("/{name:path}/versions")
def list_versions(
    name: PathName,
    tx: Read,
    retired: Retired = False,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[PromptVersion]:
    """The versions of a prompt, the newest first."""
    return actions.list_versions(tx, name, retired=retired, cursor=cursor, limit=limit)


@router.get("/{name:path}")
def read_version(
    name: PathName,
    by: Lasting,
    request: Request,
    response: Response,
    version: Annotated[Number | None, Query()] = None,
    label: Annotated[Label | None, Query()] = None,
    environment: Annotated[
        Label | None, Query(description="The same as the label of that name.")
    ] = None,
) -> PromptVersion:
    """One version, by number, label or environment; the newest when none is given.

    What is live in an environment is a pair for a route, and `POST /resolve` tells it; here an
    environment is the label that bears its name.

    While the database is away, what was read before is told again, with its age in the
    header `X-Twinline-Stale-Seconds`.
    """
    given = [one for one in (version, label, environment) if one is not None]
    if len(given) > 1:
        raise Invalid("Give one of version, label and environment.", field="label", value=label)
    named = label or environment or LATEST
    ref = PromptVersionRef(name, version) if version else PromptLabelRef(name, named)
    return _told(by, ref, request, response)


def _told(
    by: Reads, ref: PromptVersionRef | PromptLabelRef, request: Request, response: Response
) -> PromptVersion:
    told = by.read(ref.name, ref, lambda tx: actions.read_version(tx, ref))
    note(request, by.by, told.answer.ref, "rest")
    return told.mark(response)
