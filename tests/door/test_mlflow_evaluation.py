"""The demo's suite, run by a real runner with scikit-learn and a real MLflow."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.rehearsal import Rehearsal
from tests.support.serving import served
from twinline.app import make_app
from twinline.cli import main
from twinline.cli.demo.replies import PROMPT, PROMPTS
from twinline.client import Client
from twinline.language.records import Evaluation, Role
from twinline.mirror.mirroring import Mirroring
from twinline.mirror.remote import MlflowServer

WORKER = (
    "twinline evaluate worker --suite names-the-team --until-empty "
    "--call twinline.cli.demo.scoring:score"
)


@pytest.fixture
def scored(
    rehearsal: Rehearsal,
    issue: Callable[[Role], str],
    mlflow_trained: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """A client, with the demo's three prompt versions scored; and the result of each."""
    with warnings.catch_warnings(action="ignore"):  # scikit-learn's and MLflow's own
        from twinline.cli.demo import scoring
    mlflow, (_, trained) = mlflow_trained
    app = make_app(rehearsal, Mirroring([MlflowServer(mlflow.url)]))
    with served(app) as url, Client(url, issue(Role.ADMIN), folder=tmp_path / "ana") as admin:
        admin.models.import_from_mlflow(trained.name, number=trained.number)
        scoring.define(admin, PROMPT)
        for template, message in PROMPTS:
            admin.prompts.create(PROMPT, template, message=message)
        monkeypatch.setenv("TWINLINE_URL", url)
        monkeypatch.setenv("TWINLINE_API_KEY", issue(Role.RUNNER))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow.url)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.argv", WORKER.split())
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code in (0, None)
        failed = list(admin.evaluations.pending(states=["waiting", "given_up"]))
        assert [one.last_error for one in failed] == []
        yield admin, [next(admin.evaluations.newest(f"prompts:/{PROMPT}/{n}")) for n in (1, 2, 3)]


def test_each_new_prompt_version_is_scored_and_its_run_is_in_mlflow(
    scored: tuple[Client, list[Evaluation]],
) -> None:
    from mlflow import MlflowClient

    client, results = scored
    assert [one.verdict for one in results] == ["passed", "passed", "failed"]
    for one in results:
        assert one.run is not None
        run = MlflowClient().get_run(one.run.id)
        assert run.data.metrics["f1"] == one.score
        assert run.data.params["prompt"] == str(one.subject)
        (logged,) = run.inputs.dataset_inputs
        assert one.dataset is not None
        assert (logged.dataset.name, logged.dataset.digest) == (
            one.dataset.name,
            one.dataset.digest,
        )
        assert one.cases == one.passed + one.failed == 120
    above = client.lineage.walk(str(results[0].ref), direction="upstream", depth=1)
    assert str(results[0].dataset) in {node.ref for node in above.nodes}


def test_the_version_that_forgets_the_team_breaks_the_cases_that_it_fails(
    scored: tuple[Client, list[Evaluation]],
) -> None:
    client, (_, good, bad) = scored
    (found,) = client.evaluations.compare(good.subject, bad.subject).suites
    assert (found.turned, found.fixed) == ("failed", ())
    assert len(found.broken) == good.passed - bad.passed > 100
    assert bad.score == 0.0
