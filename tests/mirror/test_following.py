"""The mirror follows a real MLflow: what is there, what moves, and what goes away."""

import json
import sqlite3

import pytest

from tests.mirror.conftest import Mirror
from tests.support.apps import asked, managed
from tests.support.mlflow_registry import TEXT, MlflowRegistry
from twinline.cli.demo.trained import MODEL
from twinline.language.errors import BundleWithdrawn
from twinline.language.records import MlflowImport, ModelVersion, PromptVersion
from twinline.mirror import actions
from twinline.mirror.naming import Place


def test_a_model_comes_with_its_run_datasets_and_aliases(mirror: Mirror, mlflow_trained) -> None:
    mirror.catch_up()
    version = mirror.version(f"models:/{MODEL}/2")
    assert isinstance(version, ModelVersion)
    assert version.aliases == ("champion",)
    assert version.run is not None
    assert version.run.id == mlflow_trained[1][1].run_id
    assert version.metrics["accuracy"] == pytest.approx(mlflow_trained[1][1].accuracy)
    used = (
        "select count(*) from edge join node on node.id = edge.target"
        " where edge.kind = 'trained' and node.ref = :ref"
    )
    assert mirror.value(used, ref=str(version.run)) == 2


def test_prompts_stand_in_a_folder_text_and_chat(
    mirror: Mirror, registry: MlflowRegistry, name: str
) -> None:
    chat = json.dumps([{"role": "system", "content": "Be {{ tone }}."}])
    odd = json.dumps([{"role": "user", "content": [{"type": "image_url"}]}])
    registry.make(name, prompt=True)
    registry.add_prompt(
        name, "Hello {{> who@1 }} {{ who }}", _mlflow_prompt_model_config='{"temperature": 1}'
    )
    registry.add_prompt(name, chat, _mlflow_prompt_type="chat")
    registry.add_prompt(name, odd, _mlflow_prompt_type="chat")
    registry.add_prompt(name, "{% if who %}Hello{% endif %} {{> this/is@text }}")
    mirror.catch_up()
    fourth = mirror.version(f"prompts:/mlflow/{name}/4")
    assert isinstance(fourth, PromptVersion)
    assert (fourth.syntax, fourth.includes) == ("jinja2", ())
    first, second, third = (mirror.version(f"prompts:/mlflow/{name}/{n}") for n in (1, 2, 3))
    assert isinstance(first, PromptVersion)
    assert isinstance(second, PromptVersion)
    assert isinstance(third, PromptVersion)
    assert (first.syntax, second.syntax, first.includes) == ("twinline", "twinline", ())
    assert (first.template, first.parameters) == (
        "Hello {{> who@1 }} {{ who }}",
        {"model_config": {"temperature": 1}},
    )
    assert [variable.name for variable in second.variables] == ["tone"]
    assert (second.kind, third.kind, third.template) == ("chat", "text", odd)
    assert first.author == "mlflow:default"


def test_versions_of_one_content_are_one_in_the_catalog_and_live_as_long_as_one_of_them(
    mirror: Mirror, registry: MlflowRegistry, name: str
) -> None:
    registry.make(name, prompt=True)
    for text in ("same", "other", "same"):
        registry.add_prompt(name, text)
    mirror.catch_up()
    query = (
        "select array_agg(ref order by number) from mirror_version join node on"
        " node.id = node_id join mirror_series series on series.id = series_id where name = :name"
    )
    expected = [f"prompts:/mlflow/{name}/{n}" for n in (1, 2, 1)]
    assert mirror.value(query, name=name) == expected
    registry.drop_version(name, 1)
    mirror.sweep()
    assert [(one.kind, one.number) for one in mirror.drift(name)] == [("deleted", 1)]
    assert not mirror.retired(expected[0])
    registry.drop_version(name, 3)
    mirror.sweep()
    assert mirror.retired(expected[0])
    assert not mirror.retired(expected[1])


