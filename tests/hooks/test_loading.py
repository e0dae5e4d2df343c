"""The model and the prompt of a bundle, and only as the catalog knows them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import twinline.mlflow
from tests.hooks.conftest import MODEL, PROMPT, ROUTE, TEMPLATE, Stage, mlflow
from twinline.client import Client
from twinline.language.errors import Invalid, MlflowUnavailable, NotFound, VersionChanged
from twinline.language.records import NewModelVersion, RunFacts, ServedBundle


def served(stage: Stage, application: Client, route: str = ROUTE) -> ServedBundle:
    return application.resolve(route, record=False).bundle


def with_template(bundle: ServedBundle, template: str) -> ServedBundle:
    prompt = bundle.prompt.model_copy(update={"template": template})
    return bundle.model_copy(update={"prompt": prompt})


def test_both_sides_come_together_and_only_once(stage: Stage, application: Client) -> None:
    loader = twinline.mlflow.Loader(stage.admin)
    bundle = served(stage, application)
    with ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(loader.load, [bundle] * 8))
    assert len({id(one) for one in loaded}) == 1
    question = loaded[0].prompt.format(question="invoices")
    assert question == "Which team should answer invoices?"
    (team,) = loaded[0].model.predict([question])
    assert team == stage.trained[0].model.predict([question])[0]


def test_an_edited_template_is_not_loaded(stage: Stage, application: Client) -> None:
    loader = twinline.mlflow.Loader(stage.admin)
    bundle = served(stage, application)
    loader.load(bundle)
    with pytest.raises(VersionChanged, match=f"prompts:/{PROMPT}/1 has another content"):
        loader.load(with_template(bundle, TEMPLATE + " Be rude."))


def test_other_parameters_are_not_loaded(stage: Stage, application: Client) -> None:
    bundle = served(stage, application)
    model = bundle.model.model_copy(update={"parameters": {"temperature": 2}})
    with pytest.raises(VersionChanged, match="parameters"):
        twinline.mlflow.Loader(stage.admin).load(bundle.model_copy(update={"model": model}))


def test_a_model_that_was_made_again_under_its_number_is_not_loaded(
    stage: Stage, application: Client, tmp_path: Path
) -> None:
    registry = mlflow.MlflowClient()
    first, second = (registry.get_model_version(MODEL, str(number)) for number in (1, 2))

    def register(source: Any) -> None:
        registry.create_registered_model("moved")
        registry.create_model_version(
            "moved",
            source.source,
            source.run_id,
            await_creation_for=0,
            model_id=source.source.removeprefix("models:/"),
        )

    register(first)
    stage.admin.models.import_from_mlflow("moved")
    bundle = stage.admin.bundles.pair("models:/moved/1", f"prompts:/{PROMPT}/1")
    stage.admin.slots.deploy("moved@production", bundle.ref, reason="a test", expected=0)
    before = served(stage, application, "moved")
    twinline.mlflow.Loader(stage.admin).load(before)
    registry.delete_registered_model("moved")
    register(second)
    with pytest.raises(VersionChanged, match="models:/moved/1 has another source or run"):
        twinline.mlflow.Loader(stage.admin).load(before)
    name = "moved/recreated-2"  # as the mirror calls it
    run = RunFacts(id=second.run_id)
    new = NewModelVersion(name=name, source="mlflow", source_uri=second.source, number=1, run=run)
    again = stage.admin.models.register(new).ref
    bundle = stage.admin.bundles.pair(again, f"prompts:/{PROMPT}/1")
    stage.admin.slots.deploy("again@production", bundle.ref, reason="a test", expected=0)
    loaded = twinline.mlflow.Loader(stage.admin).load(
        served(stage, stage.application(tmp_path / "later"), "again")
    )
    assert loaded.model.metadata.model_uuid == second.source.removeprefix("models:/")


def test_a_model_of_another_server_is_named_with_that_server(
    stage: Stage, application: Client
) -> None:
    new = NewModelVersion(name="eu/churn", source="mlflow", source_uri="models:/m-1", number=3)
    stage.admin.models.register(new)
    bundle = stage.admin.bundles.pair("models:/eu/churn/3", f"prompts:/{PROMPT}/1")
    stage.admin.slots.deploy("abroad@production", bundle.ref, reason="a test", expected=0)
    with pytest.raises(NotFound, match=r"no models:/churn/3, which .*models:/eu/churn/3.*'eu'"):
        twinline.mlflow.Loader(stage.admin).load(served(stage, application, "abroad"))


def test_a_provider_s_model_is_not_mlflow_s_to_load(stage: Stage, application: Client) -> None:
    stage.admin.models.register(NewModelVersion(name="by-a-provider", source_uri="openai:/gpt-4o"))
    bundle = stage.admin.bundles.pair("models:/by-a-provider/1", f"prompts:/{PROMPT}/1")
    stage.admin.slots.deploy("by-a-provider@production", bundle.ref, reason="a test", expected=0)
    with pytest.raises(NotFound, match="openai:/gpt-4o"):
        twinline.mlflow.Loader(stage.admin).load(served(stage, application, "by-a-provider"))


def test_an_mlflow_that_is_away_is_named(
    stage: Stage, application: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = served(stage, application)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    known = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri("http://127.0.0.1:1")
    try:
        with pytest.raises(MlflowUnavailable, match=r"127\.0\.0\.1:1"):
            twinline.mlflow.Loader(stage.admin).load(bundle)
    finally:
        mlflow.set_tracking_uri(known)


def test_the_bundle_used_longest_ago_is_let_go(stage: Stage, application: Client) -> None:
    stage.release("second@production", "second", "Second {{ question }}")
    loader = twinline.mlflow.Loader(stage.admin, keep=1)
    bundle = served(stage, application)
    first = loader.load(bundle)
    loader.load(served(stage, application, "second"))
    assert loader.load(bundle) is not first


def test_a_prompt_is_the_bundle_s_inside_a_call_and_mlflow_s_outside(
    stage: Stage, application: Client
) -> None:
    """MLflow's alias moves under the same bundle, and changes nothing."""
    mlflow.genai.register_prompt("weather", "Say {{ word }} as MLflow had it")
    mlflow.genai.set_prompt_alias("weather", "production", 1)
    stage.release("weather@production", "weather", "Say {{ word }} as the bundle has it")
    uri = "prompts:/weather@production"
    with twinline.mlflow.inference(application, "weather"):
        for named in (uri, "weather", "prompts:/weather/9"):
            prompt = twinline.mlflow.load_prompt(named)
            assert prompt.format(word="rain") == "Say rain as the bundle has it"
            assert (prompt.name, prompt.version) == ("weather", 1)
    with twinline.mlflow.inference(application, ROUTE):  # another prompt's call
        other = twinline.mlflow.load_prompt(uri, cache_ttl_seconds=0)
    outside = twinline.mlflow.load_prompt(uri, cache_ttl_seconds=0)
    assert {other.template, outside.template} == {"Say {{ word }} as MLflow had it"}


