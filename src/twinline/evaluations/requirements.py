"""What bundles lack before they may go live in a slot, and who was let off."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from twinline.access.actions import audit
from twinline.bundles import actions as bundles
from twinline.db.session import Reading, Writing
from twinline.evaluations import rules, store, waivers_store
from twinline.evaluations.rules import Candidate
from twinline.language import cursors
from twinline.language.errors import Conflict, NotEvaluated
from twinline.language.records import (
    Bundle,
    MissingEvaluation,
    MissingEvaluations,
    NewWaiver,
    Page,
    Waiver,
)
from twinline.language.refs import BundleRef, SlotRef
from twinline.suites import actions as suites


def missing(
    tx: Reading, slot: SlotRef, candidates: Iterable[Candidate]
) -> tuple[MissingEvaluation, ...]:
    """Which suites a slot requires that these pairs have not passed, by the newest result
    of what the suite scores, and were not let off."""
    required = suites.required_in(tx, slot)
    pairs = tuple(candidates)
    if not required or not pairs:
        return ()
    scored = {pair.scored_by(suite) for pair in pairs for suite in required}
    found = store.newest(tx, scored, [suite.name for suite in required])
    return rules.missing(
        required,
        pairs,
        {(one.suite, one.subject): one for one in found},
        waivers_store.waived(tx, suites.places_of(slot), [pair.bundle for pair in pairs]),
    )


def missing_of(tx: Reading, slot: SlotRef, ref: BundleRef) -> MissingEvaluations:
    """What a bundle lacks before it may be deployed to a slot, which need not exist.

    Raises:
        NotFound: there is no such bundle.
        Conflict: it stands for something unresolved.
    """
    bundle = bundles.read(tx, ref)
    lacks = missing(tx, slot, [_candidate(bundle)])
    return MissingEvaluations(slot=slot, bundle=bundle.ref, missing=lacks)


def missing_of_all(
    tx: Reading, slot: SlotRef, refs: Collection[BundleRef]
) -> tuple[MissingEvaluation, ...]:
    """Which suites bundles that exist (by their whole digests) lack for a slot."""
    known = bundles.read_all(tx, refs)
    return missing(tx, slot, (_candidate(known[ref]) for ref in refs))


def missing_in(
    tx: Reading, live: Mapping[SlotRef, Collection[Candidate]]
) -> dict[SlotRef, tuple[MissingEvaluation, ...]]:
    """What the pairs of each slot lack there, for many slots in few statements; slots whose
    pairs lack nothing are left out."""
    every = suites.required_anywhere(tx)
    required = {
        slot: [one for one in every if {it.place for it in one.required_in} & places]
        for slot in live
        for places in [set(suites.places_of(slot))]
    }
    scored = {
        pair.scored_by(suite) for slot, pairs in live.items() for pair in pairs
        for suite in required[slot]
    }  # fmt: skip
    newest = {(one.suite, one.subject): one for one in store.newest(tx, scored)} if scored else {}
    lacks = {
        slot: rules.missing(required[slot], pairs, newest, frozenset())
        for slot, pairs in live.items()
    }
    return {slot: left for slot, found in lacks.items() if (left := _not_waived(tx, slot, found))}


def _not_waived(
    tx: Reading, slot: SlotRef, found: Collection[MissingEvaluation]
) -> tuple[MissingEvaluation, ...]:
    if not found:
        return ()
    waived = waivers_store.waived(tx, suites.places_of(slot), {one.bundle for one in found})
    return tuple(one for one in found if (one.suite, one.bundle) not in waived)


def refuse(slot: SlotRef, lacks: Sequence[MissingEvaluation]) -> None:
    """Refuse what lacks any of the suites that a slot requires.

    Raises:
        NotEvaluated: the first suite that is missing, how to run it, and all that are.
    """
    if not lacks:
        return
    first, *others = lacks
    more = f" (and {len(others)} more)" if others else ""
    runs = f"`{first.command}`" if first.command else "it"
    raise NotEvaluated(
        f"{slot.short} requires {first}{more}. Run {runs} and record the result (`twinline "
        f"evaluate record`), or ask for it by `twinline evaluate ask {first.suite} "
        f"{first.subject}` and a worker; an admin can let {first.bundle} off by `twinline "
        "evaluate waive`.",
        suite=first.suite,
        bundle=str(first.bundle),
        environment=slot.environment,
        slot=str(slot),
        missing=[one.model_dump(mode="json") for one in lacks],
    )


def waive(tx: Writing, new: NewWaiver) -> Waiver:
    """Let a bundle go live somewhere without having passed a suite.

    Raises:
        NotFound: there is no such suite or bundle.
    """
    suites.read(tx, new.suite)
    bundle = bundles.read(tx, new.bundle).ref
    made = waivers_store.find(tx, waivers_store.add(tx, bundle, new))
    assert made is not None
    audit(tx, "evaluation.waive", str(bundle), why=new.reason, after=made.model_dump(mode="json"))
    return made


def waivers(tx: Reading, *, cursor: str | None, limit: int) -> Page[Waiver]:
    """Who let what go live without having passed what, the newest first."""
    before = cursors.decode("waivers", cursor, int)
    items = waivers_store.page(tx, before=before, limit=limit)
    return cursors.page("waivers", items, limit, lambda last: last.number)


def _candidate(bundle: Bundle) -> Candidate:
    if bundle.model is None or bundle.prompt is None:
        raise Conflict(
            f"{bundle.ref} stands for a pair that could not be resolved; it cannot be deployed.",
            name=str(bundle.ref),
        )
    return Candidate(bundle.ref, bundle.model, bundle.prompt)
