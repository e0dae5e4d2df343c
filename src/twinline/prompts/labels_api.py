"""Labels over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from twinline.access.gate import Cursor, Limit, OnceOnly, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.language.names import Label
from twinline.language.records import (
    Expected,
    LabelChange,
    LabelMove,
    NewProtection,
    Page,
    Promotion,
    Prompt,
    PromptVersion,
    ProtectedLabel,
    Reason,
)
from twinline.prompts import actions, labels
from twinline.prompts.paths import PathName

router = APIRouter()
"""Both of the following; before the prompts' own, which take any name."""

_of_prompts = strict_router("prompts", prefix="/prompts")
_of_all = strict_router("prompts", prefix="/labels")

Read = Annotated[Reading, reading(Permission.READ)]
Move = Annotated[Writing, writing(Permission.LABELS)]
Protect = Annotated[Writing, writing(Permission.PROTECTED)]
Why = Annotated[Reason, Query(description="Why; kept in the history and in the audit log.")]


@_of_prompts.get("/{name:path}/labels")
def read_labels(name: PathName, tx: Read) -> Prompt:
    """A prompt with its labels and where they point."""
    return actions.read_prompt(tx, name)


@_of_prompts.put("/{name:path}/labels/{label}", response_model=PromptVersion)
def move_label(
    name: PathName, label: Label, body: LabelChange, tx: Move, once: OnceOnly
) -> Response:
    """Move a label to a version; with ``expected`` only from where it is thought to be.

    Moving a protected label needs the permission ``labels:protected``, too.
    """
    return once(tx, lambda: (200, actions.move_label(tx, name, label, body)))


@_of_prompts.delete("/{name:path}/labels/{label}", response_model=LabelMove)
def remove_label(
    name: PathName,
    label: Label,
    reason: Why,
    tx: Move,
    once: OnceOnly,
    expected: Annotated[Expected, Query()] = None,
) -> Response:
    """Take a label off a prompt. Its history stays, with this removal as its newest entry.

    Removing a protected label needs the permission ``labels:protected``, too.
    """

    def act() -> tuple[int, LabelMove]:
        return 200, actions.remove_label(tx, name, label, reason, expected=expected)

    return once(tx, act)


@_of_prompts.post("/{name:path}/promote", response_model=PromptVersion)
def promote(name: PathName, body: Promotion, tx: Move, once: OnceOnly) -> Response:
    """Move the label ``to`` to the version that the label ``from`` names at this moment."""
    return once(tx, lambda: (200, actions.promote(tx, name, body)))


@_of_prompts.get("/{name:path}/history")
def read_history(
    name: PathName, tx: Read, cursor: Cursor = None, limit: Limit = 100
) -> Page[LabelMove]:
    """Who moved which label of the prompt, from where, when and why."""
    return actions.history(tx, name, cursor=cursor, limit=limit)


@_of_all.get("/protected")
def list_protected(tx: Read) -> Page[ProtectedLabel]:
    """The labels that only who holds ``labels:protected`` may move, by label and domain."""
    return labels.protections(tx)


@_of_all.put("/{label}/protection", response_model=ProtectedLabel)
def protect(label: Label, body: NewProtection, tx: Protect, once: OnceOnly) -> Response:
    """Protect a label, in one domain or for all prompts; the newest reason stays."""
    return once(tx, lambda: (200, labels.protect(tx, label, body)))


@_of_all.delete("/{label}/protection", response_model=ProtectedLabel)
def unprotect(
    label: Label,
    reason: Why,
    tx: Protect,
    once: OnceOnly,
    domain: Annotated[
        str, Query(max_length=200, pattern=r"^[^\x00]*$", description="Where; empty: for all.")
    ] = "",
) -> Response:
    """Let everybody who may move labels move this one again."""
    return once(tx, lambda: (200, labels.unprotect(tx, label, domain, reason)))


router.include_router(_of_prompts)
router.include_router(_of_all)
