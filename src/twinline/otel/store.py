"""Calls that wait for the inference that they are about, in SQL."""

from collections.abc import Collection, Sequence
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
# A call that has begun waits for itself: for its own end.
_BEGUN = text("""
select id, sent from waiting_call
where inference_id = id and sent ->> 'trace_id' = any(:traces) order by id for update
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


def begun(tx: Writing, traces: Collection[str]) -> dict[UUID, dict[str, Any]]:
    """What is kept of these traces' calls that have not ended; ours until the end of this
    transaction."""
    rows = tx.rows(_BEGUN, {"traces": list(traces)})
    return {row["id"]: row["sent"] for row in rows}


def keep_begun(tx: Writing, id: UUID, sent: dict[str, Any]) -> None:
    """Keep what is known so far of a call that has not ended."""
    values = {"inference_id": id, "id": id, "sent": sent, "at": func.clock_timestamp()}
    known = insert(waiting_call).values(values)
    tx.run(known.on_conflict_do_update(index_elements=["inference_id", "id"], set_={"sent": sent}))


def drop_begun(tx: Writing, ids: Collection[UUID]) -> None:
    """These calls have ended."""
    ours = waiting_call.c.inference_id == waiting_call.c.id
    tx.run(waiting_call.delete().where(waiting_call.c.id.in_(ids), ours))


def settled(tx: Writing, before: datetime, most: int) -> Sequence[RowMapping]:
    """Take out calls whose inference came, those that have waited since ``before`` too."""
    return tx.rows(_SETTLED, {"before": before, "most": most})


def overdue(tx: Writing, before: datetime, most: int) -> Sequence[RowMapping]:
    """Take out calls that have waited in vain since ``before``: for each inference the one
    that says most."""
    return tx.rows(_OVERDUE, {"before": before, "most": most})
