"""Every change that an outbox tells is kept once, in order, and no gap goes unnoticed."""

import threading
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.support.apps import asked
from tests.support.mlflow_changes import ALIAS_MOVED, OUTBOX, told
from twinline.client import Client
from twinline.db.session import Database
from twinline.language.ids import new_id
from twinline.language.records import ChangeReport, MlflowChange

PATH = "/mlflow/servers/default/changes"


def tell(http: httpx.Client, report: ChangeReport, path: str = PATH) -> httpx.Response:
    return http.post(path, json=report.model_dump(mode="json"))


def sequences(client: Client, **asked: Any) -> list[int]:
    return [one.sequence for one in client.mlflow_changes.list(**asked)]


def test_a_change_is_kept_as_it_was_told(client: Client, http: httpx.Client) -> None:
    assert tell(http, told(1)).json() == {"through": 1}
    (kept,) = client.mlflow_changes.list()
    said = kept.model_dump(mode="json")
    assert said == said | ALIAS_MOVED | {"sequence": 1, "outbox": str(OUTBOX)}
    assert (kept.server, kept.name, kept.new_name) == ("default", "churn", None)
    assert (kept.at.timestamp() * 1000, kept.reported_by) == (1_763_744_707_124, "admin")


def test_telling_again_changes_nothing(client: Client, http: httpx.Client) -> None:
    for report in (told(1, 2), told(1, 2), told(2, 3), told(1)):
        assert tell(http, report).status_code == 200
    assert tell(http, told(1)).json() == {"through": 3}
    assert sequences(client) == [1, 2, 3]


def test_a_gap_is_refused_and_says_what_is_wanted(client: Client, http: httpx.Client) -> None:
    tell(http, told(1, 2))
    answer = tell(http, told(4))
    assert (answer.status_code, answer.json()["wanted"]) == (409, 3)
    unknown = tell(http, told(7, outbox=new_id()))
    assert (unknown.status_code, unknown.json()["wanted"]) == (409, 1)
    assert sequences(client) == [1, 2]


def test_what_an_outbox_lost_is_shown_and_nothing_more_is_let_through(
    client: Client, http: httpx.Client
) -> None:
    tell(http, told(1))
    assert tell(http, told(9, lost=6)).status_code == 409
    assert tell(http, told(9, lost=7)).json() == {"through": 9}
    assert tell(http, told(9, lost=7)).json() == {"through": 9}
    assert sequences(client) == [1, 8, 9]
    lost = list(client.mlflow_changes.list())[1]
    assert (lost.entity, lost.action, lost.name) == ("outbox", "lost", None)
    assert lost.after == {"first": 2, "last": 8}


def test_an_outbox_that_begins_to_tell_otherwise_is_refused(
    client: Client, http: httpx.Client
) -> None:
    """As when MLflow's database was put back, and counts the same sequences again."""
    tell(http, told(1, 2, 3))
    for report in (told(2, 3, actor="eve"), told(3, 4, after={"version": 3})):
        answer = tell(http, report)
        assert answer.status_code == 409
        assert answer.json()["retold"] == report.changes[0].sequence
    assert sequences(client) == [1, 2, 3]
    assert {one.actor for one in client.mlflow_changes.list()} == {"ana"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"changes": []},
        {"changes": [{**ALIAS_MOVED, "sequence": 0, "at": 1}]},
        {"changes": [{**ALIAS_MOVED, "sequence": 1, "at": 2**47}]},
        {"changes": [{**ALIAS_MOVED, "sequence": 1, "at": 1, "key": {"alias": "a"}}]},
        {"changes": [{**ALIAS_MOVED, "sequence": 1, "at": 1, "key": {"name": 7}}]},
        {"changes": [{**ALIAS_MOVED, "sequence": 1, "at": 1, "action": "lost"}]},
        {"changes": [{**ALIAS_MOVED, "sequence": 1, "at": 1, "entity": "run"}]},
        {"changes": [{**ALIAS_MOVED, "sequence": n, "at": 1} for n in (1, 3)]},
        {"changes": [{**ALIAS_MOVED, "sequence": n, "at": 1} for n in (2, 1)]},
        {"lost": -1},
    ],
    ids=lambda wrong: str(wrong)[:90],
)
def test_what_cannot_be_is_refused(client: Client, http: httpx.Client, wrong: Any) -> None:
    body = told(1).model_dump(mode="json") | wrong
    assert http.post(PATH, json=body).status_code == 422
    assert sequences(client) == []


def test_a_rename_is_found_by_both_names(client: Client, http: httpx.Client) -> None:
    rename = {
        "entity": "registered_model",
        "key": {"name": "churn"},
        "before": {"name": "churn"},
        "after": {"name": "attrition"},
    }
    tell(http, told(1, **rename))
    tell(http, told(1, 2, **rename))
    tell(http, told(3, key={"name": "other", "alias": "a"}))
    assert sequences(client, name="churn") == sequences(client, name="attrition") == [1, 2]
    assert sequences(client, name="other") == [3]
    assert sequences(client, name="nobody") == []


def test_servers_are_kept_apart_and_pages_are_whole(client: Client, http: httpx.Client) -> None:
    tell(http, told(*range(1, 8)))
    tell(http, told(1, 2, outbox=new_id()), "/mlflow/servers/other/changes")
    first = http.get(PATH, params={"limit": 3}).json()
    rest = http.get(PATH, params={"cursor": first["next"], "limit": 500}).json()
    assert [one["sequence"] for one in first["items"] + rest["items"]] == [*range(1, 8)]
    third: int = first["items"][2]["number"]
    assert sequences(client, after=third) == [4, 5, 6, 7]
    assert sequences(client, server="other") == [1, 2]
    elsewhere = http.get("/mlflow/servers/other/changes", params={"cursor": first["next"]})
    assert elsewhere.status_code == 422


def test_a_long_template_passes(client: Client, http: httpx.Client) -> None:
    """Old and new text of 100,000 characters, each of which JSON writes with six."""
    text = "\x01" * 100_000
    answer = tell(http, told(1, 2, before={"value": text}, after={"value": text}))
    assert answer.status_code == 200
    kept = list(client.mlflow_changes.list())
    assert all(one.before == one.after == {"value": text} for one in kept)


def test_reports_of_one_outbox_at_once_are_kept_once(database: Database) -> None:
    """As when a second sender takes over from one that is still at it."""
    with asked(database) as http:
        reports = [told(*range(1, last + 1)) for last in (5, 8, 3, 8, 6, 8)]
        threads = [threading.Thread(target=tell, args=(http, report)) for report in reports]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        kept = [MlflowChange.model_validate(one) for one in http.get(PATH).json()["items"]]
    assert [one.sequence for one in kept] == [*range(1, 9)]
    assert [one.number for one in kept] == sorted(one.number for one in kept)
    assert {one.outbox for one in kept} == {UUID(str(OUTBOX))}