@pytest.mark.parametrize("asked", ["travel", "prompts:/travel@production", "prompts:/travel/2"])
@pytest.mark.parametrize("name", ["mlflow/travel", "mlflow/eu/travel/recreated-2"])
def test_a_prompt_that_came_from_mlflow_is_known_by_its_name_there(
    stage: Stage, application: Client, name: str, asked: str
) -> None:
    route = f"{name.count('/')}-{asked.rpartition('/')[2].replace('@', '-')}"
    stage.release(f"{route}@production", name, "Go to {{ place }}")
    with twinline.mlflow.inference(application, route):
        prompt = twinline.mlflow.load_prompt(asked)
    assert (prompt.name, prompt.template) == (name, "Go to {{ place }}")


def test_threads_get_the_prompt_of_their_own_bundle(stage: Stage, application: Client) -> None:
    stage.release("one@production", "shared", "One {{ x }}")
    stage.release("two@production", "shared", "Two {{ x }}")
    together = threading.Barrier(2)

    def said(route: str) -> str:
        with twinline.mlflow.inference(application, route):
            together.wait()
            return twinline.mlflow.load_prompt("prompts:/shared@production").format(x=1)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(said, ["one", "two"])) == ["One 1", "Two 1"]


def test_a_chat_is_a_chat_in_mlflow_and_a_placeholder_is_refused(
    stage: Stage, application: Client
) -> None:
    chat = [{"role": "user", "content": "Hi {{ name }}"}]
    stage.release("chatting@production", "chatting", chat)
    history = [*chat, {"type": "placeholder", "name": "history"}]
    stage.release("talk@production", "talk", history)
    with twinline.mlflow.inference(application, "chatting"):
        prompt = twinline.mlflow.load_prompt("chatting")
    assert prompt.format(name="Ana") == [{"role": "user", "content": "Hi Ana"}]
    with (
        twinline.mlflow.inference(application, "talk"),
        pytest.raises(Invalid, match="prompts:/talk/1 has no form in MLflow"),
    ):
        twinline.mlflow.load_prompt("talk")
