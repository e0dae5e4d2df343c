"""Slots as the client offers them: deploy, look back, roll back."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from twinline.client.http import Http, segment
from twinline.language.records import (
    Blame,
    Changes,
    Deployment,
    NewDeployment,
    RampPreview,
    RampRequest,
    RollbackPreview,
    RollbackRequest,
    Side,
    Slot,
    TimelineEntry,
)
from twinline.language.refs import BundleRef, ModelVersionRef, PromptVersionRef, SlotRef, parse_ref

To = PromptVersionRef | ModelVersionRef | str | None


class Slots:
    """What is live where, since when, by whom and why.

    A slot is given as ``support-answer@production`` or as a `SlotRef`.
    """

    def __init__(self, http: Http) -> None:
        self._http = http

    def list(self, environment: str | None = None) -> Iterator[Slot]:
        """All slots with what is live in each."""
        return self._http.pages(Slot, "/slots", {"environment": environment})

    def get(self, slot: SlotRef | str, *, at: datetime | None = None) -> Slot:
        """A slot with what is live in it, or was live ``at`` a time."""
        return self._http.get(Slot, path_of(slot), {"at": at})

    def history(self, slot: SlotRef | str) -> Iterator[Deployment]:
        """A slot's deployments, the newest first."""
        return self._http.pages(Deployment, f"{path_of(slot)}/deployments")

    def timeline(self, slot: SlotRef | str) -> Iterator[TimelineEntry]:
        """A slot's deployments, the newest first: what each changed, how long it was live,
        and what it served."""
        return self._http.pages(TimelineEntry, f"{path_of(slot)}/timeline")

    def changes(
        self, slot: SlotRef | str, *, since: datetime, until: datetime | None = None
    ) -> Changes:
        """Everything that changed in and around a slot after ``since`` and up to ``until``
        (default: now), in the order in which it is worth looking at.

        Raises:
            Invalid: ``since`` is not before ``until``.
            NothingLive: the slot did not exist yet.
        """
        query = {"from": since, "to": until}
        return self._http.get(Changes, f"{path_of(slot)}/changes", query)

    def blame(self, slot: SlotRef | str, *, at: datetime | None = None) -> Blame:
        """What changed last on each side before a moment (default: now), say the one at
        which a metric moved.

        Raises:
            NothingLive: nothing was live by then.
        """
        return self._http.get(Blame, f"{path_of(slot)}/blame", {"at": at})

    def deploy(
        self,
        slot: SlotRef | str,
        bundle: BundleRef | str | None = None,
        *,
        policy: dict[str, Any] | None = None,
        reason: str,
        expected: int,
        key: str | None = None,
    ) -> Deployment:
        """Make a bundle or a policy live.

        ``expected`` is the number of the live deployment that you looked at, 0 for none.

        Raises:
            Stale: another deployment is live by now; nothing was changed.
        """
        ref = BundleRef.parse(bundle) if isinstance(bundle, str) else bundle
        new = NewDeployment(bundle=ref, policy=policy, reason=reason)
        path = f"{path_of(slot)}/deployments"
        return self._http.write(Deployment, "POST", path, new, expected=expected, key=key)

    def preview_ramp(
        self,
        slot: SlotRef | str,
        arm: str,
        share: float,
        *,
        rule: str | None = None,
        donor: str | None = None,
    ) -> RampPreview:
        """Which buckets would move so that an arm of a live split gets a share in [0, 1]."""
        query = {"arm": arm, "share": share, "rule": rule, "donor": donor}
        return self._http.get(RampPreview, f"{path_of(slot)}/ramp/preview", query)

    def ramp(
        self,
        slot: SlotRef | str,
        arm: str,
        share: float,
        *,
        reason: str,
        expected: int,
        rule: str | None = None,
        donor: str | None = None,
        key: str | None = None,
    ) -> Deployment:
        """Give an arm of a live split another share; no unit moves that need not.

        Raises:
            Stale: another deployment is live by now; nothing was changed.
            Invalid: there is no such split or arm, or the donor has too few buckets.
            NotEvaluated: an arm would get more than it ever had here and has not passed a
                suite that the slot requires.
        """
        wanted = RampRequest(rule=rule, arm=arm, share=share, donor=donor, reason=reason)
        path = f"{path_of(slot)}/ramp"
        return self._http.write(Deployment, "POST", path, wanted, expected=expected, key=key)

    def preview_rollback(
        self, slot: SlotRef | str, side: Side, *, to: To = None
    ) -> RollbackPreview:
        """What a rollback would do, and what is known about the resulting pairs."""
        path = f"{path_of(slot)}/rollback/preview"
        return self._http.get(RollbackPreview, path, {"side": side, "to": to})

    def roll_back(
        self,
        slot: SlotRef | str,
        side: Side,
        *,
        reason: str,
        expected: int,
        to: To = None,
        accept_untested: bool = False,
        key: str | None = None,
    ) -> Deployment:
        """Put one side back, or both; ``expected`` is the live deployment of the preview.

        Raises:
            Stale: another deployment is live by now; nothing was changed.
            NothingToRollBack: a side has no earlier version here.
            UntestedPair: the resulting pair has no evidence, and that was not accepted.
            BlockedPair: the resulting pair is declared incompatible.
            NotEvaluated: ``to`` was never live here and has not passed a suite that the slot
                requires.
        """
        version = parse_ref(to) if isinstance(to, str) else to
        wanted = RollbackRequest.model_validate(
            {
                "side": side,
                "to": version,
                "reason": reason,
                "accept_untested": accept_untested,
            }
        )
        path = f"{path_of(slot)}/rollback"
        return self._http.write(Deployment, "POST", path, wanted, expected=expected, key=key)


def path_of(slot: SlotRef | str) -> str:
    """The address of a slot."""
    ref = slot if isinstance(slot, SlotRef) else SlotRef.parse(slot)
    return f"/slots/{segment(ref.short)}"
