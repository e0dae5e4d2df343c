"""What training gives: a classifier of support tickets, and the version it is registered as."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

MODEL = "ticket-triage"


class Classifier(Protocol):
    """A fitted scikit-learn pipeline, as far as the demo uses it."""

    def predict(self, texts: Sequence[str], /) -> Sequence[str]:
        """The team for each text."""
        ...


@dataclass(frozen=True)
class TrainedVersion:
    """A registered version of the demo's model, and the fitted model itself.

    ``accuracy`` is on the held-out tickets of both quarters, in [0, 1].
    """

    name: str
    number: int
    run_id: str
    accuracy: float
    model: Classifier

    @property
    def ref(self) -> str:
        """As commands name it: ``models:/ticket-triage/2``."""
        return f"models:/{self.name}/{self.number}"
