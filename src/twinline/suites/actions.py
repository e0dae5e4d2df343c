"""Define suites, attach them to prompts, and require them somewhere."""

from collections.abc import Collection

from twinline.access.actions import audit
from twinline.db.session import Reading, Writing
from twinline.language import cursors
from twinline.language.errors import Conflict, Invalid, NotFound
from twinline.language.nearest import not_found
from twinline.language.records import NewRequirement, NewSuite, Page, Suite
from twinline.language.refs import SlotRef
from twinline.suites import store


def define(tx: Writing, name: str, new: NewSuite) -> Suite:
    """Make a suite, or say anew what it is; for what it is already, nothing happens.

    Results that are recorded keep the threshold that they had to reach, and pending
    evaluations the attempts that they were allowed.

    Raises:
        Conflict: it scores something else already.
        Invalid: it exists, and no reason is given for changing it.
    """
    if store.add(tx, name, new):
        made = read(tx, name)
        _tell(tx, "suite.define", None, made, new.reason or "")
        return made
    before = _locked(tx, name)
    if before.scores != new.scores:
        raise Conflict(
            f"The suite {name!r} scores a {before.scores} and its results mean that; define "
            f"another suite for a {new.scores}.",
            name=name,
            scores=before.scores,
        )
    said = new.model_dump(exclude={"reason"})
    if said == before.model_dump(include=set(said)):
        return before
    if new.reason is None:
        raise Invalid(
            f"The suite {name!r} is there since {before.at:%Y-%m-%d}, and what passes it may be "
            "required somewhere: say by `reason` (on the command line --reason) why it changes.",
            field="reason",
        )
    store.change(tx, name, new)
    after = read(tx, name)
    _tell(tx, "suite.define", before, after, new.reason)
    return after


def find(tx: Reading, name: str) -> Suite | None:
    """A suite by its name; None when nobody defined it."""
    return store.find(tx, name)


def read(tx: Reading, name: str) -> Suite:
    """A suite by its name.

    Raises:
        NotFound: nobody defined it.
    """
    found = store.find(tx, name)
    if found is None:
        raise not_found("suite", name, store.names(tx, name))
    return found


def list_suites(tx: Reading, *, cursor: str | None, limit: int) -> Page[Suite]:
    """Suites by name."""
    after = cursors.decode("suites", cursor, str)
    items = store.page(tx, after=after, limit=limit)
    return cursors.page("suites", items, limit, lambda last: last.name)


def attach(tx: Writing, name: str, prompts: str) -> Suite:
    """From now on evaluate each new version of these prompts.

    Raises:
        NotFound: there is no such suite.
        Conflict: the suite scores no prompt versions.
    """
    before = _locked(tx, name)
    if before.scores != "prompt":
        raise Conflict(
            f"The suite {name!r} scores a {before.scores}, which a new version of a prompt is "
            "not; attach one that scores prompts.",
            name=name,
            scores=before.scores,
        )
    if store.attach(tx, name, prompts):
        _tell(tx, "suite.attach", before, read(tx, name))
    return read(tx, name)


def detach(tx: Writing, name: str, prompts: str, reason: str) -> Suite:
    """Evaluate new versions of these prompts no more; what is pending stays so.

    Raises:
        NotFound: there is no such suite, or it is not attached there.
    """
    before = _locked(tx, name)
    if not store.detach(tx, name, prompts):
        raise _not_there("attached to", name, prompts, before.prompts)
    after = read(tx, name)
    _tell(tx, "suite.detach", before, after, reason)
    return after


def require(tx: Writing, name: str, new: NewRequirement) -> Suite:
    """Let nothing go live in an environment or slot that has not passed the suite; where it
    is required already, the first reason stands.

    Raises:
        NotFound: there is no such suite.
    """
    before = _locked(tx, name)
    if store.require(tx, name, new):
        _tell(tx, "suite.require", before, read(tx, name), new.reason)
    return read(tx, name)


def release(tx: Writing, name: str, place: str, reason: str) -> Suite:
    """Require a suite there no more.

    Raises:
        NotFound: there is no such suite, or it is not required there.
    """
    before = _locked(tx, name)
    if not store.release(tx, name, place):
        raise _not_there("required in", name, place, [one.place for one in before.required_in])
    after = read(tx, name)
    _tell(tx, "suite.release", before, after, reason)
    return after


def required_in(tx: Reading, slot: SlotRef) -> tuple[Suite, ...]:
    """The suites that a slot requires, for itself or as all of its environment does."""
    return store.required_in(tx, places_of(slot))


def required_anywhere(tx: Reading) -> tuple[Suite, ...]:
    """The suites that are required in any environment or slot, by name."""
    return store.required_anywhere(tx)


def places_of(slot: SlotRef) -> tuple[str, str]:
    """The places whose requirements a slot has to meet."""
    return slot.environment, slot.short


def _locked(tx: Writing, name: str) -> Suite:
    store.lock(tx, name)
    return read(tx, name)


def _not_there(how: str, name: str, where: str, known: Collection[str]) -> NotFound:
    said = f"but {how} {', '.join(known)}" if known else "nor anywhere else"
    return NotFound(f"The suite {name!r} is not {how} {where!r}, {said}.", kind="place", name=where)


def _tell(tx: Writing, action: str, before: Suite | None, after: Suite, why: str = "") -> None:
    audit(
        tx,
        action,
        after.name,
        why=why,
        before=before.model_dump(mode="json") if before else None,
        after=after.model_dump(mode="json"),
    )
