"""In which order versions can be made: older ones of a prompt before newer ones, and what is
included before what includes it."""

from collections.abc import Iterable, Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import NamedTuple

from twinline.language import templates
from twinline.language.errors import Invalid
from twinline.language.names import LATEST
from twinline.language.records import PromptItem
from twinline.language.refs import PromptVersionRef


class Order(NamedTuple):
    """The places of items in the order in which to make them, and why others cannot be."""

    places: tuple[int, ...]
    refused: dict[int, str]


def arranged(items: Sequence[PromptItem]) -> Order:
    """The order of items. Those that include one another in a circle are refused, with the
    way round; what includes those is left to find that they are missing."""
    before = _before(items)
    refused: dict[int, str] = {}
    while True:
        try:
            return Order(tuple(TopologicalSorter(before).static_order()), refused)
        except CycleError as error:
            circle: list[int] = list(reversed(error.args[1]))
            way = " > ".join(_called(items[place]) for place in circle)
            refused |= dict.fromkeys(circle, f"It would come before itself: {way}.")
            before = {
                place: earlier - refused.keys()
                for place, earlier in before.items()
                if place not in refused
            }


def refuse_labels_on_two(items: Iterable[PromptItem]) -> None:
    """Raise Invalid when a label is to move to two versions of one prompt."""
    on: dict[tuple[str, str], str] = {}
    for item in items:
        for label in dict.fromkeys(item.version.labels):
            place = on.setdefault((item.version.name, label), item.origin.place)
            if place != item.origin.place:
                raise Invalid(
                    f"The label {label!r} of {item.version.name!r} is on {place} and on "
                    f"{item.origin.place}; leave it on one.",
                    field="labels",
                    value=label,
                )


def _before(items: Sequence[PromptItem]) -> dict[int, set[int]]:
    """What each item has to wait for, by their places."""
    before: dict[int, set[int]] = {place: set() for place in range(len(items))}
    series: dict[str, list[int]] = {}
    for place in sorted(before, key=lambda place: (items[place].number or 0, place)):
        series.setdefault(items[place].version.name, []).append(place)
    for places in series.values():
        for earlier, later in pairwise(places):
            before[later].add(earlier)
    for place, item in enumerate(items):
        for name, which in _included(item):
            before[place].update(_meant(items, series.get(name, ()), which))
    return before


def _included(item: PromptItem) -> Iterator[tuple[str, int | str]]:
    """The prompts that an item includes, each by a number or a label."""
    pinned = {pin.written: pin.version for pin in item.pins}
    if item.version.syntax == "jinja2":
        return
    try:
        written = templates.includes(item.version.template)
    except Invalid:
        return  # whoever makes it says what is wrong with it
    for one in written:
        ref = pinned.get(one.text, one.ref)
        yield ref.name, ref.number if isinstance(ref, PromptVersionRef) else ref.label


def _meant(items: Sequence[PromptItem], series: Sequence[int], which: int | str) -> list[int]:
    if which == LATEST:
        return [*series[-1:]]
    if isinstance(which, int):
        return [place for place in series if items[place].number == which]
    return [place for place in series if which in items[place].version.labels]


def _called(item: PromptItem) -> str:
    return f"{item.version.name}@{item.number}" if item.number else item.version.name
