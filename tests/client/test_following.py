"""Following the manifest: every change is heard of, and nothing bad is taken for one."""

import gc
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.client.conftest import (
    SECONDS,
    SLOT,
    Stage,
    refused_manifests,
    soon,
    threads_of_ours,
)
from tests.client.wire import Meddler
from twinline.access import actions as access
from twinline.client import Client
from twinline.client.local.following import RETRY_SECONDS_FIRST, RETRY_SECONDS_MAX
from twinline.language import signing
from twinline.language.errors import Killed, Unavailable
from twinline.manifests import actions as manifests
from twinline.manifests import store
from twinline.routing.manifest import Signed

SIGNATURE = "X-Twinline-Signature"


def version(client: Client) -> int | None:
    return client.resolve("answer", record=False).manifest_version


def deploy(stage: Stage, prompt: int) -> int:
    """The number of the new deployment."""
    return stage.catalog.deploy(SLOT, stage.catalog.bundle(1, prompt)).number


def answer(signed: Signed, etag: str = "x") -> httpx.Response:
    headers = {SIGNATURE: signed.signature, "ETag": f'"{etag}"'}
    return httpx.Response(200, content=signed.content, headers=headers)


def is_manifest(request: httpx.Request) -> bool:
    return request.url.path == "/api/v1/manifest"


# --- changes ----------------------------------------------------------------------------


def test_every_change_reaches_the_application_without_its_asking(
    stage: Stage, application: Client
) -> None:
    assert version(application) == 1
    for number in range(2, 7):
        deploy(stage, number)
        soon(lambda number=number: version(application) == number)
    kill = stage.admin.kills.slot(SLOT, "it says too much")
    soon(lambda: is_killed(application))
    stage.admin.kills.lift(kill.number, "it was not so bad")
    soon(lambda: not is_killed(application))


def is_killed(client: Client) -> bool:
    try:
        client.resolve("answer", record=False)
    except Killed:
        return True
    return False


def test_the_newest_manifest_lies_on_disk_soon(stage: Stage, tmp_path: Path) -> None:
    application = stage.application(tmp_path / "app")
    application.start()
    deploy(stage, 2)
    soon(lambda: version(application) == 2)
    soon(lambda: b'"version":2' in (tmp_path / "app" / "manifest-production.signed").read_bytes())
    with stage.wire.away():
        assert version(stage.application(tmp_path / "app")) == 2


def test_what_changed_while_the_server_was_away_is_known_when_it_is_back(
    stage: Stage, application: Client
) -> None:
    soon(lambda: application.resolve("answer", record=False).stale_seconds == 0)
    with stage.wire.away():
        deploy(stage, 2)
        soon(lambda: (application.resolve("answer", record=False).stale_seconds or 0) > 0)
        assert version(application) == 1
    soon(lambda: version(application) == 2)
    soon(lambda: application.resolve("answer", record=False).stale_seconds == 0)


def test_a_change_between_reading_and_listening_is_not_missed(stage: Stage, tmp_path: Path) -> None:
    """The stream says first what is newest."""
    before_listening = threading.Event()

    def meddle(request: httpx.Request, _found: httpx.Response) -> None:
        if request.url.path.endswith("/stream") and not before_listening.is_set():
            before_listening.set()
            deploy(stage, 2)

    application = stage.application(tmp_path / "app", transport=Meddler(meddle))
    application.start()
    assert before_listening.wait(SECONDS)
    soon(lambda: version(application) == 2)


def test_one_of_several_servers_may_lag_behind_what_another_announced(
    stage: Stage, tmp_path: Path
) -> None:
    """One of them streams; the other, which lags, is asked for the manifest once."""
    lagging, asked = threading.Event(), list[str]()

    def meddle(request: httpx.Request, _found: httpx.Response) -> httpx.Response | None:
        if is_manifest(request) and lagging.is_set():
            lagging.clear()
            asked.append(request.headers.get("if-none-match", ""))
            return httpx.Response(304, headers={"ETag": asked[0]})
        return None

    application = stage.application(tmp_path / "app", transport=Meddler(meddle))
    soon(lambda: application.resolve("answer", record=False).stale_seconds == 0)
    time.sleep(0.2)
    lagging.set()
    deploy(stage, 2)
    soon(lambda: version(application) == 2, seconds=10)  # the next heartbeat is later
    assert asked


def test_a_new_epoch_may_have_a_lower_version(stage: Stage, application: Client) -> None:
    """The database was put back to a backup."""
    for number in (2, 3):
        deploy(stage, number)
    soon(lambda: version(application) == 3)
    with stage.database.writing("test") as tx:
        tx.run(text("update environment set version = 1, epoch = gen_random_uuid()"))
    deploy(stage, 4)
    soon(lambda: version(application) == 2)
    assert refused_manifests(application) == 0


