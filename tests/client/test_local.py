"""Resolving in the application's process: the same answers as the server's, without it too."""

import math
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.client.conftest import (
    SECONDS,
    SLOT,
    Stage,
    dropped,
    refused_manifests,
    soon,
    threads_of_ours,
)
from tests.openfeature.chance import Chance
from tests.support import policies
from twinline.client import Client
from twinline.client.local.resolved import Resolved
from twinline.language.errors import Killed, NoActiveBundle, NotFound, TwinlineError, Unavailable
from twinline.language.records import Resolution, ServedBundle

HERE_ALONE = {"inference_id", "served_from", "stale_seconds"}
ROUTES = 12


@pytest.fixture
def default(stage: Stage) -> ServedBundle:
    """A bundle that an application has in its own code."""
    known = stage.admin.inferences.resolve("answer", "production", record=False).bundle
    return known.model_copy(update={"parameters": {"mine": True}})


def file_of(folder: Path, environment: str = "production") -> Path:
    return folder / f"manifest-{environment}.signed"


def known(stage: Stage, folder: Path) -> Path:
    """The folder of an application that ran before, with the last manifest that it saw."""
    with stage.application(folder) as before:
        before.start()
    soon(lambda: not threads_of_ours())
    return folder


# --- the same answers -------------------------------------------------------------------


def test_it_answers_as_the_server_does(stage: Stage, application: Client) -> None:
    bundles = [stage.catalog.bundle(1 + n % 2, 1 + n) for n in range(5)]
    chance = Chance(20_261_122, [one.ref for one in bundles])
    routes = [f"team/route-{number}" for number in range(ROUTES)]
    for route in routes:
        stage.admin.slots.deploy(
            f"{route}@production", policy=chance.policy(), reason="random", expected=0
        )
    stage.admin.kills.bundle(bundles[2].ref, "random")
    stage.admin.kills.slot(f"{routes[0]}@production", "random")
    reasons: set[str] = set()
    for _ in range(25):
        context, _json = chance.context()
        for route in routes:
            here, there = in_process(application, route, context), by_rest(stage, route, context)
            assert here == there, (route, context)
            reasons.add(str(here.get("error", here.get("reason"))))
    assert reasons >= {"default", "rule", "split", "Killed", "NoActiveBundle"}


def in_process(client: Client, route: str, context: dict[str, Any]) -> dict[str, Any]:
    try:
        return said(client.resolve(route, context, record=False).resolution())
    except TwinlineError as error:
        return {"error": type(error).__name__, "detail": error.detail, **error.fields}


def by_rest(stage: Stage, route: str, context: dict[str, Any]) -> dict[str, Any]:
    try:
        return said(stage.admin.inferences.resolve(route, "production", context, record=False))
    except TwinlineError as error:
        return {"error": type(error).__name__, "detail": error.detail, **error.fields}


def said(resolution: Resolution) -> dict[str, Any]:
    return resolution.model_dump(mode="json", exclude=HERE_ALONE)


def test_its_errors_are_those_of_the_server(stage: Stage, application: Client) -> None:
    third = stage.catalog.bundle(1, 3).ref
    document = policies.by_tenant(stage.catalog.bundle(1, 1).ref, "bank-a", third, pin=True)
    for route in ("pinned", "stopped"):
        stage.admin.slots.deploy(
            f"{route}@production", policy=document, reason="because", expected=0
        )
    stage.admin.kills.slot("stopped@production", "it says too much")
    stage.admin.kills.bundle(third, "it leaks")
    bank = {"tenant": "bank-a"}
    with pytest.raises(NotFound, match="Live routes: answer, pinned, stopped"):
        application.resolve("nowhere", bank)
    for route, kind in [("stopped", Killed), ("pinned", NoActiveBundle)]:
        with pytest.raises(kind) as here:
            application.resolve(route, bank)
        with pytest.raises(kind) as there:
            stage.admin.inferences.resolve(route, "production", bank)
        assert (here.value.detail, here.value.fields) == (there.value.detail, there.value.fields)


