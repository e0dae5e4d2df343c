"""Retire versions and whole prompts, so that nobody builds on them any more."""

from collections.abc import Sequence

from twinline.db.session import Reading, Writing
from twinline.language.errors import Conflict, Invalid
from twinline.language.records import Page, RetireRequest, Withdrawal
from twinline.language.refs import BundleRef, CustomRef, ModelVersionRef, PromptVersionRef
from twinline.lineage import nodes, reaches, store
from twinline.prompts import actions as prompts
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
    id, ref = nodes.find(tx, wanted.node)
    if not isinstance(ref, RETIRABLE):
        raise Invalid(
            f"{ref} cannot be retired; versions of prompts and models, bundles and nodes of "
            "your own can.",
            field="node",
            value=wanted.node,
        )
    withdrawals.before_retiring(tx)
    if not isinstance(ref, CustomRef):
        _refuse_live(tx, [id])
    return withdrawals.withdraw(tx, ref, "retired", wanted.reason)


def retire_prompt(tx: Writing, name: str, reason: str) -> tuple[Page[Withdrawal], bool]:
    """Retire every version that a prompt has; the retirements in force, and whether one is new.

    Its next version, if anybody makes one, is not retired.

    Raises:
        NotFound: there is no such prompt.
        Conflict: a version is live somewhere.
    """
    versions = prompts.take(tx, name)
    withdrawals.before_retiring(tx)
    _refuse_live(tx, versions)
    done, made = withdrawals.retire_whole(tx, versions, reason)
    return Page(items=done), made


def unretire_prompt(tx: Writing, name: str, reason: str) -> Page[Withdrawal]:
    """Let people build on those versions of a prompt again that were retired with the whole.

    Raises:
        NotFound: there is no such prompt.
        Conflict: none is retired so.
    """
    lifted = withdrawals.lift_whole(tx, prompts.take(tx, name), reason)
    if not lifted:
        raise Conflict(
            f"The prompt {name!r} is not retired as a whole; `twinline nodes retired` lists the "
            "versions that are, to let them go on one by one.",
            name=name,
        )
    return Page(items=lifted)


def let_go(tx: Reading, ref: PromptVersionRef) -> bool:
    """Whether a version was retired, and let go on since.

    Raises:
        NotFound: there is no such version.
    """
    id, _ = nodes.find(tx, str(ref))
    return withdrawals.let_go(tx, [id], whole=False)


def prompt_let_go(tx: Writing, name: str) -> bool:
    """Whether a prompt was retired as a whole and let go on since, and no version of it is
    retired by itself.

    Raises:
        NotFound: there is no such prompt.
    """
    return withdrawals.let_go(tx, prompts.take(tx, name), whole=True)


def _refuse_live(tx: Reading, ids: Sequence[int]) -> None:
    """All nodes are asked about at once; where that says yes, each half, down to the first."""
    live = reaches.live(tx, ids)
    if not live:
        return
    if len(ids) > 1:
        middle = len(ids) // 2
        _refuse_live(tx, ids[:middle])
        _refuse_live(tx, ids[middle:])
        return  # nothing in either half: it moved on between the looks
    (ref,) = store.refs(tx, ids)
    raise Conflict(
        f"{ref} is live in {', '.join(slot.short for slot in live)}; deploy something else there "
        "first.",
        live=[str(slot) for slot in live],
    )
