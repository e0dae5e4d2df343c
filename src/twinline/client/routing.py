"""Policies, kill switches, experiments and the fleet, as the client offers them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from twinline.client.http import Http, segment
from twinline.client.slots import path_of
from twinline.language.records import (
    Experiment,
    ExplainRequest,
    Fleet,
    Kill,
    KillRequest,
    LiftRequest,
    PolicyCheck,
    PolicyExplanation,
    PolicyVerdict,
)
from twinline.language.refs import BundleRef, SlotRef


class Policies:
    """Looking at policies before they go live, and at what they do."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def check(self, policy: dict[str, Any]) -> PolicyVerdict:
        """What in a policy is probably not meant.

        Raises:
            Invalid, NotFound, BlockedPair, BundleWithdrawn: it could not be deployed.
        """
        return self._http.write(
            PolicyVerdict, "POST", "/policies/check", PolicyCheck(policy=policy)
        )

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of a policy."""
        return self._http.get(dict[str, Any], "/policies/schema")

    def explain(
        self,
        slot: SlotRef | str,
        context: dict[str, Any],
        *,
        policy: dict[str, Any] | None = None,
        at: datetime | None = None,
    ) -> PolicyExplanation:
        """Which rule of a slot's policy, or of another one, decides for a context."""
        wanted = ExplainRequest(context=context, policy=policy, at=at)
        path = f"{path_of(slot)}/explain"
        return self._http.write(PolicyExplanation, "POST", path, wanted)

    def experiment(
        self, slot: SlotRef | str, *, rule: str | None = None, control: str | None = None
    ) -> Experiment:
        """What the arms of a live split did, side by side."""
        path = path_of(slot).replace("/slots/", "/experiments/", 1)
        return self._http.get(Experiment, path, {"rule": rule, "control": control})


class Kills:
    """Stopping a slot, a bundle or everything by one call, and letting it go on."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def slot(self, slot: SlotRef | str, reason: str) -> Kill:
        """Stop a slot: it serves nothing."""
        return self._throw(f"{path_of(slot)}/kill", reason)

    def bundle(self, bundle: BundleRef | str, reason: str) -> Kill:
        """Stop a bundle: what serves it goes on with its policy's fallback."""
        ref = BundleRef.parse(bundle) if isinstance(bundle, str) else bundle
        return self._throw(f"/bundles/{segment(ref.digest)}/kill", reason)

    def everything(self, reason: str) -> Kill:
        """Stop every slot of every environment."""
        return self._throw("/kills/everything", reason)

    def lift(self, number: int, reason: str) -> Kill:
        """Let what was stopped go on."""
        return self._http.write(Kill, "POST", f"/kills/{number}/lift", LiftRequest(reason=reason))

    def list(self) -> Iterator[Kill]:
        """Every kill switch that was ever thrown, the newest first."""
        return self._http.pages(Kill, "/kills")

    def _throw(self, path: str, reason: str) -> Kill:
        return self._http.write(Kill, "POST", path, KillRequest(reason=reason))


class FleetView:
    """The applications that resolve in their own process."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def get(self, environment: str) -> Fleet:
        """How far behind each is."""
        return self._http.get(Fleet, "/clients", {"environment": environment})
