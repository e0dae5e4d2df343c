"""Tell one request's whole story, and evaluate its policy again."""

from uuid import UUID

from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.inferences import actions as inferences
from twinline.kills import actions as kills
from twinline.language.canonical import digest
from twinline.language.errors import Invalid
from twinline.language.records import (
    Explanation,
    Inference,
    Json,
    Page,
    Replay,
    RuleTrace,
)
from twinline.lineage import story_store
from twinline.routing import evaluation
from twinline.routing.evaluation import Choice, compile_policy
from twinline.routing.policy import Policy, read_policy


def explain(tx: Reading, id: UUID) -> Explanation:
    """The whole story of one request, up to the datasets, as things were at its time.

    Takes four statements, however long the story and the ledger are.

    Raises:
        NotFound: there is no such inference.
    """
    family = inferences.family(tx, id)
    one = family.inference
    row = story_store.story(tx, one.bundle, one.deployment, one.at)
    return Explanation.model_validate({**row, **family._asdict()})


def find(
    tx: Reading,
    *,
    trace_id: str | None,
    decision: str | None,
    cursor: str | None,
    limit: int,
) -> Page[Inference]:
    """The requests of a trace or of a decision, the newest first.

    Raises:
        Invalid: neither is given, or both are.
    """
    if (trace_id is None) == (decision is None):
        given = f"{trace_id!r} and {decision!r} were" if trace_id else "neither was"
        raise Invalid(
            f"Of `trace_id` and `decision` {given} given; give the one that the requests carry.",
            field="trace_id",
            value=trace_id,
        )
    return inferences.find(tx, trace_id, decision, cursor=cursor, limit=limit)


def replay(tx: Reading, id: UUID, context: Json | None) -> Replay:
    """Evaluate the policy of a request again, as of its time, and compare.

    The context is the one that was kept, or one that is given and has the digest of the
    one there was; a policy that asks nothing of a context needs none.

    Raises:
        NotFound: there is no such inference.
        Invalid: the context that is given is another one than there was.
    """
    kept = inferences.read(tx, id)
    policy = _policy(tx, kept)
    given = kept.context if context is None else _the_same(context, kept)
    why_not = _why_not(kept, policy, given)
    if policy is None or why_not is not None:
        return Replay.model_validate(_nothing(kept, why_not))
    stopped = kills.in_force_at(tx, kept.at)
    evaluate = compile_policy(policy, lambda choice: choice, lambda one: str(one) not in stopped)
    seconds = int(kept.at.timestamp())
    choice = evaluate(given or {}, seconds).made
    return Replay(
        inference=kept,
        possible=True,
        why_not=None,
        bundle=choice.bundle,
        arm=choice.arm,
        rule=choice.rule,
        reason=choice.reason,
        same=_same(kept, choice),
        rules=tuple(
            RuleTrace(
                id=one.id,
                in_force=one.in_force,
                truth=one.truth,
                fired=one.in_force and one.truth is True,
            )
            for one in evaluation.explain(policy, given or {}, seconds)
        ),
    )


def _policy(tx: Reading, kept: Inference) -> Policy | None:
    found = deployments.find(tx, kept.deployment) if kept.deployment else None
    return read_policy(found.policy) if found else None


def _the_same(context: Json, kept: Inference) -> Json:
    if kept.context_digest is not None and digest(context) != kept.context_digest:
        raise Invalid(
            f"This is not the context of {kept.ref}: its digest is {digest(context)}, the one "
            f"that was recorded {kept.context_digest}.",
            field="context",
        )
    return context


def _why_not(kept: Inference, policy: Policy | None, context: Json | None) -> str | None:
    if policy is None:
        return "It names no deployment, so no policy chose its bundle."
    if kept.role == "shadow":
        return "It ran in the shadow of another request; replay that one."
    if context is None and (policy.rules or policy.shadow):
        return (
            "Its context was not kept, and the policy asks for it; send the context, or record "
            "with `keep_context` from now on."
        )
    return None


def _same(kept: Inference, choice: Choice) -> bool:
    known = (kept.bundle, kept.rule, kept.arm)
    return known == (choice.bundle, choice.rule, choice.arm)


def _nothing(kept: Inference, why_not: str | None) -> dict[str, object]:
    unknown = dict.fromkeys(("bundle", "arm", "rule", "reason", "same"))
    return {"inference": kept, "possible": False, "why_not": why_not, "rules": (), **unknown}
