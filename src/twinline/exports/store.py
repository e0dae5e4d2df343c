"""What served in each minute, in SQL."""

from datetime import datetime

from sqlalchemy import RowMapping, text

from twinline.db.session import Reading
from twinline.exports.openlineage import ServedMinute
from twinline.language.ids import first_id
from twinline.language.refs import BundleRef, ModelVersionRef, PromptVersionRef, SlotRef

# An outcome's id is that of its inference, so both sides are cut to the same days. The
# newest status that is known counts, as in the rollups; 0 is served, 1 is an error.
_SERVED = text("""
with known as (
    select distinct on (inference_id) inference_id, status from outcome
    where inference_id >= :first and inference_id < :end and status is not null
    order by inference_id, number desc
),
counted as (
    select inference.slot_id, inference.bundle_id, inference.deployment,
        date_trunc('minute', inference.at, 'UTC') as minute, count(*) as requests,
        count(*) filter (where coalesce(known.status, inference.status) = 1) as errors
    from inference
    left join known on known.inference_id = inference.id
    where inference.id >= :first and inference.id < :end and inference.role = 0
        and inference.slot_id in (select id from slot where environment = :environment)
    group by 1, 2, 3, 4
)
select counted.minute, counted.deployment, counted.requests, counted.errors,
    slot.route, slot.environment, bundle.digest, model.ref as model, prompt.ref as prompt
from counted
join slot on slot.id = counted.slot_id
join bundle on bundle.node_id = counted.bundle_id
left join node model on model.id = bundle.model_version
left join node prompt on prompt.id = bundle.prompt_version
order by counted.minute, slot.route, bundle.digest, counted.deployment nulls last
limit :most
""")


def served(
    tx: Reading, environment: str, start: datetime, end: datetime, most: int
) -> list[ServedMinute]:
    """What each bundle served in each slot of an environment, by deployment and minute.

    Requests that ran in the shadow of others are not served.
    """
    values = {"first": first_id(start), "end": first_id(end)}
    rows = tx.rows(_SERVED, {**values, "environment": environment, "most": most})
    return [_served(row) for row in rows]


def _served(row: RowMapping) -> ServedMinute:
    return ServedMinute(
        minute=row["minute"],
        slot=SlotRef(row["route"], row["environment"]),
        bundle=BundleRef(row["digest"]),
        model=ModelVersionRef.parse(row["model"]) if row["model"] else None,
        prompt=PromptVersionRef.parse(row["prompt"]) if row["prompt"] else None,
        deployment=row["deployment"],
        requests=row["requests"],
        errors=row["errors"],
    )
