"""Deliveries of MLflow's webhooks at the door: let in by their signature, once, in time."""

import json
import time
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from tests.support.rehearsal import Rehearsal
from tests.support.serving import served
from twinline.app import make_app
from twinline.db.session import connect
from twinline.language.errors import MlflowUnavailable
from twinline.mirror.hooks import BODY_BYTES_MAX
from twinline.mirror.mirroring import Mirroring
from twinline.mirror.naming import DEFAULT
from twinline.mirror.remote import MlflowServer
from twinline.mirror.signatures import AGE_SECONDS_MAX, derived_secret, sign
from twinline.mirror.sweeping import Cadence
from twinline.mirror.worker import Worker

BODY = json.dumps(
    {"entity": "model_version", "action": "created", "data": {"name": "churn", "version": "3"}}
).encode()
GONE = MlflowServer("http://127.0.0.1:1")
SECRET = "a secret that both sides know"


@pytest.fixture
def door(rehearsal: Rehearsal) -> Iterator[str]:
    """Where MLflow sends its webhooks; MLflow itself cannot be read."""
    with served(make_app(rehearsal, Mirroring([GONE], webhook_secret=SECRET))) as url:
        yield url


def deliver(
    door: str,
    body: bytes = BODY,
    *,
    id: str | None = None,
    at_seconds: float | None = None,
    secret: str = SECRET,
    server: str = DEFAULT,
    **other: str,
) -> httpx.Response:
    id = uuid4().hex if id is None else id
    timestamp = str(int(time.time() if at_seconds is None else at_seconds))
    headers = {
        "X-MLflow-Delivery-Id": id,
        "X-MLflow-Timestamp": timestamp,
        "X-MLflow-Signature": sign(id, timestamp, body, secret),
    }
    sent = {name: text.encode("latin-1") for name, text in (headers | other).items() if text}
    url = f"{door}/api/v1/mlflow/webhooks/{server}"
    return httpx.post(url, content=body, headers=sent, timeout=30)


def refused(door: str) -> dict[str, int]:
    """By reason, as Prometheus sees them."""
    lines = httpx.get(f"{door}/metrics", timeout=30).text.splitlines()
    ours = [line.split() for line in lines if line.startswith("twinline_mirror_refused_total{")]
    return {name.split('"')[1]: int(count) for name, count in ours}


def waiting(rehearsal: Rehearsal) -> int:
    with rehearsal.reading() as tx:
        return tx.value(text("select count(*) from mirror_inbox where state = 'waiting'"))


def test_a_delivery_is_kept_and_answered_before_anything_is_read(
    door: str, rehearsal: Rehearsal
) -> None:
    answer = deliver(door, id="one")
    assert (answer.status_code, answer.json()) == (202, {"delivery_id": "one"})
    assert waiting(rehearsal) == 1
    assert "twinline_mirror_inbox 1\n" in httpx.get(f"{door}/metrics", timeout=30).text


def test_hints_about_one_name_are_one_mark(door: str, rehearsal: Rehearsal) -> None:
    prompt = BODY.replace(b"model_version", b"prompt_alias")
    elsewhere = json.dumps({**json.loads(BODY), "workspace": "other"}).encode()
    for body in (BODY, prompt, BODY, b'{"entity": "of another shape"}', elsewhere):
        assert deliver(door, body).status_code == 202
    assert Worker(rehearsal, GONE, Cadence()).step()
    with rehearsal.reading() as tx:
        marks = tx.rows(text("select kind, name, marks, learnt from mirror_mark order by kind"))
        states = tx.values(text("select state from mirror_inbox order by id"))
    assert [tuple(row.values()) for row in marks] == [
        ("model", "churn", 1, "webhook"),
        ("prompt", "churn", 1, "webhook"),
    ]
    assert states == ["done", "done", "done", "ignored", "ignored"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"secret": "another secret"}, "forged", id="forged"),
        pytest.param({"body": BODY[:-1]}, "forged", id="cut short"),
        pytest.param({"X-MLflow-Delivery-Id": "another"}, "forged", id="another id"),
        pytest.param({"X-MLflow-Timestamp": "0"}, "forged", id="another time"),
        pytest.param({"X-MLflow-Signature": "v1,"}, "forged", id="an empty signature"),
        pytest.param({"X-MLflow-Signature": "v1,\xe9"}, "forged", id="no ASCII"),
        pytest.param({"X-MLflow-Signature": ""}, "unsigned", id="unsigned"),
        pytest.param({"X-MLflow-Delivery-Id": ""}, "unsigned", id="without an id"),
        pytest.param({"at_seconds": -AGE_SECONDS_MAX - 2}, "stale", id="too old"),
        pytest.param({"at_seconds": AGE_SECONDS_MAX + 60}, "stale", id="from the future"),
    ],
)
def test_what_is_not_signed_as_it_is_sent_and_now_is_refused(
    door: str, rehearsal: Rehearsal, change: dict, reason: str
) -> None:
    if "at_seconds" in change:
        change = {"at_seconds": time.time() + change["at_seconds"]}
    if "body" in change:
        id, now = "one", str(int(time.time()))
        answer = httpx.post(
            f"{door}/api/v1/mlflow/webhooks/default",
            content=change["body"],
            headers={
                "X-MLflow-Delivery-Id": id,
                "X-MLflow-Timestamp": now,
                "X-MLflow-Signature": sign(id, now, BODY, SECRET),
            },
        )
    else:
        answer = deliver(door, **change)
    assert (answer.status_code, answer.json()["reason"]) == (401, reason)
    assert refused(door) == {reason: 1}
    assert waiting(rehearsal) == 0


