"""Train the demo's model twice: a classifier that sends support tickets to a team.

Importing this imports MLflow, pandas and scikit-learn.
"""

# MLflow, pandas and scikit-learn are half typed:
# pyright: reportUnknownMemberType=false

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

import mlflow
import mlflow.sklearn
import pandas as pd
import sklearn
from mlflow.data.pandas_dataset import from_pandas
from mlflow.exceptions import MlflowException
from mlflow.telemetry import set_telemetry_client
from sklearn.pipeline import Pipeline

from twinline.cli.demo.classifiers import PLANS, Plan, accuracy, fitted
from twinline.cli.demo.mlflow_server import QUIET
from twinline.cli.demo.tickets import Ticket, tickets
from twinline.cli.demo.trained import MODEL, Classifier, TrainedVersion
from twinline.language.refs import DatasetRef

CHAMPION = "champion"
EXPERIMENT = "support-ticket-triage"
STEPS_EACH = 2
"""How often ``train_on`` calls ``on_step``."""
STEPS = 1 + len(PLANS) * STEPS_EACH
"""How often ``train`` does."""

_CLIENT_ENVIRONMENT = {
    **QUIET,
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_PRINT_MODEL_URLS_ON_CREATION": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_UV_AUTO_DETECT": "false",
}


def train(
    url: str, folder: Path, on_step: Callable[[str], None] = lambda _step: None
) -> tuple[TrainedVersion, ...]:
    """Train, log and register versions 1 and 2; the alias ``champion`` goes to 2.

    MLflow is configured by process-wide state only: afterwards MLflow in this process
    still talks to ``url``, prints nothing and sends no telemetry.

    Args:
        url: the MLflow server.
        folder: where the tickets are written as CSV, so that the datasets that MLflow
            records have a source that can be opened.
        on_step: told ``STEPS`` times, in words, what happens next.
    """
    on_step("Writing support tickets")
    _point_mlflow_at(url)
    with warnings.catch_warnings(action="ignore"):
        mlflow.set_experiment(EXPERIMENT)
        versions = tuple(
            _trained(plan, known, folder, "-".join(plan.quarters), on_step)[0]
            for plan, known in _lessons()
        )
        client = mlflow.MlflowClient()
        client.set_registered_model_alias(MODEL, CHAMPION, str(versions[-1].number))
    return versions


def train_on(
    url: str,
    folder: Path,
    plan: Plan,
    known: Sequence[Ticket],
    name: str,
    on_step: Callable[[str], None] = lambda _step: None,
) -> tuple[TrainedVersion, DatasetRef]:
    """Train, log and register one more version, on a dataset of this name.

    MLflow in this process talks to ``url`` from then on, as after ``train``.
    """
    _point_mlflow_at(url)
    with warnings.catch_warnings(action="ignore"):
        mlflow.set_experiment(EXPERIMENT)
        return _trained(plan, known, folder, name, on_step)


def point(url: str, alias: str, number: int) -> None:
    """Move an alias of the model in MLflow, as anybody there may."""
    _point_mlflow_at(url)
    mlflow.MlflowClient().set_registered_model_alias(MODEL, alias, str(number))


def aliased(url: str, alias: str) -> int:
    """The number of the version that an alias of the model points to in MLflow."""
    _point_mlflow_at(url)
    return int(mlflow.MlflowClient().get_model_version_by_alias(MODEL, alias).version)


def champion(url: str) -> TrainedVersion:
    """The version that the alias points to, from an MLflow server where ``train`` ran.

    MLflow in this process talks to ``url`` from then on, as after ``train``.
    """
    _point_mlflow_at(url)
    client = mlflow.MlflowClient()
    with warnings.catch_warnings(action="ignore"):
        mlflow.set_experiment(EXPERIMENT)
        found = client.get_model_version_by_alias(MODEL, CHAMPION)
        run = client.get_run(found.run_id or "")
        model = mlflow.sklearn.load_model(  # pyright: ignore[reportPrivateImportUsage] -- documented
            f"models:/{MODEL}/{found.version}"
        )
    share = run.data.metrics["accuracy"]
    return TrainedVersion(
        MODEL, int(found.version), run.info.run_id, share, cast("Classifier", model)
    )


def _point_mlflow_at(url: str) -> None:
    os.environ.update(_CLIENT_ENVIRONMENT)
    set_telemetry_client()  # decides again, now that the environment says no
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(url)


def _lessons() -> Iterator[tuple[Plan, list[Ticket]]]:
    return ((plan, [one for one in tickets() if plan.may_learn(one)]) for plan in PLANS)


def _trained(
    plan: Plan, known: Sequence[Ticket], folder: Path, name: str, on_step: Callable[[str], None]
) -> tuple[TrainedVersion, DatasetRef]:
    held_out = [ticket for ticket in tickets() if ticket.held_out]
    with mlflow.start_run(run_name=plan.run_name) as run:
        run_id = run.info.run_id
        on_step(f"Training {MODEL} on {len(known)} tickets")
        dataset = log_dataset(known, folder, name, "training")
        log_dataset(held_out, folder, "held-out", "evaluation")
        pipeline = fitted(plan, known)
        model = cast("Classifier", pipeline)
        share = accuracy(model, held_out)
        mlflow.log_params(plan.params())
        mlflow.log_metric("accuracy", share)
        on_step(f"Registering it: {share:.0%} of {len(held_out)} held-out tickets are right")
        number = _registered(pipeline, run_id)
    return TrainedVersion(MODEL, number, run_id, share, model), dataset


def log_dataset(rows: Sequence[Ticket], folder: Path, name: str, context: str) -> DatasetRef:
    """Log tickets as a dataset of the active run; ``context`` is its part in the run."""
    frame = pd.DataFrame([asdict(row) for row in rows], columns=["text", "team"])
    source = folder.resolve() / f"tickets-{name}.csv"
    frame.to_csv(source, index=False)
    dataset = from_pandas(frame, source.as_uri(), targets="team", name=f"support-tickets-{name}")
    mlflow.log_input(dataset, context=context)
    return DatasetRef(dataset.name, dataset.digest)


def _registered(pipeline: Pipeline, run_id: str) -> int:
    """The number of the new version.

    Requirements are given because finding them takes seconds; the client registers
    because ``mlflow.register_model`` prints.
    """
    logged = mlflow.sklearn.log_model(  # pyright: ignore[reportPrivateImportUsage] -- documented
        pipeline, name="classifier", pip_requirements=[f"scikit-learn=={sklearn.__version__}"]
    )
    client = mlflow.MlflowClient()
    try:
        client.create_registered_model(MODEL)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    version = client.create_model_version(
        MODEL, logged.model_uri, run_id, await_creation_for=0, model_id=logged.model_id
    )
    return int(version.version)
