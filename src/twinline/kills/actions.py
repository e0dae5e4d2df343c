"""Throw kill switches, lift them, and say which are in force."""

from collections.abc import Collection
from datetime import datetime

from twinline.access.actions import audit
from twinline.db.session import Reading, Writing
from twinline.environments import actions as environments
from twinline.kills import store
from twinline.language import cursors
from twinline.language.errors import Conflict, NotFound
from twinline.language.records import Kill, KillNote, Page
from twinline.language.refs import BundleRef, SlotRef

EVERYTHING = "everything"
Subject = SlotRef | BundleRef | str


def kill(tx: Writing, subject: Subject, reason: str) -> tuple[Kill, bool]:
    """Stop something that exists, and whether it was running until now."""
    made = store.add(tx, str(subject), reason)
    if made is None:
        (standing,) = store.in_force(tx, [str(subject)])
        return standing, False
    _changed(tx, made)
    audit(tx, "kill.throw", str(subject), why=reason, after=made.model_dump(mode="json"))
    return made, True


def lift(tx: Writing, number: int, reason: str) -> Kill:
    """Let what was stopped go on.

    Raises:
        NotFound: there is no such kill switch.
        Conflict: it is lifted already.
    """
    before = store.find(tx, number)
    if before is None:
        raise NotFound(f"There is no kill switch {number}.", kind="kill", name=str(number))
    after = store.lift(tx, number, reason)
    if after is None:
        raise Conflict(f"Kill switch {number} was lifted by {before.lifted_by} already.")
    _changed(tx, after)
    audit(
        tx,
        "kill.lift",
        str(after.subject),
        why=reason,
        before=before.model_dump(mode="json"),
        after=after.model_dump(mode="json"),
    )
    return after


def list_kills(tx: Reading, *, cursor: str | None, limit: int) -> Page[Kill]:
    """All kill switches, the newest first."""
    before = cursors.decode("kills", cursor, int)
    items = store.page(tx, before=before, limit=limit)
    return cursors.page("kills", items, limit, lambda last: last.number)


def in_force(tx: Reading) -> dict[str, KillNote]:
    """What is stopped, by subject, and why."""
    return {
        subject: KillNote(by=one.actor, at=one.at, reason=one.reason)
        for subject, one in switches(tx).items()
    }


def switches(tx: Reading) -> dict[str, Kill]:
    """The kill switches in force, by what they stop."""
    return {str(one.subject): one for one in store.in_force(tx)}


def in_force_at(tx: Reading, at: datetime) -> set[str]:
    """The subjects that were stopped at a moment."""
    return store.in_force_at(tx, at)


def note(tx: Reading, subject: Subject) -> KillNote | None:
    """Why a subject is stopped; None when it is not."""
    found = store.in_force(tx, [str(subject)])
    return KillNote(by=found[0].actor, at=found[0].at, reason=found[0].reason) if found else None


def between(
    tx: Reading, subjects: Collection[Subject], since: datetime, until: datetime, limit: int
) -> tuple[Kill, ...]:
    """Kill switches of these subjects thrown or lifted after ``since`` and up to ``until``,
    the newest first."""
    return store.between(tx, [str(one) for one in subjects], since, until, limit)


def _changed(tx: Writing, kill: Kill) -> None:
    if isinstance(kill.subject, SlotRef):
        environments.changed(tx, kill.subject.environment)
    else:
        environments.all_changed(tx)
