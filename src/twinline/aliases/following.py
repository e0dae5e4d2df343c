"""Deploy another version of the model that is live, with the same prompts and parameters."""

from twinline.bundles import actions as bundles
from twinline.db.session import Writing
from twinline.deployments import actions as deployments
from twinline.language.errors import Conflict, NothingLive
from twinline.language.records import Deployment, NewBundle, NewDeployment
from twinline.language.refs import BundleRef, ModelVersionRef, SlotRef
from twinline.routing.policy import read_policy, substitute


def deploy_version(
    tx: Writing, ref: SlotRef, to: ModelVersionRef, expected: int, reason: str
) -> Deployment:
    """Make a model version live in place of the one of the policy's default bundle, wherever
    the policy has that.

    Raises:
        Stale: another deployment than ``expected`` is live.
        NothingLive, Conflict: no version of this model is live, or it is this one.
        NotFound, BlockedPair, BundleWithdrawn: a resulting pair may not go live.
    """
    live = deployments.lock(tx, ref, expected)
    if live is None:
        raise NothingLive(f"Nothing is live in {ref.short}.", slot=str(ref))
    if live.model.name != to.name or live.model == to:
        raise Conflict(
            f"{live.model} is live in {ref.short}, so {to} takes nothing's place there.",
            slot=str(ref),
        )

    def put(old: BundleRef) -> BundleRef:
        bundle = bundles.read(tx, old)
        if bundle.model != live.model or bundle.prompt is None:
            return old
        new = NewBundle(model=to, prompt=bundle.prompt, parameters=bundle.parameters)
        return bundles.pair(tx, new)[0].ref

    policy = substitute(read_policy(live.policy), put)
    return deployments.deploy(
        tx, ref, NewDeployment(policy=policy.document(), reason=reason), expected
    )