def test_what_it_records_is_what_the_server_would_have_recorded(
    stage: Stage, application: Client
) -> None:
    one, two, three = (stage.catalog.bundle(1, prompt).ref for prompt in (1, 2, 3))
    document = policies.canary(one, two, 0.5) | {
        "shadow": [{"bundle": str(three), "sample": 10**5}]
    }
    stage.admin.slots.deploy("split@production", policy=document, reason="because", expected=0)
    ours = {"inference_id", "served_from", "stale_seconds", "shadow"}
    for number in range(10):
        context = {"user": {"id": f"user-{number}"}}
        here = application.resolve("split", context, decision="loan-1", keep_context=True)
        there = stage.admin.inferences.resolve(
            "split", "production", context, decision="loan-1", keep_context=True
        )
        assert here.resolution().model_dump(exclude=ours) == there.model_dump(exclude=ours)
        assert application.flush()
        pairs = [(here.inference_id, there.inference_id)]
        pairs += [(here.shadow[0].inference_id, there.shadow[0].inference_id)]
        for id, other in pairs:
            kept, beside = stage.inference(id), stage.inference(other)
            differ = {"ref", "id", "at", "parent_id", "served_from", "stale_seconds"}
            assert kept.model_dump(exclude=differ) == beside.model_dump(exclude=differ)
        assert stage.inference(here.shadow[0].inference_id).parent_id == here.inference_id


def test_a_resolution_that_is_not_to_be_recorded_leaves_nothing(
    stage: Stage, application: Client
) -> None:
    resolved = application.resolve("answer", {}, record=False)
    assert (resolved.inference_id, resolved.spooled) == (None, False)
    assert application.flush()
    assert not stage.recorded()


def test_many_threads_see_whole_deployments_in_their_order(
    stage: Stage, application: Client
) -> None:
    bundles = {n: stage.catalog.bundle(1, n) for n in range(1, 5)}
    over, seen = threading.Event(), list[list[tuple[int, int, str]]]()

    def resolve() -> None:
        own: list[tuple[int, int, str]] = []
        seen.append(own)
        while not over.is_set():
            resolved = application.resolve("answer", {"a": 1}, record=False)
            assert resolved.manifest_version is not None
            assert resolved.deployment is not None
            now = (
                resolved.manifest_version,
                resolved.deployment.number,
                str(resolved.bundle.ref),
            )
            if not own or own[-1] != now:
                own.append(now)
            time.sleep(0.0001)

    with ThreadPoolExecutor(8) as threads:
        running = [threads.submit(resolve) for _ in range(8)]
        served = {1: str(bundles[1].ref)}
        for number in range(2, 12):
            deployed = stage.catalog.deploy(SLOT, bundles[number % 4 + 1])
            served[deployed.number] = str(bundles[number % 4 + 1].ref)
        soon(lambda: application.resolve("answer", record=False).deployment == deployed.ref)
        over.set()
        for one in running:
            one.result()
    for own in seen:
        assert [version for version, _, _ in own] == sorted({version for version, _, _ in own})
        assert all(served[number] == bundle for _, number, bundle in own)


# --- where the manifest comes from ------------------------------------------------------


def test_it_says_that_it_follows_the_server(application: Client) -> None:
    soon(lambda: application.resolve("answer").stale_seconds == 0)
    assert application.resolve("answer").served_from == "stream"


def test_without_a_server_the_last_good_file_answers(stage: Stage, tmp_path: Path) -> None:
    folder = known(stage, tmp_path / "app")
    an_hour_ago = time.time() - 3600
    os.utime(file_of(folder), (an_hour_ago, an_hour_ago))
    with stage.wire.away():
        again = stage.application(folder, bootstrap=tmp_path / "none")
        resolved = again.resolve("answer")
        assert resolved.served_from == "file"
        assert resolved.stale_seconds == pytest.approx(3600, abs=SECONDS)
        assert resolved.spooled
    soon(lambda: again.resolve("answer", record=False).served_from == "stream")
    soon(again.flush)
    kept = stage.inference(resolved.inference_id)
    assert (kept.served_from, kept.stale_seconds) == ("file", resolved.stale_seconds)


