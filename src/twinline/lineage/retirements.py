"""Retire versions, so that nobody builds on them any more."""

from twinline.db.session import Writing
from twinline.language.errors import Conflict, Invalid
from twinline.language.records import RetireRequest, Withdrawal
from twinline.language.refs import BundleRef, CustomRef, ModelVersionRef, PromptVersionRef
from twinline.lineage import nodes
from twinline.lineage.reaches import reach
from twinline.withdrawals import actions as withdrawals

RETIRABLE = (PromptVersionRef, ModelVersionRef, BundleRef, CustomRef)


def retire(tx: Writing, wanted: RetireRequest) -> tuple[Withdrawal, bool]:
    """Retire a version, a bundle or a custom node; whether it was not until now.

    It stays readable and keeps its history. Nothing that is built on it goes live any
    more, and walks do not go on behind it.

    Raises:
        InvalidReference, NotFound: there is no such node.
        Invalid: it is a node that cannot be retired.
        Conflict: it is live somewhere.
    """
    _, ref = nodes.find(tx, wanted.node)
    if not isinstance(ref, RETIRABLE):
        raise Invalid(
            f"{ref} cannot be retired; versions of prompts and models, bundles and nodes of "
            "your own can.",
            field="node",
            value=wanted.node,
        )
    withdrawals.before_retiring(tx)
    live = () if isinstance(ref, CustomRef) else reach(tx, str(ref)).live
    if live:
        raise Conflict(
            f"{ref} is live in {', '.join(slot.short for slot in live)}; deploy something else "
            "there first.",
            live=[str(slot) for slot in live],
        )
    return withdrawals.withdraw(tx, ref, "retired", wanted.reason)
