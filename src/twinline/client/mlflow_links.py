"""Links between slots and aliases in MLflow as the client offers them."""

from collections.abc import Iterator

from twinline.client.http import Http, segment
from twinline.language.records import (
    AliasLink,
    Deployment,
    ForeignMove,
    ForeignMoves,
    NewAliasLink,
    ProposalDecision,
)
from twinline.language.refs import SlotRef


class MlflowLinks:
    """Which alias in MLflow goes with a slot, and what others did to it.

    A slot is given as ``support-answer@production`` or as a `SlotRef`.
    """

    def __init__(self, http: Http) -> None:
        self._http = http

    def link(
        self,
        slot: SlotRef | str,
        alias: str,
        *,
        writes: bool = True,
        foreign: ForeignMoves = "alert",
        key: str | None = None,
    ) -> AliasLink:
        """Have an alias go with a slot, instead of what went with it before.

        Raises:
            Conflict: the alias of the model that is live belongs to another slot.
            Invalid: MLflow reserves the alias; or moves shall be reverted, but nothing
                written.
        """
        new = NewAliasLink(alias=alias, writes=writes, foreign=foreign)
        return self._http.write(AliasLink, "PUT", _path(slot), new, key=key)

    def list(self) -> Iterator[AliasLink]:
        """All links, and whether each slot and its alias agree."""
        return self._http.pages(AliasLink, "/mlflow/links")

    def get(self, slot: SlotRef | str) -> AliasLink:
        """The link of a slot."""
        return self._http.get(AliasLink, _path(slot))

    def unlink(self, slot: SlotRef | str) -> AliasLink:
        """End a link; the alias stays where it is in MLflow."""
        return self._http.write(AliasLink, "DELETE", _path(slot))

    def moves(self, slot: SlotRef | str) -> Iterator[ForeignMove]:
        """What others did to the alias of a slot, the newest first."""
        return self._http.pages(ForeignMove, f"{_path(slot)}/moves")

    def proposals(
        self, slot: SlotRef | str | None = None, *, waiting: bool = True
    ) -> Iterator[ForeignMove]:
        """What is proposed to be deployed, the newest first; by default only what waits."""
        query = {"slot": _short(slot) if slot else None, "waiting": waiting}
        return self._http.pages(ForeignMove, "/mlflow/proposals", query)

    def accept(
        self, number: int, *, reason: str, expected: int, key: str | None = None
    ) -> Deployment:
        """Deploy what is proposed; ``expected`` is the live deployment that you looked at.

        Raises:
            Stale: another deployment is live by now; nothing was changed.
            Conflict: the proposal does not wait any more.
            BlockedPair, BundleWithdrawn: the resulting pair may not go live.
        """
        path = f"/mlflow/proposals/{number}/accept"
        decision = ProposalDecision(reason=reason)
        return self._http.write(Deployment, "POST", path, decision, expected=expected, key=key)

    def decline(self, number: int, *, reason: str) -> ForeignMove:
        """Stay with what is live; a link that writes puts the alias back."""
        path = f"/mlflow/proposals/{number}/decline"
        return self._http.write(ForeignMove, "POST", path, ProposalDecision(reason=reason))


def _short(slot: SlotRef | str) -> str:
    return (slot if isinstance(slot, SlotRef) else SlotRef.parse(slot)).short


def _path(slot: SlotRef | str) -> str:
    return f"/mlflow/links/{segment(_short(slot))}"
