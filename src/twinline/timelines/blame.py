"""What changed last before a moment, on each side of a slot."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.inferences import actions as inferences
from twinline.language.records import (
    Blame,
    Bundle,
    ChangedSide,
    Deployment,
    RankedChange,
    Suspect,
)
from twinline.language.refs import BundleRef, SlotRef
from twinline.routing.policy import read_policy
from twinline.timelines import changes, moves, ranking
from twinline.timelines.timeline import named_by, state

LOOK_BACK = 1_000
"""Deployments that are looked at, at most, unless fewer are enough."""

AROUND = timedelta(days=30)
"""How far back what is no deployment is looked for."""

_SIDES: frozenset[ChangedSide] = frozenset({"prompt", "model", "parameters", "policy"})
_PAGE = 20
_PAGE_MOST = 200


class _Steps(NamedTuple):
    """Deployments of a slot, the newest first, and the bundles that their policies name."""

    made: Sequence[Deployment]
    known: Mapping[BundleRef, Bundle]


def before(tx: Reading, live: Deployment, at: datetime, look_back: int = LOOK_BACK) -> Blame:
    """The nearest change of each kind on each side before ``at``, when ``live`` was live;
    ``look_back`` is how many deployments are looked at, at most."""
    newest = _page(tx, live.slot, live.number + 1, _PAGE)
    found, looked_back, left_out = _deployed(tx, newest, look_back)
    suspects = [*_measured(tx, found, at), *(_suspect(one, at) for one in _others(tx, newest, at))]
    return Blame(
        slot=live.slot,
        at=at,
        live=live,
        suspects=ranking.nearest(suspects),
        looked_back=looked_back,
        left_out=left_out,
    )


def _page(tx: Reading, slot: SlotRef, below: int, size: int) -> _Steps:
    made = deployments.entries(tx, slot, before=below, limit=size + 1)
    return _Steps(made, named_by(tx, made))


def _deployed(
    tx: Reading, newest: _Steps, look_back: int
) -> tuple[list[tuple[Deployment, RankedChange]], int, str | None]:
    """The newest deployment that changed each side, and how many were looked at for them."""
    found: dict[ChangedSide, tuple[Deployment, RankedChange]] = {}
    looked_back = 0
    for made, changed in _changes(tx, newest):
        if looked_back == look_back:
            return list(found.values()), looked_back, f"Deployments up to {made.number}."
        looked_back += 1
        for one in changed:
            found.setdefault(one.side, (made, one))
        if found.keys() == _SIDES:
            break
    return list(found.values()), looked_back, None


def _changes(tx: Reading, page: _Steps) -> Iterator[tuple[Deployment, list[RankedChange]]]:
    """Deployments, the newest first, with what each changed."""
    while True:
        for newer, older in pairwise(page.made):
            same = newer.digest == older.digest
            yield newer, [] if same else list(moves.of_deployment(older, newer, page.known))
        oldest = page.made[-1]
        if oldest.number == 1:
            yield oldest, list(moves.of_deployment(None, oldest, page.known))
            return
        page = _page(tx, oldest.slot, oldest.number + 1, _PAGE_MOST)


def _others(tx: Reading, newest: _Steps, at: datetime) -> Iterator[RankedChange]:
    """What moved beside the bundles of the newest two."""
    live, *_ = newest.made
    named = {ref for one in newest.made[:2] for ref in read_policy(one.policy).bundles()}
    known = {ref: bundle for ref, bundle in newest.known.items() if ref in named}
    around = changes.find_around(tx, live.slot, known, at - AROUND, at)
    return changes.of_others(around, state(live, known), at - AROUND, at)


def _measured(
    tx: Reading, found: list[tuple[Deployment, RankedChange]], at: datetime
) -> Iterator[Suspect]:
    """Deployments as suspects, with what was served before and under each."""
    if not found:
        return
    numbers = {number for made, _ in found for number in (made.number - 1, made.number)}
    served = inferences.served_by_deployment(tx, found[0][0].slot, sorted(numbers))
    for made, change in found:
        measured = {
            "service_before": served[made.number - 1] if made.number > 1 else None,
            "service_after": served[made.number],
        }
        yield _suspect(change, at).model_copy(update=measured)


def _suspect(change: RankedChange, at: datetime) -> Suspect:
    return Suspect(
        change=change,
        seconds_before=(at - change.at).total_seconds(),
        service_before=None,
        service_after=None,
    )
