"""Retire versions and whole prompts, so that nobody builds on them any more."""

from twinline.db.session import Reading, Writing
from twinline.language.errors import Conflict, Invalid
from twinline.language.records import Page, RetireRequest, Withdrawal
from twinline.language.refs import BundleRef, CustomRef, ModelVersionRef, PromptVersionRef
from twinline.lineage import nodes
from twinline.lineage.reaches import reach
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
    _, ref = nodes.find(tx, wanted.node)
    if not isinstance(ref, RETIRABLE):
        raise Invalid(
            f"{ref} cannot be retired; versions of prompts and models, bundles and nodes of "
            "your own can.",
            field="node",
            value=wanted.node,
        )
    withdrawals.before_retiring(tx)
    if not isinstance(ref, CustomRef):
        _refuse_live(tx, ref)
    return withdrawals.withdraw(tx, ref, "retired", wanted.reason)


def retire_prompt(tx: Writing, name: str, reason: str) -> tuple[Page[Withdrawal], bool]:
    """Retire every version of a prompt; the retirements in force, and whether one is new.

    Raises:
        NotFound: there is no such prompt.
        Conflict: a version is live somewhere.
    """
    withdrawals.before_retiring(tx)
    versions = _versions(tx, name)
    for ref in versions:
        _refuse_live(tx, ref)
    done = [withdrawals.withdraw(tx, ref, "retired", reason, whole=True) for ref in versions]
    return Page(items=tuple(one for one, _ in done)), any(made for _, made in done)


def unretire_prompt(tx: Writing, name: str, reason: str) -> Page[Withdrawal]:
    """Let people build on those versions of a prompt again that were retired with the whole.

    Raises:
        NotFound: there is no such prompt.
        Conflict: none is retired so.
    """
    standing = (withdrawals.standing(tx, ref, "retired") for ref in _versions(tx, name))
    numbers = [one.number for one in standing if one and one.whole]
    if not numbers:
        raise Conflict(
            f"The prompt {name!r} is not retired as a whole; `twinline nodes retired` lists the "
            "versions that are, to let them go on one by one.",
            name=name,
        )
    return Page(items=tuple(withdrawals.lift(tx, "retired", one, reason) for one in numbers))


def _versions(tx: Reading, name: str) -> list[PromptVersionRef]:
    prompts.read_prompt(tx, name)
    return [PromptVersionRef(name, number) for _, number in prompts.version_history(tx, name)]


def _refuse_live(tx: Reading, ref: PromptVersionRef | ModelVersionRef | BundleRef) -> None:
    live = reach(tx, str(ref)).live
    if live:
        raise Conflict(
            f"{ref} is live in {', '.join(slot.short for slot in live)}; deploy something else "
            "there first.",
            live=[str(slot) for slot in live],
        )
