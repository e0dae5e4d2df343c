"""Calls that wait for the inference that they are about, in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, func, text
from sqlalchemy.dialects.postgresql import insert

from twinline.db.schema import waiting_call
from twinline.db.session import Writing

# Those that came last are looked at, because what they wait for comes within seconds; and
# those that waited too long. Rows that another request looks at are left to it.
_SETTLED = text("""
with looked_at as (
    (select inference_id, id from waiting_call order by at desc limit :most)
    union
    (select inference_id, id from waiting_call where at < :before order by at limit :most)
),
settled as (
    select waiting.inference_id, waiting.id from waiting_call waiting
    join looked_at using (inference_id, id)
    where waiting.at < :before
        or exists (select 1 from inference where inference.id = waiting.inference_id)
    for update of waiting skip locked
)
delete from waiting_call using settled
where waiting_call.inference_id = settled.inference_id and waiting_call.id = settled.id
returning waiting_call.inference_id, waiting_call.sent
""")


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
    """Take out calls whose inference came, and those that have waited since ``before``."""
    return tx.rows(_SETTLED, {"before": before, "most": most})
