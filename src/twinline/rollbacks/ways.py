"""The ways back of a slot: what each rollback would do."""

from collections.abc import Iterable, Iterator

from twinline.bundles import actions as bundles
from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.deployments import pasts
from twinline.deployments.pasts import OneSide, Version
from twinline.deployments.rules import Frame
from twinline.inferences import actions as inferences
from twinline.language.errors import NothingToRollBack
from twinline.language.records import (
    Bundle,
    RollbackPreview,
    Side,
    SideChange,
    SkippedVersion,
)
from twinline.language.refs import PromptVersionRef, SlotRef
from twinline.models import actions as models
from twinline.prompts import actions as prompts
from twinline.rollbacks import rules
from twinline.rollbacks.pairs import Pairs
from twinline.routing.policy import read_policy

To = Version | None


class WaysBack:
    """What could be rolled back in a slot, its past and its pairs looked up once for all
    ways. For one transaction, and while it changes nothing.

    Raises:
        NotFound: there is no such slot.
        NothingLive: nothing was deployed to it.
    """

    def __init__(self, tx: Reading, slot: SlotRef) -> None:
        self._tx = tx
        self.slot = slot
        self.live = deployments.live(tx, slot)
        self.past = pasts.of_slot(tx, slot)
        self._known = Pairs(tx)

    def preview(self, side: Side, to: To) -> RollbackPreview:
        """What a rollback would do: what changes, and what is known about the resulting pairs.

        An earlier version that is recalled or retired is passed over, and named. With ``to``
        a retired one can be gone back to; a recalled one never, it blocks the pair.

        Raises:
            NotFound: there is no such version to go to.
            NothingToRollBack: a side has no earlier version here, or is at ``to`` already.
        """
        one_sides: tuple[OneSide, ...] = ("prompt", "model") if side == "both" else (side,)
        changes = tuple(self._change(one, to) for one in one_sides)
        replaced = tuple(self._replaced(changes))
        preflights = tuple(
            self._known.preflight(self.slot, old, *rules.sides_after(old, changes))
            for old in replaced
        )
        refs = (old.ref for old in replaced)
        return RollbackPreview(
            slot=self.slot,
            side=side,
            live=self.live,
            changes=changes,
            pairs=preflights,
            verdict=rules.worst([pair.verdict for pair in preflights]),
            requests_last_hour=inferences.served_last_hour(self._tx, refs, self.slot),
        )

    def _change(self, side: OneSide, to: To) -> SideChange:
        *below, current = self.past.stacks[side]
        put_back, skipped = (to, ()) if to else self._previous(below[::-1])
        if put_back is None:
            raise NothingToRollBack(
                f"The {side} side of {self.slot.short} has been {current.value} since deployment "
                f"{current.since} and has no earlier version to go back to"
                f"{_passed_over(skipped)}; name one with `to`, or roll back the other side.",
                slot=str(self.slot),
                side=side,
            )
        if put_back == current.value:
            raise NothingToRollBack(
                f"The {side} side of {self.slot.short} is at {put_back} already.",
                slot=str(self.slot),
                side=side,
            )
        _refuse_unknown(self._tx, put_back)
        return SideChange(
            side=side,
            taken_out=current.value,
            put_back=put_back,
            undoes=current.since,
            skipped=skipped,
            was_live=put_back in self.past.every,
        )

    def _previous(
        self, nearest_first: Iterable[Frame[Version]]
    ) -> tuple[To, tuple[SkippedVersion, ...]]:
        """The nearest earlier version that nobody withdrew, and those that are passed over."""
        skipped: list[SkippedVersion] = []
        for frame in nearest_first:
            why = self._known.why_unfit(frame.value)
            if why is None:
                return frame.value, tuple(skipped)
            skipped.append(SkippedVersion(version=frame.value, why=why))
        return None, tuple(skipped)

    def _replaced(self, changes: Iterable[SideChange]) -> Iterator[Bundle]:
        going = {change.taken_out for change in changes}
        named = read_policy(self.live.policy).bundles()
        known = bundles.read_all(self._tx, named)
        for bundle in map(known.__getitem__, named):
            if going & {bundle.model, bundle.prompt}:
                yield bundle


def _passed_over(skipped: Iterable[SkippedVersion]) -> str:
    return "".join(f" ({one.why})" for one in skipped)


def _refuse_unknown(tx: Reading, version: Version) -> None:
    if isinstance(version, PromptVersionRef):
        prompts.read_version(tx, version)
    else:
        models.read_version(tx, version)
