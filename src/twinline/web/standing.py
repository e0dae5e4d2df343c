"""How slots stand: what is live in each, since when, and what is wrong with that.

Everything that is asked here is bounded: so many slots of so many environments, and counts
by the hour instead of requests.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from twinline.access import actions as access
from twinline.aliases import actions as aliases
from twinline.bundles import actions as bundles
from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.environments import actions as environments
from twinline.evaluations import actions as evaluations
from twinline.evaluations import requirements
from twinline.evaluations.rules import Candidate
from twinline.inferences import actions as inferences
from twinline.kills import actions as kills
from twinline.language.records import AliasLink, Deployment, KillNote, MissingEvaluation, Slot
from twinline.language.records.withdrawals import Withdrawal
from twinline.language.refs import BundleRef, SlotRef
from twinline.routing.policy import read_policy
from twinline.timelines import divergences
from twinline.withdrawals import actions as withdrawals

ENVIRONMENTS, SLOTS_SHOWN, SLOTS_LOOKED_AT = 8, 12, 50
ERRORS_MANY = 0.05
"""From which share of errors on a slot is marked."""

DAY = timedelta(days=1)
Tone = Literal["good", "bad", "warn", ""]


@dataclass(frozen=True)
class Sign:
    """Something to know about a slot, in a word or two, and all of it as a sentence."""

    word: str
    tone: Tone
    said: str


@dataclass(frozen=True)
class SlotStanding:
    """A slot, what is live in it, its requests and errors of 24 hours, and its signs."""

    ref: SlotRef
    live: Deployment | None
    requests: int
    errors: int
    signs: tuple[Sign, ...]

    @property
    def error_rate(self) -> float | None:
        """Errors per request; None when nothing was served."""
        return self.errors / self.requests if self.requests else None


@dataclass(frozen=True)
class EnvironmentStanding:
    """An environment with the slots that were looked at, those with trouble first, and whether
    there are more."""

    name: str
    judged: tuple[SlotStanding, ...]
    unseen: bool

    @property
    def slots(self) -> tuple[SlotStanding, ...]:
        """Those that are shown one by one."""
        return self.judged[:SLOTS_SHOWN]

    @property
    def hidden(self) -> int:
        """How many were looked at beside those."""
        return len(self.judged) - len(self.slots)


@dataclass(frozen=True)
class Known:
    """What is known about slots beside what is live in them, by slot or by what stops them."""

    stopped: Mapping[str, KillNote]
    withdrawn: Mapping[BundleRef, tuple[Withdrawal, ...]]
    missing: Mapping[SlotRef, tuple[MissingEvaluation, ...]]
    unevaluated: frozenset[BundleRef]
    links: Mapping[SlotRef, AliasLink]
    diverging: Mapping[SlotRef, str]
    silent: frozenset[SlotRef]
    traffic: Mapping[SlotRef, tuple[int, int]]


def look(tx: Reading, names: Sequence[str]) -> tuple[EnvironmentStanding, ...]:
    """These environments, with their first slots and how each stands."""
    found = {
        name: deployments.list_slots(tx, name, cursor=None, limit=SLOTS_LOOKED_AT)
        for name in names[:ENVIRONMENTS]
    }
    slots = [slot for page in found.values() for slot in page.items]
    serves = {slot.ref: _bundles(slot) for slot in slots}
    known = _known(tx, serves)
    return tuple(
        EnvironmentStanding(name, _judged(page.items, serves, known), page.next is not None)
        for name, page in found.items()
    )


def _judged(
    slots: Sequence[Slot], serves: Mapping[SlotRef, Sequence[BundleRef]], known: Known
) -> tuple[SlotStanding, ...]:
    return tuple(sorted((_standing(one, serves[one.ref], known) for one in slots), key=_worst))


def names(tx: Reading) -> list[str]:
    """The environments, production first, because that is what is looked for at night."""
    return sorted(environments.versions(tx), key=lambda name: (name != "production", name))


def _bundles(slot: Slot) -> tuple[BundleRef, ...]:
    return read_policy(slot.live.policy).bundles() if slot.live else ()


def _known(tx: Reading, serves: Mapping[SlotRef, Sequence[BundleRef]]) -> Known:
    every = {ref for refs in serves.values() for ref in refs}
    pairs = {
        ref: Candidate(ref, one.model, one.prompt)
        for ref, one in bundles.read_all(tx, every).items()
        if one.model and one.prompt
    }
    by_slot = {slot: [pairs[ref] for ref in refs if ref in pairs] for slot, refs in serves.items()}
    links = aliases.links_of(tx, serves)
    return Known(
        stopped=kills.in_force(tx),
        withdrawn=withdrawals.against_any(tx, every),
        missing=requirements.missing_in(tx, by_slot),
        unevaluated=evaluations.never_evaluated(tx, list(pairs.values())),
        links={one.slot: one for one in links if one.state in ("drifted", "error")},
        diverging={one.slot: one.detail for one in divergences.glance(tx, serves)},
        silent=frozenset(one.slot for one in divergences.unseen(tx, serves)),
        traffic=inferences.recent(tx, serves, access.now(tx) - DAY),
    )


def _standing(slot: Slot, serves: Sequence[BundleRef], known: Known) -> SlotStanding:
    requests, errors = known.traffic.get(slot.ref, (0, 0))
    signs = [*_stops(slot.ref, serves, known), *_doubts(slot.ref, serves, known)]
    if requests and errors / requests >= ERRORS_MANY:
        share = f"{errors / requests:.1%}"
        signs.append(Sign("errors", "warn", f"{share} of {requests:,} requests had an error."))
    if slot.live and not signs:
        signs.append(Sign("well", "good", "Nothing speaks against what is live."))
    return SlotStanding(slot.ref, slot.live, requests, errors, tuple(signs))


def _stops(slot: SlotRef, serves: Sequence[BundleRef], known: Known) -> Iterator[Sign]:
    """Why it should not be live, or is not."""
    for subject in (kills.EVERYTHING, str(slot), *map(str, serves)):
        note = known.stopped.get(subject)
        if note:
            yield Sign("kill switch", "bad", f"{subject} is stopped by {note.by}: {note.reason}")
    for ref in serves:
        for why in known.withdrawn.get(ref, ()):
            said = f"{why.node} is {why.kind} by {why.actor}: {why.reason}"
            yield Sign(f"{why.kind}, yet live", "bad", said)


def _doubts(slot: SlotRef, serves: Sequence[BundleRef], known: Known) -> Iterator[Sign]:
    """What somebody should look at."""
    if slot in known.diverging:
        yield Sign("not as declared", "warn", f"This hour or the last: {known.diverging[slot]}.")
    if slot in known.silent:
        yield Sign("not seen", "warn", "Declared live, and no request came for 24 hours.")
    for lack in known.missing.get(slot, ()):
        yield Sign(f"not passed: {lack.suite}", "warn", f"{lack.subject} {lack.why}.")
    if any(ref in known.unevaluated for ref in serves):
        said = "Of a bundle that is live neither it nor a side of it was ever evaluated."
        yield Sign("no evaluation", "warn", said)
    if slot in known.links:
        link = known.links[slot]
        yield Sign("alias drift", "warn", f"MLflow's alias {link.alias}: {link.why}")


def _worst(one: SlotStanding) -> tuple[int, str]:
    tones = {sign.tone for sign in one.signs}
    rank = 0 if "bad" in tones else 1 if "warn" in tones else 2
    return rank, one.ref.short
