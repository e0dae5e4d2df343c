"""An application that resolves in its own process, in one environment."""

import hashlib
import json
import logging
import os
import socket
import threading
import time
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

import twinline
from twinline.client.http import Http
from twinline.client.ledger import Inferences
from twinline.client.local.following import Follower
from twinline.client.local.resolved import Resolved, from_resolution
from twinline.client.local.routes import Routes
from twinline.client.local.shipping import Shipper
from twinline.client.spool import Spool
from twinline.language.errors import TwinlineError
from twinline.language.records import ClientReport, Manifest, ServedFrom

REPORT_SECONDS = 30.0
COLD_START_SECONDS = 2.0

_log = logging.getLogger("twinline.client")
_applications: weakref.WeakSet["Application"] = weakref.WeakSet()


class Application:
    """Holds the manifest of an environment, the spool, and the threads that serve both.

    Threads start with the first resolve, and again in a process that was forked.
    """

    def __init__(
        self,
        http: Http,
        environment: str,
        *,
        folder: Path,
        bootstrap: Path | None,
        public_key: str | None,
        spool: Spool,
    ) -> None:
        self._http = http
        self._environment = environment
        self._folder = folder
        self._bootstrap = bootstrap
        self._public_key = public_key
        self._spool = spool
        self._starting = threading.Lock()
        self.routes = Routes(environment, spool)
        self.ready = self._stopped = False
        self._begin()
        _applications.add(self)

    def start(self, cold_start_seconds: float = COLD_START_SECONDS) -> None:
        """Return when there is something to resolve from, within ``cold_start_seconds``.

        Raises:
            Unavailable: there is no manifest, neither from the server nor on disk.
        """
        with self._starting:
            if self.ready:
                return
            if not self._following and not self._stopped:
                self._following = True
                self._follower.start()
            self._ship_from_now_on()
            self._follower.first(cold_start_seconds)
            self._age()
            self.ready = True

    def start_shipping(self) -> None:
        """Ship what is spooled, without a manifest to resolve from."""
        with self._starting:
            self._ship_from_now_on()

    def ask(
        self, inferences: Inferences, route: str, context: dict[str, Any] | None, more: str | None
    ) -> Resolved:
        """Let the server resolve, and record, this one request."""
        said: dict[str, Any] = json.loads(f"{{{more[1:]}}}") if more else {}
        for name in ("context", "context_digest"):
            said.pop(name, None)
        given = inferences.resolve(
            route, self._environment, context, record=more is not None, **said
        )
        return from_resolution(given)

    def flush(self) -> bool:
        """Ship all that is spooled now; False when the server does not take it."""
        return self._shipper.ship()

    def stop(self) -> None:
        """Ship what can be shipped, and stop; the rest waits on disk."""
        self._stopped = True
        self._follower.stop()
        self._shipper.stop()
        if self._shipping:
            self._shipper.ship()
        self.ready = False

    def begin_anew(self) -> None:
        """In a child process: threads, connections and identity of its own."""
        before = self._follower
        self._starting = threading.Lock()
        self._begin()
        self._follower.go_on_from(before)
        self.ready = False

    def _begin(self) -> None:
        self._following = self._shipping = False
        self._id = uuid4()
        self._started_at = datetime.now(UTC)
        self._reported_at = float("-inf")
        self._reported_version: int | None = None
        self._follower = Follower(
            self._http,
            self._environment,
            self._folder,
            self._bootstrap,
            self._public_key,
            self._use,
        )
        self._shipper = Shipper(self._http, self._spool, self._tell)

    def _ship_from_now_on(self) -> None:
        if not self._shipping and not self._stopped:
            self._shipping = True
            self._shipper.start()

    def _use(self, manifest: Manifest, source: ServedFrom) -> None:
        self.routes.use(manifest, source)
        self._age()

    def _age(self) -> None:
        """Note how long the manifest was not known to be current; once a round is enough."""
        follower = self._follower
        away = time.monotonic() - follower.confirmed_at
        self.routes.note_stale(0.0 if follower.connected else round(away, 1))

    def _tell(self) -> None:
        """Report to the server, when it is time or the manifest was swapped."""
        self._age()
        manifest = self.routes.manifest
        version = manifest.version if manifest else None
        due = time.monotonic() - self._reported_at >= REPORT_SECONDS
        if not self._follower.connected or not (due or version != self._reported_version):
            return
        try:
            self._http.post_report("/clients", self._report(manifest))
        except (TwinlineError, httpx.HTTPError) as error:
            _log.debug("the report was not taken: %s", error)
            return
        self._reported_at, self._reported_version = time.monotonic(), version

    def _report(self, manifest: Manifest | None) -> ClientReport:
        depth = self._spool.depth()
        return ClientReport(
            id=self._id,
            environment=self._environment,
            epoch=manifest.epoch if manifest else None,
            version=manifest.version if manifest else None,
            served_from=self.routes.served_from,
            stale_seconds=self.routes.stale_seconds,
            spooled=depth.waiting,
            dropped=depth.dropped,
            damaged=depth.damaged,
            host=socket.gethostname()[:200],
            pid=os.getpid(),
            library=f"twinline-python/{twinline.__version__}",
            started_at=self._started_at,
        )


def folder_of(url: str) -> Path:
    """Where manifests and records of a server are kept, unless said otherwise."""
    return Path.home() / ".cache" / "twinline" / hashlib.sha256(url.encode()).hexdigest()[:12]


def _after_fork() -> None:
    for application in list(_applications):
        application.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
