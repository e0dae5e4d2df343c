"""Everything that changed in and around a slot between two moments."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from twinline.bundles import actions as bundles
from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.evaluations import actions as evaluations
from twinline.inferences import actions as inferences
from twinline.kills import actions as kills
from twinline.kills.actions import EVERYTHING
from twinline.language.errors import Invalid, NothingLive
from twinline.language.records import (
    Bundle,
    Changes,
    Deployment,
    Evaluation,
    Kill,
    LabelMove,
    ModelDifference,
    ModelVersion,
    Pairing,
    PolicyDifference,
    PromptDifference,
    PromptVersion,
    RankedChange,
    Service,
    Standing,
    Withdrawal,
)
from twinline.language.refs import BundleRef, ModelVersionRef, SlotRef
from twinline.models import actions as models
from twinline.models.actions import AliasMove
from twinline.prompts import actions as prompts
from twinline.timelines import moves, ranking, rules
from twinline.timelines.rules import State, Trained
from twinline.timelines.timeline import named_by, state
from twinline.withdrawals import actions as withdrawals

MOST = 200
"""Things of each kind that are looked at between two moments."""

_NO_POLICY = PolicyDifference(rules=(), shares=(), others=())


@dataclass(frozen=True)
class Around:
    """What moved beside the deployments of a slot, each kind the newest first."""

    labels: tuple[LabelMove, ...]
    aliases: tuple[AliasMove, ...]
    prompt_versions: tuple[PromptVersion, ...]
    model_versions: tuple[ModelVersion, ...]
    kills: tuple[Kill, ...]
    evaluations: tuple[Evaluation, ...]
    pairings: tuple[Pairing, ...]
    withdrawals: tuple[Withdrawal, ...]


def between(tx: Reading, ref: SlotRef, since: datetime, until: datetime) -> Changes:
    """Everything that changed after ``since`` and up to ``until``, ranked.

    Raises:
        Invalid: ``since`` is not before ``until``.
        NotFound: there is no such slot.
        NothingLive: it did not exist yet by ``until``.
    """
    _refuse_odd(tx, ref, since, until)
    before, after = (deployments.live_or_none(tx, ref, at) for at in (since, until))
    found = deployments.between(tx, ref, since, until, limit=MOST + 1)
    made, older = found[:MOST], found[MOST] if len(found) > MOST else before
    known = named_by(tx, [one for one in (*made, older, before, after) if one])
    around = find_around(tx, ref, known, since, until)
    was, is_ = (state(one, known) if one else None for one in (before, after))
    ends = _standing(tx, before, after, since)
    return Changes(
        slot=ref,
        since=since,
        until=until,
        before=ends[0],
        after=ends[1],
        prompt=_prompts(tx, was, is_),
        model=_models(tx, was, is_),
        parameters=rules.values(was.parameters if was else {}, is_.parameters if is_ else {}),
        policy=rules.policies(was.policy if was else None, is_.policy) if is_ else _NO_POLICY,
        deployments=made,
        labels=around.labels[:MOST],
        kills=around.kills[:MOST],
        evaluations=around.evaluations[:MOST],
        pairings=around.pairings[:MOST],
        ranked=ranking.ranked(
            (*of_deployments(made, older, known), *of_others(around, is_, since, until))
        ),
        left_out=_left_out(found, around),
    )


def find_around(
    tx: Reading, ref: SlotRef, known: Mapping[BundleRef, Bundle], since: datetime, until: datetime
) -> Around:
    """What moved beside a slot that serves these bundles; of each kind one more than shown."""
    within = since, until, MOST + 1
    prompt_names = {bundle.prompt.name for bundle in known.values() if bundle.prompt}
    model_names = {bundle.model.name for bundle in known.values() if bundle.model}
    return Around(
        labels=prompts.moves_between(tx, prompt_names, *within),
        aliases=models.aliases_moved(tx, model_names, *within),
        prompt_versions=prompts.made_between(tx, prompt_names, *within),
        model_versions=models.made_between(tx, model_names, *within),
        kills=kills.between(tx, (ref, EVERYTHING, *known), *within),
        evaluations=evaluations.between(tx, known.keys(), *within),
        pairings=bundles.pairings_between(tx, known.keys(), *within),
        withdrawals=withdrawals.between(tx, known.keys(), *within),
    )


def of_deployments(
    made: Sequence[Deployment], older: Deployment | None, known: Mapping[BundleRef, Bundle]
) -> Iterator[RankedChange]:
    """What each of these deployments changed, the newest first; ``older`` is the one before
    the last of them, None when that is the first of all."""
    for one, before in zip(made, (*made[1:], older), strict=False):
        yield from moves.of_deployment(before, one, known)


def of_others(
    around: Around, live: State | None, since: datetime, until: datetime
) -> Iterator[RankedChange]:
    """What moved beside the deployments."""
    policy = ranking.declared(live.policy) if live else ranking.NOTHING
    for kill in around.kills[:MOST]:
        yield from moves.of_kill(kill, policy, since, until)
    yield from map(moves.of_label, around.labels[:MOST])
    yield from map(moves.of_alias, around.aliases[:MOST])
    yield from map(moves.of_version, around.prompt_versions[:MOST])
    yield from map(moves.of_version, around.model_versions[:MOST])
    yield from map(moves.of_pairing, around.pairings[:MOST])
    yield from map(moves.of_evaluation, around.evaluations[:MOST])
    for withdrawal in around.withdrawals[:MOST]:
        yield from moves.of_withdrawal(withdrawal, since, until)


def _refuse_odd(tx: Reading, ref: SlotRef, since: datetime, until: datetime) -> None:
    if since >= until:
        raise Invalid(
            f"`from` is {since.isoformat()}, which is not before `to`, {until.isoformat()}.",
            field="from",
            value=since.isoformat(),
        )
    made = deployments.read_slot(tx, ref).created_at
    if until < made:
        raise NothingLive(
            f"{ref.short} did not exist by {until.isoformat()}: it is there since "
            f"{made.isoformat()}.",
            slot=str(ref),
        )


def _standing(
    tx: Reading, before: Deployment | None, after: Deployment | None, since: datetime
) -> tuple[Standing | None, Standing | None]:
    if before and after and before.ref == after.ref:
        was, is_ = inferences.served_around(tx, before.ref, since)
        return _stood(before, was), _stood(after, is_)
    return (_served(tx, before) if before else None), (_served(tx, after) if after else None)


def _served(tx: Reading, one: Deployment) -> Standing:
    return _stood(one, inferences.served_by_deployment(tx, one.slot, [one.number])[one.number])


def _stood(one: Deployment, service: Service) -> Standing:
    requests = service.requests
    return Standing(
        deployment=one,
        service=service,
        error_rate=service.error_rate,
        cost_per_request=service.cost_usd / requests if requests else None,
    )


def _prompts(tx: Reading, was: State | None, is_: State | None) -> PromptDifference | None:
    if was and is_ and was.prompt == is_.prompt:
        return None
    before, after = (prompts.read_version(tx, one.prompt) if one else None for one in (was, is_))
    return rules.prompts(before, after)


def _models(tx: Reading, was: State | None, is_: State | None) -> ModelDifference | None:
    if was and is_ and was.model == is_.model:
        return None
    before, after = (_trained(tx, one.model) if one else None for one in (was, is_))
    return rules.models(before, after)


def _trained(tx: Reading, ref: ModelVersionRef) -> Trained:
    version = models.read_version(tx, ref)
    run = models.read_run(tx, version.run.id) if version.run else None
    used = tuple(models.read_dataset(tx, one) for one in run.datasets) if run else ()
    return Trained(version, run, used)


def _left_out(found: Sequence[Deployment], around: Around) -> str | None:
    kinds = {"deployments": found} | {one.name: getattr(around, one.name) for one in fields(Around)}
    more = [name.replace("_", " ") for name, items in kinds.items() if len(items) > MOST]
    return f"Only the newest {MOST} are shown of: {', '.join(more)}." if more else None
