"""What versions include, who includes them, who is behind, and bringing those up to date."""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache, partial
from graphlib import CycleError, TopologicalSorter
from itertools import groupby
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


Newest = Callable[[str], PromptVersionRef | None]
"""Finds the newest version of a prompt that something new may be built on."""


class _Stale(NamedTuple):
    """A version in use that holds an older version of a prompt: by which of its includes."""

    version: PromptVersion
    pins: tuple[Include, ...]
    depth: int


def outdated(tx: Reading, name: str) -> tuple[OutdatedInclude, ...]:
    """Where versions in use, the newest and the labelled ones, hold an older version of a
    prompt than its newest; the nearest first. What is withdrawn is in no use, and no newest.

    Raises:
        NotFound: there is no such prompt.
        Conflict: prompts include one another in a circle.
    """
    found = _stale(tx, name)
    newest = cache(partial(_newest, tx))  # many hold the same, and nothing changes meanwhile
    moving = _moving(tx, found, newest)
    told = [
        OutdatedInclude(
            version=one.version.ref,
            labels=one.version.labels,
            written=pin.written,
            pinned=pin.version,
            newest=newest(pin.version.name) or pin.version,
            depth=one.depth,
            follows=one.version.ref in moving and _follows(tx, pin, moving, newest),
        )
        for one in found
        for pin in one.pins
    ]
    return tuple(sorted(told, key=lambda one: (one.depth, str(one.version))))


def update_includers(tx: Writing, name: str, reason: str) -> IncludersUpdated:
    """Make new versions of all that hold an older version of a prompt, what is included
    before what includes it.

    Where a template names a number it gets the newest; where it names a label, that is asked
    again. Labels stay where they are. ``latest`` goes to what is made, so a labelled version
    is left, and told, unless the newest of its prompt gets a new version after it.

    Raises:
        NotFound: there is no such prompt.
        Conflict: prompts include one another in a circle, or another one began to include
            this while we looked.
        Invalid, TooLarge: a version cannot be made so.
        VersionWithdrawn: one includes something else that is retired or recalled.
    """
    held = {one.version.name for one in _stale(tx, name)}
    for includer in sorted(held):
        store.lock_series(tx, includer)
    found = _stale(tx, name)
    others = {one.version.name for one in found} - held
    if others:  # to lock them now would be to lock in another order than others do
        raise Conflict(
            f"{', '.join(sorted(others))} began to include {name!r} just now. Ask again.",
            names=sorted(others),
        )
    items: list[UpdatedIncluder] = []
    left: list[PromptVersionRef] = []
    for group in _by_prompt(found):
        chosen = _to_update(tx, group, reason)
        rest = [one for one in group if one not in chosen]
        left += [
            one.version.ref
            for one in rest
            if any(_follows(tx, pin, (), partial(_newest, tx)) for pin in one.pins)
        ]
        for one in chosen:
            after, made = actions.create_version(tx, _updated(tx, one, reason))
            if after.ref != one.version.ref:
                items.append(UpdatedIncluder(before=one.version.ref, after=after.ref, made=made))
    return IncludersUpdated(items=tuple(items), left=tuple(left))


def _moving(tx: Reading, found: Sequence[_Stale], newest: Newest) -> set[PromptVersionRef]:
    """Of which versions an update makes new ones, as far as their includes say."""
    moving: set[PromptVersionRef] = set()
    for group in _by_prompt(found):
        ahead = {
            one.version.ref
            for one in group
            if any(_follows(tx, pin, moving, newest) for pin in one.pins)
        }
        if newest(group[-1].version.name) in ahead:
            moving |= ahead
    return moving


def _follows(
    tx: Reading, pin: Include, moving: Collection[PromptVersionRef], newest: Newest
) -> bool:
    """Whether an update changes an include, when it makes new versions of ``moving``."""
    name, label = pin.version.name, pin.written.rpartition("@")[2]
    if label.isdigit() or label == LATEST:
        last = newest(name)
        return last is not None and (last != pin.version or last in moving)
    now = actions.read_prompt(tx, name).labels.get(label, pin.version.number)
    return now != pin.version.number


def _newest(tx: Reading, name: str) -> PromptVersionRef | None:
    number = actions.newest_fit(tx, name)
    return PromptVersionRef(name, number) if number else None


def _to_update(tx: Reading, group: Sequence[_Stale], reason: str) -> Sequence[_Stale]:
    """What gets a new version: all, when the newest of them all does and so stays the newest,
    else at most that one."""
    newest = group[-1]
    if newest.version.ref != _newest(tx, newest.version.name):
        return ()
    known = actions.check_version(tx, _updated(tx, newest, reason)).existing
    return (newest,) if known else group


def _updated(tx: Reading, stale: _Stale, reason: str) -> NewPromptVersion:
    version = stale.version
    names = {pin.version.name for pin in stale.pins}
    newest = {name: found for name in names if (found := actions.newest_fit(tx, name))}
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
    actions.read_prompt(tx, name)
    newest = actions.newest_fit(tx, name) or 0
    older = inclusion_store.versions(tx, name, below=newest)
    depths = inclusion_store.used_holders(tx, older)
    known = store.with_nodes(tx, depths.keys())
    used = {
        id: version
        for id, version in known.items()
        if not (version.retired_at or version.recalled_at)
    }
    pinned = {pin.version for version in used.values() for pin in version.includes}
    behind = inclusion_store.holding(tx, older, pinned) | {
        ref for ref in pinned if ref.name == name and ref.number < newest
    }
    return _in_order(
        [
            _Stale(
                version, tuple(pin for pin in version.includes if pin.version in behind), depths[id]
            )
            for id, version in used.items()
        ]
    )


def _by_prompt(found: Sequence[_Stale]) -> Iterator[Sequence[_Stale]]:
    """What is in order, prompt by prompt."""
    for _, group in groupby(found, key=lambda one: one.version.name):
        yield tuple(group)


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
