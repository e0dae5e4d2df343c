"""From a slot's deployments to its band in the picture of what was live when."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.language.records import Deployment, Slot
from twinline.language.refs import SlotRef
from twinline.pictures.timelines import Band, Span, Times
from twinline.routing.policy import read_policy
from twinline.timelines import ranking
from twinline.web import forms
from twinline.web.rendering import minute

DAYS = 28
"""How many days are drawn when nobody says."""

SPANS_MOST = 60
"""Deployments of a slot that are drawn."""

LEAST_SHOWN = 0.000_01
"""A share below one bucket is none."""


def times(
    tx: Reading, slots: Sequence[Slot], *, title: str, at: datetime, days: int, now: datetime
) -> Times:
    """What was live in these slots in the days around ``at``, which is marked."""
    begin, end = _window(at, timedelta(days=days), now)
    of_slot: dict[SlotRef, list[Deployment]] = {}
    for one in deployments.live_within(
        tx, [slot.ref for slot in slots], begin, end, limit=SPANS_MOST
    ):
        of_slot.setdefault(one.slot, []).append(one)
    return Times(
        title=title,
        begin=begin,
        end=end,
        mark=min(at, now),
        bands=tuple(
            Band(str(slot.ref), slot.route, _spans(of_slot.get(slot.ref, ()))) for slot in slots
        ),
    )


def _window(at: datetime, whole: timedelta, now: datetime) -> tuple[datetime, datetime]:
    """So much time with ``at`` in it: that up to now where it is in this, else around it."""
    if at >= now - whole:
        return now - whole, now
    return forms.moved(at, -whole / 2), min(forms.moved(at, whole / 2), now)


def other_share(deployment: Deployment) -> float:
    """The part of the traffic that the default bundle is declared not to get."""
    policy = read_policy(deployment.policy)
    known = ranking.declared(policy).known.get(policy.default.bundle, 0.0)
    return 1 - known if 1 - known > LEAST_SHOWN else 0.0


def _spans(made: Sequence[Deployment]) -> tuple[Span, ...]:
    ends = [*(one.at for one in made[1:]), None][: len(made)]
    return tuple(
        Span(
            ref=str(one.ref),
            begin=one.at,
            end=end,
            labels=_labels(one),
            notes=_notes(one, other := other_share(one)),
            told=_told(one, other),
            other=other,
        )
        for one, end in zip(made, ends, strict=True)
    )


def _labels(one: Deployment) -> tuple[str, ...]:
    prompt, model = one.prompt.number, one.model.number
    return (
        f"prompt {prompt} + model {model}",
        f"p{prompt} + m{model}",
        f"{prompt}+{model}",
    )


def _notes(one: Deployment, other: float) -> tuple[str, ...]:
    kind = one.kind if one.kind != "deploy" else ""
    share = f"{other * 100:.4g} % other" if other else ""
    said = ((kind, one.actor, share), (share or kind, one.actor), (share or kind,), (one.actor,))
    return tuple(" · ".join(part for part in parts if part) for parts in said)


def _told(one: Deployment, other: float) -> str:
    split = f", {other * 100:.4g} % of the traffic by other bundles" if other else ""
    return (
        f"deployment {one.number} of {one.slot.short}: {one.prompt.name}/{one.prompt.number} + "
        f"{one.model.name}/{one.model.number}{split}; {one.kind} by {one.actor} since "
        f"{minute(one.at)}: {one.reason}"
    )
