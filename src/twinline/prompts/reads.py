"""Who read which version of a prompt, as far as it is kept."""

import re
from datetime import date, timedelta

from twinline.db.session import Reading, Writing
from twinline.language import cursors
from twinline.language.errors import Invalid
from twinline.language.records import Page, PromptAccess, VersionUse
from twinline.prompts import access_store as store
from twinline.prompts import actions

FOLD_AFTER = timedelta(days=90)
"""How long after its end the days of a month are told apart."""

_placed = re.compile(r"(\d{4}-\d\d-\d\d) ([0-9]{1,9}) ([a-z]+) (.*)", re.DOTALL)


def list_accesses(
    tx: Reading, name: str, *, number: int | None, cursor: str | None, limit: int
) -> Page[PromptAccess]:
    """Who read a prompt's versions (or one of them), the newest day first.

    Raises:
        NotFound: there is no such prompt.
    """
    actions.read_prompt(tx, name)
    listing = f"accesses of {name} {number}"
    before = _place(cursors.decode(listing, cursor, str), cursor)
    items = store.accesses(tx, name, number=number, before=before, limit=limit)
    return cursors.page(
        listing, items, limit, lambda last: f"{last.day} {last.number} {last.door} {last.principal}"
    )


def list_uses(tx: Reading, name: str, *, cursor: str | None, limit: int) -> Page[VersionUse]:
    """When each version of a prompt was read or served last, the newest version first.

    Raises:
        NotFound: there is no such prompt.
    """
    actions.read_prompt(tx, name)
    listing = f"uses of {name}"
    before = cursors.decode(listing, cursor, int)
    items = store.uses(tx, name, before=before, limit=limit)
    return cursors.page(listing, items, limit, lambda last: last.number)


def fold(tx: Writing) -> None:
    """Let the log take less room: one row for each month that is over for `FOLD_AFTER`."""
    store.fold(tx, FOLD_AFTER)


def _place(last: str | None, cursor: str | None) -> store.Place | None:
    if last is None:
        return None
    try:
        read = _placed.fullmatch(last)
        if read is None:
            raise ValueError("of another form")
        return date.fromisoformat(read[1]), int(read[2]), read[4], read[3]
    except ValueError as error:
        raise Invalid(
            f"{cursor!r} is no cursor of this list; take `next` of its last page.",
            field="cursor",
            value=cursor,
        ) from error
