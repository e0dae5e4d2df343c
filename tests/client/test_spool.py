"""What the spool of the client promises, against real disks, processes and deaths."""

import gc
import os
import re
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from twinline.client.spool import Spool

# Python 3.12 warns of what is tested here: forks of a process with threads.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")

SEGMENT_BYTES = 4096
APPENDER = """
import sys
from pathlib import Path
from twinline.client.spool import Spool
spool = Spool(Path(sys.argv[1]), segment_bytes=int(sys.argv[2]))
for number in range(int(sys.argv[3]), int(sys.argv[4])):
    assert spool.append(b'{"number": %d}' % number)
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
if sys.argv[5] == "close":
    spool.close()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small disk takes root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def small(folder: Path) -> Spool:
    return Spool(folder, segment_bytes=SEGMENT_BYTES)


def drain(spool: Spool) -> list[bytes]:
    payloads: list[bytes] = []
    while (taken := spool.take(100, 1 << 20)).payloads:
        payloads += taken.payloads
        spool.done(taken)
    return payloads


def numbered(count: int, start: int = 0) -> list[bytes]:
    return [b'{"number": %d}' % number for number in range(start, start + count)]


def fill(folder: Path, payloads: list[bytes]) -> list[Path]:
    """Have a spool write the payloads and close; its segments."""
    spool = small(folder)
    assert all(spool.append(payload) for payload in payloads)
    spool.close()
    return sorted(folder.glob("*.seg"))


def start_appender(
    folder: Path, start: int, stop: int, end: str, segment_bytes: int = SEGMENT_BYTES
) -> subprocess.Popen[str]:
    arguments = [str(folder), str(segment_bytes), str(start), str(stop), end]
    return subprocess.Popen(
        [sys.executable, "-c", APPENDER, *arguments], stdout=subprocess.PIPE, text=True
    )


def test_what_was_appended_is_taken_in_order_and_forgotten_when_done(folder: Path) -> None:
    spool = small(folder)
    payloads = numbered(1_000)
    assert all(spool.append(payload) for payload in payloads)
    assert spool.depth().waiting == 1_000
    assert drain(spool) == payloads
    assert spool.depth().waiting == 0
    spool.close()
    assert list(folder.iterdir()) == []


def test_making_a_spool_touches_no_disk(folder: Path) -> None:
    spool = small(folder)
    assert not folder.exists()
    assert spool.depth().bytes_on_disk == 0
    assert spool.take(1, 1).payloads == ()
    spool.close()
    assert not folder.exists()


def test_only_the_owner_may_read(folder: Path) -> None:
    spool = small(folder)
    spool.append(b"{}")
    spool.append(b"{}")
    spool.done(spool.take(1, 1))
    assert folder.stat().st_mode & 0o777 == 0o700
    modes = {path.suffix: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {".seg": 0o600, ".done": 0o600}
    spool.close()


def test_a_take_keeps_both_limits_and_gives_one_payload_at_least(folder: Path) -> None:
    spool = small(folder)
    for _ in range(10):
        spool.append(b"x" * 100)
    assert len(spool.take(3, 1 << 20).payloads) == 3
    assert len(spool.take(100, 450).payloads) == 4
    assert len(spool.take(100, 1).payloads) == 1
    spool.close()


def test_a_take_is_repeated_until_it_is_done(folder: Path) -> None:
    spool = small(folder)
    for payload in numbered(5):
        spool.append(payload)
    first = spool.take(2, 1 << 20)
    assert spool.take(2, 1 << 20) == first
    spool.done(first)
    spool.done(first)
    assert drain(spool) == numbered(3, start=2)
    spool.close()


def test_a_payload_with_a_newline_or_too_large_is_dropped_and_counted(folder: Path) -> None:
    spool = small(folder)
    assert not spool.append(b"a\nb")
    assert not spool.append(b"x" * (SEGMENT_BYTES - 9))
    assert spool.append(b"x" * (SEGMENT_BYTES - 10))
    assert spool.append(b"small")
    assert spool.depth().dropped == 2
    assert drain(spool) == [b"x" * (SEGMENT_BYTES - 10), b"small"]
    spool.close()


def test_a_payload_may_be_empty_or_hold_zero_bytes(folder: Path) -> None:
    payloads = [b"", b"\0\0", b"a\0"]
    fill(folder, payloads)
    spool = small(folder)
    assert drain(spool) == payloads
    spool.close()


def test_a_torn_last_line_is_skipped_and_counted(folder: Path) -> None:
    (segment,) = fill(folder, numbered(3))
    with segment.open("ab") as file:
        file.write(b'0badc0de {"numb' + bytes(500))
    spool = small(folder)
    assert drain(spool) == numbered(3)
    assert spool.depth().damaged == 1
    spool.close()
    assert list(folder.iterdir()) == []


def test_a_flipped_byte_costs_its_line_only(folder: Path) -> None:
    (segment,) = fill(folder, numbered(9))
    data = bytearray(segment.read_bytes())
    data[data.index(b'"number": 4') + 3] ^= 0x01
    segment.write_bytes(data)
    spool = small(folder)
    expected = numbered(9)
    del expected[4]
    spool.take(9, 1 << 20)
    assert drain(spool) == expected
    assert spool.depth().damaged == 1
    spool.close()


def test_a_page_of_zeros_costs_the_lines_in_it_only(folder: Path) -> None:
    (segment,) = fill(folder, numbered(100))
    data = bytearray(segment.read_bytes())
    data[512:1024] = bytes(512)
    segment.write_bytes(data)
    spool = small(folder)
    kept = drain(spool)
    assert kept == [payload for payload in numbered(100) if payload in set(kept)]
    assert len(kept) >= 100 - 512 // 20 - 2
    assert {numbered(100)[0], numbered(100)[-1]} <= set(kept)
    spool.close()


def test_a_truncated_segment_gives_what_is_left(folder: Path) -> None:
    (segment,) = fill(folder, numbered(10))
    os.truncate(segment, segment.stat().st_size - 5)
    spool = small(folder)
    assert drain(spool) == numbered(9)
    assert spool.depth().damaged == 1
    spool.close()


def test_a_segment_of_rubbish_is_deleted_and_counted(folder: Path) -> None:
    (segment,) = fill(folder, numbered(1))
    segment.write_bytes(os.urandom(3_000).replace(b"\n", b"") + b"\n")
    spool = small(folder)
    assert spool.take(10, 10).payloads == ()
    assert spool.depth().damaged == 1
    assert list(folder.iterdir()) == []
    spool.close()


@pytest.mark.parametrize("progress", [b"", b"rubbish", b"-7", b"99999999999"])
def test_progress_that_cannot_be_believed_ships_twice_rather_than_never(
    folder: Path, progress: bytes
) -> None:
    (segment,) = fill(folder, numbered(3))
    segment.with_name(segment.name + ".done").write_bytes(progress)
    spool = small(folder)
    assert drain(spool) == numbered(3)
    spool.close()
    assert list(folder.iterdir()) == []


def test_a_full_spool_drops_the_new_and_keeps_the_old(folder: Path) -> None:
    spool = Spool(folder, bytes_max=3 * SEGMENT_BYTES, segment_bytes=SEGMENT_BYTES)
    kept = [payload for payload in numbered(1_000) if spool.append(payload)]
    depth = spool.depth()
    assert depth.bytes_on_disk <= 3 * SEGMENT_BYTES
    assert kept == numbered(len(kept))
    assert depth.dropped == 1_000 - len(kept) > 0
    assert drain(spool) == kept
    assert spool.append(b"there is room again")
    spool.close()


def test_the_size_bound_counts_the_segments_of_other_processes(folder: Path) -> None:
    other = small(folder)
    for payload in numbered(200):
        other.append(payload)
    used = other.depth().bytes_on_disk
    spool = Spool(folder, bytes_max=used + SEGMENT_BYTES - 1, segment_bytes=SEGMENT_BYTES)
    assert not spool.append(b"{}")
    assert spool.depth().bytes_on_disk == used
    spool.close()
    other.close()


def renamed(segment: Path, age: timedelta) -> Path:
    """A segment made to look older."""
    started_ms = int((time.time() - age.total_seconds()) * 1000)
    return segment.rename(segment.with_name(f"{started_ms:013d}{segment.name[13:]}"))


def test_orphans_past_the_age_bound_are_deleted_and_their_records_counted(folder: Path) -> None:
    (old,) = fill(folder, numbered(7))
    old = renamed(old, timedelta(days=8))
    fill(folder, numbered(3, start=7))
    spool = small(folder)
    assert spool.depth().oldest_at == datetime.fromtimestamp(int(old.name[:13]) / 1000, UTC)
    assert drain(spool) == numbered(3, start=7)
    assert spool.depth().dropped == 7
    assert not old.exists()
    spool.close()


def test_segments_that_could_not_be_shipped_in_time_expire_too(folder: Path) -> None:
    spool = Spool(folder, segment_bytes=SEGMENT_BYTES, age_max=timedelta(milliseconds=400))
    fill(folder, numbered(3))
    for payload in numbered(300):
        spool.append(payload)
    assert len(spool.take(10, 1 << 20).payloads) == 3
    time.sleep(0.45)
    assert spool.take(10, 1 << 20).payloads == ()
    assert spool.depth().dropped == 303
    assert spool.depth().bytes_on_disk == 0
    assert spool.append(b"young")
    assert drain(spool) == [b"young"]
    spool.close()


def test_litter_of_dead_processes_is_swept(folder: Path) -> None:
    folder.mkdir()
    now_ms = int(time.time() * 1000)
    for started_ms, suffix in [(1, ".new"), (2, ".done"), (3, ".done.new"), (now_ms, ".new")]:
        (folder / f"{started_ms:013d}-1-ab.seg{suffix}").write_bytes(b"1")
    (folder / "notes.txt").write_text("not ours")
    spool = small(folder)
    spool.take(1, 1)
    assert {path.name for path in folder.iterdir()} == {f"{now_ms:013d}-1-ab.seg.new", "notes.txt"}
    spool.close()


def test_a_full_disk_drops_and_recovers_when_there_is_space(tmpfs: Path) -> None:
    spool = Spool(tmpfs / "spool", segment_bytes=64 << 10)
    ballast = tmpfs / "ballast"
    ballast.write_bytes(bytes(120 << 10))
    kept = [payload for payload in numbered(10_000) if spool.append(payload)]
    assert kept == numbered(len(kept))
    assert spool.depth().dropped == 10_000 - len(kept) > 0
    ballast.unlink()
    time.sleep(1.05)
    assert spool.append(b"back")
    assert drain(spool) == [*kept, b"back"]
    spool.close()


def test_a_refusing_disk_drops_and_recovers() -> None:
    script = f"""
