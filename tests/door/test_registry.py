"""Prompts, models, bundles and evaluations at the door."""

import httpx
import pytest

from tests.support.catalog import Catalog
from twinline.client import Client
from twinline.language.errors import Conflict, Invalid, NotFound, Stale, VersionChanged
from twinline.language.records import NewEvaluation, NewInference, NewModelVersion, RunFacts

CHAT = [
    {"role": "system", "content": "Be {{ tone }}."},
    {"type": "placeholder", "name": "history"},
    {"role": "user", "content": "{{ question }}"},
]


def test_versions_are_numbered_and_latest_names_the_highest(client: Client) -> None:
    first = client.prompts.create("answer", "One {{ a }}", message="first")
    second = client.prompts.create("answer", "Two {{ b }}", labels=["production"])
    assert (first.number, second.number) == (1, 2)
    assert client.prompts.get("answer") == second
    assert second.labels == ("latest", "production")
    assert client.prompts.get("answer", version=1).labels == ()
    assert client.prompts.get("answer", label="production").number == 2
    assert [one.number for one in client.prompts.versions("answer")] == [2, 1]


@pytest.mark.parametrize(
    "word", ["includes", "included-by", "outdated", "promote", "retire", "update-includers"]
)
def test_a_prompt_may_be_called_as_what_can_be_done_with_one(client: Client, word: str) -> None:
    """Such names were taken before there was a word for it."""
    name, parent = f"legal/{word}", "legal"
    client.prompts.create(parent, "another")
    made = client.prompts.create(name, "{{> legal@1 }}")
    client.prompts.move_label(name, "production", 1, reason="because")
    assert client.prompts.promote(name, "latest", "staging", reason="because").number == 1
    assert client.prompts.get(name).whole == made.whole
    assert client.prompts.get(name, label="production").ref == made.ref
    assert [one.version.name for one in client.prompts.includes(name)] == [parent]
    assert [one.version.name for one in client.prompts.included_by(parent)] == [name]
    assert list(client.prompts.outdated(name)) == []
    (retired,) = client.prompts.retire(name, reason="because").items
    assert retired.node == f"prompts:/{name}/1"
    client.prompts.unretire(name, reason="because")
    assert client.prompts.get(name).retired_at is None


def test_a_name_means_the_version_that_was_said_last_and_every_edit_is_kept(
    client: Client,
) -> None:
    for number in (1, 2):
        client.models.register(NewModelVersion(name="gpt", source_uri=f"openai:/gpt-{number}"))
    client.models.keep_name("openai", "gpt-4o*", "models:/gpt/1", reason="what we bought")
    kept = client.models.keep_name("openai", "gpt-4o*", "models:/gpt/2", reason="bought anew")
    assert list(client.models.names()) == [kept]
    assert (str(kept.version), kept.actor) == ("models:/gpt/2", "admin")
    with pytest.raises(NotFound, match="no version 3"):
        client.models.keep_name("openai", "gpt-4o*", "models:/gpt/3", reason="never was")
    with pytest.raises(NotFound, match=r"openai gpt-4o\*"):
        client.models.drop_name("openai", "gpt-4o")
    assert client.models.drop_name("openai", "gpt-4o*") == kept
    assert list(client.models.names()) == []
    edits = [event for event in client.audit.events() if event.action.startswith("model.name")]
    assert [(one.action, one.why) for one in edits] == [
        ("model.name.drop", ""),
        ("model.name", "bought anew"),
        ("model.name", "what we bought"),
    ]
    assert edits[0].before == edits[1].after == kept.model_dump(mode="json")


def test_a_model_that_its_provider_may_change_is_marked_wherever_it_appears(
    client: Client,
) -> None:
    client.prompts.create("answer", "Answer {{ question }}.")
    for name, pinned in (("exact", True), ("moving", False)):
        new = NewModelVersion(name=name, source_uri=f"openai:/{name}", pinned=pinned)
        made = client.models.register(new)
        bundle = client.bundles.pair(made.ref, "prompts:/answer/1")
        deployed = client.slots.deploy(f"{name}@production", bundle.ref, reason="begin", expected=0)
        (sent,) = client.inferences.record([NewInference(bundle=str(bundle.ref))]).items
        assert sent.id is not None
        story = client.inferences.explain(sent.id)
        assert story.model is not None
        nodes = {one.ref: one.pinned for one in client.lineage.walk(deployed.ref).nodes}
        found = [
            made.pinned,
            bundle.pinned,
            client.bundles.get(bundle.ref).pinned,
            client.inferences.resolve(name, "production", record=False).bundle.model.pinned,
            story.model.pinned,
            story.bundle.pinned,
            nodes[str(made.ref)],
            nodes[str(bundle.ref)],
        ]
        assert found == [pinned] * len(found)
        assert nodes["prompts:/answer/1"] is None


