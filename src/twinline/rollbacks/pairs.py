"""What is known about a pair before it goes live in a slot."""

from collections.abc import Iterable

from twinline.bundles import actions as bundles
from twinline.db.session import Reading, Writing
from twinline.evaluations import actions as evaluations
from twinline.inferences import actions as inferences
from twinline.kills import actions as kills
from twinline.language.errors import NotFound
from twinline.language.records import Bundle, Evaluation, NewBundle, PairPreflight
from twinline.language.refs import BundleRef, ModelVersionRef, PromptVersionRef, SlotRef
from twinline.rollbacks import rules
from twinline.withdrawals import actions as withdrawals


def preflight(
    tx: Reading, slot: SlotRef, old: Bundle, model: ModelVersionRef, prompt: PromptVersionRef
) -> PairPreflight:
    """What is known about the pair that would serve in the place of ``old``, with its
    parameters.

    What is recalled or killed blocks it. What is retired does not: nobody should build
    on that any more, but going back to it may be the least harm.
    """
    bundle = bundles.foresee(tx, model, prompt, old.parameters)
    served_here = inferences.served(tx, [bundle], slot)
    known = _evaluations(tx, bundle)
    pairing = bundles.pairing(tx, model, prompt)
    status = pairing.status if pairing else None
    verdict, why = rules.verdict(status, served_here, known, _stopped(tx, bundle, model, prompt))
    return PairPreflight(
        bundle=bundle,
        replaces=old.ref,
        model=model,
        prompt=prompt,
        parameters=old.parameters,
        served_here=served_here,
        evaluations=known,
        pairing=status,
        verdict=verdict,
        why=why,
    )


def why_unfit(tx: Reading, version: PromptVersionRef | ModelVersionRef) -> str | None:
    """Why a version should not come back unless somebody names it; None when it may."""
    against = withdrawals.against(tx, version)
    return rules.why_withdrawn(against[0]) if against else None


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