def test_aliases_and_tags_are_followed_and_their_history_is_kept(
    mirror: Mirror, registry: MlflowRegistry, name: str
) -> None:
    registry.make(name)
    for _ in range(2):
        registry.add(name)
    registry.put_alias(name, "champion", 1)
    mirror.catch_up()
    registry.put_alias(name, "champion", 2)
    registry.put_alias(name, "shadow", 1)
    registry.tag(name, "team", "a")
    mirror.sweep()
    registry.tag(name, "team", "b")
    registry.drop_alias(name, "shadow")
    mirror.sweep()
    one, two = (mirror.version(f"models:/{name}/{number}") for number in (1, 2))
    assert isinstance(one, ModelVersion)
    assert isinstance(two, ModelVersion)
    assert (one.aliases, two.aliases) == ((), ("champion",))
    history = (
        "select array_agg(alias || ' ' || number || ' ' || (until is null) order by history.id)"
        " from mirror_alias history join mirror_series series on series.id = series_id"
        " where name = :name"
    )
    assert mirror.value(history, name=name) == [
        "champion 1 false",
        "champion 2 true",
        "shadow 1 false",
    ]
    tags = (
        "select array_agg(value || ' ' || (until is null) order by history.id)"
        " from mirror_tag history join mirror_series series on series.id = series_id"
        " where name = :name and key = 'team'"
    )
    assert mirror.value(tags, name=name) == ["a false", "b true"]


def test_a_version_s_tag_which_moves_no_time_is_found_by_a_full_sweep(
    mirror: Mirror, registry: MlflowRegistry, name: str
) -> None:
    registry.make(name)
    registry.add(name)
    mirror.catch_up()
    mirror.age()
    registry.tag(name, "stage", "gold", 1)
    mirror.sweep()
    assert mirror.version(f"models:/{name}/1").tags == {}
    mirror.sweep(full=True)
    assert mirror.version(f"models:/{name}/1").tags == {"stage": "gold"}


def test_what_is_made_again_gets_a_name_of_its_own_and_bridges_nothing(
    mirror: Mirror, registry: MlflowRegistry, name: str
) -> None:
    for _ in range(3):
        registry.make(name, prompt=True)
        registry.add_prompt(name, "same text")
        mirror.catch_up()
        mirror.sweep()
        registry.drop(name)
    mirror.sweep()
    found = mirror.drift(name)
    assert [one.kind for one in found] == ["recreated", "recreated", "deleted"]
    assert [one.catalog_name for one in found] == [
        f"mlflow/{name}",
        f"mlflow/{name}/recreated-2",
        f"mlflow/{name}/recreated-3",
    ]
    assert mirror.retired(f"prompts:/mlflow/{name}/1")
    assert mirror.retired(f"prompts:/mlflow/{name}/recreated-3/1")


def test_a_rename_ends_the_old_name_and_says_what_it_became(
    mirror: Mirror, registry: MlflowRegistry, name: str
) -> None:
    registry.make(f"{name}-a")
    registry.add(f"{name}-a")
    mirror.catch_up()
    registry.rename(f"{name}-a", f"{name}-b")
    mirror.sweep()
    (renamed,) = mirror.drift(name)
    assert (renamed.kind, renamed.name, renamed.before["versions"]) == ("renamed", f"{name}-a", [1])
    assert renamed.after is not None
    assert (renamed.after["name"], renamed.after["catalog_name"]) == (f"{name}-b", f"{name}-b")
    assert mirror.version(f"models:/{name}-b/1").number == 1
    registry.rename(f"{name}-b", f"{name}-a")
    registry.make(f"{name}-b")
    mirror.sweep()
    kinds = [(one.kind, one.name) for one in mirror.drift(name)]
    assert kinds == [("renamed", f"{name}-a"), ("renamed", f"{name}-b")]
    state = (
        "select string_agg(catalog_name || ' ' || (ended_at is null), ', ' order by series.id)"
        " from mirror_series series where starts_with(name, :name)"
    )
    assert mirror.value(state, name=name) == (
        f"{name}-a true, {name}-b false, {name}-b/recreated-2 true"
    )


def test_names_that_were_exchanged_are_two_renames(
    mirror: Mirror, registry: MlflowRegistry, name: str
) -> None:
    one, other, aside = (f"{name}-{which}" for which in ("one", "other", "aside"))
    for called in (one, other):
        registry.make(called)
        registry.add(called, f"s3://models/{called}")
    mirror.catch_up()
    for called, to in ((one, aside), (other, one), (aside, other)):
        registry.rename(called, to)
    mirror.sweep()
    found = {drift.name: drift for drift in mirror.drift(name)}
    assert {drift.kind for drift in found.values()} == {"renamed"}
    became = {called: (drift.after or {})["catalog_name"] for called, drift in found.items()}
    assert became == {one: f"{other}/recreated-2", other: f"{one}/recreated-2"}
    assert mirror.version(f"models:/{became[one]}/1").source_uri == f"s3://models/{one}"
    assert mirror.value("select count(*) from mirror_mark") == 0


