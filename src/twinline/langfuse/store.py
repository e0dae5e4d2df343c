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


# A tag is compared as `rules.shown_tags` says it.
_FITTING = """
with labelled as (
    select prompt_id, number, array_agg(label order by label) as labels
    from prompt_label group by prompt_id, number
),
version as (
    select prompt.id, prompt.name, prompt.tags, version.node_id, version.number, version.kind,
        version.parameters, version.created_at, coalesce(labelled.labels, '{}') || case
            when version.number = max(version.number) over (partition by version.prompt_id)
            then array['latest'] else '{}' end as labels
    from prompt
    join prompt_version version on version.prompt_id = prompt.id
    left join labelled on labelled.prompt_id = version.prompt_id
        and labelled.number = version.number
    where (cast(:name as text) is null or prompt.name = :name)
    and (cast(:tag as text) is null or exists (
        select 1 from jsonb_each_text(prompt.tags) as tag
        where case tag.value when '' then tag.key else tag.key || '=' || tag.value end = :tag))
),
fitting as (
    select * from version
    where not exists (select from withdrawal where withdrawal.node_id = version.node_id
        and withdrawal.kind = 'retired' and withdrawal.lifted_at is null)
    and (cast(:label as text) is null or :label = any(labels))
    and (cast(:since as timestamptz) is null or created_at >= :since)
    and (cast(:until as timestamptz) is null or created_at < :until)
)
"""
_COUNT = text(f"{_FITTING} select count(distinct id) from fitting")
_PAGE = text(f"""{_FITTING}
select fitting.name, fitting.tags, array_agg(number order by number) as versions,
    array(select distinct unnest(f.labels) from fitting f where f.id = fitting.id
          order by 1) as labels,
    (array_agg(kind order by number desc))[1] as type,
    (array_agg(parameters order by number desc))[1] as last_config,
    max(created_at) as last_updated_at
from fitting group by fitting.id, fitting.name, fitting.tags
order by fitting.name limit :limit offset :offset
""")


def count(tx: Reading, which: Filter) -> int:
    """How many prompts have a version that fits."""
    return tx.value(_COUNT, which._asdict())


def page(tx: Reading, which: Filter, *, offset: int, limit: int) -> Sequence[RowMapping]:
    """Prompts by name, each with its versions that fit."""
    return tx.rows(_PAGE, {**which._asdict(), "offset": offset, "limit": limit})
