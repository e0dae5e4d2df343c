"""``twinline up``: starts with one command, stops cleanly, survives what happens to it."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import httpx
from sqlalchemy import text

from tests.process.conftest import Up, twinline
from twinline.client import Client
from twinline.db.embedded import Cluster, find_binaries
from twinline.db.session import connect
from twinline.language.errors import TwinlineError
from twinline.language.ids import new_id
from twinline.language.records import NewInference

Start = Callable[..., Up]


def test_the_first_start_prints_a_key_once_and_what_was_written_is_there_after_a_stop(
    start: Start, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    first = start(home)
    assert first.key is not None
    with first.client(first.key) as client:
        client.prompts.create("greeting", "Hello {{ name }}")
    assert first.stop() == 0
    again = start(home)
    assert again.key is None
    with again.client(first.key) as client:
        assert client.prompts.get("greeting").number == 1


def test_a_stop_by_ctrl_c_stops_postgres_too(start: Start, tmp_path: Path) -> None:
    home = tmp_path / "home"
    server = start(home)
    assert _postmaster(home) is not None
    assert server.stop() == 0
    assert "Stopped." in server.log.read_text()
    assert _postmaster(home) is None


def test_a_stop_by_sigterm_is_as_clean(start: Start, tmp_path: Path) -> None:
    home = tmp_path / "home"
    server = start(home)
    assert server.stop(signal.SIGTERM) == 0
    assert _postmaster(home) is None


def test_kill_9_in_the_middle_of_500_writes_loses_nothing_that_was_acknowledged(
    start: Start, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    server = start(home)
    key = server.key or ""
    acknowledged, attempted = _record_until(server, key, lambda done: done >= 250, server.kill)
    assert attempted > len(acknowledged) - 1
    assert 250 <= len(acknowledged) <= 500
    again = start(home)
    assert _recorded(again, key, acknowledged) == acknowledged
    assert _rollups_equal_facts(home)


def test_kill_9_of_postgres_in_the_middle_of_500_writes_loses_nothing_either(
    start: Start, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    server = start(home)
    key = server.key or ""

    def kill_postgres() -> None:
        os.kill(_postmaster(home) or 0, signal.SIGKILL)

    acknowledged, _ = _record_until(server, key, lambda done: done >= 250, kill_postgres)
    assert 250 <= len(acknowledged) <= 500
    server.kill()
    again = start(home)
    assert _recorded(again, key, acknowledged) == acknowledged
    assert _rollups_equal_facts(home)


def test_the_check_for_lost_writes_can_fail(start: Start, tmp_path: Path) -> None:
    server = start(tmp_path / "home")
    never_sent = new_id()
    assert _recorded(server, server.key or "", {never_sent}) == set()


def test_a_second_up_on_the_same_folder_says_where_the_first_one_is(
    start: Start, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    first = start(home)
    second = twinline(home, "up", "--port", "0")
    assert second.returncode == 1
    said = " ".join(second.stderr.split())
    assert f"already runs on {home}" in said.replace(" /", "/").replace("on/", "on /")
    assert str(first.process.pid) in said
    assert first.url in said
    assert "TWINLINE_HOME" in said


def test_a_port_in_use_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = twinline(tmp_path / "home", "up", "--port", str(port))
    assert refused.returncode == 1
    said = " ".join(refused.stderr.split())
    assert f"127.0.0.1:{port}" in said
    assert "--port" in said
    assert "TWINLINE_PORT" in said


def test_a_folder_from_a_newer_version_is_refused_with_the_remedy(
    start: Start, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    start(home).stop()
    with _cluster(home) as cluster:
        database = connect(cluster.url)
        with database.writing("test") as tx:
            tx.run(text("update alembic_version set version_num = '9999'"))
        database.close()
    refused = twinline(home, "up", "--port", "0")
    assert refused.returncode == 1
    said = " ".join(refused.stderr.split())
    assert "9999" in said
    assert "newer version" in said
    assert "TWINLINE_HOME" in said


def test_a_database_url_is_used_instead_of_the_embedded_one(start: Start, tmp_path: Path) -> None:
    with _cluster(tmp_path / "elsewhere") as cluster:
        home = tmp_path / "home"
        server = start(home, TWINLINE_DATABASE_URL=cluster.url)
        assert server.key is not None
        second = start(home, TWINLINE_DATABASE_URL=cluster.url)
        assert second.key is None
        with second.client(server.key) as client:
            assert list(client.prompts.list()) == []
        assert not (home / "postgres").exists()
        server.stop()
        second.stop()


def test_a_database_that_does_not_answer_is_named_at_once(tmp_path: Path) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    begun = time.monotonic()
    refused = twinline(tmp_path / "home", "up", "--port", "0", TWINLINE_DATABASE_URL=nowhere)
    assert refused.returncode == 6
    assert "database" in refused.stderr
    assert time.monotonic() - begun < 30


def test_a_revoked_key_is_refused_by_the_next_request(start: Start, tmp_path: Path) -> None:
    server = start(tmp_path / "home")
    with server.client(server.key or "") as admin:
        issued = admin.keys.issue("somebody", "viewer")  # pyright: ignore[reportArgumentType] -- a role by its word
        headers = {"X-API-Key": issued.key}
        assert httpx.get(f"{server.url}/api/v1/slots", headers=headers).status_code == 200
        admin.keys.revoke(issued.prefix)
    assert httpx.get(f"{server.url}/api/v1/slots", headers=headers).status_code == 401


def _record_until(
    server: Up, key: str, enough: Callable[[int], bool], then: Callable[[], None]
) -> tuple[set[UUID], int]:
    """Write up to 500 inferences from four threads; when enough are acknowledged do
    ``then`` and go on. What was acknowledged, and how many were attempted."""
    with server.client(key) as client:
        client.prompts.create("greeting", "Hello {{ name }}")
    acknowledged: set[UUID] = set()
    attempted = 0
    lock, struck = threading.Lock(), threading.Event()

    def write() -> None:
        nonlocal attempted
        with Client(server.url, key, timeout_seconds=2) as client:
            while True:
                with lock:
                    if attempted >= 500:
                        return
                    attempted += 1
                id = new_id()
                try:
                    client.inferences.record(
                        [NewInference(id=id, model="models:/some/1", prompt="prompts:/greeting/1")]
                    )
                except TwinlineError:
                    if struck.is_set() and server.process.poll() is not None:
                        return
                    continue
                with lock:
                    acknowledged.add(id)
                    now = enough(len(acknowledged)) and not struck.is_set()
                    if now:
                        struck.set()
                if now:
                    then()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert struck.is_set()
    return acknowledged, attempted


def _recorded(server: Up, key: str, ids: set[UUID]) -> set[UUID]:
    found: set[UUID] = set()
    with httpx.Client(headers={"X-API-Key": key}) as http:
        for id in ids:
            if http.get(f"{server.url}/api/v1/inferences/{id}").status_code == 200:
                found.add(id)
    return found


def _rollups_equal_facts(home: Path) -> bool:
    with _cluster(home) as cluster:
        database = connect(cluster.url)
        with database.reading() as tx:
            facts = tx.value(text("select count(*) from inference"))
            hours = tx.value(text("select sum(requests) from rollup_hour"))
            days = tx.value(text("select sum(requests) from rollup_day"))
        database.close()
    return facts == hours == days


def _cluster(home: Path) -> Cluster:
    binaries = os.environ.get("TWINLINE_TEST_POSTGRES_BIN")
    return Cluster(home, find_binaries(Path(binaries) if binaries else None))


def _postmaster(home: Path) -> int | None:
    """The process id of the PostgreSQL that serves this home; None when it has stopped."""
    file = home / "postgres" / "postmaster.pid"
    return int(file.read_text().split()[0]) if file.exists() else None


def test_the_database_is_migrated_and_checked_by_command(tmp_path: Path) -> None:
    home = tmp_path / "home"
    migrated = twinline(home, "db", "migrate")
    assert (migrated.returncode, "at schema" in migrated.stdout) == (0, True)
    unready = twinline(home, "db", "check")
    assert unready.returncode == 6
    assert "no partition" in unready.stdout


def test_a_server_that_ran_is_found_ready_by_the_check(start: Start, tmp_path: Path) -> None:
    home = tmp_path / "home"
    start(home).stop()
    checked = twinline(home, "db", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
