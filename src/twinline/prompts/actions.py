"""Make prompt versions, read them, and move labels."""

from collections.abc import Collection
from datetime import datetime

from twinline.access.actions import audit
from twinline.db.session import Reading, Writing
from twinline.language import cursors
from twinline.language.errors import Invalid, NotFound, Stale
from twinline.language.names import LATEST
from twinline.language.nearest import not_found
from twinline.language.records import (
    LabelChange,
    LabelMove,
    NewPromptVersion,
    Page,
    Prompt,
    PromptVersion,
)
from twinline.language.refs import PromptLabelRef, PromptVersionRef
from twinline.prompts import rules, store
from twinline.suites import pending


def create_version(tx: Writing, new: NewPromptVersion) -> tuple[PromptVersion, bool]:
    """The version with this content, and whether it had to be made.

    Raises:
        NotFound: there is no version that it could be derived from.
    """
    if new.derived_from:
        read_version(tx, new.derived_from)
    id = store.lock_series(tx, new.name)
    _describe(tx, id, new)
    digest = rules.content_digest(new)
    existing = store.number_with(tx, id, digest)
    number = existing or store.add_version(tx, id, new, digest)
    for label in new.labels:
        _move(tx, id, new.name, label, number, new.message or "set with the version")
    version = read_version(tx, PromptVersionRef(new.name, number))
    if existing is None:
        audit(tx, "prompt.create", str(version.ref), why=new.message, after=_essence(version))
        pending.evaluate_new(tx, version.ref)
    return version, existing is None


def read_prompt(tx: Reading, name: str) -> Prompt:
    """A prompt with its labels.

    Raises:
        NotFound: there is no such prompt.
    """
    found = store.find(tx, name)
    if found is None:
        raise _unknown(tx, name)
    return found[1]


def list_prompts(
    tx: Reading, *, search: str | None, cursor: str | None, limit: int
) -> Page[Prompt]:
    """Prompts by name."""
    after = cursors.decode("prompts", cursor, str)
    items = store.page(tx, search=search, after=after, limit=limit)
    return cursors.page("prompts", items, limit, lambda last: last.name)


def list_versions(tx: Reading, name: str, *, cursor: str | None, limit: int) -> Page[PromptVersion]:
    """The versions of a prompt, the newest first.

    Raises:
        NotFound: there is no such prompt.
    """
    read_prompt(tx, name)
    listing = f"versions of prompt {name}"
    before = cursors.decode(listing, cursor, int)
    items = store.versions(tx, name, before=before, limit=limit)
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


def move_label(tx: Writing, name: str, label: str, change: LabelChange) -> PromptVersion:
    """Move a label, and keep who moved it, from where and why.

    Raises:
        NotFound: there is no such prompt or version.
        Stale: the label does not point where ``expected`` says.
        Invalid: the label is kept by the system.
    """
    if label == LATEST:
        raise Invalid(f"The label {LATEST!r} is kept by the system.", field="label", value=label)
    target = read_version(tx, PromptVersionRef(name, change.number))
    id = store.lock_series(tx, name)
    current = store.labels(tx, id)[id].get(label)
    if change.expected is not None and change.expected != (current or 0):
        raise Stale(
            f"The label {label!r} of {name!r} points to {current or 'nothing'}, not to "
            f"{change.expected}; look again before moving it.",
            current=current,
        )
    _move(tx, id, name, label, change.number, change.reason)
    return read_version(tx, target.ref)


def history(tx: Reading, name: str, *, cursor: str | None, limit: int) -> Page[LabelMove]:
    """The moves of a prompt's labels, the newest first.

    Raises:
        NotFound: there is no such prompt.
    """
    read_prompt(tx, name)
    listing = f"moves of the labels of {name}"
    before = cursors.decode(listing, cursor, int)
    items = store.moves(tx, name, before=before, limit=limit)
    return cursors.page(listing, items, limit, lambda last: last.id)


def label_history(tx: Reading, name: str, label: str) -> tuple[tuple[datetime, int], ...]:
    """When a label came to be on which version, the oldest first; empty for an unknown one.

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


def _describe(tx: Writing, id: int, new: NewPromptVersion) -> None:
    given = new.model_dump(include={"description", "tags"}, exclude_none=True)
    before = store.describe(tx, id, given)
    if before | given != before:
        audit(tx, "prompt.describe", new.name, why=new.message, before=before, after=before | given)


def _move(tx: Writing, id: int, name: str, label: str, number: int, reason: str) -> None:
    previous = store.labels(tx, id)[id].get(label)
    if previous == number:
        return
    store.add_move(tx, id, label, number, previous, reason)
    audit(
        tx,
        "label.move",
        str(PromptLabelRef(name, label)),
        why=reason,
        before={"number": previous},
        after={"number": number},
    )


def _labelled(tx: Reading, ref: PromptLabelRef) -> int:
    prompt = read_prompt(tx, ref.name)
    labels = prompt.labels | {LATEST: prompt.latest}
    if ref.label not in labels:
        raise not_found(f"label of prompt {ref.name!r}", ref.label, labels)
    return labels[ref.label]


def _unknown(tx: Reading, name: str) -> NotFound:
    return not_found("prompt", name, store.names(tx, name))


def _essence(version: PromptVersion) -> dict[str, object]:
    return version.model_dump(mode="json", include={"ref", "digest", "kind"})