def test_a_stream_that_no_proxy_lets_through_is_replaced_by_asking_now_and_then(
    stage: Stage, tmp_path: Path, warned: Callable[[], list[str]]
) -> None:
    def meddle(request: httpx.Request, _found: httpx.Response) -> httpx.Response | None:
        return httpx.Response(502) if request.url.path.endswith("/stream") else None

    meddler = Meddler(meddle)
    application = stage.application(tmp_path / "app", transport=meddler)
    application.start()
    deploy(stage, 2)
    soon(lambda: version(application) == 2)
    soon(lambda: meddler.asked["/stream"] >= 4)
    assert len(warned()) == 1
    asked_before, begun = meddler.asked["/manifest"], time.monotonic()
    time.sleep(1)
    most = (time.monotonic() - begun) / (RETRY_SECONDS_FIRST * 2**3) + 1
    assert meddler.asked["/manifest"] - asked_before <= most


# --- what is refused --------------------------------------------------------------------


def changed(signed: Signed) -> Signed:
    return Signed(signed.content.replace(b"Answer 2", b"Answer 1"), signed.signature)


def truncated(signed: Signed) -> Signed:
    return Signed(signed.content[:-1], signed.signature)


def unsigned(signed: Signed) -> Signed:
    return Signed(signed.content, "")


def signed_by_another(signed: Signed) -> Signed:
    return Signed(signed.content, signing.sign(signing.new_private_key(), signed.content))


@pytest.mark.parametrize("spoil", [changed, truncated, unsigned, signed_by_another])
def test_a_manifest_that_was_spoiled_on_its_way_is_refused_with_a_count(
    stage: Stage, tmp_path: Path, warned: Callable[[], list[str]], spoil: Callable[[Signed], Signed]
) -> None:
    spoiling = threading.Event()

    def meddle(request: httpx.Request, found: httpx.Response) -> httpx.Response | None:
        if is_manifest(request) and spoiling.is_set() and found.status_code == 200:
            signed = Signed(found.read(), found.headers[SIGNATURE])
            return answer(spoil(signed), "spoiled")
        return None

    application = stage.application(tmp_path / "app", transport=Meddler(meddle))
    application.start()
    good = (tmp_path / "app" / "manifest-production.signed").read_bytes()
    spoiling.set()
    deploy(stage, 2)
    soon(lambda: refused_manifests(application) > 0)
    assert version(application) == 1
    assert (tmp_path / "app" / "manifest-production.signed").read_bytes() == good
    assert len(warned()) == 1
    spoiling.clear()
    soon(lambda: version(application) == 2)


def test_an_older_manifest_is_refused_although_it_is_well_signed(
    stage: Stage, tmp_path: Path
) -> None:
    kept: dict[str, Any] = {}

    def meddle(request: httpx.Request, found: httpx.Response) -> httpx.Response | None:
        if not is_manifest(request) or found.status_code != 200:
            return None
        if "replay" in kept:
            return answer(kept["first"])
        kept.setdefault("first", Signed(found.read(), found.headers[SIGNATURE]))
        return answer(Signed(found.read(), found.headers[SIGNATURE]), found.headers["etag"][1:-1])

    application = stage.application(tmp_path / "app", transport=Meddler(meddle))
    application.start()
    deploy(stage, 2)
    soon(lambda: version(application) == 2)
    kept["replay"] = True
    deploy(stage, 3)
    soon(lambda: refused_manifests(application) > 0)
    assert version(application) == 2
    del kept["replay"]
    soon(lambda: version(application) == 3)


def test_a_manifest_of_another_environment_is_refused(stage: Stage, tmp_path: Path) -> None:
    stage.catalog.deploy("answer@staging", stage.catalog.bundle(1, 2))

    class Diverted(Meddler):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if is_manifest(request):
                request.url = request.url.copy_set_param("environment", "staging")
            return super().handle_request(request)

    application = stage.application(tmp_path / "app", transport=Diverted())
    with pytest.raises(Unavailable, match="not of 'production'"):
        application.resolve("answer")
    assert refused_manifests(application) > 0


def test_a_server_with_another_key_is_refused_until_it_has_the_first_one_again(
    stage: Stage, application: Client, warned: Callable[[], list[str]]
) -> None:
    application.start()
    private = signing.new_private_key()
    public = signing.public_key(private)
    with stage.database.writing("test") as tx:
        store.add_signing_key(tx, signing.key_id(public), public, private)
    deploy(stage, 2)
    soon(lambda: refused_manifests(application) > 0)
    assert version(application) == 1
    assert any("another server" in message for message in warned())
    with stage.database.writing("test") as tx:
        tx.run(text("delete from signing_key where public = :public"), {"public": public})
        assert manifests.private_key(tx) != private
    deploy(stage, 3)
    soon(lambda: version(application) == 3)


def test_a_key_that_the_application_brings_along_is_the_only_one_it_takes(
    stage: Stage, tmp_path: Path
) -> None:
    with stage.database.reading() as tx:
        right = manifests.public_key(tx).public
    wrong = signing.public_key(signing.new_private_key())
    assert version(stage.application(tmp_path / "right", manifest_key=right)) == 1
    other = stage.application(tmp_path / "wrong", manifest_key=wrong)
    with pytest.raises(Unavailable, match="another server"):
        other.resolve("answer")
    assert refused_manifests(other) > 0


