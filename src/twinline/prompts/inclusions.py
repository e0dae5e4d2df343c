"""What versions include, who includes them, who is behind, and bringing those up to date."""

from collections.abc import Collection, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from twinline.db.session import Reading, Writing
from twinline.language import cursors
from twinline.language.errors import Conflict
from twinline.language.names import LATEST
from twinline.language.records import (
    Include,
    IncludersUpdated,
    Inclusion,
    NewPromptVersion,
    OutdatedInclude,
    Page,
    Prompt,
    PromptVersion,
    UpdatedIncluder,
)
from twinline.language.refs import PromptLabelRef, PromptVersionRef
from twinline.prompts import actions, inclusion_store, rules, store
from twinline.prompts.inclusion_store import Way


def includes(
    tx: Reading, ref: PromptVersionRef | PromptLabelRef, *, cursor: str | None, limit: int
) -> Page[Inclusion]:
    """All that stands in a version, the nearest first.

    Raises:
        NotFound: there is no such version.
    """
    found = actions.read_version(tx, ref).ref
    roots = inclusion_store.ids(tx, [found])
    return _page(tx, "includes", f"includes of {found}", roots, cursor, limit)


def included_by(
    tx: Reading, name: str, number: int | None, *, cursor: str | None, limit: int
) -> Page[Inclusion]:
    """All versions that a version stands in, or any version of the prompt, the nearest first.

    Raises:
        NotFound: there is no such prompt or version.
    """
    if number is None:
        actions.read_prompt(tx, name)
        roots = inclusion_store.versions(tx, name)
        return _page(tx, "included_by", f"includers of {name}", roots, cursor, limit)
    found = actions.read_version(tx, PromptVersionRef(name, number)).ref
    roots = inclusion_store.ids(tx, [found])
    return _page(tx, "included_by", f"includers of {found}", roots, cursor, limit)


class _Stale(NamedTuple):
    """A version in use that holds an older version of a prompt: by which of its includes."""

    version: PromptVersion
    pins: tuple[Include, ...]
    depth: int


def outdated(tx: Reading, name: str) -> tuple[OutdatedInclude, ...]:
    """Where versions in use, the newest and the labelled ones, hold an older version of a
    prompt than its newest; the nearest first. What is retired is in no use.

    Raises:
        NotFound: there is no such prompt.
        Conflict: prompts include one another in a circle.
    """
    found: list[OutdatedInclude] = []
    moving: set[PromptVersionRef] = set()
    for version, pins, depth in _stale(tx, name):
        for pin in pins:
            prompt = actions.read_prompt(tx, pin.version.name)
            follows = _follows(pin, prompt, moving)
            if follows:
                moving.add(version.ref)
            found.append(
                OutdatedInclude(
                    version=version.ref,
                    labels=version.labels,
                    written=pin.written,
                    pinned=pin.version,
                    newest=PromptVersionRef(prompt.name, prompt.latest),
                    depth=depth,
                    follows=follows,
                )
            )
    return tuple(sorted(found, key=lambda one: (one.depth, str(one.version))))


def update_includers(tx: Writing, name: str, reason: str) -> IncludersUpdated:
    """Make new versions of all that hold an older version of a prompt, what is included
    before what includes it.

    Where a template names a number it gets the newest; where it names a label, that is asked
    again. Labels stay where they are.

    Raises:
        NotFound: there is no such prompt.
        Conflict: prompts include one another in a circle.
        Invalid, TooLarge: a version cannot be made so.
    """
    for includer in sorted({one.version.name for one in _stale(tx, name)}):
        store.lock_series(tx, includer)
    items: list[UpdatedIncluder] = []
    for version, pins, _ in _stale(tx, name):
        names = {pin.version.name for pin in pins}
        newest = {one: actions.read_prompt(tx, one).latest for one in names}
        after, made = actions.create_version(tx, _updated(version, newest, reason))
        if after.ref != version.ref:
            items.append(UpdatedIncluder(before=version.ref, after=after.ref, made=made))
    return IncludersUpdated(items=tuple(items))


def _follows(pin: Include, prompt: Prompt, moving: Collection[PromptVersionRef]) -> bool:
    """Whether an update changes an include, when it makes new versions of ``moving``."""
    label = pin.written.rpartition("@")[2]
    if label.isdigit() or label == LATEST:
        newest = PromptVersionRef(prompt.name, prompt.latest)
        return newest != pin.version or newest in moving
    return prompt.labels.get(label, pin.version.number) != pin.version.number


def _updated(version: PromptVersion, newest: dict[str, int], reason: str) -> NewPromptVersion:
    return NewPromptVersion(
        name=version.name,
        template=rules.repinned(version.template, newest),
        variables=rules.declarations(version),
        examples=version.examples,
        parameters=version.parameters,
        message=reason,
        derived_from=version.ref,
    )


def _stale(tx: Reading, name: str) -> list[_Stale]:
    """What holds an older version: what is included before what includes it, and of each
    prompt the newest version last."""
    latest = actions.read_prompt(tx, name).latest
    holding = {one.version: one for one in inclusion_store.includers_below(tx, name, latest)}
    found: list[_Stale] = []
    for ref, one in holding.items():
        version = actions.read_version(tx, ref) if one.labels else None
        if version is None or version.retired_at:
            continue
        pins = tuple(
            pin
            for pin in version.includes
            if pin.version in holding or (pin.version.name == name and pin.version.number < latest)
        )
        found.append(_Stale(version, pins, one.depth))
    return _in_order(found)


def _in_order(found: Sequence[_Stale]) -> list[_Stale]:
    graph: dict[str, set[str]] = {}
    for one in found:
        graph.setdefault(one.version.name, set()).update(pin.version.name for pin in one.pins)
    try:
        turns = {name: turn for turn, name in enumerate(TopologicalSorter(graph).static_order())}
    except CycleError as error:
        circle = " > ".join(reversed(error.args[1]))
        raise Conflict(
            f"Versions in use include one another in a circle: {circle}. Make a version of one of "
            "them that does not, or retire the one that does.",
            names=error.args[1],
        ) from error
    return sorted(found, key=lambda one: (turns[one.version.name], one.version.number))


def _page(
    tx: Reading, way: Way, listing: str, roots: Sequence[int], cursor: str | None, limit: int
) -> Page[Inclusion]:
    after = cursors.decode(listing, cursor, int)
    found = inclusion_store.page(tx, way, roots, after=after, limit=limit)
    last = found[-1].place if found else 0
    items = [one.inclusion for one in found]
    return cursors.page(listing, items, limit, lambda _: last)
