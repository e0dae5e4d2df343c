"""What is read from a real MLflow on loopback."""

import asyncio
import warnings
from datetime import UTC, datetime

import pytest

from twinline.language.errors import Invalid, NotFound
from twinline.language.records import MlflowImport
from twinline.mirror.remote import MlflowServer


@pytest.fixture(scope="session")
def mlflow_url(mlflow_trained) -> str:
    return mlflow_trained[0].url


@pytest.fixture(scope="session")
def client(mlflow_trained):
    """MLflow's own client, to put into MLflow what ``train`` did not."""
    from mlflow import MlflowClient

    return MlflowClient(mlflow_trained[0].url)


@pytest.mark.parametrize(
    ("chosen_by", "number"),
    [
        pytest.param({"number": 1}, 1, id="its number"),
        pytest.param({"number": 2}, 2, id="another number"),
        pytest.param({"alias": "champion"}, 2, id="an alias"),
        pytest.param({"alias": "latest"}, 2, id="the alias that MLflow reserves for the newest"),
        pytest.param({}, 2, id="being the newest"),
    ],
)
def test_a_version_is_chosen_by(mlflow_url, mlflow_trained, chosen_by, number):
    version = read(mlflow_url, "ticket-triage", **chosen_by)
    assert (version.name, version.number) == ("ticket-triage", number)
    assert version.run.id == mlflow_trained[1][number - 1].run_id


def test_a_version_comes_with_what_mlflow_says_about_it(mlflow_url, mlflow_trained):
    trained = mlflow_trained[1][1]
    version = read(mlflow_url, "ticket-triage", number=2)
    assert version.source == "mlflow"
    assert version.source_uri.startswith("models:/m-")
    assert version.pinned
    assert version.aliases == ("champion",)
    assert version.metrics == {"accuracy": trained.accuracy}
    assert version.params["ngram_words_max"] == "2"
    assert read(mlflow_url, "ticket-triage", number=1).aliases == ()


def test_a_version_comes_with_its_run(mlflow_url, mlflow_trained):
    run = read(mlflow_url, "ticket-triage", number=1).run
    assert (run.name, run.experiment, run.status) == (
        "triage-q1",
        "support-ticket-triage",
        "FINISHED",
    )
    assert run.started_at < run.ended_at <= datetime.now(UTC)
    assert run.metrics == {"accuracy": mlflow_trained[1][0].accuracy}
    assert run.params["quarters"] == "2026-q1"
    assert run.tags["mlflow.runName"] == "triage-q1"


def test_a_run_comes_with_its_datasets(mlflow_url):
    first, second = (read(mlflow_url, "ticket-triage", number=n).run.datasets for n in (1, 2))
    training, held_out = sorted(first, key=lambda dataset: dataset.context, reverse=True)
    assert (training.name, training.context) == ("support-tickets-2026-q1", "training")
    assert (held_out.name, held_out.context) == ("support-tickets-held-out", "evaluation")
    assert training.source_type == "local"
    assert training.source.endswith('tickets-2026-q1.csv"}')
    assert training.profile == {"num_rows": 240, "num_elements": 480}
    digests = {dataset.name: dataset.digest for dataset in (*first, *second)}
    assert len(set(digests.values())) == 3


def test_tags_and_aliases_follow_mlflow(mlflow_url, client):
    client.create_registered_model("followed")
    client.create_model_version("followed", "openai:/gpt-4o", tags={"owner": "ops", "empty": ""})
    client.set_registered_model_alias("followed", "b", "1")
    client.set_registered_model_alias("followed", "a", "1")
    version = read(mlflow_url, "followed")
    assert version.tags == {"owner": "ops", "empty": ""}
    assert sorted(version.aliases) == ["a", "b"]


def test_a_version_without_a_run_has_none(mlflow_url, client):
    client.create_registered_model("hosted")
    client.create_model_version("hosted", "openai:/gpt-4o")
    version = read(mlflow_url, "hosted")
    assert version.run is None
    assert version.source_uri == "openai:/gpt-4o"


