"""Look at policies before they go live, and try contexts on them."""

import time
from itertools import count

from twinline.db.session import Reading
from twinline.deployments.actions import deployable, live
from twinline.kills import actions as kills
from twinline.language.records import (
    ExplainRequest,
    Json,
    PolicyCheck,
    PolicyExplanation,
    PolicyVerdict,
    RuleTrace,
)
from twinline.language.refs import BundleRef, DeploymentRef, SlotRef
from twinline.routing import evaluation
from twinline.routing.compiler import compile_unit
from twinline.routing.evaluation import Choice, Outcome, compile_policy
from twinline.routing.lint import lint
from twinline.routing.policy import Policy, complete, read_policy


def check(tx: Reading, wanted: PolicyCheck) -> PolicyVerdict:
    """Everything in a policy that is probably not meant.

    Raises:
        Invalid, NotFound, BlockedPair, BundleWithdrawn: it could not be deployed.
    """
    policy = deployable(tx, _tried(wanted.policy))
    return PolicyVerdict(digest=policy.digest, bundles=policy.bundles(), findings=lint(policy))


def explain(tx: Reading, ref: SlotRef, wanted: ExplainRequest) -> PolicyExplanation:
    """Which rule of a slot's policy, or of another one, decides for a context.

    Raises:
        NotFound, NothingLive: nothing is live there, and no other policy was given.
        Invalid, BlockedPair, BundleWithdrawn: the other policy could not be deployed.
    """
    deployment: DeploymentRef | None = None
    if wanted.policy is None:
        now = live(tx, ref)
        policy, deployment = read_policy(now.policy), now.ref
    else:
        policy = deployable(tx, _tried(wanted.policy))
    stopped = kills.in_force(tx)
    seconds = int(wanted.at.timestamp() if wanted.at else time.time())
    evaluate = compile_policy(policy, lambda choice: choice, lambda one: str(one) not in stopped)
    outcome = evaluate(wanted.context, seconds)
    traces = _traces(policy, wanted, seconds)
    killed = kills.EVERYTHING in stopped or str(ref) in stopped
    return _explanation(ref, deployment, policy, wanted, outcome, traces, killed=killed)


def _tried(document: Json) -> Policy:
    """A policy that is not deployed; splits without a salt get one for the moment."""
    numbers = count()
    return complete(document, None, lambda: f"unsalted-{next(numbers)}")


def _traces(policy: Policy, wanted: ExplainRequest, seconds: int) -> tuple[RuleTrace, ...]:
    return tuple(
        RuleTrace(
            id=trace.id,
            in_force=trace.in_force,
            truth=trace.truth,
            fired=trace.in_force and trace.truth is True,
        )
        for trace in evaluation.explain(policy, wanted.context, seconds)
    )


def _explanation(
    ref: SlotRef,
    deployment: DeploymentRef | None,
    policy: Policy,
    wanted: ExplainRequest,
    outcome: Outcome[Choice],
    traces: tuple[RuleTrace, ...],
    *,
    killed: bool,
) -> PolicyExplanation:
    choice = outcome.made
    served: BundleRef | None = None if killed else choice.bundle
    return PolicyExplanation(
        slot=ref,
        deployment=deployment,
        rules=traces,
        reason="killed" if killed else choice.reason,
        rule=choice.rule,
        arm=choice.arm,
        unit=compile_unit(policy.unit.by)(wanted.context) if policy.unit and choice.salt else None,
        bucket=outcome.bucket,
        unknown=outcome.unknown,
        assigned=choice.assigned,
        bundle=served,
        shadow=() if killed else outcome.shadow,
    )
