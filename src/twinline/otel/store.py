"""Calls that wait for the inference that they are about, in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, TextClause, func, text
from sqlalchemy.dialects.postgresql import insert

from twinline.db.schema import waiting_call
from twinline.db.session import Writing

_LOOKED_AT = 2_000


# Rows that another request takes out are left to it.
def _take_out(chosen: str) -> TextClause:
    return text(f"""
with {chosen},
taken as (
    select waiting.inference_id, waiting.id from waiting_call waiting
    join chosen using (inference_id, id)
    order by inference_id, id limit :most for update of waiting skip locked
)
delete from waiting_call using taken
where waiting_call.inference_id = taken.inference_id and waiting_call.id = taken.id
returning waiting_call.inference_id, waiting_call.sent
""")


_IS_THERE = "exists (select 1 from inference where inference.id = inference_id)"
_LONGEST_WAITING = f"""
    select inference_id, id, sent from waiting_call where at < :before
    order by at limit {_LOOKED_AT}
"""
# Those that came last are looked at, because what they wait for comes within seconds; and
# those that waited too long.
_SETTLED = _take_out(f"""
looked_at as (
    (select inference_id, id from waiting_call order by at desc limit {_LOOKED_AT})
    union
    (select inference_id, id from ({_LONGEST_WAITING}) longest)
),
chosen as (select inference_id, id from looked_at where {_IS_THERE})""")
_OVERDUE = _take_out(f"""
chosen as (
    select distinct on (inference_id) inference_id, id from ({_LONGEST_WAITING}) longest
    where not {_IS_THERE}
    order by inference_id, (select count(*) from jsonb_object_keys(sent)) desc, id
)""")


def wait(tx: Writing, inference_id: UUID, id: UUID, sent: dict[str, Any]) -> bool:
    """Keep a call until its inference comes; False when it waits already."""
    made = (
        insert(waiting_call)
        .values(inference_id=inference_id, id=id, sent=sent, at=func.clock_timestamp())
        .on_conflict_do_nothing()
        .returning(waiting_call.c.id)
    )
    return tx.value(made) is not None


def settled(tx: Writing, before: datetime, most: int) -> Sequence[RowMapping]:
    """Take out calls whose inference came, those that have waited since ``before`` too."""
    return tx.rows(_SETTLED, {"before": before, "most": most})


def overdue(tx: Writing, before: datetime, most: int) -> Sequence[RowMapping]:
    """Take out calls that have waited in vain since ``before``: for each inference the one
    that says most."""
    return tx.rows(_OVERDUE, {"before": before, "most": most})
