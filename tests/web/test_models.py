"""The pages of models and their versions."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from tests.support import policies
from tests.support.browsing import HOSTILE, Browser
from tests.support.catalog import MODEL, Catalog
from tests.support.rehearsal import Rehearsal
from tests.support.serving import served
from twinline.access import actions as access
from twinline.app import make_app
from twinline.client import Client
from twinline.db.session import Database
from twinline.language.records import NewInference, NewKey, NewModelVersion, Role, RunFacts
from twinline.mirror import places_store
from twinline.mirror import store as mirror_store
from twinline.mirror.mirroring import Mirroring
from twinline.mirror.naming import Place
from twinline.mirror.remote import MlflowServer
from twinline.models import actions as models

COPIES = """
insert into alias_link select (jsonb_populate_record(
    alias_link, jsonb_build_object('slot_id', slot.id, 'alias', 'of-' || slot.id))).*
from alias_link, slot where slot.environment = 'a'
"""
WRITTEN = """
update alias_link set written = :ref, written_at = now() where alias <> 'champion'
"""


def test_without_models_it_says_how_one_comes(browser: Browser) -> None:
    shown = browser.get("/models")
    assert "No model is known yet" in shown.main
    assert "twinline models register gpt-4o openai:/gpt-4o-2024-08-06" in shown.main


def test_models_are_listed_with_where_they_are_live(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    catalog.deploy("support@production", catalog.bundle(2, 1))
    client.models.register(NewModelVersion(name="folder/other", source_uri="provider:/other"))
    shown = browser.get("/models")
    rows = {row[0]: row for row in shown.rows()}
    assert rows[f"M{MODEL}"][2:4] == ["v2", "support@production v2"]
    assert rows["Mfolder/other"][3] == "nowhere"
    assert browser.follow(shown, "folder/other").status == 200


def test_what_an_arm_serves_is_live_like_the_default(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    client.models.register(NewModelVersion(name="other", source_uri="provider:/other"))
    other = client.bundles.pair("models:/other/1", catalog.bundle(2, 1).prompt)
    policy = policies.canary(catalog.bundle(2, 1).ref, other.ref, 0.95)
    client.slots.deploy("support@production", policy=policy, reason="most of it", expected=0)
    rows = {row[0]: row for row in browser.get("/models").rows()}
    assert rows["Mother"][3] == "support@production v1"
    assert rows[f"M{MODEL}"][3] == "support@production v2"
    assert browser.get("/models/other").rows()[0][2] == "support@production"
    listed = {row[2]: row[6] for row in browser.get("/bundles").rows()}
    assert listed[f"B{other.digest[:12]}"] == "support@production"


def test_a_slot_with_two_versions_is_named_once_with_both(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    policy = policies.canary(catalog.bundle(2, 1).ref, catalog.bundle(1, 1).ref)
    client.slots.deploy("support@production", policy=policy, reason="a few", expected=0)
    (row,) = browser.get("/models").rows()
    assert row[3] == "support@production v1, v2"
    assert [row[2] for row in browser.get(f"/models/{MODEL}").rows()] == ["support@production"] * 2
    assert "Against v2, live in support@production" in (
        browser.get(f"/models/{MODEL}/versions/1").main
    )


def test_a_model_lists_versions_and_what_stands_against_them(
    browser: Browser, client: Client
) -> None:
    catalog = Catalog(client)
    catalog.deploy("support@production", catalog.bundle(2, 1))
    client.lineage.retire(f"models:/{MODEL}/1", reason="old")
    shown = browser.get(f"/models/{MODEL}")
    newest, oldest = shown.rows()
    assert newest[:3] == ["v2", "may go live", "support@production"]
    assert oldest[:3] == ["v1", "retired", ""]
    assert browser.follow(shown, "v1").status == 200


def test_what_stands_against_versions_is_asked_once_for_all(
    browser: Browser, client: Client, rehearsal: Rehearsal
) -> None:
    catalog = Catalog(client)
    asked: list[int] = []
    for number in (1, 4):
        catalog.bundle(number, 1)
        with rehearsal.statements("") as statements:
            assert len(browser.get(f"/models/{MODEL}").rows()) == number
        asked.append(len(statements))
    assert asked[0] == asked[1]


def test_aliases_of_a_model_are_told_however_many_links_come_before_them(
    browser: Browser, client: Client, rehearsal: Rehearsal
) -> None:
    catalog = Catalog(client)
    catalog.deploy("z@production", catalog.bundle(1, 1))
    client.models.register(catalog.another_model("spare"))
    bundle = str(catalog.bundle(1, 1).ref)
    slots = [f"r{number:03}@a" for number in range(210)]
    client.inferences.record(
        [NewInference.model_validate({"slot": f"routes:/{one}", "bundle": bundle}) for one in slots]
    )
    client.mlflow_links.link("z@production", "champion")
    assert [row[0] for row in browser.get(f"/models/{MODEL}").rows(1)] == ["z@production"]
    with rehearsal.writing("test") as tx:
        tx.run(text(COPIES))
    assert [row[:2] for row in browser.get(f"/models/{MODEL}").rows(1)] == [
        ["z@production", "champion"]
    ]
    assert len(browser.get("/models/spare").all("//main//table")) == 1
    with rehearsal.writing("test") as tx:
        tx.run(text(WRITTEN), {"ref": "models:/spare/1"})
    shown = browser.get("/models/spare")
    assert [row[0] for row in shown.rows(1)] == slots[:100]
    assert "There is more: twinline mlflow links lists all." in shown.main


def test_a_version_tells_facts_pairs_and_lineage(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    bundle = catalog.bundle(1, 1)
    catalog.deploy("support@production", bundle)
    catalog.serve("support@production", bundle, 3, status="ok", score=0.5)
    shown = browser.get(f"/models/{MODEL}/versions/1")
    assert "live in support@production" in shown.one("//h1").text_content()
    assert "sourceruns:/run-1/model" in shown.main
    assert "Requests3" in shown.main
    assert bundle.digest[:12] in shown.links
    assert shown.all("//*[local-name()='svg']")
    assert "twinline evaluate record models:/churn/1" in shown.main


def test_a_version_that_is_not_live_is_compared_with_the_one_that_is(
    browser: Browser, client: Client
) -> None:
    catalog = Catalog(client)
    catalog.deploy("support@production", catalog.bundle(1, 1))
    catalog.bundle(3, 1)
    shown = browser.get(f"/models/{MODEL}/versions/3")
    assert "Against v1, live in support@production" in shown.main
    assert ["source", "runs:/run-1/model", "runs:/run-3/model"] in shown.rows()
    other = browser.submit(shown, "Compare", against="2")
    assert "Against v2" in other.main
    assert ["run", "run-2", "run-3"] in other.rows()


def test_metrics_are_rounded_while_one_sees_that_they_differ(
    browser: Browser, client: Client
) -> None:
    for number, (loss, score) in enumerate([(0.12345678, 0.5), (0.12345679, 0.987654321)]):
        metrics = {"loss": loss, "score": score, "time": 1.23456789}
        new = NewModelVersion(name="gpt", source_uri=f"openai:/gpt-{number}", metrics=metrics)
        client.models.register(new)
    shown = browser.get("/models/gpt/versions/2?against=1")
    assert [row for row in shown.rows() if row[0].startswith("metric")] == [
        ["metric loss", "0.12345678", "0.12345679"],
        ["metric score", "0.5", "0.987654"],
    ]
    assert "metric time1.23457" in shown.main


def test_what_nobody_told_of_requests_is_not_zero(browser: Browser, client: Client) -> None:
    catalog = Catalog(client)
    catalog.serve("answer@production", catalog.bundle(1, 1), 2, latency_ms=0.14)
    said = browser.get(f"/models/{MODEL}/versions/1").main
    assert "Costnot told" in said
    assert "p95 0.1 ms" in said


def test_a_version_in_no_bundle_says_how_it_is_paired(browser: Browser, client: Client) -> None:
    client.models.register(NewModelVersion(name="gpt", source_uri="openai:/gpt", pinned=False))
    shown = browser.get("/models/gpt/versions/1")
    assert "twinline bundles pair --model models:/gpt/1" in shown.main
    assert "unpinned" in shown.one("//h1").text_content()


def test_a_recalled_version_says_why(browser: Browser, client: Client) -> None:
    Catalog(client).bundle(1, 1)
    client.lineage.retire(f"models:/{MODEL}/1", reason=HOSTILE)
    shown = browser.get(f"/models/{MODEL}/versions/1")
    assert "is retired" in shown.main
    assert "<script>alert" not in shown.source
    assert "\u202e" not in shown.source


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("/models/none", "There is no model"),
        (f"/models/{MODEL}/versions/9", "has no version 9"),
        (f"/models/{MODEL}/versions/1?against=9", "has no version 9"),
    ],
)
def test_what_is_not_there_is_told(
    browser: Browser, client: Client, address: str, why: str
) -> None:
    Catalog(client).bundle(1, 1)
    shown = browser.get(address)
    assert shown.status == 404
    assert why in shown.main


@pytest.fixture
def mirrored(database: Database) -> Iterator[Browser]:
    """A browser at a server that knows an MLflow, and a model mirrored from it."""
    with database.writing("test") as tx:
        key = access.issue_key(tx, NewKey(owner="ana", role=Role.ADMIN)).key
        run = RunFacts(id="run-1", name="training")
        models.register(
            tx, NewModelVersion(name="churn", source="mlflow", source_uri="models:/m-1", run=run)
        )
        place = Place("default", "default")
        places_store.know(tx, place)
        mirror_store.add_series(tx, place, "model", "churn there", 1, "churn")
    server = MlflowServer("http://user:secret@mlflow.example:5000/")
    app = make_app(database, mirroring=Mirroring([server]))
    with served(app) as url, Browser(url, key) as browser:
        yield browser


def test_what_mlflow_has_is_a_link_without_its_password(mirrored: Browser) -> None:
    version = mirrored.get("/models/churn/versions/1")
    (link,) = version.all("//a[normalize-space()='In MLflow']")
    assert link.get("href") == "http://mlflow.example:5000/#/models/churn%20there/versions/1"
    assert link.get("rel") == "noreferrer"
    run = mirrored.get("/lineage?node=runs:/run-1").one("//a[normalize-space()='In MLflow']")
    assert run.get("href") == "http://mlflow.example:5000/#/runs/run-1"
    assert "secret" not in version.source