def test_without_server_and_file_the_bootstrap_answers(stage: Stage, tmp_path: Path) -> None:
    bootstrap = tmp_path / "bootstrap.signed"
    assert stage.admin.save_manifest("production", bootstrap) == 1
    with stage.wire.away():
        new = stage.application(tmp_path / "app", bootstrap=bootstrap)
        resolved = new.resolve("answer")
        assert (resolved.served_from, resolved.spooled) == ("bootstrap", True)
        assert resolved.bundle.prompt.template == "Answer 1: {{ question }}"
    soon(lambda: new.resolve("answer", record=False).served_from == "stream")


def test_the_last_good_file_comes_before_the_bootstrap(stage: Stage, tmp_path: Path) -> None:
    bootstrap = tmp_path / "bootstrap.signed"
    stage.admin.save_manifest("production", bootstrap)
    stage.catalog.deploy(SLOT, stage.catalog.bundle(1, 2))
    folder = known(stage, tmp_path / "app")
    with stage.wire.away():
        resolved = stage.application(folder, bootstrap=bootstrap).resolve("answer")
        assert (resolved.served_from, resolved.manifest_version) == ("file", 2)


def test_without_anything_the_caller_s_default_answers_and_is_recorded(
    stage: Stage, tmp_path: Path, default: ServedBundle
) -> None:
    with stage.wire.away():
        new = stage.application(tmp_path / "app")
        resolved = new.resolve("answer", default=default, decision="loan-1")
        assert (resolved.served_from, resolved.bundle) == ("default", default)
        assert (resolved.deployment, resolved.manifest_version) == (None, None)
        assert resolved.spooled
        with pytest.raises(ValueError, match="default"):
            resolved.resolution()
    soon(new.flush)
    kept = stage.inference(resolved.inference_id)
    assert (kept.served_from, kept.decision, kept.bundle) == ("default", "loan-1", default.ref)


def test_a_default_stands_in_for_an_unknown_route_but_not_for_one_that_was_stopped(
    stage: Stage, application: Client, default: ServedBundle
) -> None:
    assert application.resolve("answer", default=default).served_from == "stream"
    assert application.resolve("nowhere", default=default).served_from == "default"
    stage.admin.kills.slot(SLOT, "it says too much")
    soon(lambda: _is_killed(application))
    with pytest.raises(Killed):
        application.resolve("answer", default=default)


def _is_killed(client: Client) -> bool:
    try:
        client.resolve("answer", record=False)
    except Killed:
        return True
    return False


def test_without_anything_it_says_what_is_missing(stage: Stage, tmp_path: Path) -> None:
    with stage.wire.away():
        new = stage.application(tmp_path / "app")
        with pytest.raises(Unavailable, match=r"bootstrap=.*default="):
            new.resolve("answer")
        with pytest.raises(Unavailable):
            new.start()
    soon(lambda: _resolves(new))


def _resolves(client: Client) -> bool:
    try:
        client.resolve("answer", record=False)
    except Unavailable:
        return False
    return True


def test_a_server_that_does_not_answer_costs_all_threads_one_deadline_together(
    stage: Stage, tmp_path: Path, default: ServedBundle
) -> None:
    folder = tmp_path / "app"
    stage.wire.hold()
    new = stage.application(folder, cold_start_seconds=1.0, timeout_seconds=15)
    begun = time.monotonic()
    with ThreadPoolExecutor(16) as threads:
        asked = [threads.submit(new.resolve, "answer", default=default) for _ in range(64)]
        assert {one.result().served_from for one in asked} == {"default"}
    took = time.monotonic() - begun
    assert 0.9 < took < 8, "64 deadlines, or none"
    stage.wire.let_go()
    soon(lambda: new.resolve("answer", default=default).served_from == "stream")