@pytest.mark.parametrize("name", ["", "gpt-*-mini", "**", "a\x07", "x" * 301])
def test_a_star_stands_only_at_the_end_of_a_name(http: httpx.Client, name: str) -> None:
    body = {"provider": "openai", "name": name, "version": "models:/m/1", "reason": "because"}
    assert http.put("/models/names", json=body).status_code == 422


def test_identical_content_is_one_version_whatever_is_said_about_it(
    client: Client, http: httpx.Client
) -> None:
    first = client.prompts.create("answer", "Same", parameters={"a": 1, "b": 2.0})
    client.prompts.create("answer", "Other")
    body = {"name": "answer", "template": "Same", "parameters": {"b": 2, "a": 1}, "message": "x"}
    again = http.post("/prompts", json=body)
    assert (again.status_code, again.json()["number"]) == (200, 1)
    assert again.json()["digest"] == first.digest
    assert len(list(client.prompts.versions("answer"))) == 2


def test_a_chat_template_keeps_its_messages_and_placeholders(client: Client) -> None:
    made = client.prompts.create("chat", CHAT)
    assert made.kind == "chat"
    assert [one.name for one in made.variables] == ["tone", "question"]
    read = client.prompts.get("chat").model_dump(mode="json")["template"]
    assert read == CHAT


def test_a_label_moves_only_from_where_it_is_expected_and_every_move_is_kept(
    client: Client,
) -> None:
    for text in ("One", "Two"):
        client.prompts.create("answer", text)
    move = client.prompts.move_label
    move("answer", "production", 1, reason="first", expected=0)
    with pytest.raises(Stale, match="points to 1, not to 2"):
        move("answer", "production", 2, reason="second", expected=2)
    move("answer", "production", 2, reason="second", expected=1)
    move("answer", "production", 2, reason="again")
    moves = [(one.previous, one.number, one.reason) for one in client.prompts.history("answer")]
    assert moves == [(1, 2, "second"), (None, 1, "first")]
    (listed,) = client.prompts.list("answ")
    assert listed.labels == {"production": 2}


@pytest.mark.parametrize(
    ("label", "error"), [("latest", Invalid), ("42", Invalid), ("a b", Invalid)]
)
def test_labels_that_would_mislead_are_refused(
    client: Client, label: str, error: type[Exception]
) -> None:
    client.prompts.create("answer", "One")
    with pytest.raises(error):
        client.prompts.move_label("answer", label, 1, reason="because")


def test_what_does_not_exist_is_named_with_what_does(client: Client) -> None:
    client.prompts.create("support/answer", "One", labels=["production"])
    for ask, said in (
        (lambda: client.prompts.get("suport/answer"), "did you mean support/answer"),
        (lambda: client.prompts.get("support/answer", version=7), "its versions are 1 to 1"),
        (lambda: client.prompts.get("support/answer", label="prod"), "did you mean production"),
        (lambda: list(client.prompts.versions("nothing")), "no prompt 'nothing'"),
        (lambda: list(client.prompts.history("nothing")), "no prompt 'nothing'"),
        (lambda: client.prompts.move_label("support/answer", "x", 9, reason="why"), "no version 9"),
    ):
        with pytest.raises(NotFound, match=said):
            ask()


def test_prompts_are_listed_page_by_page(client: Client, http: httpx.Client) -> None:
    names = [f"p{number}" for number in range(5)]
    for name in names:
        client.prompts.create(name, "Text")
    first = http.get("/prompts", params={"limit": 2}).json()
    assert [one["name"] for one in first["items"]] == ["p0", "p1"]
    second = http.get("/prompts", params={"limit": 2, "cursor": first["next"]}).json()
    assert [one["name"] for one in second["items"]] == ["p2", "p3"]
    assert [one.name for one in client.prompts.list()] == names
    assert [one.name for one in client.prompts.list("P3")] == ["p3"]
    assert http.get("/models", params={"cursor": first["next"]}).status_code == 422


def test_a_hand_registered_model_takes_the_next_number_and_is_one_version_per_identity(
    client: Client, http: httpx.Client
) -> None:
    first = client.models.register(NewModelVersion(name="gpt", source_uri="openai:/a"))
    second = client.models.register(NewModelVersion(name="gpt", source_uri="openai:/b"))
    assert (first.number, second.number) == (1, 2)
    body = {"name": "gpt", "source_uri": "openai:/a", "tags": {"team": "x"}}
    again = http.post("/models", json=body)
    assert (again.status_code, again.json()["number"]) == (200, 1)
    assert client.models.get("gpt", 1).tags == {"team": "x"}
    assert [one.latest for one in client.models.list()] == [2]