import resource, sys, tempfile, time
from pathlib import Path
from twinline.client.spool import Spool
with tempfile.TemporaryDirectory() as folder:
    spool = Spool(Path(folder), segment_bytes={SEGMENT_BYTES})
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ({SEGMENT_BYTES} // 2, hard))
    assert not spool.append(b"lost")
    assert list(Path(folder).iterdir()) == []
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert not spool.append(b"lost")  # the next try is a second after the last
    time.sleep(1.05)
    assert spool.append(b"kept")
    assert spool.depth().dropped == 2
    assert spool.take(9, 999).payloads == (b"kept",)
    spool.close()
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_folder_that_cannot_be_written_drops_and_never_raises(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        spool = small(folder)
        assert not any(spool.append(b"{}") for _ in range(1_000))
        assert spool.take(1, 1).payloads == ()
        depth = spool.depth()
        assert (depth.dropped, depth.waiting, depth.bytes_on_disk) == (1_000, 0, 0)
        spool.close()


def test_after_close_records_are_dropped_and_nothing_is_taken(folder: Path) -> None:
    spool = small(folder)
    spool.append(b"{}")
    taken = spool.take(1, 1)
    spool.close()
    spool.close()
    spool.done(taken)
    assert not spool.append(b"{}")
    assert spool.take(1, 1).payloads == ()
    assert (spool.depth().dropped, spool.depth().waiting) == (1, 1)


def test_bounds_that_make_no_sense_are_refused(folder: Path) -> None:
    for bytes_max, segment_bytes in [(99, 100), (100, 10)]:
        with pytest.raises(ValueError, match="no segment"):
            Spool(folder, bytes_max=bytes_max, segment_bytes=segment_bytes)
    with pytest.raises(ValueError, match="cannot be kept"):
        Spool(folder, age_max=timedelta(0))
    with pytest.raises(ValueError, match="at least one"):
        small(folder).take(0, 1)


def test_a_restart_goes_on_where_shipping_stopped(folder: Path) -> None:
    first = small(folder)
    for payload in numbered(300):
        first.append(payload)
    shipped: list[bytes] = []
    for _ in range(13):
        taken = first.take(17, 1 << 20)
        first.done(taken)
        shipped += taken.payloads
    first.close()
    second = small(folder)
    assert second.depth().waiting == 300 - len(shipped)
    assert shipped + drain(second) == numbered(300)
    second.close()
    assert list(folder.iterdir()) == []


def test_a_spool_forgotten_without_close_leaves_its_segments(folder: Path) -> None:
    forgotten = small(folder)
    for payload in numbered(300):
        forgotten.append(payload)
    del forgotten
    gc.collect()
    spool = small(folder)
    assert drain(spool) == numbered(300)
    spool.close()


def test_two_processes_write_at_once_and_all_arrives_once(folder: Path) -> None:
    writers = [start_appender(folder, n * 2_000, (n + 1) * 2_000, "close") for n in range(2)]
    spool = small(folder)
    payloads: list[bytes] = []
    while any(writer.poll() is None for writer in writers):
        payloads += drain(spool)
        time.sleep(0.01)
    assert [len(writer.communicate()[0].split()) for writer in writers] == [2_000, 2_000]
    payloads += drain(spool)
    assert Counter(payloads) == Counter(numbered(4_000))
    spool.close()
    assert list(folder.iterdir()) == []


def test_a_segment_that_is_written_is_not_adopted(folder: Path) -> None:
    writer, other = small(folder), small(folder)
    writer.append(b"{}")
    assert other.take(1, 1).payloads == ()
    assert other.depth().waiting == 1
    assert drain(writer) == [b"{}"]
    writer.close()
    other.close()


def test_an_orphan_is_adopted_by_exactly_one_until_it_closes(folder: Path) -> None:
    fill(folder, numbered(5))
    one, other = small(folder), small(folder)
    assert one.take(5, 1 << 20).payloads == tuple(numbered(5))
    assert other.take(5, 1 << 20).payloads == ()
    one.close()
    assert drain(other) == numbered(5)
    other.close()


def test_many_takers_ship_each_orphan_once(folder: Path) -> None:
    assert len(fill(folder, numbered(4_000))) > 20
    spools = [small(folder) for _ in range(4)]
    shares: list[list[bytes]] = [[] for _ in spools]

    def ship(index: int) -> None:
        shares[index] = drain(spools[index])

    threads = [threading.Thread(target=ship, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(payload for share in shares for payload in share) == Counter(numbered(4_000))
    for spool in spools:
        spool.close()


def wait_for(pid: int) -> None:
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_fork_in_the_middle_loses_and_doubles_nothing(folder: Path) -> None:
    spool = small(folder)
    spool.append(b"before")
    pid = os.fork()
    if pid == 0:
        good = all(spool.append(payload) for payload in numbered(500))
        os._exit(0 if good and spool.depth().dropped == 0 else 1)
    assert all(spool.append(payload) for payload in numbered(500, start=500))
    wait_for(pid)
    assert Counter(drain(spool)) == Counter([b"before", *numbered(1_000)])
    spool.close()
    assert list(folder.iterdir()) == []


def test_the_death_of_a_fork_leaves_the_parents_lock(folder: Path) -> None:
    fill(folder, [b"orphan"])
    spool, other = small(folder), small(folder)
    spool.append(b"own")
    assert spool.take(1, 1).payloads == (b"orphan",)
    pid = os.fork()
    if pid == 0:
        spool.close()
        os._exit(0)
    wait_for(pid)
    assert other.take(1, 1).payloads == ()
    assert drain(spool) == [b"orphan", b"own"]
    spool.close()
    other.close()


def test_a_living_fork_does_not_keep_the_parents_segments(folder: Path) -> None:
    spool = small(folder)
    spool.append(b"{}")
    (ending, end), (ready, ready_end) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(end)
        os.write(ready_end, b"!")
        os.read(ending, 1)
        os._exit(0)
    os.read(ready, 1)
    spool.close()
    other = small(folder)
    assert drain(other) == [b"{}"]
    other.close()
    os.close(end)
    wait_for(pid)
    for fd in (ending, ready, ready_end):
        os.close(fd)


def test_forks_while_threads_append_and_ship_lose_nothing(folder: Path) -> None:
    spool = small(folder)
    shipped: list[bytes] = []
    over = threading.Event()

    def ship() -> None:
        while not over.is_set():
            shipped.extend(drain(spool))

    def append(start: int) -> None:
        for payload in numbered(2_000, start):
            assert spool.append(payload)

    threads = [threading.Thread(target=append, args=(n * 2_000,)) for n in range(2)]
    shipper = threading.Thread(target=ship)
    for thread in [*threads, shipper]:
        thread.start()
    for child in range(10):
        pid = os.fork()
        if pid == 0:
            os._exit(0 if spool.append(b"child %d" % child) else 1)
        wait_for(pid)
    for thread in threads:
        thread.join()
    over.set()
    shipper.join()
    shipped += drain(spool)
    assert Counter(shipped) == Counter([*numbered(4_000), *(b"child %d" % n for n in range(10))])
    spool.close()


@pytest.mark.parametrize("after_lines", [1, 700, 5_000])
def test_what_was_acknowledged_survives_kill_9_exactly_once(folder: Path, after_lines: int) -> None:
    writer = start_appender(folder, 0, 10_000_000, "run", segment_bytes=64 << 10)
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(after_lines)]
    writer.send_signal(signal.SIGKILL)
    acknowledged += [
        int(line) for line in writer.stdout.read().splitlines(True) if line[-1] == "\n"
    ]
    writer.stdout.close()
    assert writer.wait() == -signal.SIGKILL
    spool = small(folder)
    payloads = drain(spool)
    count = len(acknowledged)
    assert payloads[:count] == numbered(count)
    assert payloads[count:] in ([], numbered(1, start=count))  # written, not yet acknowledged
    spool.close()
    # A segment that it was making when it died is litter: at most that one, and its own.
    making = [
        re.fullmatch(r"\d{13}-(\d+)-[0-9a-f]+\.seg\.new", one.name) for one in folder.iterdir()
    ]
    assert [found and int(found[1]) for found in making] in ([], [writer.pid])


def test_threads_lose_nothing(folder: Path) -> None:
    spool = Spool(folder, segment_bytes=64 << 10)

    def append(thread: int) -> None:
        for payload in numbered(5_000, start=thread * 5_000):
            assert spool.append(payload)

    threads = [threading.Thread(target=append, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(drain(spool)) == Counter(numbered(40_000))
    spool.close()


def test_memory_and_open_files_stay_flat(folder: Path) -> None:
    spool = Spool(folder, segment_bytes=64 << 10)

    def work(rounds: int) -> None:
        for _ in range(rounds):
            for _ in range(1_000):
                spool.append(b'{"number": 12345678}')
            while (taken := spool.take(1_000, 1 << 20)).payloads:
                spool.done(taken)

    work(20)
    files = len(os.listdir("/proc/self/fd"))
    rss_bytes = rss()
    work(280)
    assert len(os.listdir("/proc/self/fd")) <= files + 2
    assert rss() - rss_bytes < 2 << 20
    tracemalloc.start()
    work(2)
    before_bytes = tracemalloc.get_traced_memory()[0]
    work(8)
    assert tracemalloc.get_traced_memory()[0] - before_bytes < 20_000
    tracemalloc.stop()
    spool.close()


def rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
