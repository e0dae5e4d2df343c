"""Who read which prompt version: counted, rolled up by day, never in a reader's way."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
from sqlalchemy import text

from tests.support.apps import asked, managed
from tests.support.catalog import PROMPT, Catalog
from tests.support.rehearsal import Rehearsal
from twinline.client import Client
from twinline.db.session import Database, connect
from twinline.language import cursors
from twinline.language.errors import NotFound, Unavailable
from twinline.language.records import Door, PromptAccess, Role
from twinline.language.refs import PromptVersionRef
from twinline.prompts import access_log, reads
from twinline.prompts.access_log import AccessLog

DOORS: tuple[Door, ...] = ("rest", "plain")
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_reads_at_the_door_are_in_the_log_soon_after(database: Database) -> None:
    with asked(database) as http, managed(http) as client:
        client.prompts.create("support/answer", "One", labels=["production"])
        client.prompts.create("support/answer", "Two")
        paths = ["", "?label=production", "?version=1", "/versions/1"]
        with ThreadPoolExecutor(8) as threads:
            ask = threads.map(lambda path: http.get(f"/prompts/support/answer{path}"), paths * 25)
            assert {answer.status_code for answer in ask} == {200}
        assert http.get("/prompts/support/answer?version=9").status_code == 404
        list(client.prompts.versions("support/answer"))

        def read() -> list[PromptAccess]:
            return list(client.prompts.accesses("support/answer"))

        _wait_until(lambda: sum(one.count for one in read()) == 100)
        found = read()
        assert [(one.number, one.principal, one.door, one.count) for one in found] == [
            (2, "admin", "rest", 25),
            (1, "admin", "rest", 75),
        ]
        assert found[0].first_at <= found[0].last_at
        uses = client.prompts.uses("support/answer")
        assert [(one.number, one.count, one.principals) for one in uses] == [(2, 25, 1), (1, 75, 1)]
        figures = http.get(str(http.base_url.join("/metrics"))).text
        assert 'twinline_prompt_reads_total{result="kept"} 100' in figures
        assert 'twinline_prompt_reads_total{result="dropped"} 0' in figures


def test_every_door_counts_what_it_tells(database: Database) -> None:
    with asked(database) as http, managed(http) as client:
        client.prompts.create("support/answer", "One", labels=["production"])
        for path in (
            "/api/v1/prompts/support/answer/versions/1",
            "/api/public/v2/prompts/support/answer",
            "/api/prompts/support/answer/latest",
            "/api/prompts/support/answer?version=1",
        ):
            assert http.get(str(http.base_url.join(path))).is_success

        def counted() -> dict[str, int]:
            return {one.door: one.count for one in client.prompts.accesses("support/answer")}

        _wait_until(lambda: sum(counted().values()) == 4)
        assert counted() == {"rest": 1, "langfuse": 1, "plain": 2}


def test_what_a_process_counted_is_kept_when_it_ends(database: Database) -> None:
    with asked(database) as http, managed(http) as client:
        client.prompts.create("p", "One")
        http.get("/prompts/p")
    with asked(database, Role.VIEWER) as http, managed(http) as client:
        assert [one.count for one in client.prompts.accesses("p")] == [1]


@pytest.fixture
def filled(client: Client) -> Client:
    for said in ("One", "Two"):
        client.prompts.create("p", said)
    return client


def test_counts_of_several_processes_and_days_add_up(filled: Client, rehearsal: Rehearsal) -> None:
    now = [NOON]
    logs = [AccessLog(rehearsal, clock=lambda: now[0]) for _ in range(2)]
    for log in logs:
        now[0] = NOON
        log.note(PromptVersionRef("p", 1), "ana", "rest")
        log.note(PromptVersionRef("p", 1), "bo", "langfuse")
        now[0] = NOON + timedelta(hours=1)
        log.note(PromptVersionRef("p", 1), "ana", "rest")
        now[0] = NOON + timedelta(days=1)
        log.note(PromptVersionRef("p", 1), "ana", "rest")
        log.note(PromptVersionRef("gone", 7), "ana", "rest")
        log.keep()
        log.keep()
    found = [
        (one.day.day, one.principal, one.door, one.count, one.first_at.hour, one.last_at.hour)
        for one in filled.prompts.accesses("p")
    ]
    assert found == [
        (2, "ana", "rest", 2, 12, 12),
        (1, "bo", "langfuse", 2, 12, 12),
        (1, "ana", "rest", 4, 12, 13),
    ]
    unread, read = filled.prompts.uses("p")
    assert (unread.number, unread.count, unread.last_used_at) == (2, 0, None)
    assert (read.count, read.principals, read.last_used_at) == (8, 2, NOON + timedelta(days=1))


def test_a_version_that_serves_is_in_use_though_nobody_reads_it(client: Client) -> None:
    catalog = Catalog(client)
    for prompt in (1, 2):
        catalog.bundle(1, prompt)
    assert [one.last_used_at for one in client.prompts.uses(PROMPT)] == [None, None]
    catalog.deploy("answer@production", catalog.bundle(1, 1))
    for model in (1, 2):
        catalog.serve("answer@production", catalog.bundle(model, 1), 3)
    unused, used = client.prompts.uses(PROMPT)
    assert (unused.requests, unused.last_used_at) == (0, None)
    assert (used.requests, used.count, used.principals) == (6, 0, 0)
    assert used.last_used_at is not None


def test_pages_of_the_log_make_up_the_whole(
    filled: Client, http: httpx.Client, rehearsal: Rehearsal
) -> None:
    log = AccessLog(rehearsal, clock=lambda: NOON)
    for number in (1, 2):
        for principal in ("ana", "bo|x y", "c\nd"):
            for door in DOORS:
                log.note(PromptVersionRef("p", number), principal, door)
    log.keep()
    whole = list(filled.prompts.accesses("p"))
    assert len(whole) == 12
    assert [one.number for one in filled.prompts.accesses("p", version=2)] == [2] * 6
    seen: list[PromptAccess] = []
    cursor: dict[str, str] = {}
    while True:
        page = http.get("/prompts/p/access", params={"limit": 5, **cursor}).json()
        seen += [PromptAccess.model_validate(one) for one in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == whole
    with pytest.raises(NotFound):
        list(filled.prompts.accesses("nothing"))
    with pytest.raises(NotFound):
        list(filled.prompts.uses("nothing"))


@pytest.mark.parametrize("last", ["2026-07-01", "2026-07-99 1 rest ana", "1 rest ana", ""])
def test_a_cursor_of_another_form_is_refused(filled: Client, http: httpx.Client, last: str) -> None:
    """It does not begin again at the first page."""
    cursor = cursors.encode("accesses of p None", last)
    refused = http.get("/prompts/p/access", params={"cursor": cursor})
    assert (refused.status_code, "no cursor of this list" in refused.text) == (422, True)


def test_months_that_are_over_for_long_take_one_row(filled: Client, rehearsal: Rehearsal) -> None:
    now = datetime.now(UTC)
    days = [datetime(2020, 1, 1, 12, tzinfo=UTC), datetime(2020, 1, 30, 13, tzinfo=UTC)]
    days += [datetime(2020, 2, 9, 8, tzinfo=UTC), now - timedelta(days=60), now]
    for day in days:
        log = AccessLog(rehearsal, clock=lambda day=day: day)
        for principal in ("ana", "ana", "bo"):
            log.note(PromptVersionRef("p", 1), principal, "rest")
        log.keep()
    uses = list(filled.prompts.uses("p"))
    for _ in range(2):
        with rehearsal.writing("test") as tx:
            reads.fold(tx)
    found = [one for one in filled.prompts.accesses("p") if one.principal == "ana"]
    assert [(one.day, one.count, one.first_at, one.last_at) for one in found] == [
        *((day.date(), 2, day, day) for day in (now, now - timedelta(days=60))),
        (date(2020, 2, 1), 2, days[2], days[2]),
        (date(2020, 1, 1), 4, days[0], days[1]),
    ]
    assert list(filled.prompts.uses("p")) == uses


def test_pages_of_uses_make_up_the_whole(filled: Client, http: httpx.Client) -> None:
    page = http.get("/prompts/p/access/versions", params={"limit": 1}).json()
    rest = http.get("/prompts/p/access/versions", params={"cursor": page["next"]}).json()
    assert [one["number"] for one in (*page["items"], *rest["items"])] == [2, 1]


def test_while_the_database_is_away_counts_wait_and_nobody_notices() -> None:
    away = connect("postgresql://nobody@127.0.0.1:9/nothing")
    log = AccessLog(away, clock=lambda: NOON)
    log.note(PromptVersionRef("p", 1), "ana", "rest")
    with pytest.raises(Unavailable):
        log.keep()
    log.note(PromptVersionRef("p", 1), "ana", "rest")
    assert _figures(log) == {"kept": 0, "dropped": 0, "waiting": 2}
    away.close()


def test_what_does_not_fit_is_dropped_and_counted(
    rehearsal: Rehearsal, filled: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_log, "DIFFERENT_MAX", 3)
    log = AccessLog(rehearsal, clock=lambda: NOON)
    for number in range(5):
        for _ in range(2):
            log.note(PromptVersionRef("p", 1), f"reader {number}", "rest")
    assert _figures(log) == {"kept": 0, "dropped": 4, "waiting": 6}
    log.keep()
    assert _figures(log) == {"kept": 6, "dropped": 4, "waiting": 0}
    with rehearsal.reading() as tx:
        assert tx.value(text("select sum(count) from prompt_access")) == 6


def _figures(log: AccessLog) -> dict[str, float]:
    total, waiting = log.figures()
    results = {one.labels["result"]: one.value for one in total.samples}
    return {**results, "waiting": waiting.samples[0].value}


def _wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)