def test_a_slow_server_delays_the_first_resolution_alone(stage: Stage, tmp_path: Path) -> None:
    stage.wire.slow_down(0.2)
    slow = stage.application(tmp_path / "app", cold_start_seconds=SECONDS)
    assert not slow.resolves_at_once()
    assert slow.resolve("answer").served_from == "stream"
    assert slow.resolves_at_once()
    begun = time.monotonic()
    for _ in range(1_000):
        slow.resolve("answer")
    assert time.monotonic() - begun < 1_000 * 0.2 / 10


@pytest.mark.parametrize(
    "damage",
    [
        lambda kept: b"",
        lambda kept: kept[: len(kept) // 2],
        lambda kept: kept[:-1],
        lambda kept: kept.replace(b"Answer 1", b"Answer 2"),
        lambda kept: kept.partition(b"\n")[2],
        lambda kept: b"{}\n" + kept.partition(b"\n")[2],
        lambda kept: b"[1]\n" + kept.partition(b"\n")[2],
        lambda kept: b'{"signature": 1, "key": null}\n' + kept.partition(b"\n")[2],
        lambda kept: b"\xff\xfe" + kept,
        lambda kept: bytes(1_000),
    ],
    ids=[
        "empty", "half", "less-a-byte", "changed", "headless", "no-key", "list", "no-text",
        "binary", "zeros",
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_and_counted_and_the_bootstrap_answers(
    stage: Stage, tmp_path: Path, damage: Any
) -> None:
    bootstrap, folder = tmp_path / "bootstrap.signed", known(stage, tmp_path / "app")
    stage.admin.save_manifest("production", bootstrap)
    kept = file_of(folder)
    kept.write_bytes(damage(kept.read_bytes()))
    with stage.wire.away():
        again = stage.application(folder, bootstrap=bootstrap)
        assert again.resolve("answer").served_from == "bootstrap"
        assert refused_manifests(again) == 1


def test_manifests_on_disk_that_are_not_meant_are_refused(stage: Stage, tmp_path: Path) -> None:
    folder = known(stage, tmp_path / "app")
    stage.catalog.deploy("answer@staging", stage.catalog.bundle(1, 1))
    with stage.application(tmp_path / "staging", environment="staging") as staging:
        staging.start()
    with stage.wire.away():
        for number, wrong in enumerate(
            [
                {"bootstrap": file_of(tmp_path / "staging", "staging")},
                {"bootstrap": file_of(folder), "manifest_key": "A" * 43 + "="},
                {"bootstrap": file_of(folder), "manifest_key": "no key"},
            ]
        ):
            new = stage.application(tmp_path / f"new-{number}", **wrong)
            with pytest.raises(Unavailable):
                new.resolve("answer")
            assert refused_manifests(new) == 1


def test_a_file_of_another_server_is_refused(stage: Stage, tmp_path: Path, warned: Any) -> None:
    folder = known(stage, tmp_path / "app")
    (folder / "manifest-key").write_text("A" * 43 + "=")
    with stage.wire.away():
        again = stage.application(folder)
        with pytest.raises(Unavailable, match="signed by another server"):
            again.resolve("answer")
        assert any("refused" in message for message in warned())


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\x00garbage"])
def test_a_damaged_note_of_the_server_s_key_is_made_anew(
    stage: Stage, tmp_path: Path, content: bytes
) -> None:
    """A power cut leaves such a file."""
    folder = known(stage, tmp_path / "app")
    good = (folder / "manifest-key").read_bytes()
    (folder / "manifest-key").write_bytes(content)
    again = stage.application(folder)
    assert again.resolve("answer").served_from == "stream"
    assert (folder / "manifest-key").read_bytes() == good


def test_environments_stand_beside_each_other(stage: Stage, application: Client) -> None:
    stage.catalog.deploy("answer@staging", stage.catalog.bundle(1, 2))
    there, here = (
        application.resolve("answer", environment="staging"),
        application.resolve("answer"),
    )
    assert (str(there.slot), str(here.slot)) == (
        "routes:/answer@staging", "routes:/answer@production",
    )  # fmt: skip
    assert there.bundle != here.bundle
    assert application.flush()
    assert stage.recorded() == {there.inference_id: 1, here.inference_id: 1}
    with pytest.raises(Unavailable, match="nowhere"):
        application.resolve("answer", environment="nowhere")


def test_asked_for_every_resolution_the_server_answers_and_records(
    stage: Stage, tmp_path: Path, default: ServedBundle
) -> None:
    remote = stage.application(tmp_path / "app", local=False)
    resolved = remote.resolve("answer", {"a": 1}, decision="loan-1", keep_context=True)
    assert (resolved.served_from, resolved.spooled) == ("server", True)
    kept = stage.inference(resolved.inference_id)
    assert (kept.decision, kept.context) == ("loan-1", {"a": 1})
    assert not remote.resolves_at_once()
    stage.catalog.deploy(SLOT, stage.catalog.bundle(1, 2))
    assert remote.resolve("answer", record=False).manifest_version == 2
    with stage.wire.away():
        with pytest.raises(Unavailable):
            remote.resolve("answer")
        assert remote.resolve("answer", default=default).served_from == "default"
    assert not (tmp_path / "app" / "manifest-key").exists()


# --- contexts that hold nothing usable --------------------------------------------------


class Strange:
    def __repr__(self) -> str:
        raise RuntimeError("no")

    def __eq__(self, _other: object) -> bool:
        raise RuntimeError("no")

    def __hash__(self) -> int:
        raise RuntimeError("no")


class Mapped(Mapping[str, Any]):
    """A mapping that is no dict."""

    def __init__(self, **members: Any) -> None:
        self._members = members

    def __getitem__(self, name: str) -> Any:
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


def nested(depth: int, inner: Any) -> Any:
    for _ in range(depth):
        inner = {"user": inner, "list": [inner] if depth < 20 else []}
    return inner


def circular() -> dict[str, Any]:
    made: dict[str, Any] = {"tenant": "bank-b"}
    made["user"] = made
    return made


HOSTILE: dict[str, Any] = {
    "none": None,
    "no mapping": ["tenant", "bank-a"],
    "text": "tenant",
    "number": 17,
    "nan": {"tenant": math.nan, "user": {"id": math.nan}},
    "infinity": {"tenant": math.inf, "user": {"id": -math.inf}},
    "wrong types": {"tenant": ["bank-a"], "user": "u"},
    "objects": {"tenant": Strange(), "user": {"id": Strange()}},
    "an object for a user": {"tenant": object(), "user": Strange()},
    "bytes": {"tenant": b"bank-a", "user": {"id": b"u"}},
    "decimal": {"tenant": Decimal("NaN"), "user": {"id": Decimal(1)}},
    "time": {"tenant": datetime.now(UTC), "user": {"id": datetime.now(UTC)}},
    "complex": {"tenant": 1j, "user": {"id": {1, 2}}},
    "huge number": {"tenant": 10**5000, "user": {"id": 10**5000}},
    "lone surrogates": {"tenant": "\ud800", "user": {"id": "\udfff"}},
    "nul": {"tenant": "\0", "user": {"id": "\0"}},
    "names that are no text": {1: 2, None: 3, ("a",): 4, "user": {5: 6}},
    "depth of 200": nested(200, {"id": "u"}),
    "depth of 100,000": nested(100_000, {"id": "u"}),
    "circular": circular(),
    "1 MB of text": {"tenant": "x" * (1 << 20), "user": {"id": "y" * (1 << 20)}},
    "1 MB of members": {f"name-{n}": n for n in range(60_000)},
    "a mapping": Mapped(tenant="bank-b", user={"id": "u"}),
    "an empty mapping": Mapped(),
}


@pytest.mark.parametrize("keep_context", [False, True], ids=["", "kept"])
def test_no_context_is_an_error_and_every_one_is_recorded(
    stage: Stage, application: Client, keep_context: bool
) -> None:
    one, two = stage.catalog.bundle(1, 1).ref, stage.catalog.bundle(1, 2).ref
    document = policies.canary(one, two, 0.5)
    document["rules"].insert(0, policies.by_tenant(one, "bank-a", two)["rules"][0])
    stage.admin.slots.deploy("careful@production", policy=document, reason="because", expected=0)
    ids: dict[Any, str] = {}
    for name, context in HOSTILE.items():
        resolved = application.resolve("careful", context, keep_context=keep_context)
        assert resolved.rule != "regulated", name
        assert resolved.spooled, name
        ids[resolved.inference_id] = name
        with application.inference("careful", context, keep_context=keep_context) as call:
            pass
        assert call.spooled, name
        ids[call.id] = name
    assert len(ids) == 2 * len(HOSTILE)
    assert application.flush()
    recorded = {str(id) for id in stage.recorded()}
    assert [name for id, name in ids.items() if str(id) not in recorded] == []
    assert application._applications["production"]._shipper.refused == 0


def test_what_a_context_lacks_is_named_as_unknown(stage: Stage, application: Client) -> None:
    one, two = stage.catalog.bundle(1, 1).ref, stage.catalog.bundle(1, 2).ref
    document = policies.by_tenant(one, "bank-a", two)
    stage.admin.slots.deploy("careful@production", policy=document, reason="because", expected=0)
    lacking: list[Any] = [None, {}, {"tenant": math.nan}, {"tenant": 7}, {"tenant": None}, []]
    for context in lacking:
        assert application.resolve("careful", context).unknown == ("tenant",)
    assert application.resolve("careful", {"tenant": "bank-b"}).unknown == ()


def test_a_context_is_left_as_it_was(application: Client) -> None:
    context = {"a": {"b": [1, {"c": None}]}}
    application.resolve("answer", context, keep_context=True)
    with application.inference("answer", context, keep_context=True):
        pass
    assert context == {"a": {"b": [1, {"c": None}]}}


# --- disks ------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """3 MiB: one segment fits, and no second one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small disk takes root")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_with_a_full_disk_the_application_goes_on_and_counts_what_it_dropped(
    stage: Stage, small_disk: Path
) -> None:
    application = stage.application(small_disk / "app")
    application.start()
    (small_disk / "others").write_bytes(bytes(3 * (1 << 20) - (600 << 10)))
    lost = 0
    for number in range(1_000):
        lost += not application.resolve("answer", {"n": number}).spooled
        with application.inference("answer") as call:
            pass
        lost += not call.spooled
    assert lost == 2_000
    assert dropped(application) == 2_000
    stage.catalog.deploy(SLOT, stage.catalog.bundle(1, 2))
    soon(lambda: application.resolve("answer", record=False).manifest_version == 2)
    soon(lambda: [one.dropped for one in stage.admin.fleet.get("production").items] == [2_000])
    (small_disk / "others").unlink()
    soon(lambda: application.resolve("answer").spooled)
    soon(stage.recorded)


def test_a_spool_that_is_full_drops_and_says_so(stage: Stage, tmp_path: Path) -> None:
    application = stage.application(tmp_path / "app", spool_bytes_max=1 << 20)
    application.start()
    with stage.wire.away():
        spooled = [application.resolve("answer") for _ in range(6_000)]
        kept = {one.inference_id for one in spooled if one.spooled}
        assert 0 < len(kept) < 6_000
        assert dropped(application) == 6_000 - len(kept)
    soon(application.flush)
    assert stage.recorded() == dict.fromkeys(kept, 1)


def test_a_folder_that_cannot_be_written_does_not_stop_the_application(
    stage: Stage, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    application = stage.application(tmp_path / "file")
    resolved = application.resolve("answer")
    assert (resolved.served_from, resolved.spooled) == ("stream", False)
    with application.inference("answer") as call:
        pass
    assert not call.spooled
    assert dropped(application) == 2
    stage.catalog.deploy(SLOT, stage.catalog.bundle(1, 2))
    soon(lambda: application.resolve("answer").manifest_version == 2)


def test_only_the_owner_may_read_what_lies_in_the_folder(stage: Stage, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "app"
    stage.application(folder).resolve("answer")
    soon(file_of(folder).exists)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert file_of(folder).stat().st_mode & 0o777 == 0o600


def test_many_applications_may_start_over_one_folder_at_once(stage: Stage, tmp_path: Path) -> None:
    for attempt in range(5):
        folder = tmp_path / f"app-{attempt}"
        clients = [stage.application(folder, cold_start_seconds=SECONDS) for _ in range(8)]
        gate = threading.Barrier(len(clients))
        with ThreadPoolExecutor(len(clients)) as threads:

            def first(client: Client, gate: threading.Barrier = gate) -> str:
                gate.wait()
                return client.resolve("answer").served_from

            assert set(threads.map(first, clients)) == {"stream"}
        assert sum(refused_manifests(one) for one in clients) == 0
        for one in clients:
            one.close()


def test_two_clients_over_one_folder_keep_out_of_each_other_s_way(
    stage: Stage, tmp_path: Path
) -> None:
    folder = tmp_path / "app"
    one, other = stage.application(folder), stage.application(folder)
    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(_resolve_often, client) for client in (one, other)]
        resolved = [found for some in asked for found in some.result()]
    one.close()
    assert other.resolve("answer").spooled
    assert other.flush()
    kept = stage.recorded()
    assert all(kept[found.inference_id] == 1 for found in resolved if found.inference_id)
    assert len(kept) == 6_001


def _resolve_often(client: Client) -> list[Resolved]:
    return [client.resolve("answer") for _ in range(3_000)]


# --- the end ----------------------------------------------------------------------------


def test_a_closed_client_answers_from_what_it_holds_and_says_that_nothing_is_kept(
    application: Client,
) -> None:
    application.resolve("answer")
    application.close()
    resolved = application.resolve("answer")
    assert resolved.bundle.prompt.template == "Answer 1: {{ question }}"
    assert not resolved.spooled
    with application.inference("answer") as call:
        pass
    assert not call.spooled
    application.close()


def test_a_client_that_was_closed_before_its_first_resolution_says_so_at_once(
    stage: Stage, tmp_path: Path, default: ServedBundle
) -> None:
    closed = stage.application(tmp_path / "app", cold_start_seconds=60.0)
    closed.close()
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="closed"):
        closed.resolve("answer")
    with pytest.raises(Unavailable, match="closed"):
        closed.resolve("answer", environment="staging")
    assert closed.resolve("answer", default=default).served_from == "default"
    assert time.monotonic() - begun < SECONDS


def test_a_manifest_file_says_its_version_and_is_refused_where_nothing_is_live(
    stage: Stage, tmp_path: Path
) -> None:
    stage.catalog.deploy(SLOT, stage.catalog.bundle(1, 2))
    assert stage.admin.save_manifest("production", tmp_path / "deep" / "m.signed") == 2
    with pytest.raises(NotFound):
        stage.admin.save_manifest("nowhere", tmp_path / "none.signed")
    assert not (tmp_path / "none.signed").exists()


def test_an_address_where_nobody_listens_is_no_error_with_a_default(
    tmp_path: Path, default: ServedBundle
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with Client(url, "twl_x", folder=tmp_path / "app") as client:
            assert client.resolve("answer", default=default).served_from == "default"
