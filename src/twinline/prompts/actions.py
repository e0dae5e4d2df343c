"""Make prompt versions, read them, and move labels."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

from twinline.access.actions import audit
from twinline.db.session import Reading, Writing
from twinline.language import cursors, templates
from twinline.language.errors import NotFound
from twinline.language.names import LATEST
from twinline.language.nearest import not_found
from twinline.language.records import (
    Json,
    LabelChange,
    LabelMove,
    NewPromptVersion,
    Origin,
    Page,
    Promotion,
    Prompt,
    PromptCheck,
    PromptKind,
    PromptVersion,
)
from twinline.language.refs import PromptLabelRef, PromptVersionRef
from twinline.prompts import composing, label_store, rules, store
from twinline.prompts.composing import Read
from twinline.prompts.labels import put, refuse_latest
from twinline.prompts.store import LastChange
from twinline.suites import pending
from twinline.withdrawals import actions as withdrawals

ALIKE_MAX = 100
"""Versions that are looked at for one that a door shows as what it is sent."""


def create_version(
    tx: Writing,
    new: NewPromptVersion,
    *,
    read: Read | None = None,
    origin: Origin | None = None,
    alike: Callable[[PromptVersion], bool] | None = None,
) -> tuple[PromptVersion, bool]:
    """The version with this content, and whether it had to be made.

    What it includes is pinned now.

    Args:
        tx: the transaction.
        new: the content, and what else is said of the prompt.
        read: finds what it includes; by default as it is now, and of ``latest`` the newest that
            is not withdrawn.
        origin: where it was imported from.
        alike: for a door that shows less of a version than it holds: whether it shows this one
            as what it was sent. Then that one is meant: of several the one that has a label
            which is sent, else the highest.

    Raises:
        NotFound: there is no version that it could be derived from, or that it includes.
        Invalid: it includes a chat, itself or too deep, or declarations do not agree.
        TooLarge: it takes more than a million bytes.
        VersionWithdrawn: it is new and includes what is retired or recalled, or a label would
            move to such a one.
    """
    if new.derived_from:
        read_version(tx, new.derived_from)
    pieces = composing.pieces(tx, new, read or read_to_include)
    content = rules.content(new, pieces)
    id = store.lock_series(tx, new.name)
    _describe(tx, id, new)
    existing = _alike(tx, new, alike) if alike else None
    if existing is None:
        existing = store.numbers_with(tx, id, [content.digest]).get(content.digest)
    if existing is None:
        _refuse_withdrawn(tx, new.name, pieces.values())
    number = existing or store.add_versions(tx, id, [(new, content)], origin)[content.digest]
    for label in new.labels:
        put(tx, id, PromptLabelRef(new.name, label), number, new.message or "set with the version")
    version = read_version(tx, PromptVersionRef(new.name, number))
    if existing is None:
        essence = _essence(version.ref, content.digest, new.kind)
        if origin is not None:
            essence["origin"] = origin.model_dump(mode="json", exclude_defaults=True)
        audit(tx, "prompt.create", str(version.ref), why=new.message, after=essence)
        pending.evaluate_new(tx, new.name, [version.ref])
    return version, existing is None


def create_all(
    tx: Writing, name: str, contents: Sequence[NewPromptVersion]
) -> list[PromptVersionRef]:
    """As `create_version` for many contents of one prompt that include nothing, in few
    statements: the version of each. Their labels, descriptions and tags are left alone.

    Raises:
        TooLarge: one takes more than a million bytes.
    """
    id = store.lock_series(tx, name)
    held = [(new, rules.content(new, {})) for new in contents]
    numbers = store.numbers_with(tx, id, [content.digest for _, content in held])
    fresh = {
        content.digest: (new, content) for new, content in held if content.digest not in numbers
    }
    numbers |= store.add_versions(tx, id, fresh.values())
    made = {digest: PromptVersionRef(name, numbers[digest]) for digest in fresh}
    for digest, ref in made.items():
        new, _ = fresh[digest]
        audit(tx, "prompt.create", str(ref), why=new.message, after=_essence(ref, digest, new.kind))
    pending.evaluate_new(tx, name, made.values())
    return [PromptVersionRef(name, numbers[content.digest]) for _, content in held]


def check_version(tx: Reading, new: NewPromptVersion, *, read: Read | None = None) -> PromptCheck:
    """What would become of a version, were it made now; ``read`` as for `create_version`.

    Raises:
        NotFound, Invalid, TooLarge: as for `create_version`.
    """
    if new.derived_from:
        read_version(tx, new.derived_from)
    content = rules.content(new, composing.pieces(tx, new, read or read_to_include))
    return PromptCheck(
        existing=find_content(tx, new.name, content.digest),
        kind=new.kind,
        **content._asdict(),
    )


def take(tx: Writing, name: str) -> list[int]:
    """The nodes of a prompt's versions, the oldest first; until this transaction ends nobody
    else changes the prompt, or makes another version of it.

    Raises:
        NotFound: there is no such prompt.
    """
    read_prompt(tx, name)
    return store.version_nodes(tx, store.lock_series(tx, name))


def find_content(tx: Reading, name: str, digest: str) -> PromptVersionRef | None:
    """The version of a prompt that has this content; None when there is none."""
    found = store.find(tx, name)
    number = store.numbers_with(tx, found[0], [digest]).get(digest) if found else None
    return PromptVersionRef(name, number) if number else None


def read_prompt(tx: Reading, name: str) -> Prompt:
    """A prompt with its labels.

    Raises:
        NotFound: there is no such prompt.
    """
    found = store.find(tx, name)
    if found is None:
        raise _unknown(tx, name)
    return found[1]


def list_versions(
    tx: Reading, name: str, *, retired: bool, cursor: str | None, limit: int
) -> Page[PromptVersion]:
    """The versions of a prompt, the newest first; the retired ones only if asked.

    Raises:
        NotFound: there is no such prompt.
    """
    read_prompt(tx, name)
    listing = f"versions of prompt {name}"
    before = cursors.decode(listing, cursor, int)
    items = store.versions(tx, name, retired=retired, before=before, limit=limit)
    return cursors.page(listing, items, limit, lambda last: last.number)


def read_version(tx: Reading, ref: PromptVersionRef | PromptLabelRef) -> PromptVersion:
    """The version that a number or a label names.

    Raises:
        NotFound: there is no such prompt, number or label.
    """
    number = ref.number if isinstance(ref, PromptVersionRef) else _labelled(tx, ref)
    version = store.version(tx, ref.name, number)
    if version is None:
        prompt = read_prompt(tx, ref.name)
        raise NotFound(
            f"The prompt {ref.name!r} has no version {number}; its versions are 1 to "
            f"{prompt.latest}.",
            kind="prompt version",
            name=str(ref),
            latest=prompt.latest,
        )
    return version


def newest_fit(tx: Reading, name: str) -> int | None:
    """The highest version of a prompt that something new may be built on; None: there is none."""
    fit = (
        number
        for number in store.standing(tx, name)
        if not withdrawals.against(tx, PromptVersionRef(name, number))
    )
    return next(fit, None)


def move_label(tx: Writing, name: str, label: str, change: LabelChange) -> PromptVersion:
    """Move a label, and keep who moved it, from where and why.

    Raises:
        NotFound: there is no such prompt or version.
        Stale: the label does not point where ``expected`` says.
        Invalid: the label is kept by the system.
        Conflict: the label is a semantic version that is on another one.
        VersionWithdrawn: the version is retired or recalled.
        NotAllowed: the label is protected, and the actor may not move protected ones.
    """
    refuse_latest(label)
    target = read_version(tx, PromptVersionRef(name, change.number))
    id = store.lock_series(tx, name)
    ref = PromptLabelRef(name, label)
    put(tx, id, ref, change.number, change.reason, expected=change.expected)
    return read_version(tx, target.ref)


def remove_label(
    tx: Writing, name: str, label: str, reason: str, *, expected: int | None
) -> LabelMove:
    """Take a label off a prompt; its history stays, and says so.

    Raises:
        NotFound: there is no such prompt or label.
        Stale: the label does not point where ``expected`` says.
        Invalid: the label is kept by the system.
        Conflict: the label is a semantic version.
        NotAllowed: the label is protected, and the actor may not move protected ones.
    """
    refuse_latest(label)
    read_prompt(tx, name)
    id, ref = store.lock_series(tx, name), PromptLabelRef(name, label)
    _labelled(tx, ref)
    removed = put(tx, id, ref, None, reason, expected=expected)
    assert removed is not None
    return removed


def promote(tx: Writing, name: str, promotion: Promotion) -> PromptVersion:
    """Move a label to the version that another one names at this moment.

    Raises:
        NotFound: there is no such prompt, or no label to promote from.
        Stale: the label to move does not point where ``expected`` says.
        Invalid: the label to move is kept by the system.
        Conflict: it is a semantic version that is on another one.
        NotAllowed: it is protected, and the actor may not move protected ones.
        VersionWithdrawn: the version is retired or recalled.
    """
    read_prompt(tx, name)
    store.lock_series(tx, name)  # nobody moves the one label between our look and the other
    change = LabelChange(
        number=_labelled(tx, PromptLabelRef(name, promotion.source)),
        reason=promotion.reason,
        expected=promotion.expected,
    )
    return move_label(tx, name, promotion.target, change)


def history(
    tx: Reading, name: str, *, cursor: str | None, limit: int, semantic: bool = True
) -> Page[LabelMove]:
    """The moves of a prompt's labels, the newest first; without ``semantic`` those of labels
    that are no semantic versions.

    Raises:
        NotFound: there is no such prompt.
    """
    read_prompt(tx, name)
    listing = f"moves of the labels of {name}"
    before = cursors.decode(listing, cursor, int)
    items = store.moves(tx, name, before=before, limit=limit, semantic=semantic)
    return cursors.page(listing, items, limit, lambda last: last.id)


def newest_moves(tx: Reading, name: str) -> tuple[LabelMove, ...]:
    """The newest move of each label that a prompt has, by label: how it came to be where it
    is.

    Raises:
        NotFound: there is no such prompt.
    """
    found = store.find(tx, name)
    if found is None:
        raise _unknown(tx, name)
    id, prompt = found
    return tuple(one for one in label_store.newest_moves(tx, id) if one.label in prompt.labels)


def last_changes(tx: Reading, names: Collection[str]) -> dict[str, LastChange]:
    """What was done last to each of these prompts, by name."""
    return {one.name: one for one in store.last_changes(tx, names)}


def label_history(tx: Reading, name: str, label: str) -> tuple[tuple[datetime, int | None], ...]:
    """When a label came to be on which version, None when it was removed; the oldest first,
    and empty for an unknown one.

    ``latest`` came to each version when that was made.
    """
    if label == LATEST:
        return store.version_history(tx, name)
    return store.label_history(tx, name, label)


def version_history(tx: Reading, name: str) -> tuple[tuple[datetime, int], ...]:
    """When each version of a prompt was made, the oldest first; empty for an unknown one."""
    return store.version_history(tx, name)


def moves_between(
    tx: Reading, names: Collection[str], since: datetime, until: datetime, limit: int
) -> tuple[LabelMove, ...]:
    """Moves of these prompts' labels after ``since`` and up to ``until``, the newest first."""
    return store.moves_between(tx, names, since, until, limit)


