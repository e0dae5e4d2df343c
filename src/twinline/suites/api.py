"""Suites over HTTP."""

from typing import Annotated

from fastapi import Path, Query, Response

from twinline.access.gate import Cursor, Limit, OnceOnly, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.language.records import (
    NewRequirement,
    NewSuite,
    Page,
    Reason,
    Suite,
    SuiteAttachment,
    SuiteName,
)
from twinline.suites import actions

router = strict_router("evaluations", prefix="/suites")
Read = Annotated[Reading, reading(Permission.READ)]
Attach = Annotated[Writing, writing(Permission.EVALUATIONS)]
Write = Annotated[Writing, writing(Permission.SUITES)]
Why = Annotated[Reason, Query(description="Why; kept in the audit log.")]
PathName = Annotated[SuiteName, Path(description="The suite's name.")]


@router.get("")
def list_suites(tx: Read, cursor: Cursor = None, limit: Limit = 100) -> Page[Suite]:
    """Suites by name, with where they are attached and required."""
    return actions.list_suites(tx, cursor=cursor, limit=limit)


@router.get("/{name}")
def read_suite(name: PathName, tx: Read) -> Suite:
    """A suite: what it scores, what passes it, where it is attached and required."""
    return actions.read(tx, name)


@router.put("/{name}", response_model=Suite)
def define(name: PathName, body: NewSuite, tx: Write, once: OnceOnly) -> Response:
    """Say what a suite is. Results that are recorded keep the threshold of their time.

    A suite that exists changes with a `reason`; saying what it is already changes nothing.
    """
    return once(tx, lambda: (200, actions.define(tx, name, body)))


@router.post("/{name}/prompts", response_model=Suite)
def attach(name: PathName, body: SuiteAttachment, tx: Attach, once: OnceOnly) -> Response:
    """From now on each new version of these prompts waits for a runner of the suite."""
    return once(tx, lambda: (200, actions.attach(tx, name, body.prompts)))


@router.delete("/{name}/prompts/{prompts:path}", response_model=Suite)
def detach(
    name: PathName,
    prompts: Annotated[str, Path(max_length=201, description="As it was attached.")],
    reason: Why,
    tx: Attach,
    once: OnceOnly,
) -> Response:
    """Evaluate new versions of these prompts no more; what waits goes on waiting."""
    return once(tx, lambda: (200, actions.detach(tx, name, prompts, reason)))


@router.post("/{name}/required", response_model=Suite)
def require(name: PathName, body: NewRequirement, tx: Write, once: OnceOnly) -> Response:
    """Let nothing be deployed to an environment or slot that has not passed the suite.

    What is live stays live, and going back to what was live is never held up.
    """
    return once(tx, lambda: (200, actions.require(tx, name, body)))


@router.delete("/{name}/required/{place:path}", response_model=Suite)
def release(
    name: PathName,
    place: Annotated[str, Path(max_length=300, description="As it was required.")],
    reason: Why,
    tx: Write,
    once: OnceOnly,
) -> Response:
    """Require the suite there no more."""
    return once(tx, lambda: (200, actions.release(tx, name, place, reason)))
