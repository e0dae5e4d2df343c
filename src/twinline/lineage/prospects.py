"""Foresee what a change would touch: a label move, a new version, a retirement."""

from twinline.db.session import Reading
from twinline.deployments import owners, pasts
from twinline.deployments.pasts import OneSide
from twinline.language.errors import Invalid
from twinline.language.records import Prospect, ProspectKind
from twinline.language.refs import (
    BundleRef,
    ModelAliasRef,
    ModelVersionRef,
    PromptLabelRef,
    PromptVersionRef,
    Ref,
    SlotRef,
    parse_ref,
)
from twinline.lineage import impacts, reaches
from twinline.lineage.reaches import Reach, reach

PINNED = "Deployments name exact versions: nothing that is live changes until somebody deploys."


def foresee(tx: Reading, change: ProspectKind, text: str) -> Prospect:
    """What a change that nobody has made yet would touch.

    ``label``: moving a label or alias away from the version that it names now.
    ``version``: a new version after this one. ``retirement``: retiring this version.

    Raises:
        InvalidReference, NotFound: there is no such node.
        Invalid: such a change cannot be made to such a node.
    """
    given = parse_ref(text)
    words, notes = _words(change, given)
    found = reach(tx, text)
    back = _back(tx, found.root, found)
    lately = impacts.lately(tx, found)
    return Prospect(
        change=words,
        root=str(found.root),
        live=lately,
        bundles=reaches.bundles(tx, found),
        back=back,
        owners=owners.of(tx, dict.fromkeys([*found.live, *back])),
        notes=notes + _refusal(change, found),
    )


def _words(change: ProspectKind, ref: Ref) -> tuple[str, tuple[str, ...]]:
    match change, ref:
        case "label", PromptLabelRef() | ModelAliasRef():
            name = ref.label if isinstance(ref, PromptLabelRef) else ref.alias
            return f"{name!r} of {ref.name} names another version", (
                PINNED,
                f"Whoever asks for {ref} gets the other version from the next request on.",
            )
        case "version", PromptVersionRef() | PromptLabelRef() | ModelVersionRef() | ModelAliasRef():
            return f"a new version of {ref.name}", (
                PINNED,
                "The pairs with the new version are new bundles: nothing is known about them yet.",
            )
        case "retirement", PromptVersionRef() | ModelVersionRef() | BundleRef():
            return f"{ref} is retired", ("What is built on it cannot go live any more.",)
        case _:
            raise Invalid(
                f"{ref} is nothing to which the change {change!r} can be made: `label` takes a "
                "label or alias, `version` a version of a prompt or model, `retirement` that or "
                "a bundle.",
                field="change",
                value=change,
            )


def _refusal(change: ProspectKind, found: Reach) -> tuple[str, ...]:
    if change == "retirement" and found.live:
        return ("It is refused while it is live.",)
    return ()


def _back(tx: Reading, root: Ref, found: Reach) -> tuple[SlotRef, ...]:
    """Slots where it is not live, but next on the way back of its side."""
    sides: dict[type[Ref], OneSide] = {
        PromptVersionRef: "prompt",
        ModelVersionRef: "model",
    }
    side = sides.get(type(root))
    if side is None:
        return ()
    slots = sorted(reaches.deployed_to(tx, found) - set(found.live), key=str)
    return tuple(
        slot
        for slot, past in pasts.of_slots(tx, slots).items()
        if any(frame.value == root for frame in past.stacks[side])
    )
