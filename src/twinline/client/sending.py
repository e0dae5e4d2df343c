"""How the versions of an import reach the server: in as many requests as they take."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from twinline.client.http import Http
from twinline.language import import_order
from twinline.language.errors import TooLarge
from twinline.language.records import (
    ITEMS_MAX,
    ImportedItem,
    ImportReport,
    PromptImport,
    PromptItem,
    Renumbered,
)
from twinline.language.refs import PromptVersionRef

TOGETHER = 100
"""Items in one request where several will do, so that progress is seen."""
BYTES_MAX = 15 << 20
"""What the items of a request take at most: an inch below the server's limit."""
_TIMEOUT_SECONDS = 120.0


class Sending(NamedTuple):
    """What is wanted of an import."""

    labels: bool
    atomic: bool
    check: bool


def send(
    http: Http,
    items: Sequence[PromptItem],
    unread: Sequence[ImportedItem],
    wanted: Sending,
    progress: Callable[[int], object] | None,
) -> ImportReport:
    """Import ``items``; ``unread`` are refused already.

    Raises:
        Invalid: labels are wanted, and one is on two versions of a prompt.
        TooLarge: they have to go in one request and are too many or too large for it.
    """
    if wanted.labels:
        import_order.refuse_labels_on_two(items)
    order = import_order.arranged(items, labels=wanted.labels)
    if wanted.atomic and (unread or order.refused):
        wanted = wanted._replace(check=True)
    arranged = [items[place] for place in order.places]
    done: list[ImportedItem] = []
    renumbered: dict[PromptVersionRef, Renumbered] = {}
    pinned = _pinned(items)
    kept = not wanted.check
    for part in _parts(arranged, whole=wanted.atomic or wanted.check):
        below = [renumbered[ref] for ref in _below(part, pinned) if ref in renumbered]
        body = PromptImport(items=tuple(part), **wanted._asdict(), renumbered=tuple(below))
        report = http.write(
            ImportReport, "POST", "/prompts/import", body, timeout_seconds=_TIMEOUT_SECONDS
        )
        done += report.items
        kept = kept and report.kept
        renumbered |= {one.there: one for one in report.renumbered}
        if progress is not None:
            progress(len(done))
    found = {place: _refused(items[place], why) for place, why in order.refused.items()}
    found |= dict(zip(order.places, done, strict=True))
    return ImportReport(kept=kept, items=(*unread, *(found[place] for place in sorted(found))))


def _parts(items: Sequence[PromptItem], *, whole: bool) -> Iterator[list[PromptItem]]:
    together = ITEMS_MAX if whole else TOGETHER
    part: list[PromptItem] = []
    size = 0
    for item in items:
        bytes_taken = len(item.model_dump_json(exclude_unset=True).encode()) + 1
        if part and (len(part) == together or size + bytes_taken > BYTES_MAX):
            if whole:
                raise TooLarge(
                    f"{len(items):,} items take more than one request may hold ({ITEMS_MAX:,} "
                    f"items, {BYTES_MAX:,} bytes), and only within one they can be checked, or "
                    "all be kept or none. Take them folder by folder (twinline prompts import "
                    "--domain), what others include first.",
                    items=len(items),
                )
            yield part
            part, size = [], 0
        part.append(item)
        size += bytes_taken
    if part:
        yield part


def _pinned(items: Iterable[PromptItem]) -> dict[PromptVersionRef, list[PromptVersionRef]]:
    """What each item is pinned to, where it comes from."""
    return {
        PromptVersionRef(item.version.name, item.number): [pin.version for pin in item.pins]
        for item in items
        if item.number is not None
    }


def _below(
    part: Iterable[PromptItem], pinned: Mapping[PromptVersionRef, Iterable[PromptVersionRef]]
) -> Iterable[PromptVersionRef]:
    """What items are pinned to, and what that is pinned to, and so on."""
    found = dict.fromkeys(pin.version for item in part for pin in item.pins)
    waiting = [*found]
    while waiting:
        new = [ref for ref in pinned.get(waiting.pop(), ()) if ref not in found]
        found |= dict.fromkeys(new)
        waiting += new
    return found


def _refused(item: PromptItem, reason: str) -> ImportedItem:
    return ImportedItem(
        place=item.origin.place, name=item.version.name, outcome="refused", reason=reason
    )
