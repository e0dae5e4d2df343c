"""Recalls as the client offers them."""

from collections.abc import Iterator

from twinline.client.http import Http
from twinline.language.records import (
    ExecuteRecall,
    LiftRequest,
    NewRecall,
    Recall,
    RecallDetails,
    RecallPlan,
    RecallVerdict,
    WhenUnsafe,
)


class Recalls:
    """Declaring a version bad, everywhere, and taking it out of every slot."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def create(self, node: str, reason: str, *, key: str | None = None) -> RecallDetails:
        """Recall a version, run, dataset, bundle or node of your own; when it is recalled
        already, the recall that stands.

        Raises:
            NotFound: there is no such node.
            Invalid: ``node`` is nothing that can be recalled.
        """
        new = NewRecall(node=node, reason=reason)
        return self._http.write(RecallDetails, "POST", "/recalls", new, key=key)

    def list(self) -> Iterator[Recall]:
        """Every recall, in force or lifted, the newest first."""
        return self._http.pages(Recall, "/recalls")

    def get(self, number: int) -> RecallDetails:
        """A recall with its report, and where it is still live."""
        return self._http.get(RecallDetails, f"/recalls/{number}")

    def plan(self, number: int) -> RecallPlan:
        """What `execute` would do now.

        Raises:
            Conflict: the recall is lifted.
        """
        return self._http.get(RecallPlan, f"/recalls/{number}/plan")

    def execute(
        self,
        number: int,
        *,
        plan: str,
        reason: str,
        accept_untested: bool = False,
        unsafe: WhenUnsafe = "refuse",
        key: str | None = None,
    ) -> RecallDetails:
        """Carry a plan out, for all slots or none; ``plan`` is the digest of the one that you
        looked at.

        Raises:
            Stale: the plan is another by now; nothing was changed.
            UntestedPair: a resulting pair has no evidence, and that was not accepted.
            Conflict: a slot has no safe way back and ``unsafe`` does not say what else to
                do; or the recall is lifted; or nothing would be changed.
        """
        wanted = ExecuteRecall.model_validate(
            {
                "reason": reason,
                "plan": plan,
                "accept_untested": accept_untested,
                "unsafe": unsafe,
            }
        )
        path = f"/recalls/{number}/execute"
        return self._http.write(RecallDetails, "POST", path, wanted, key=key)

    def lift(self, number: int, reason: str) -> RecallDetails:
        """End a recall; what it took out is not deployed again by that."""
        path = f"/recalls/{number}/lift"
        return self._http.write(RecallDetails, "POST", path, LiftRequest(reason=reason))

    def verify(self, number: int) -> RecallVerdict:
        """Whether the report's counts are the same when they are taken again."""
        return self._http.get(RecallVerdict, f"/recalls/{number}/verify")
