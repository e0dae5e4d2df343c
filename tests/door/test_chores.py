"""What the server does by itself every hour."""

import httpx
import pytest
from sqlalchemy import text

from tests.support.serving import served
from twinline.app import make_app
from twinline.db.session import Database


def test_a_chore_that_fails_holds_up_no_other_and_no_start(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with database.writing("test") as tx:
        tx.run(text("alter table idempotency rename to out_of_reach"))
    with served(make_app(database)) as url:
        ready = httpx.get(f"{url}/readyz")
        key = httpx.get(f"{url}/api/v1/manifest/key")
    assert ready.json()["checks"]["ledger"] == "ok"
    assert key.status_code != 404, "the chore after the one that fails makes the signing key"
    assert "the chore twinline.access.actions.forget fails" in caplog.text
    assert "out_of_reach" not in caplog.text
    assert "UndefinedTable" in caplog.text
