"""List and find prompts."""

import re

from twinline.db.session import Reading
from twinline.language import cursors
from twinline.language.errors import Invalid
from twinline.language.records import Page, Prompt
from twinline.prompts import search_store, store
from twinline.prompts.rules import Wanted, refuse_search_for_nothing

_placed = re.compile(r"(-?[0-9]{1,9}) (.+)")


def list_prompts(tx: Reading, wanted: Wanted, *, cursor: str | None, limit: int) -> Page[Prompt]:
    """Prompts by name; those that are searched by how well they are found, then by name.

    Raises:
        Invalid: the cursor is of another list, or the search says only what to leave out.
    """
    refuse_search_for_nothing(wanted.search)
    listed = _found if wanted.search else _by_name
    return listed(tx, wanted, cursor, limit)


def _by_name(tx: Reading, wanted: Wanted, cursor: str | None, limit: int) -> Page[Prompt]:
    after = cursors.decode("prompts", cursor, str)
    ids = [id for id, _ in search_store.ids_by_name(tx, wanted, after=after, limit=limit)]
    return cursors.page("prompts", store.with_ids(tx, ids), limit, lambda last: last.name)


def _found(tx: Reading, wanted: Wanted, cursor: str | None, limit: int) -> Page[Prompt]:
    listing = f"prompts with {wanted.search}"
    after = _place(cursors.decode(listing, cursor, str), cursor)
    found = search_store.ids_by_rank(tx, wanted, after=after, limit=limit)
    scores = {name: score for _, score, name in found}
    prompts = store.with_ids(tx, [id for id, _, _ in found])
    return cursors.page(listing, prompts, limit, lambda last: f"{scores[last.name]} {last.name}")


def _place(last: str | None, cursor: str | None) -> tuple[int, str] | None:
    """Score and name of the last prompt of the page before."""
    if last is None:
        return None
    read = _placed.fullmatch(last)
    if read is None:
        raise Invalid(
            f"{cursor!r} is no cursor of this list; take `next` of its last page.",
            field="cursor",
            value=cursor,
        )
    return int(read[1]), read[2]
