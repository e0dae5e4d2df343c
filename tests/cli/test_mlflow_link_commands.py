"""The commands for aliases in MLflow that go with slots."""

import json
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Ran, Run
from tests.support.linked import ALIAS, SLOT, Linked, eventually, twinline_beside, url_of
from tests.support.mlflow_registry import MlflowRegistry
from twinline.db.session import Database
from twinline.language.records import Role


@pytest.fixture
def linked(
    database: Database, mlflow_registry: MlflowRegistry, run: Run, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Linked]:
    """The command line talks to a server beside an MLflow; version 1 is live."""
    with twinline_beside(database, mlflow_registry.url) as client:
        monkeypatch.setenv("TWINLINE_URL", url_of(client))
        monkeypatch.setenv("TWINLINE_API_KEY", client.keys.issue("ana", Role.ADMIN).key)
        made = Linked(client, mlflow_registry)
        made.deploy(1)
        yield made


def test_a_link_from_its_beginning_to_its_end(run: Run, linked: Linked) -> None:
    assert "No slot is linked" in done(run("mlflow", "links")).out
    said = done(run("mlflow", "link", SLOT, ALIAS, "--foreign", "propose")).out
    assert "pending" in said
    linked.becomes("in_sync")
    assert "in sync" in done(run("mlflow", "links", COLUMNS="200")).out
    assert "Nobody else has moved" in done(run("mlflow", "moves", SLOT)).out
    assert "Nothing is proposed" in done(run("mlflow", "proposals")).out
    linked.registry.put_alias(linked.model, ALIAS, 3)
    (number,) = eventually(lambda: waiting(run), lambda found: len(found) == 1)
    assert "drifted" in done(run("mlflow", "links", SLOT)).out
    assert "proposed" in done(run("mlflow", "moves", SLOT)).out
    accepted = done(run("mlflow", "accept", number, "-r", "better in every suite")).out
    assert f"models:/{linked.model}/3" in accepted
    assert run("mlflow", "accept", number, "-r", "once more").code == 4
    assert run("mlflow", "accept", "999", "-r", "because").code == 3
    assert "accepted" in done(run("mlflow", "proposals", SLOT, "--all")).out
    assert "linked no more" in done(run("mlflow", "unlink", SLOT)).out
    assert run("mlflow", "links", SLOT).code == 3


def test_a_proposal_is_declined_and_a_stale_one_wants_to_be_looked_at(
    run: Run, linked: Linked
) -> None:
    done(run("mlflow", "link", SLOT, ALIAS, "--no-writes", "--foreign", "propose"))
    eventually(lambda: linked.client.mlflow_links.get(SLOT), lambda link: bool(link.looked_at))
    linked.registry.put_alias(linked.model, ALIAS, 3)
    (number,) = eventually(lambda: waiting(run), lambda found: len(found) == 1)
    linked.deploy(2)
    assert "proposed, stale" in done(run("mlflow", "proposals", COLUMNS="200")).out
    assert run("mlflow", "accept", number, "-r", "because").code == 4
    assert "is declined" in done(run("mlflow", "decline", number, "-r", "not now")).out
    assert waiting(run) == []


def test_without_an_mlflow_server_the_link_says_so(run: Run) -> None:
    done(run("models", "register", "hosted", "openai:/it"))
    done(run("prompts", "create", "linked", "-t", "x"))
    pair = ("--model", "models:/hosted/1", "--prompt", "prompts:/linked/1")
    done(run("deploy", "linked@production", *pair, "-r", "because"))
    said = done(run("mlflow", "link", "linked@production", "production", COLUMNS="200")).out
    assert "TWINLINE_MLFLOW_URL" in said
    shown = json.loads(done(run("mlflow", "links", "--json")).out)
    assert [one["state"] for one in shown] == ["error"]
    refused = run("mlflow", "link", "linked@production", "latest")
    assert (refused.code, "reserves the alias" in refused.err) == (2, True)


def waiting(run: Run) -> list[str]:
    """The numbers of the proposals that wait."""
    found = json.loads(done(run("mlflow", "proposals", "--json")).out)
    return [str(one["number"]) for one in found]


def done(ran: Ran) -> Ran:
    assert ran.code == 0, ran.err
    return ran
