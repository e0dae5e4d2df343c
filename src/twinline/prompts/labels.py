"""The one place where a label moves, and which labels not everybody may move.

Whatever door a move comes through, it comes to `put`: the series is locked by then, so that
what is expected of the label still holds when it moves.
"""

from twinline.access import actions as access
from twinline.access.actions import audit
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.language.errors import Conflict, Invalid, Stale
from twinline.language.names import LATEST, is_semantic
from twinline.language.nearest import not_found
from twinline.language.records import LabelMove, NewProtection, Page, ProtectedLabel
from twinline.language.refs import PromptLabelRef, PromptVersionRef
from twinline.prompts import label_store as store
from twinline.prompts import rules
from twinline.withdrawals import actions as withdrawals


def put(
    tx: Writing,
    id: int,
    ref: PromptLabelRef,
    number: int | None,
    reason: str,
    *,
    expected: int | None = None,
) -> LabelMove | None:
    """Let a label point to ``number``, or to nothing; None when it does already.

    Args:
        tx: the transaction, which holds the lock of the series.
        id: the prompt's.
        ref: the prompt and the label.
        number: a version's; None removes the label.
        reason: kept in the history and in the audit log.
        expected: where the label must point before, 0 for nowhere; None: wherever.

    Raises:
        Invalid: the label is kept by the system.
        Stale: the label does not point where ``expected`` says.
        Conflict: the label is a semantic version, which stays where it was put.
        NotAllowed: the label is protected, and the actor may not move protected ones.
        VersionWithdrawn: the version is retired or recalled.
    """
    refuse_latest(ref.label)
    previous = store.place(tx, id, ref.label)
    if expected is not None and expected != (previous or 0):
        raise Stale(
            f"The label {ref.label!r} of {ref.name!r} points to {previous or 'nothing'}, not to "
            f"{expected or 'nothing'}; look again before moving it.",
            current=previous,
        )
    if previous == number:
        return None
    _refuse_if_semantic(ref, previous)
    _refuse_if_protected(tx, ref)
    if number is not None:
        target = PromptVersionRef(ref.name, number)
        withdrawals.refuse_withdrawn(tx, target, f"{ref.label!r} cannot move to {target}")
    move = store.add_move(tx, id, ref.label, number, previous, reason)
    audit(
        tx,
        "label.move" if number is not None else "label.remove",
        str(ref),
        why=reason,
        before={"number": previous},
        after={"number": number},
    )
    return move


def refuse_latest(label: str) -> None:
    """Raise Invalid for the label that nobody but the system moves."""
    if label == LATEST:
        raise Invalid(
            f"The label {LATEST!r} is kept by the system on the highest version; make a new "
            "version, or take another label.",
            field="label",
            value=label,
        )


def protections(tx: Reading) -> Page[ProtectedLabel]:
    """Every protected label, by label and domain."""
    return Page(items=store.protections(tx))


def protect(tx: Writing, label: str, new: NewProtection) -> ProtectedLabel:
    """Let a label be moved and removed only by who may move protected ones.

    Raises:
        Invalid: the label is kept by the system.
    """
    refuse_latest(label)
    kept = store.protect(tx, label, new.domain, new.reason)
    audit(tx, "label.protect", label, why=new.reason, after={"domain": new.domain})
    return kept


def unprotect(tx: Writing, label: str, domain: str, reason: str) -> ProtectedLabel:
    """Let a label be moved by everybody who may move labels.

    Raises:
        NotFound: it is not protected there.
    """
    gone = store.unprotect(tx, label, domain)
    if gone is None:
        known = [rules.where(one.label, one.domain) for one in store.protections(tx)]
        raise not_found("protected label", rules.where(label, domain), known)
    audit(tx, "label.unprotect", label, why=reason, before={"domain": domain})
    return gone


def _refuse_if_semantic(ref: PromptLabelRef, previous: int | None) -> None:
    if previous is not None and is_semantic(ref.label):
        raise Conflict(
            f"The label {ref.label!r} of {ref.name!r} is a semantic version and stays on version "
            f"{previous}, so that whoever asks by it always gets one text; take another label.",
            label=ref.label,
            current=previous,
        )


def _refuse_if_protected(tx: Writing, ref: PromptLabelRef) -> None:
    found = rules.protecting(ref.name, store.protections(tx, ref.label))
    if found is not None:
        what = f"The label {ref.label!r} of {ref.name!r} is protected"
        inside = f" in {found.domain}" if found.domain else ""
        access.require(tx, Permission.PROTECTED, f"{what}{inside} ({found.reason}); moving it")
