"""What moved in and around a slot, each as one ranked change."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Literal

from twinline.language.records import (
    Bundle,
    ChangedSide,
    Deployment,
    Evaluation,
    Kill,
    LabelMove,
    ModelVersion,
    Pairing,
    PromptVersion,
    RankedChange,
    Withdrawal,
)
from twinline.language.refs import BundleRef, PromptVersionRef
from twinline.models.actions import AliasMove
from twinline.routing.policy import read_policy
from twinline.timelines import ranking, rules
from twinline.timelines.ranking import Declared, Moved

_SIDES: tuple[ChangedSide, ...] = ("prompt", "model", "parameters")
_SIDE_OF: dict[str, ChangedSide] = {
    "prompts": "prompt",
    "models": "model",
    "runs": "model",
    "datasets": "model",
}


def of_deployment(
    before: Deployment | None, after: Deployment, known: Mapping[BundleRef, Bundle]
) -> Iterator[RankedChange]:
    """What a deployment changed, for each side that it changed."""
    new = read_policy(after.policy)
    old = read_policy(before.policy) if before else None
    was, is_ = ranking.declared(old) if old else ranking.NOTHING, ranking.declared(new)
    for side in _SIDES:
        by_side = ranking.moved(was, is_, ranking.of_side(known, side))
        if by_side and (by_side.lost or by_side.gained != (ranking.NO_PARAMETERS,)):
            yield _deployed(after, side, by_side, f"{side} {words(by_side)}")
    said = rules.words(rules.policies(old, new))
    if said:
        any_side = ranking.moved(was, is_, str) or Moved(0.0, (), ())
        yield _deployed(after, "policy", any_side, "; ".join(said))


def of_kill(
    kill: Kill, policy: Declared, since: datetime, until: datetime
) -> Iterator[RankedChange]:
    """A kill switch thrown in a span of time, and lifted in it."""
    share = 1.0
    if isinstance(kill.subject, BundleRef):
        share = ranking.share_of(kill.subject, policy)
    subject = _short(str(kill.subject))
    if since < kill.at <= until:
        what = f"{subject} was stopped"
        yield _switched("kill", what, kill.at, kill.actor, kill.reason, share)
    if kill.lifted_at and since < kill.lifted_at <= until:
        what = f"{subject} may go on"
        why = kill.lifted_reason or ""
        yield _switched("lift", what, kill.lifted_at, kill.lifted_by, why, share)


def of_withdrawal(one: Withdrawal, since: datetime, until: datetime) -> Iterator[RankedChange]:
    """A version, or what it came from, that was retired or recalled in a span of time, and
    let go on in it. What is live stays live, so it reaches no request by itself."""
    if since < one.at <= until:
        yield _withdrawn(one, f"was {one.kind}", one.at, one.actor, one.reason)
    if one.lifted_at and since < one.lifted_at <= until:
        why = one.lifted_reason or ""
        yield _withdrawn(one, f"is {one.kind} no longer", one.lifted_at, one.lifted_by, why)


def of_label(move: LabelMove) -> RankedChange:
    """A label that names another version of a prompt."""
    before, after = (
        str(PromptVersionRef(move.name, number)) if number else None
        for number in (move.previous, move.number)
    )
    numbers = f"{move.previous or 'nothing'} -> {move.number or 'nothing'}"
    return RankedChange(
        kind="label",
        what=f"label {move.label} of {move.name}: {numbers}",
        side="prompt",
        at=move.at,
        who=move.actor,
        why=move.reason,
        before=before,
        after=after,
        share=0.0,
        reaches=False,
    )


def of_alias(move: AliasMove) -> RankedChange:
    """An alias that names another version of a model."""
    return RankedChange(
        kind="alias",
        what=f"alias {move.alias} of {move.name} -> {move.ref.number}",
        side="model",
        at=move.at,
        who=move.actor,
        why="",
        before=None,
        after=str(move.ref),
        share=0.0,
        reaches=False,
    )


def of_version(made: PromptVersion | ModelVersion) -> RankedChange:
    """A version that was made known."""
    prompt = isinstance(made, PromptVersion)
    return RankedChange(
        kind="version",
        what=f"{made.name} has a version {made.number}",
        side="prompt" if prompt else "model",
        at=made.created_at,
        who=made.author if prompt else None,
        why=made.message if prompt else "",
        before=None,
        after=str(made.ref),
        share=0.0,
        reaches=False,
    )


def of_pairing(pairing: Pairing) -> RankedChange:
    """A statement about a pair."""
    return RankedChange(
        kind="pairing",
        what=f"{pairing.prompt} with {pairing.model} declared {pairing.status}",
        side="policy",
        at=pairing.at,
        who=pairing.actor,
        why=pairing.reason,
        before=None,
        after=pairing.status,
        share=0.0,
        reaches=False,
    )


def of_evaluation(one: Evaluation) -> RankedChange:
    """A result of a suite for a bundle."""
    score = "" if one.score is None else f" with {one.score:.3g}"
    return RankedChange(
        kind="evaluation",
        what=f"{_short(str(one.subject))} {one.verdict} {one.suite}{score}",
        side="policy",
        at=one.at,
        who=one.actor,
        why=one.evidence,
        before=None,
        after=one.verdict,
        share=0.0,
        reaches=False,
    )


def _withdrawn(one: Withdrawal, what: str, at: datetime, who: str | None, why: str) -> RankedChange:
    scheme = one.node.partition(":")[0]
    return RankedChange(
        kind="withdrawal",
        what=f"{_short(one.node)} {what}",
        side=_SIDE_OF.get(scheme, "policy"),
        at=at,
        who=who,
        why=why,
        before=None,
        after=None,
        share=0.0,
        reaches=False,
    )


def _switched(
    kind: Literal["kill", "lift"],
    what: str,
    at: datetime,
    who: str | None,
    why: str,
    share: float | None,
) -> RankedChange:
    ends = ("running", "stopped") if kind == "kill" else ("stopped", "running")
    return RankedChange(
        kind=kind,
        what=what,
        side="policy",
        at=at,
        who=who,
        why=why,
        before=ends[0],
        after=ends[1],
        share=share,
        reaches=share != 0,
    )


def _deployed(made: Deployment, side: ChangedSide, change: Moved, what: str) -> RankedChange:
    return RankedChange(
        kind="deployment",
        what=f"deployment {made.number}: {what}",
        side=side,
        at=made.at,
        who=made.actor,
        why=made.reason,
        before=_joined(change.lost),
        after=_joined(change.gained),
        share=change.share,
        reaches=change.share != 0,
    )


def words(change: Moved) -> str:
    """What moved, in words."""
    if not change.lost and not change.gained:
        return "for other requests than before"
    sides = f"{_joined(change.lost) or 'nothing'} -> {_joined(change.gained) or 'nothing'}"
    match change.share:
        case None:
            return f"{sides} where a condition says so"
        case 1.0:
            return sides
        case share:
            return f"{sides} for {share * 100:.4g} %"


def _joined(values: Iterable[str]) -> str | None:
    return ", ".join(_short(one) for one in values) or None


def _short(text: str) -> str:
    return text[: len("bundles:/") + 12] if text.startswith("bundles:/") else text