def test_a_version_that_comes_back_as_another_one_is_refused_by_name(client: Client) -> None:
    known = NewModelVersion(name="m", source="mlflow", number=3, source_uri="runs:/a/m")
    client.models.register(known)
    with pytest.raises(VersionChanged, match="models:/m/3 is known with source 'runs:/a/m'"):
        client.models.register(known.model_copy(update={"source_uri": "runs:/b/m"}))
    with pytest.raises(Conflict, match="registered with source 'mlflow'"):
        client.models.register(NewModelVersion(name="m", source_uri="openai:/x"))


def test_an_alias_names_one_version_and_follows_the_registry(client: Client) -> None:
    for number in (1, 2):
        uri = f"runs:/{number}/m"
        new = NewModelVersion(name="m", number=number, source_uri=uri, aliases=("champion", "x"))
        client.models.register(new.model_copy(update={"aliases": ("champion", f"v{number}-only")}))
    assert client.models.get("m", 1).aliases == ("v1-only",)
    client.prompts.create("p", "Text")
    assert (
        str(client.bundles.pair("models:/m@champion", "prompts:/p@latest").model) == "models:/m/2"
    )
    with pytest.raises(NotFound, match="no alias of model 'm' 'champoin'; did you mean champion"):
        client.bundles.pair("models:/m@champoin", "prompts:/p@latest")


def test_a_model_s_run_and_datasets_are_read_back(client: Client) -> None:
    run = RunFacts.model_validate(
        {
            "id": "r1",
            "name": "training",
            "params": {"depth": "3"},
            "metrics": {"f1": 0.9},
            "datasets": [{"name": "tickets", "digest": "abc", "source": "s3://x"}],
        }
    )
    client.models.register(NewModelVersion(name="m", source_uri="runs:/r1/m", run=run))
    read = client.models.run("r1")
    assert (read.metrics, [str(one) for one in read.datasets]) == (
        {"f1": 0.9},
        ["datasets:/tickets/abc"],
    )
    assert [one.source for one in client.models.datasets("tickets")] == ["s3://x"]
    for ask, said in (
        (lambda: client.models.run("nothing"), "no run"),
        (lambda: list(client.models.datasets("tikets")), "did you mean tickets"),
        (lambda: client.models.get("m", 9), "has no version 9; it has 1"),
        (lambda: client.models.get("mm", 1), "no model 'mm'"),
        (lambda: list(client.models.versions("mm")), "no model 'mm'"),
    ):
        with pytest.raises(NotFound, match=said):
            ask()


def test_the_same_pair_with_the_same_parameters_is_the_same_bundle(
    client: Client, http: httpx.Client
) -> None:
    bundle = Catalog(client).bundle(1, 1)
    body = {"model": "models:/churn@latest", "prompt": "prompts:/support/answer/1"}
    again = http.post("/bundles", json=body)
    assert (again.status_code, again.json()["digest"]) == (200, bundle.digest)
    hot = http.post("/bundles", json=body | {"parameters": {"temperature": 1}})
    assert (hot.status_code, hot.json()["digest"] != bundle.digest) == (201, True)
    assert client.bundles.get(bundle.digest[:12]) == bundle
    assert [one.digest for one in client.bundles.list()][-1] == bundle.digest


def test_the_newest_result_of_each_suite_counts(client: Client) -> None:
    ref = Catalog(client).bundle(1, 1).ref
    for suite, failed in (("golden", 3), ("toxic", 0), ("golden", 0)):
        client.evaluations.record(NewEvaluation(subject=ref, suite=suite, passed=5, failed=failed))
    found = [(one.suite, one.verdict) for one in client.evaluations.newest(ref)]
    assert found == [("golden", "passed"), ("toxic", "passed")]
    with pytest.raises(NotFound):
        list(client.evaluations.newest("bundles:/000000000000"))


def test_a_score_decides_when_there_is_a_threshold(client: Client) -> None:
    ref = Catalog(client).bundle(1, 1).ref
    for score, verdict in ((0.8, "passed"), (0.79, "failed"), (None, "failed")):
        new = NewEvaluation(
            subject=ref, suite="golden", passed=9, failed=1, score=score, threshold=0.8
        )
        assert client.evaluations.record(new).verdict == verdict
