"""In which order versions can be made: older ones of a prompt before newer ones, and what is
included before what includes it."""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from twinline.language import templates
from twinline.language.errors import Invalid
from twinline.language.names import LATEST
from twinline.language.records import PromptItem
from twinline.language.refs import PromptVersionRef

NAMED_MAX = 12
"""How many stations of a way round are named."""


class Order(NamedTuple):
    """The places of items in the order in which to make them, and why others cannot be."""

    places: tuple[int, ...]
    refused: dict[int, str]


def arranged(items: Sequence[PromptItem], *, labels: bool) -> Order:
    """The order of items. Those that include one another in a circle are refused, with a way
    round; what includes those is left to find that they are missing.

    With ``labels`` an include by a label means the item that the label moves to, otherwise
    whatever the label is on already. The time is linear in what the items hold.
    """
    before = _before(items, labels=labels)
    places: list[int] = []
    refused: dict[int, str] = {}
    for group in _components(before):
        way = _way_round(before, group)
        if way:
            why = f"It would come before itself: {_round(items, way)}."
            refused |= dict.fromkeys(group, why)
        else:
            places += group
    return Order(tuple(places), refused)


def refuse_labels_on_two(items: Sequence[PromptItem]) -> None:
    """Raise Invalid when a label is to move to two versions of one prompt."""
    on: dict[tuple[str, str], int] = {}
    for place, item in enumerate(items):
        for label in dict.fromkeys(item.version.labels):
            first = on.setdefault((item.version.name, label), place)
            if first != place:
                raise Invalid(
                    f"The label {label!r} is on {_placed(items[first])} and on {_placed(item)}; "
                    "leave it on one.",
                    field="labels",
                    value=label,
                )


def _before(items: Sequence[PromptItem], *, labels: bool) -> list[list[int]]:
    """What each item has to wait for, by their places.

    Of several that an include may mean it waits for the last of their prompt, which waits for
    the others.
    """
    before: list[list[int]] = [[] for _ in items]
    meant: dict[tuple[str, int | str | None], int] = {}
    for name, series in _series(items).items():
        for earlier, later in pairwise(series):
            before[later].append(earlier)
        for place in series:
            said = items[place].version.labels if labels else ()
            meant |= {(name, which): place for which in (items[place].number, *said)}
        meant[name, LATEST] = series[-1]
    for place, item in enumerate(items):
        before[place] += [meant[one] for one in _included(item) if one in meant]
    return before


def _series(items: Sequence[PromptItem]) -> dict[str, list[int]]:
    """The places of each prompt's versions, the oldest first."""
    series: dict[str, list[int]] = {}
    for place in sorted(range(len(items)), key=lambda place: items[place].number or 0):
        series.setdefault(items[place].version.name, []).append(place)
    return series


def _included(item: PromptItem) -> Iterator[tuple[str, int | str]]:
    """The prompts that an item includes, each by a number or a label; none of an item that
    whoever makes it refuses for them."""
    if item.version.syntax == "jinja2":
        return
    try:
        written = templates.includes(item.version.template)
    except Invalid:
        return
    if len(written) > templates.INCLUDES_MAX:
        return
    pinned = {pin.written: pin.version for pin in item.pins}
    for one in written:
        ref = pinned.get(one.text, one.ref)
        yield ref.name, ref.number if isinstance(ref, PromptVersionRef) else ref.label


def _components(before: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """The places in groups of those that wait for one another, mostly of one; each group
    after all that it waits for.

    H. N. Gabow, Path-based depth-first search for strong and biconnected components,
    Information Processing Letters 74 (2000); without recursion, for series are long.
    """
    at: dict[int, int] = {}
    ended: set[int] = set()
    open_places: list[int] = []
    firsts: list[int] = []
    way: list[tuple[int, Iterator[int]]] = []

    def enter(place: int) -> None:
        at[place] = len(open_places)
        open_places.append(place)
        firsts.append(place)
        way.append((place, iter(before[place])))

    for start in range(len(before)):
        if start not in ended:
            enter(start)
        while way:
            place, rest = way[-1]
            earlier = next((one for one in rest if one not in ended), None)
            if earlier is None:
                way.pop()
                if firsts[-1] == place:
                    firsts.pop()
                    group = open_places[at[place] :]
                    del open_places[at[place] :]
                    ended.update(group)
                    yield group
            elif earlier in at:
                while at[firsts[-1]] > at[earlier]:
                    firsts.pop()
            else:
                enter(earlier)


def _way_round(before: Sequence[Sequence[int]], group: Sequence[int]) -> list[int]:
    """A shortest way from the first of a group back to it; empty when there is none."""
    start, inside = group[0], set(group)
    came: dict[int, int] = {}
    waiting = deque([start])
    while waiting and start not in came:
        place = waiting.popleft()
        new = [one for one in before[place] if one in inside and one not in came]
        came |= dict.fromkeys(new, place)
        waiting.extend(new)
    if start not in came:
        return []
    way = [start, came[start]]
    while way[-1] != start:
        way.append(came[way[-1]])
    return way[::-1]


def _round(items: Sequence[PromptItem], way: Sequence[int]) -> str:
    named = [_called(items[place]) for place in way]
    if len(named) > NAMED_MAX:
        named[NAMED_MAX - 1 : -1] = [f"{len(named) - NAMED_MAX:,} more"]
    return " > ".join(named)


def _placed(item: PromptItem) -> str:
    return f"{_called(item)} ({item.origin.place})"


def _called(item: PromptItem) -> str:
    return f"{item.version.name}@{item.number}" if item.number else item.version.name