def test_what_was_measured_on_the_model_later_counts(mlflow_url, mlflow_trained, client):
    import mlflow

    first = read(mlflow_url, "ticket-triage", number=1)
    with mlflow.start_run(run_name="evaluated later"):
        mlflow.log_metric("recall", 0.5, model_id=first.source_uri.removeprefix("models:/"))
    again = read(mlflow_url, "ticket-triage", number=1)
    assert again.metrics == first.metrics | {"recall": 0.5}
    assert "recall" not in again.run.metrics


def test_metrics_that_json_cannot_carry_are_left_out(mlflow_url, client):
    run = client.create_run("0").info.run_id
    for key, value in (("nan", "nan"), ("up", "inf"), ("down", "-inf"), ("fine", "0.5")):
        client.log_metric(run, key, float(value))
    client.create_registered_model("measured")
    client.create_model_version("measured", "s3://bucket/model", run_id=run)
    version = read(mlflow_url, "measured")
    assert version.metrics == version.run.metrics == {"fine": 0.5}


def test_a_dataset_that_cannot_be_named_is_refused(mlflow_url, client):
    from mlflow.entities import Dataset, DatasetInput

    run = client.create_run("0").info.run_id
    odd = Dataset(name="tickets", digest="v1/2@3", source_type="local", source="{}")
    client.log_inputs(run, datasets=[DatasetInput(odd, [])])
    client.create_registered_model("oddly-fed")
    client.create_model_version("oddly-fed", "s3://bucket/model", run_id=run)
    with pytest.raises(Invalid, match=r"'tickets' with digest 'v1/2@3'") as refused:
        read(mlflow_url, "oddly-fed")
    assert (refused.value.fields["field"], refused.value.fields["value"]) == ("digest", "v1/2@3")
    client.delete_registered_model("oddly-fed")  # no mirror of this server would ever be whole


def test_an_unknown_model_is_named_with_those_most_like_it(mlflow_url, mlflow_trained):
    with pytest.raises(NotFound, match="'ticket-triag'") as missing:
        read(mlflow_url, "ticket-triag")
    assert missing.value.fields["nearest"][0] == "ticket-triage"


@pytest.mark.parametrize("number", [3, 999_999_999], ids=["the next", "the highest"])
def test_an_unknown_number_is_named_with_the_newest(mlflow_url, mlflow_trained, number):
    with pytest.raises(NotFound, match=f"no version {number}; its newest is 2") as missing:
        read(mlflow_url, "ticket-triage", number=number)
    assert missing.value.fields["latest"] == 2


def test_an_unknown_alias_is_named_with_those_most_like_it(mlflow_url, mlflow_trained):
    with pytest.raises(NotFound, match="'champoin'") as missing:
        read(mlflow_url, "ticket-triage", alias="champoin")
    assert missing.value.fields["nearest"] == ("champion",)


def test_a_model_without_a_version_has_no_newest(mlflow_url, client):
    client.create_registered_model("empty")
    with pytest.raises(NotFound, match="'empty'"):
        read(mlflow_url, "empty")


def test_a_name_that_mlflow_refuses_is_invalid(mlflow_url, mlflow_trained):
    with pytest.raises(Invalid, match=r"MLflow refuses 'team/triage'.*'/'"):
        read(mlflow_url, "team/triage")


def test_a_prompt_is_no_model(mlflow_url, mlflow_trained):
    with warnings.catch_warnings(action="ignore"):
        from mlflow.genai import register_prompt

        register_prompt("support-reply", "Answer {{ticket}}")
    with pytest.raises(Invalid, match="'support-reply' is a prompt in MLflow"):
        read(mlflow_url, "support-reply")


def test_a_running_mlflow_is_reachable(mlflow_url, mlflow_trained):
    assert MlflowServer(mlflow_url).reachable()


def test_a_read_works_where_an_event_loop_runs(mlflow_url, mlflow_trained):
    async def in_a_notebook():
        return read(mlflow_url, "ticket-triage")

    assert asyncio.run(in_a_notebook()).number == 2


def read(url: str, name: str, **chosen_by):
    return MlflowServer(url).model_version(MlflowImport(name=name, **chosen_by))
