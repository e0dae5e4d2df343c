"""What is known about a pair before it goes live in a slot."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from twinline.bundles import actions as bundles
from twinline.db.session import Reading, Writing
from twinline.deployments.pasts import Version
from twinline.evaluations import actions as evaluations
from twinline.evaluations import requirements
from twinline.evaluations.rules import Candidate
from twinline.inferences import actions as inferences
from twinline.kills import actions as kills
from twinline.language.canonical import digest
from twinline.language.records import (
    Bundle,
    Evaluation,
    KillNote,
    MissingEvaluation,
    NewBundle,
    PairingStatus,
    PairPreflight,
    Service,
    Withdrawal,
)
from twinline.language.refs import BundleRef, ModelVersionRef, PromptVersionRef, SlotRef
from twinline.rollbacks import rules
from twinline.withdrawals import actions as withdrawals


class Wanted(NamedTuple):
    """A pair that would serve in a slot in the place of a bundle, with its parameters."""

    slot: SlotRef
    old: Bundle
    model: ModelVersionRef
    prompt: PromptVersionRef

    @property
    def pair(self) -> tuple[ModelVersionRef, PromptVersionRef]:
        """Its two sides."""
        return self.model, self.prompt

    @property
    def what(self) -> tuple[ModelVersionRef, PromptVersionRef, str]:
        """The bundle that it would be, wherever."""
        return self.model, self.prompt, digest(self.old.parameters)


class Known(NamedTuple):
    """What is known about a pair whatever the slot; ``stopped`` is why it must not serve."""

    bundle: BundleRef
    evaluations: tuple[Evaluation, ...]
    pairing: PairingStatus | None
    stopped: str | None


class AsIf(NamedTuple):
    """A node that is looked at as if it were recalled, and all that came from it."""

    node: str
    refs: frozenset[str]

    def why(self, ref: BundleRef | Version) -> str | None:
        """Why something would be unfit then; None when it would not."""
        return f"it comes from {self.node}" if str(ref) in self.refs else None


NOTHING = AsIf("", frozenset())


class Pairs:
    """What is known about pairs and versions, each looked up once: the same few may be
    wanted in many slots. For one transaction, and while it changes nothing."""

    def __init__(self, tx: Reading, as_if: AsIf = NOTHING) -> None:
        self._tx = tx
        self._as_if = as_if
        self._known: dict[tuple[ModelVersionRef, PromptVersionRef, str], Known] = {}
        self._served: dict[tuple[BundleRef, SlotRef], Service] = {}
        self._missing: dict[tuple[BundleRef, SlotRef], tuple[MissingEvaluation, ...]] = {}
        self._against: dict[BundleRef | Version, tuple[Withdrawal, ...]] = {}
        self._killed: dict[str, KillNote] | None = None

    def expect(self, wanted: Iterable[Wanted]) -> None:
        """Look up at once what `preflight` tells of these pairs: a few statements, and some for
        each that is withdrawn or lacks an evaluation.

        Raises:
            NotFound: there is no such version.
        """
        every = tuple(wanted)
        self._look_up({one.what: one for one in every if one.what not in self._known})
        places = {(self._known[one.what].bundle, one.slot): one for one in every}
        new = {place: one for place, one in places.items() if place not in self._served}
        if new:
            self._served |= inferences.served_each(self._tx, new.keys())
            self._missing |= self._lacking(new)

    def expect_versions(self, versions: Iterable[Version]) -> None:
        """Look up at once what `why_unfit` tells of these versions."""
        self._look_against(versions)

    def preflight(
        self, slot: SlotRef, old: Bundle, model: ModelVersionRef, prompt: PromptVersionRef
    ) -> PairPreflight:
        """What is known about the pair that would serve in the place of ``old``, with its
        parameters.

        What is recalled or killed blocks it. What is retired does not: nobody should build
        on that any more, but going back to it may be the least harm.

        Raises:
            NotFound: there is no such version.
        """
        wanted = Wanted(slot, old, model, prompt)
        self.expect([wanted])
        known = self._known[wanted.what]
        served_here = self._served[known.bundle, slot]
        verdict, why = rules.verdict(known.pairing, served_here, known.evaluations, known.stopped)
        return PairPreflight(
            bundle=known.bundle,
            replaces=old.ref,
            model=model,
            prompt=prompt,
            parameters=old.parameters,
            served_here=served_here,
            evaluations=known.evaluations,
            missing=self._missing[known.bundle, slot],
            pairing=known.pairing,
            verdict=verdict,
            why=why,
        )

    def why_unfit(self, version: Version) -> str | None:
        """Why a version should not come back unless somebody names it; None when it may."""
        self._look_against([version])
        against = self._against[version]
        why = rules.why_withdrawn(against[0]) if against else None
        return why or self._as_if.why(version)

    def _look_up(
        self, wanted: Mapping[tuple[ModelVersionRef, PromptVersionRef, str], Wanted]
    ) -> None:
        """Pairs that may never have been made into bundles."""
        if not wanted:
            return
        tx, pairs = self._tx, list(wanted.values())
        refs = bundles.foresee_all(tx, [(*one.pair, one.old.parameters) for one in pairs])
        declared = bundles.pairings(tx, {one.pair for one in pairs})
        evaluated = evaluations.newest_of_all(tx, refs)
        self._look_against({*refs, *(side for one in pairs for side in one.pair)})
        for ref, one in zip(refs, pairs, strict=True):
            pairing = declared.get(one.pair)
            self._known[one.what] = Known(
                bundle=ref,
                evaluations=tuple(result for result in evaluated if result.subject == ref),
                pairing=pairing.status if pairing else None,
                stopped=self._why_stopped(ref, one),
            )

    def _look_against(self, refs: Iterable[BundleRef | Version]) -> None:
        new = {ref for ref in refs if ref not in self._against}
        self._against |= dict.fromkeys(new, ()) | withdrawals.against_any(self._tx, new)

    def _lacking(
        self, wanted: Mapping[tuple[BundleRef, SlotRef], Wanted]
    ) -> dict[tuple[BundleRef, SlotRef], tuple[MissingEvaluation, ...]]:
        candidates: dict[SlotRef, list[Candidate]] = {}
        for (bundle, slot), one in wanted.items():
            candidates.setdefault(slot, []).append(Candidate(bundle, one.model, one.prompt))
        lacks = requirements.missing_in(self._tx, candidates)
        return {
            (bundle, slot): tuple(one for one in lacks.get(slot, ()) if one.bundle == bundle)
            for bundle, slot in wanted
        }

    def _why_stopped(self, bundle: BundleRef, one: Wanted) -> str | None:
        if self._killed is None:
            self._killed = kills.in_force(self._tx)
        killed = self._killed.get(str(bundle))
        if killed:
            return f"{bundle} is killed by {killed.by}: {killed.reason}"
        every = (bundle, *one.pair)
        recalled = (
            rules.why_withdrawn(withdrawal)
            for ref in every
            for withdrawal in self._against[ref]
            if withdrawal.kind == "recalled"
        )
        as_if = (why for ref in every if (why := self._as_if.why(ref)))
        return next(recalled, None) or next(as_if, None)


def make(tx: Writing, pairs: Iterable[PairPreflight]) -> None:
    """Make the bundles of these pairs where they are new.

    They are made in the order of their digests, so that transactions that make the same
    ones wait for each other instead of deadlocking.
    """
    wanted = {str(pair.bundle): pair for pair in pairs}
    for _, pair in sorted(wanted.items()):
        bundles.pair(
            tx, NewBundle(model=pair.model, prompt=pair.prompt, parameters=pair.parameters)
        )