@pytest.mark.parametrize("path", ["/manifest/key", "/manifest", "/stream", "/inferences"])
def test_a_page_that_is_not_the_server_s_is_waited_out(
    stage: Stage, tmp_path: Path, path: str
) -> None:
    """A proxy of a hotel answers everything with its own page, and success."""
    waited = threading.Event()

    def meddle(request: httpx.Request, _found: httpx.Response) -> httpx.Response | None:
        if request.url.path == f"/api/v1{path}" and not waited.is_set():
            return httpx.Response(200, html="<html>Welcome to our hotel</html>")
        return None

    meddler = Meddler(meddle)
    bootstrap = tmp_path / "bootstrap.signed"
    stage.admin.save_manifest("production", bootstrap)
    application = stage.application(tmp_path / "app", transport=meddler, bootstrap=bootstrap)
    resolved = application.resolve("answer")
    soon(lambda: meddler.asked[path] >= 2)
    waited.set()
    deploy(stage, 2)
    soon(lambda: version(application) == 2)
    soon(lambda: application.resolve("answer", record=False).served_from == "stream")
    soon(lambda: stage.recorded() == {resolved.inference_id: 1})


# --- keys that are not, or no longer, good ----------------------------------------------


@pytest.mark.parametrize("case", ["an unknown key", "no key", "an unknown environment"])
def test_a_first_start_that_is_refused_fails_at_once_and_says_why(
    stage: Stage, tmp_path: Path, case: str
) -> None:
    wrong, said = {
        "an unknown key": ({"api_key": "twl_unknown"}, "key"),
        "no key": ({"api_key": None}, "key"),
        "an unknown environment": (
            {"api_key": stage.key, "environment": "prodution"},
            "did you mean",
        ),
    }[case]
    with Client(
        stage.wire.url, folder=tmp_path / "app", cold_start_seconds=60, **wrong
    ) as application:
        begun = time.monotonic()
        for _ in range(3):
            with pytest.raises(Unavailable, match=said):
                application.resolve("answer")
        assert time.monotonic() - begun < SECONDS


def test_an_application_whose_key_is_revoked_serves_on_warns_once_and_asks_seldom(
    stage: Stage, tmp_path: Path, warned: Callable[[], list[str]]
) -> None:
    meddler = Meddler()
    application = stage.application(tmp_path / "app", transport=meddler)
    application.start()
    prefix = next(one.prefix for one in stage.admin.keys.list() if one.owner == "app")
    stage.admin.keys.revoke(prefix)
    stage.wire.cut()  # the stream goes on otherwise: it was let in before
    stage.wire.mend()
    kept = [application.resolve("answer").inference_id for _ in range(50)]
    soon(lambda: meddler.asked["/manifest"] >= 5)
    soon(lambda: meddler.asked["/inferences"] >= 3)
    asked_before, begun = meddler.asked.total(), time.monotonic()
    time.sleep(2)
    took = time.monotonic() - begun
    assert meddler.asked.total() - asked_before <= 2 * (took + 1)
    resolved = application.resolve("answer")
    assert (resolved.manifest_version, resolved.served_from, resolved.spooled) == (
        1, "stream", True,
    )  # fmt: skip
    assert (resolved.stale_seconds or 0) > 0
    revoked = [message for message in warned() if "key" in message]
    assert len(revoked) == len(set(revoked)) == 2, "one of following, one of recording"
    application.close()
    with stage.database.writing("test") as tx:
        stage.key = access.issue_key(tx, access.NewKey(owner="app", role=access.Role.SERVICE)).key
    again = stage.application(tmp_path / "app")
    again.start()
    assert again.flush()
    assert stage.recorded() == dict.fromkeys([*kept, resolved.inference_id], 1)


# --- the end ----------------------------------------------------------------------------


def test_its_threads_end_soon_although_the_stream_is_open_and_silent(
    stage: Stage, application: Client
) -> None:
    application.start()
    soon(lambda: application.resolve("answer", record=False).stale_seconds == 0)
    time.sleep(0.3)
    own = threads_of_ours()
    assert {one.name for one in own} == {"twinline-manifest", "twinline-ship"}
    application.close()
    for one in own:
        one.join(RETRY_SECONDS_MAX)  # a third of what the server is silent for
    assert not any(one.is_alive() for one in own)


def test_opening_and_closing_leaves_nothing_behind(stage: Stage, tmp_path: Path) -> None:
    def used() -> int:
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    def once() -> None:
        with stage.application(tmp_path / "app") as one:
            one.resolve("answer")

    once()
    soon(lambda: not threads_of_ours())
    before = used()
    for _ in range(20):
        once()
    soon(lambda: not threads_of_ours())
    soon(lambda: used() <= before + 2)


def test_closing_while_the_server_hangs_takes_no_longer_than_a_request(
    stage: Stage, tmp_path: Path
) -> None:
    application = stage.application(tmp_path / "app", timeout_seconds=0.5)
    application.resolve("answer")
    stage.wire.hold()
    application.resolve("answer")
    begun = time.monotonic()
    application.close()
    assert time.monotonic() - begun < 5
    stage.wire.let_go()