def test_what_is_refused_asks_the_database_nothing() -> None:
    away = connect("postgresql://127.0.0.1:1/nowhere")
    mirroring = Mirroring([GONE], webhook_secret=SECRET)
    with served(make_app(away, mirroring)) as url:
        assert deliver(url, secret="another").status_code == 401
        assert deliver(url, **{"X-MLflow-Signature": ""}).status_code == 401
    assert mirroring.refusals.counts() == {"forged": 1, "unsigned": 1}
    away.close()


def test_what_is_almost_too_old_or_too_early_is_let_in(door: str) -> None:
    for offset in (-AGE_SECONDS_MAX + 20, AGE_SECONDS_MAX - 20):
        assert deliver(door, at_seconds=time.time() + offset).status_code == 202


def test_one_of_several_signatures_is_enough(door: str) -> None:
    now = str(int(time.time()))
    right = sign("one", now, BODY, SECRET)
    many = {"X-MLflow-Signature": f"v1,bm9uZQ== {right}", "X-MLflow-Timestamp": now}
    assert deliver(door, id="one", **many).status_code == 202


def test_a_replay_is_refused(door: str, rehearsal: Rehearsal) -> None:
    statuses = [deliver(door, id="one").status_code for _ in range(3)]
    assert statuses == [202, 409, 409]
    assert refused(door) == {"replayed": 2}
    assert waiting(rehearsal) == 1


def test_what_is_too_large_is_refused_before_it_is_read(door: str, rehearsal: Rehearsal) -> None:
    assert deliver(door, b"[" + b" " * BODY_BYTES_MAX).status_code == 413
    assert deliver(door, b" " * (2 << 20)).status_code == 413
    assert refused(door)["too-large"] >= 1
    assert waiting(rehearsal) == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a": NaN}', b'{"a": "\\u0000"}'])
def test_a_signed_body_that_is_no_object_is_refused(door: str, body: bytes) -> None:
    answer = deliver(door, body)
    assert (answer.status_code, answer.json()["reason"]) == (400, "malformed")


def test_a_server_that_the_settings_do_not_name_has_no_webhooks(door: str) -> None:
    assert deliver(door, server="other").status_code == 404


def test_without_a_secret_in_the_settings_each_server_has_one_of_its_own(
    rehearsal: Rehearsal,
) -> None:
    servers = [GONE, MlflowServer("http://127.0.0.1:1", name="eu")]
    mirroring = Mirroring(servers)
    with served(make_app(rehearsal, mirroring)) as door:
        ours, theirs = (mirroring.secret(rehearsal, one) for one in ("default", "eu"))
        assert ours != theirs
        assert len(ours) >= 43
        assert deliver(door, secret=ours).status_code == 202
        assert deliver(door, secret=theirs).status_code == 401
        assert deliver(door, secret=theirs, server="eu").status_code == 202
    assert derived_secret("key", "a") == derived_secret("key", "a") != derived_secret("other", "a")


def test_while_mlflow_cannot_be_read_the_rest_goes_on_and_it_is_said(
    door: str, rehearsal: Rehearsal
) -> None:
    deliver(door)
    worker = Worker(rehearsal, GONE, Cadence())
    assert worker.step()
    with pytest.raises(MlflowUnavailable):
        worker.step()
    ready = httpx.get(f"{door}/readyz")
    assert ready.status_code == 200
    assert (
        "default/default: not synced yet, 1 names to read, in trouble since"
        in (ready.json()["checks"]["mirror"])
    )
