"""What the demo's model is: a classifier that sends support tickets to a team.

Importing this imports scikit-learn.
"""

# scikit-learn is half typed:
# pyright: reportUnknownMemberType=false

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from twinline.cli.demo.tickets import Ticket
from twinline.cli.demo.trained import Classifier


class Remembering:
    """A classifier that is asked only once about a text: customers repeat themselves."""

    def __init__(self, model: Classifier) -> None:
        self._model = model
        self._known: dict[str, str] = {}

    def predict(self, texts: Sequence[str], /) -> Sequence[str]:
        """The team for each text."""
        new = [text for text in texts if text not in self._known]
        if new:
            self._known |= zip(new, map(str, self._model.predict(new)), strict=True)
        return [self._known[text] for text in texts]


@dataclass(frozen=True)
class Plan:
    """What one training run does differently from another."""

    run_name: str
    quarters: tuple[str, ...]
    regularisation: float
    words_max: int

    def may_learn(self, ticket: Ticket) -> bool:
        """Whether a ticket is for training, and of a quarter that the run knows."""
        return ticket.quarter in self.quarters and not ticket.held_out

    def params(self) -> dict[str, str]:
        """What the run says of itself."""
        return {
            "algorithm": "tf-idf + logistic regression",
            "regularisation_c": str(self.regularisation),
            "ngram_words_max": str(self.words_max),
            "quarters": " + ".join(self.quarters),
        }


PLANS = (
    Plan("triage-q1", ("2026-q1",), regularisation=0.5, words_max=1),
    Plan("triage-q1-q2", ("2026-q1", "2026-q2"), regularisation=8.0, words_max=2),
)


def fitted(plan: Plan, known: Sequence[Ticket]) -> Pipeline:
    """A pipeline that learned these tickets."""
    steps = [
        ("words", TfidfVectorizer(ngram_range=(1, plan.words_max), sublinear_tf=True)),
        ("teams", LogisticRegression(C=plan.regularisation, max_iter=500)),
    ]
    return Pipeline(steps).fit([ticket.text for ticket in known], [ticket.team for ticket in known])


def accuracy(model: Classifier, asked: Iterable[Ticket]) -> float:
    """The share of tickets that go to the team that should answer, in [0, 1]."""
    tickets = list(asked)
    answers = model.predict([ticket.text for ticket in tickets])
    right = sum(team == ticket.team for team, ticket in zip(answers, tickets, strict=True))
    return right / len(tickets)
