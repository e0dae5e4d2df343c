"""The demo's suite: does a reply tell the customer which team has the ticket?

A runner of one's own looks like this: a function that takes a pending evaluation, gets what
it names, runs the cases, logs to MLflow, and answers with the result. It is started by::

    export MLFLOW_TRACKING_URI=http://127.0.0.1:5000
    twinline evaluate worker --suite names-the-team --call twinline.cli.demo.scoring:score

Importing this imports MLflow and scikit-learn.
"""

# scikit-learn is half typed:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import mlflow
from sklearn.metrics import f1_score

from twinline.cli.demo.replies import reply
from twinline.cli.demo.tickets import Ticket, tickets
from twinline.cli.demo.trained import TrainedVersion
from twinline.cli.demo.training import champion, log_dataset
from twinline.client import Client
from twinline.client.runner import Score
from twinline.language.records import CaseResult, PendingEvaluation, Suite, SuiteResult
from twinline.language.refs import PromptVersionRef, RunRef
from twinline.settings import Settings

SUITE = "names-the-team"
THRESHOLD = 0.8
NO_TEAM = "no team"


def define(client: Client, prompt: str) -> Suite:
    """Define the suite, and let each new version of a prompt wait for it."""
    client.suites.define(
        SUITE,
        description="F1 of the team that replies to held-out tickets name",
        threshold=THRESHOLD,
    )
    return client.suites.attach(SUITE, prompt)


def score(pending: PendingEvaluation) -> SuiteResult:
    """Score a prompt version with the model that MLflow calls champion.

    Twinline and MLflow are those of the environment; the tickets are written to the
    working folder.
    """
    settings = Settings()
    key = settings.api_key.get_secret_value() if settings.api_key else None
    with Client(settings.server_url, key) as client:
        return scorer(client, _champion(), Path.cwd())(pending)


@cache
def _champion() -> TrainedVersion:
    return champion(mlflow.get_tracking_uri())


def scorer(client: Client, model: TrainedVersion, folder: Path) -> Score:
    """Scores prompt versions by the replies that they and a model give to held-out tickets.

    The score is the macro-averaged F1 (scikit-learn's) of the team that a reply names.

    Args:
        client: where the prompt is read.
        model: who decides the team.
        folder: where the tickets are written as CSV, the source of MLflow's dataset.
    """
    held_out = [ticket for ticket in tickets() if ticket.held_out]

    def score(pending: PendingEvaluation) -> SuiteResult:
        assert isinstance(pending.subject, PromptVersionRef)
        prompt = client.prompts.get(pending.subject.name, version=pending.subject.number)
        assert isinstance(prompt.template, str)
        named = [_team_named(reply(one, prompt.template, model.model, 1).text) for one in held_out]
        return _logged(pending, model, held_out, named, folder)

    return score


def _logged(
    pending: PendingEvaluation,
    model: TrainedVersion,
    asked: Sequence[Ticket],
    named: Sequence[str],
    folder: Path,
) -> SuiteResult:
    """The result, which an MLflow run holds, too."""
    right = [ticket.team for ticket in asked]
    f1 = _f1(right, named)
    cases = tuple(
        CaseResult(id=f"ticket-{number}", passed=team == answer)
        for number, (team, answer) in enumerate(zip(right, named, strict=True))
    )
    with warnings.catch_warnings(action="ignore"), mlflow.start_run(run_name=pending.suite) as run:
        dataset = log_dataset(list(asked), folder, "held-out", "evaluation")
        about = {"prompt": str(pending.subject), "model": f"models:/{model.name}/{model.number}"}
        mlflow.log_params(about)
        mlflow.log_metrics({"f1": f1, "cases": len(cases)})
        mlflow.log_dict({"cases": [case.model_dump() for case in cases]}, "cases.json")
    return SuiteResult.of(cases, score=f1, dataset=dataset, run=RunRef(run.info.run_id))


def _f1(right: Sequence[str], named: Sequence[str]) -> float:
    """The mean of the F1 of each team, in [0, 1]; 0 for a team that nobody named."""
    never: Any = 0  # documented, but the parameter is said to be a string
    teams = sorted(set(right))
    return float(f1_score(right, named, labels=teams, average="macro", zero_division=never))


def _team_named(text: str) -> str:
    """The team that a reply says has the ticket."""
    said = text.lower().partition("the ")[2].partition(" team")
    return said[0] if said[1] else NO_TEAM
