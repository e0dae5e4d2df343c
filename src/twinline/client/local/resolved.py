"""What an application gets when it resolves."""

import json
from typing import Any, cast
from uuid import UUID

from twinline.language.records import Resolution, ServedBundle, ServedFrom, ShadowRun
from twinline.language.refs import BundleRef, DeploymentRef, SlotRef
from twinline.routing.buckets import BUCKETS, bucket_of
from twinline.routing.evaluation import Choice, Reason


class Prepared:
    """A choice of a live policy, with all that is the same for every request.

    ``head`` is the record of an inference as JSON, as far as it is known beforehand.
    """

    __slots__ = ("bundle", "choice", "deployment", "head", "version")

    def __init__(
        self,
        choice: Choice,
        deployment: DeploymentRef | None,
        bundle: ServedBundle | None,
        version: int | None,
        head: str,
    ) -> None:
        self.choice = choice
        self.deployment = deployment
        self.bundle = bundle
        self.version = version
        self.head = head


class Resolved:
    """The bundle that answers a request, and why it is this one.

    It has the members of a `Resolution`, made when they are asked for.

    Attributes:
        served_from: where the policy was read: ``server`` (asked for this request),
            ``stream`` (the newest manifest), ``file`` (the last good one),
            ``bootstrap``, or ``default`` (the caller's own).
        stale_seconds: how long since the policy was known to be current; None when
            that cannot be told.
        unknown: attributes that rules asked for in vain.
        unit: 64 bits of the unit under the split's salt; None without a split.
        spooled: whether the record is on this machine's disk or with the server.
    """

    __slots__ = (
        "_id", "_slot", "prepared", "served_from", "shadow", "spooled", "stale_seconds", "unit",
        "unknown",
    )  # fmt: skip

    def __init__(
        self,
        prepared: Prepared,
        slot: SlotRef,
        id: str | None,
        unit: int | None,
        unknown: tuple[str, ...],
        shadow: tuple[ShadowRun, ...],
        served_from: ServedFrom,
        stale_seconds: float | None,
        spooled: bool,
    ) -> None:
        self.prepared = prepared
        self._slot = slot
        self._id = id
        self.unit = unit
        self.unknown = unknown
        self.shadow = shadow
        self.served_from: ServedFrom = served_from
        self.stale_seconds = stale_seconds
        self.spooled = spooled

    @property
    def inference_id(self) -> UUID | None:
        """The id of the record; None when nothing was recorded."""
        return None if self._id is None else UUID(self._id)

    @property
    def slot(self) -> SlotRef:
        """The slot that was asked for."""
        return self._slot

    @property
    def deployment(self) -> DeploymentRef | None:
        """The deployment that was live; None for the caller's default."""
        return self.prepared.deployment

    @property
    def bundle(self) -> ServedBundle:
        """The model, the prompt with its text, and the parameters."""
        assert self.prepared.bundle is not None
        return self.prepared.bundle

    @property
    def assigned(self) -> BundleRef | None:
        """What was chosen, when it is withdrawn and a fallback is served."""
        choice = self.prepared.choice
        return choice.assigned if choice.assigned != choice.bundle else None

    @property
    def arm(self) -> str | None:
        """The arm of the split that decided."""
        return self.prepared.choice.arm

    @property
    def rule(self) -> str | None:
        """The rule that decided."""
        return self.prepared.choice.rule

    @property
    def reason(self) -> str:
        """Why: ``default``, ``rule``, ``split`` or ``unit-missing``."""
        return self.prepared.choice.reason

    @property
    def experiment(self) -> str | None:
        """The salt of the split that decided."""
        return self.prepared.choice.salt

    @property
    def bucket(self) -> int | None:
        """The bucket of the unit, in [0, 100000), when a split decided."""
        return None if self.unit is None else bucket_of(self.unit)

    @property
    def manifest_version(self) -> int | None:
        """The version of the manifest that it was resolved from."""
        return self.prepared.version

    def resolution(self) -> Resolution:
        """The same as a record, as the server would have answered it.

        Raises:
            ValueError: it is the caller's default, which no deployment stands behind.
        """
        if self.deployment is None:
            raise ValueError("the caller's default was not resolved by a deployment")
        return Resolution(
            inference_id=self.inference_id,
            bucket=self.bucket,
            unknown=self.unknown,
            shadow=self.shadow,
            stale_seconds=self.stale_seconds,
            slot=self.slot,
            deployment=self.deployment,
            bundle=self.bundle,
            assigned=self.assigned,
            arm=self.arm,
            rule=self.rule,
            reason=self.reason,
            experiment=self.experiment,
            manifest_version=self.manifest_version,
            served_from=self.served_from,
        )

    def __repr__(self) -> str:
        return f"Resolved({self._slot.short}, {self.bundle.ref}, {self.reason!r})"


def head_of(
    slot: SlotRef,
    deployment: DeploymentRef | None,
    choice: Choice,
    source: ServedFrom,
    version: int | None,
) -> str:
    """The beginning of the record of an inference as JSON, without its closing brace."""
    assigned = str(choice.assigned) if choice.assigned != choice.bundle else None
    head = {
        "slot": str(slot),
        "deployment": deployment.number if deployment else None,
        "bundle": str(choice.bundle),
        "assigned": assigned,
        "arm": choice.arm,
        "rule": choice.rule,
        "reason": choice.reason,
        "experiment": choice.salt,
        "served_from": source,
        "manifest_version": version,
    }
    known: dict[str, Any] = {name: value for name, value in head.items() if value is not None}
    return json.dumps(known, separators=(",", ":"))[:-1]


def from_resolution(given: Resolution) -> Resolved:
    """What the server answered, as an application uses it."""
    assigned = given.assigned or given.bundle.ref
    reason = cast("Reason", given.reason)
    choice = Choice(assigned, given.bundle.ref, reason, given.rule, given.arm, given.experiment)
    version = given.manifest_version
    head = head_of(given.slot, given.deployment, choice, given.served_from, version)
    prepared = Prepared(choice, given.deployment, given.bundle, version, head)
    unit = None if given.bucket is None else -((-given.bucket << 64) // BUCKETS)
    return Resolved(
        prepared,
        given.slot,
        str(given.inference_id) if given.inference_id else None,
        unit,
        given.unknown,
        given.shadow,
        given.served_from,
        given.stale_seconds,
        spooled=given.inference_id is not None,
    )
