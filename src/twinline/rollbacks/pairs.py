"""What is known about a pair before it goes live in a slot."""

from collections.abc import Iterable
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
from twinline.language.errors import NotFound
from twinline.language.records import (
    Bundle,
    Evaluation,
    NewBundle,
    PairingStatus,
    PairPreflight,
)
from twinline.language.refs import BundleRef, ModelVersionRef, PromptVersionRef, SlotRef
from twinline.rollbacks import rules
from twinline.withdrawals import actions as withdrawals


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
        self._unfit: dict[Version, str | None] = {}

    def preflight(
        self, slot: SlotRef, old: Bundle, model: ModelVersionRef, prompt: PromptVersionRef
    ) -> PairPreflight:
        """What is known about the pair that would serve in the place of ``old``, with its
        parameters.

        What is recalled or killed blocks it. What is retired does not: nobody should build
        on that any more, but going back to it may be the least harm.
        """
        known = self._pair(model, prompt, old)
        served_here = inferences.served(self._tx, [known.bundle], slot)
        verdict, why = rules.verdict(known.pairing, served_here, known.evaluations, known.stopped)
        return PairPreflight(
            bundle=known.bundle,
            replaces=old.ref,
            model=model,
            prompt=prompt,
            parameters=old.parameters,
            served_here=served_here,
            evaluations=known.evaluations,
            missing=requirements.missing(self._tx, slot, [Candidate(known.bundle, model, prompt)]),
            pairing=known.pairing,
            verdict=verdict,
            why=why,
        )

    def why_unfit(self, version: Version) -> str | None:
        """Why a version should not come back unless somebody names it; None when it may."""
        if version not in self._unfit:
            against = withdrawals.against(self._tx, version)
            why = rules.why_withdrawn(against[0]) if against else None
            self._unfit[version] = why or self._as_if.why(version)
        return self._unfit[version]

    def _pair(self, model: ModelVersionRef, prompt: PromptVersionRef, old: Bundle) -> Known:
        key = model, prompt, digest(old.parameters)
        if key not in self._known:
            self._known[key] = _look_up(self._tx, model, prompt, old, self._as_if)
        return self._known[key]


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


def _look_up(
    tx: Reading, model: ModelVersionRef, prompt: PromptVersionRef, old: Bundle, as_if: AsIf
) -> Known:
    bundle = bundles.foresee(tx, model, prompt, old.parameters)
    pairing = bundles.pairing(tx, model, prompt)
    return Known(
        bundle=bundle,
        evaluations=_evaluations(tx, bundle),
        pairing=pairing.status if pairing else None,
        stopped=_stopped(tx, bundle, model, prompt)
        or next((why for ref in (bundle, model, prompt) if (why := as_if.why(ref))), None),
    )


def _stopped(
    tx: Reading, bundle: BundleRef, model: ModelVersionRef, prompt: PromptVersionRef
) -> str | None:
    """Why a pair must not serve, also when nobody made it into a bundle yet."""
    killed = kills.note(tx, bundle)
    if killed:
        return f"{bundle} is killed by {killed.by}: {killed.reason}"
    for ref in (bundle, model, prompt):
        for withdrawal in withdrawals.against(tx, ref):
            if withdrawal.kind == "recalled":
                return rules.why_withdrawn(withdrawal)
    return None


def _evaluations(tx: Reading, ref: BundleRef) -> tuple[Evaluation, ...]:
    """The newest results of a pair that may never have been made into a bundle."""
    try:
        return evaluations.newest(tx, ref).items
    except NotFound:
        return ()