def made_between(
    tx: Reading, names: Collection[str], since: datetime, until: datetime, limit: int
) -> tuple[PromptVersion, ...]:
    """These prompts' versions that were made then, the newest first; without their labels."""
    return store.made_between(tx, names, since, until, limit)


def read_to_include(tx: Reading, ref: PromptVersionRef | PromptLabelRef) -> PromptVersion:
    """As `read_version`; but of ``latest``, the newest that is not withdrawn."""
    newest = isinstance(ref, PromptLabelRef) and ref.label == LATEST
    number = newest_fit(tx, ref.name) if newest else None
    return read_version(tx, PromptVersionRef(ref.name, number) if number else ref)


def _describe(tx: Writing, id: int, new: NewPromptVersion) -> None:
    given = new.model_dump(include={"description", "tags"}, exclude_none=True)
    before = store.describe(tx, id, given)
    if before | given != before:
        audit(tx, "prompt.describe", new.name, why=new.message, before=before, after=before | given)


def _alike(
    tx: Reading, new: NewPromptVersion, alike: Callable[[PromptVersion], bool]
) -> int | None:
    text = templates.first(new.template)
    read = store.versions(tx, new.name, before=None, limit=ALIKE_MAX, retired=False, saying=text)
    found = [version for version in read if alike(version)]
    labelled = (one.number for one in found if set(one.labels) & set(new.labels))
    return next(labelled, found[0].number if found else None)


def _refuse_withdrawn(tx: Reading, name: str, pieces: Iterable[PromptVersion]) -> None:
    for piece in pieces:
        withdrawals.refuse_withdrawn(tx, piece.ref, f"{name} cannot include {piece.ref}")


def _labelled(tx: Reading, ref: PromptLabelRef) -> int:
    prompt = read_prompt(tx, ref.name)
    labels = prompt.labels | {LATEST: prompt.latest}
    if ref.label not in labels:
        raise not_found(f"label of prompt {ref.name!r}", ref.label, labels)
    return labels[ref.label]


def _unknown(tx: Reading, name: str) -> NotFound:
    return not_found("prompt", name, store.names(tx, name))


def _essence(ref: PromptVersionRef, digest: str, kind: PromptKind) -> Json:
    return {"ref": str(ref), "digest": digest, "kind": kind}
