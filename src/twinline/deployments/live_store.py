"""Where prompt versions are live, in SQL."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import text

from twinline.db.graph import INTO
from twinline.db.session import Reading
from twinline.language.refs import BundleRef, DeploymentRef, PromptVersionRef, SlotRef

_LIVE_WITH = text("""
select deployed.ref as deployment, bundle.digest, model.ref as model
from node prompt
join bundle on bundle.prompt_version = prompt.id
join edge served on served.source = bundle.node_id and served.kind = 'deployed_as'
join edge live on live.source = served.target and live.kind = 'live_in' and live.until is null
join node deployed on deployed.id = served.target
join node model on model.id = bundle.model_version
where prompt.ref = :prompt
order by deployed.ref, bundle.digest limit :most
""")
# Begins with the slots: of a pair that is old there are many thousand deployments.
_LIVE_OF = text(f"""
with live as materialized (
    select edge.source as bundle, newest.node_id as deployment from slot
    cross join lateral (
        select node_id from deployment where slot_id = slot.id order by number desc limit 1
    ) newest
    {INTO.format(node="newest.node_id")}
    where edge.kind = 'deployed_as'
), served as (
    select distinct prompt.name, prompt_version.number, deployed.ref as deployment
    from prompt
    join prompt_version on prompt_version.prompt_id = prompt.id
    join bundle on bundle.prompt_version = prompt_version.node_id
    join live on live.bundle = bundle.node_id
    join node deployed on deployed.id = live.deployment
    where prompt.name = any(:names)
), counted as (
    select name, number, count(*) as slots,
        (array_agg(deployment order by deployment))[1:(:slots)] as deployments,
        row_number() over (partition by name order by number desc) as place,
        count(*) over (partition by name) as versions,
        cast(sum(count(*)) over (partition by name) as bigint) as places
    from served group by name, number
)
select * from counted where place <= :versions or number = any(cast(:also as int[]))
order by name, number desc
""")


class LiveBundle(NamedTuple):
    """A bundle that a slot's live deployment may serve, and the model version in it."""

    slot: SlotRef
    deployment: DeploymentRef
    bundle: BundleRef
    model: str


class LivePrompt(NamedTuple):
    """A prompt version that is live, in how many slots, and the first of these by name; then
    how many versions of its prompt are live, and in how many slots, each version counted."""

    prompt: PromptVersionRef
    slots: int
    first: tuple[SlotRef, ...]
    versions: int
    places: int


def live_with(tx: Reading, prompt: PromptVersionRef, most: int) -> tuple[LiveBundle, ...]:
    """What is live with a prompt version, by slot: also as an arm or a rule of a policy."""
    rows = tx.rows(_LIVE_WITH, {"prompt": str(prompt), "most": most})
    return tuple(
        LiveBundle(
            slot=(deployed := DeploymentRef.parse(row["deployment"])).slot,
            deployment=deployed,
            bundle=BundleRef(row["digest"]),
            model=row["model"],
        )
        for row in rows
    )


def live_of(
    tx: Reading, names: Collection[str], *, also: Collection[int], versions: int, slots: int
) -> tuple[LivePrompt, ...]:
    """The versions of these prompts that are live, also in an arm or a rule, by prompt: the
    newest ``versions`` of each and those numbered in ``also``, with their first ``slots``."""
    wanted = {"names": list(names), "also": list(also), "versions": versions, "slots": slots}
    return tuple(
        LivePrompt(
            prompt=PromptVersionRef(row["name"], row["number"]),
            slots=row["slots"],
            first=tuple(DeploymentRef.parse(one).slot for one in row["deployments"]),
            versions=row["versions"],
            places=row["places"],
        )
        for row in tx.rows(_LIVE_OF, wanted)
    )