def test_a_name_that_another_took_over_was_made_again(
    mirror: Mirror, registry: MlflowRegistry, name: str
) -> None:
    for called in (f"{name}-a", f"{name}-b"):
        registry.make(called, versions=1)
    mirror.catch_up()
    registry.drop(f"{name}-b")
    registry.rename(f"{name}-a", f"{name}-b")
    mirror.sweep()
    kinds = {one.name: one.kind for one in mirror.drift(name)}
    assert kinds == {f"{name}-a": "renamed", f"{name}-b": "recreated"}
    assert mirror.value("select count(*) from mirror_mark") == 0


def test_a_template_that_was_overwritten_is_drift_and_a_version_of_its_own(
    mirror: Mirror, registry: MlflowRegistry, name: str
) -> None:
    registry.make(name, prompt=True)
    registry.add_prompt(name, "good")
    mirror.catch_up()
    mirror.age()
    registry.tag(name, TEXT, "bad", 1)
    mirror.sweep()
    assert mirror.drift(name) == []  # no time of MLflow's moved
    mirror.sweep(full=True)
    (found,) = mirror.drift(name)
    assert (found.kind, found.number, found.live) == ("tampered", 1, False)
    assert found.after is not None
    assert found.before["digest"] != found.after["digest"]
    assert mirror.version(f"prompts:/mlflow/{name}/1").template == "good"
    assert mirror.version(f"prompts:/mlflow/{name}/2").template == "bad"
    assert mirror.retired(f"prompts:/mlflow/{name}/1")
    registry.tag(name, TEXT, "good", 1)
    mirror.sweep(full=True)
    assert [one.kind for one in mirror.drift(name)] == ["tampered", "tampered"]
    assert not mirror.retired(f"prompts:/mlflow/{name}/1")
    assert mirror.retired(f"prompts:/mlflow/{name}/2")


def test_a_model_version_whose_source_was_changed_is_drift_and_stays_what_it_was(
    mirror: Mirror, registry: MlflowRegistry, name: str, mlflow_trained
) -> None:
    registry.make(name)
    registry.add(name, "s3://models/good")
    mirror.catch_up()
    with sqlite3.connect(mlflow_trained[0].folder / "mlflow.db") as thief:
        thief.execute(
            "update model_versions set source = 's3://models/bad', storage_location = null"
            " where name = ?",
            (name,),
        )
    thief.close()
    mirror.sweep(full=True)
    mirror.sweep(full=True)
    assert [(one.kind, one.number) for one in mirror.drift(name)] == [("tampered", 1)]
    assert mirror.version(f"models:/{name}/1").source_uri == "s3://models/good"
    assert mirror.retired(f"models:/{name}/1")


def test_what_is_live_is_not_retired_until_something_else_is(
    mirror: Mirror, registry: MlflowRegistry, name: str
) -> None:
    registry.make(name)
    for _ in range(2):
        registry.add(name)
    mirror.catch_up()
    with asked(mirror.database) as http, managed(http) as client:
        prompt = client.prompts.create(f"{name}-prompt", "x").ref
        first, second = (client.bundles.pair(f"models:/{name}/{n}", prompt).ref for n in (1, 2))
        client.slots.deploy(f"{name}@dev", first, reason="because", expected=0)
        registry.drop_version(name, 1)
        mirror.sweep()
        (found,) = mirror.drift(name)
        assert (found.kind, found.number, found.live) == ("deleted", 1, True)
        assert not mirror.retired(f"models:/{name}/1")
        client.slots.deploy(f"{name}@dev", second, reason="because", expected=1)
        mirror.sweep(full=True)
        (found,) = mirror.drift(name)
        assert not found.live
        assert mirror.retired(f"models:/{name}/1")
        with pytest.raises(BundleWithdrawn):
            client.slots.deploy(f"{name}@dev", first, reason="because", expected=2)


def test_a_version_that_somebody_asks_for_is_the_mirror_s(
    mirror: Mirror, registry: MlflowRegistry, name: str
) -> None:
    for source in ("s3://models/a", "s3://models/b"):
        registry.make(name)
        registry.add(name, source)
        wanted = mirror.server.found(MlflowImport(name=name, number=1))
        with mirror.database.writing("somebody") as tx:
            version, made = actions.keep_found(tx, Place("default", "default"), wanted)
            again = actions.keep_found(tx, Place("default", "default"), wanted)
        assert (made, version.source_uri, again) == (True, source, (version, False))
        mirror.catch_up()
        registry.drop(name)
        mirror.sweep()
    names = [one.catalog_name for one in mirror.drift(name)]
    assert names == [name, f"{name}/recreated-2"]
