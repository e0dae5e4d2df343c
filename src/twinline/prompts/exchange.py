"""Take prompt versions over from another place, and give them out to one.

Content decides: what is a version of its prompt already is the same one, so that an import
can be repeated, and nothing of it is changed. What a version includes is found by the digest
that it was pinned by where it comes from, whatever number that has here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from twinline.db.session import Reading, Writing
from twinline.language import cursors, identity, import_order, templates
from twinline.language.errors import Conflict, Invalid, NotAllowed, NotFound
from twinline.language.records import (
    ImportedItem,
    ImportReport,
    Include,
    Page,
    PromptCheck,
    PromptImport,
    PromptItem,
    PromptVersion,
    Renumbered,
)
from twinline.language.refs import PromptLabelRef, PromptVersionRef
from twinline.prompts import actions, rules, store
from twinline.prompts.composing import Read

_listing = "exported prompt versions"


class _Undone(Exception):
    """Takes the report out of what is undone."""

    def __init__(self, report: ImportReport) -> None:
        self.report = report


@dataclass
class _Known:
    """What is here of the place that is imported from."""

    by_content: dict[tuple[str, str], PromptVersionRef] = field(
        default_factory=dict[tuple[str, str], PromptVersionRef]
    )
    """By the prompt and the digest there, for two prompts may say the same."""
    there: dict[PromptVersionRef, PromptVersionRef] = field(
        default_factory=dict[PromptVersionRef, PromptVersionRef]
    )
    """What a version here is called there, where that is not the same."""

    renumbered: dict[PromptVersionRef, Renumbered] = field(
        default_factory=dict[PromptVersionRef, Renumbered]
    )
    """What was found to have another number or digest here, by what it is called there."""

    def add(self, there: PromptVersionRef, digest: str, here: PromptVersionRef) -> None:
        self.by_content[here.name, digest] = here
        self.there[here] = there

    def find(
        self, there: PromptVersionRef, digest: str, here: PromptVersionRef, digest_here: str
    ) -> None:
        """Add a version that was found here, and tell it where it differs."""
        self.add(there, digest, here)
        if (there, digest) != (here, digest_here):
            self.renumbered[there] = Renumbered(there=there, digest=digest, here=here)


def take_over(tx: Writing, wanted: PromptImport) -> ImportReport:
    """Make the versions that are not there yet, each or none; a version's own author is kept
    as its origin, and its labels move only if that is wanted.

    An item that is refused leaves nothing behind, and does not hold up the others unless the
    import is atomic. The description and the tags of a prompt come with its newest version,
    and only when that is made.

    Raises:
        Invalid: labels are wanted, and one is on two versions of a prompt.
    """
    if wanted.labels:
        import_order.refuse_labels_on_two(wanted.items)
    try:
        with tx.attempt():
            items, renumbered = _taken(tx, wanted)
            refused = any(item.outcome == "refused" for item in items)
            if wanted.check or (wanted.atomic and refused):
                raise _Undone(ImportReport(kept=False, items=items))
            return ImportReport(kept=True, items=items, renumbered=renumbered)
    except _Undone as undone:
        return undone.report


def give_out(
    tx: Reading,
    *,
    name: str | None,
    domain: str | None,
    label: str | None,
    cursor: str | None,
    limit: int,
) -> Page[PromptItem]:
    """Versions by prompt and number, retired ones too: all, or those of a prompt, in a domain
    or on a label.

    Raises:
        NotFound: there is no prompt ``name``.
    """
    if name is not None:
        actions.read_prompt(tx, name)
    listing = f"{_listing} {name} {domain} {label}"
    last = cursors.decode(listing, cursor, str) or ""
    before, _, number = last.rpartition("/")
    after = (before, int(number) if number.isdecimal() else 0)
    found = store.export(tx, name=name, domain=domain, label=label, after=after, limit=limit)
    items = [rules.item(prompt, version) for prompt, version in found]
    return cursors.page(
        listing, items, limit, lambda last: f"{last.version.name}/{last.number or 0}"
    )


def _taken(
    tx: Writing, wanted: PromptImport
) -> tuple[tuple[ImportedItem, ...], tuple[Renumbered, ...]]:
    known = _Known()
    for one in wanted.renumbered:
        known.add(one.there, one.digest, one.here)
    store.lock_those_there(tx, {item.version.name for item in wanted.items})
    order = import_order.arranged(wanted.items, labels=wanted.labels)
    found = {place: _refused(wanted.items[place], why) for place, why in order.refused.items()}
    for place in order.places:
        found[place] = _one(tx, wanted.items[place], known, labels=wanted.labels)
    items = tuple(found[place] for place in range(len(wanted.items)))
    return items, tuple(known.renumbered.values())


def _one(tx: Writing, item: PromptItem, known: _Known, *, labels: bool) -> ImportedItem:
    try:
        with tx.attempt():
            done = _made(tx, item, known, labels=labels)
    except (Invalid, NotFound, Conflict, NotAllowed) as error:
        return _refused(item, error.detail)
    assert done.version is not None
    assert done.digest is not None
    if item.number is not None and item.digest is not None:
        there = PromptVersionRef(item.version.name, item.number)
        known.find(there, item.digest, done.version, done.digest)
    return done


def _made(tx: Writing, item: PromptItem, known: _Known, *, labels: bool) -> ImportedItem:
    read = _reading_pins(tx, item, known)
    found = actions.check_version(tx, item.version, read=read)
    _refuse_other_content(item, found, known)
    here = found.existing
    wanted = _not_there_yet(tx, item, here) if labels else ()
    if here is None or wanted:
        new = item.version.model_copy(update={"labels": wanted})
        if here is not None:
            new = new.model_copy(update={"description": None, "tags": None})
        version, made = actions.create_version(tx, new, read=read, origin=item.origin)
        here = version.ref
    else:
        made = False
    return ImportedItem(
        place=item.origin.place,
        name=here.name,
        outcome="created" if made else "same",
        version=here,
        digest=found.digest,
        labels=wanted,
    )


def _not_there_yet(tx: Reading, item: PromptItem, here: PromptVersionRef | None) -> tuple[str, ...]:
    """The labels of an item that are not on its version."""
    if here is None:
        return item.version.labels
    on = actions.read_version(tx, here).labels
    return tuple(label for label in item.version.labels if label not in on)


def _reading_pins(tx: Reading, item: PromptItem, known: _Known) -> Read:
    """Reads what the item includes: pinned versions, and what is not pinned as it is now."""
    pins = {pin.written: pin for pin in item.pins}
    written = templates.includes(item.version.template) if pins else ()
    pinned = {one.ref: _pinned(tx, pins[one.text], known) for one in written if one.text in pins}

    def read(tx: Reading, ref: PromptVersionRef | PromptLabelRef) -> PromptVersion:
        return pinned.get(ref) or actions.read_to_include(tx, ref)

    return read


def _pinned(tx: Reading, pin: Include, known: _Known) -> PromptVersion:
    name = pin.written.rpartition("@")[0]
    if pin.version.name != name:
        raise Invalid(
            f"{{{{> {pin.written} }}}} is pinned to {pin.version}, which is another prompt.",
            field="pins",
            value=str(pin.version),
        )
    made = known.by_content.get((name, pin.digest))
    here = made or actions.find_content(tx, name, pin.digest)
    if here is None:
        raise NotFound(
            f"{{{{> {pin.written} }}}} was {pin.version} with the digest {pin.digest[:12]}, which "
            f"no version of {name!r} has here. Import that version too, or with it.",
            kind="prompt version",
            name=str(pin.version),
        )
    found = actions.read_version(tx, here)
    known.find(pin.version, pin.digest, here, found.digest)
    return found


def _refuse_other_content(item: PromptItem, found: PromptCheck, known: _Known) -> None:
    if item.digest is None or found.digest == item.digest:
        return
    there = _digest_there(item, found, known)
    if there != item.digest:
        raise Invalid(
            f"Its digest is said to be {item.digest}, but its content has {there}: it was changed "
            "after it was written. Leave the digest out where that was meant.",
            field="digest",
            value=item.digest,
        )


def _digest_there(item: PromptItem, found: PromptCheck, known: _Known) -> str:
    """The digest of the content by the numbers that what it includes has where it comes from."""
    pins = {pin.written: pin for pin in item.pins}
    includes = tuple(pins.get(one.written, one) for one in found.includes)
    there = known.there | {
        one.version: pin.version for one, pin in zip(found.includes, includes, strict=True)
    }
    variables = [
        variable.model_copy(update={"declared_in": _there(variable.declared_in, there)})
        for variable in found.variables
    ]
    return identity.prompt_digest(
        kind=found.kind,
        template=identity.as_json(found.composed or item.version.template),
        variables=[identity.without_defaults(one) for one in variables],
        parameters=item.version.parameters,
        syntax=item.version.syntax,
        examples=[one.model_dump(mode="json") for one in item.version.examples],
        includes=includes,
    )


def _there(
    here: PromptVersionRef | None, there: Mapping[PromptVersionRef, PromptVersionRef]
) -> PromptVersionRef | None:
    return there.get(here, here) if here else None


def _refused(item: PromptItem, reason: str) -> ImportedItem:
    return ImportedItem(
        place=item.origin.place, name=item.version.name, outcome="refused", reason=reason
    )
