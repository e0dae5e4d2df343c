"""From a slot's deployments to its band in the picture of what was live when."""

from collections.abc import Iterable, Sequence

from twinline.language.records import Deployment, Slot
from twinline.pictures.timelines import Band, Span
from twinline.routing.policy import read_policy
from twinline.timelines import ranking
from twinline.web.rendering import minute

LEAST_SHOWN = 0.000_01
"""A share below one bucket is none."""


def bands(slots: Iterable[Slot], made: Iterable[Deployment], *, whole: bool) -> tuple[Band, ...]:
    """The bands of slots; ``whole`` with the environment in their names."""
    of_slot: dict[str, list[Deployment]] = {}
    for one in made:
        of_slot.setdefault(one.slot.short, []).append(one)
    return tuple(
        Band(
            ref=str(slot.ref),
            name=slot.ref.short if whole else slot.route,
            spans=_spans(of_slot.get(slot.ref.short, ())),
        )
        for slot in slots
    )


def other_share(deployment: Deployment) -> float:
    """The part of the traffic that the default bundle is declared not to get."""
    policy = read_policy(deployment.policy)
    known = ranking.declared(policy).known.get(policy.default.bundle, 0.0)
    return 1 - known if 1 - known > LEAST_SHOWN else 0.0


def _spans(made: Sequence[Deployment]) -> tuple[Span, ...]:
    ends = [*(one.at for one in made[1:]), None]
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
