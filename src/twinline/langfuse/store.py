"""The list of prompts with their versions and labels, in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import RowMapping, text

from twinline.db.session import Reading


class Filter(NamedTuple):
    """Which versions are listed; None: whichever."""

    name: str | None = None
    label: str | None = None
    tag: str | None = None
    since: datetime | None = None
    until: datetime | None = None


_NEWEST = "(select max(number) from prompt_version newest where newest.prompt_id = prompt.id)"
_FITS = f"""
    version.prompt_id = prompt.id
    and not exists (select from withdrawal where withdrawal.node_id = version.node_id
        and withdrawal.kind = 'retired' and withdrawal.lifted_at is null)
    and (cast(:label as text) is null
        or exists (select from prompt_label placed where placed.prompt_id = prompt.id
            and placed.label = :label and placed.number = version.number)
        or :label = 'latest' and version.number = {_NEWEST})
    and (cast(:since as timestamptz) is null or version.created_at >= :since)
    and (cast(:until as timestamptz) is null or version.created_at < :until)
"""
# A tag is compared as `rules.shown_tags` says it.
_LISTED = f"""
    from prompt
    where (cast(:name as text) is null or prompt.name = :name)
    and (cast(:tag as text) is null or exists (
        select from jsonb_each_text(prompt.tags) as tag
        where case tag.value when '' then tag.key else tag.key || '=' || tag.value end = :tag))
    and exists (select from prompt_version version where {_FITS})
"""
_COUNT = text(f"select count(*) {_LISTED}")
# The page is chosen first, so that only its prompts' versions are gathered.
_PAGE = text(f"""
with chosen as materialized (
    select id, name, tags {_LISTED} order by name limit :limit offset :offset
)
select prompt.name, prompt.tags, gathered.*, array(
        select label from prompt_label placed
        where placed.prompt_id = prompt.id and placed.number = any(gathered.versions)
        union all
        select 'latest' where {_NEWEST} = any(gathered.versions)
        order by 1) as labels
from chosen prompt, lateral (
    select array_agg(number order by number) as versions,
        (array_agg(kind order by number desc))[1] as type,
        (array_agg(parameters order by number desc))[1] as last_config,
        max(created_at) as last_updated_at
    from prompt_version version where {_FITS}) gathered
order by prompt.name
""")


def count(tx: Reading, which: Filter) -> int:
    """How many prompts have a version that fits."""
    return tx.value(_COUNT, which._asdict())


def page(tx: Reading, which: Filter, *, offset: int, limit: int) -> Sequence[RowMapping]:
    """Prompts by name, each with its versions that fit."""
    return tx.rows(_PAGE, {**which._asdict(), "offset": offset, "limit": limit})
