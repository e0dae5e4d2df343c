"""Follow the manifest of an environment: from the server, else from this machine's disk."""

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

import httpx

from twinline.client.http import Http
from twinline.client.local.files import read_signed, replace, write_manifest
from twinline.language.errors import ManifestRefused, TwinlineError, Unavailable
from twinline.language.records import Manifest, ManifestKey, ServedFrom
from twinline.routing.manifest import Signed, read_manifest, refuse_older

RETRY_SECONDS_FIRST = 0.2
RETRY_SECONDS_MAX = 5.0
SILENCE_SECONDS_MAX = 40.0
"""The server says something every 15 seconds; after this silence the connection is dead."""
LAG_SECONDS_MAX = 2.0
"""How long one of several servers may take to have what another one announced."""

SIGNATURE = "X-Twinline-Signature"

Use = Callable[[Manifest, ServedFrom], None]
"""Takes a manifest that is good and newer than the one before."""

_log = logging.getLogger("twinline.client")


class Follower:
    """Keeps an application at the newest manifest, in a thread of its own.

    Args:
        http: the server.
        environment: which manifest.
        folder: where the last good one is kept.
        bootstrap: a manifest that the application brings along, for a first start
            without a server.
        public_key: the key that manifests must be signed with; without it the key that
            the server names at the first contact is remembered, and no other taken.
        use: called for each newer manifest.
    """

    def __init__(
        self,
        http: Http,
        environment: str,
        folder: Path,
        bootstrap: Path | None,
        public_key: str | None,
        use: Use,
    ) -> None:
        self._http = http
        self._environment = environment
        self._file = folder / f"manifest-{environment}.signed"
        self._key_file = folder / "manifest-key"
        self._bootstrap = bootstrap
        self._public_key = public_key
        self._use = use
        self._known: Manifest | None = None
        self._etag: str | None = None
        self._hang_up: Callable[[], None] = lambda: None
        self._taking = threading.Lock()
        self._stopping = threading.Event()
        self._tried = threading.Event()
        self._began_at = time.monotonic()
        self._refused_files: dict[Path, float] = {}
        self.connected = False
        self.confirmed_at = time.monotonic()
        self.refused = 0
        self.why: TwinlineError | None = None

    def start(self) -> None:
        """Begin to follow."""
        self._began_at = time.monotonic()
        threading.Thread(target=self._follow, name="twinline-manifest", daemon=True).start()

    def stop(self) -> None:
        """Stop following."""
        self._stopping.set()
        self._tried.set()
        self._hang_up()

    def go_on_from(self, before: "Follower") -> None:
        """In a child process: go on from what the parent knew when it forked."""
        self._known, self._etag, self._public_key = before._known, before._etag, before._public_key
        self.confirmed_at = before.confirmed_at
        if before.connected:
            self._tried.set()
        if before._stopping.is_set():
            self.stop()

    def first(self, deadline_seconds: float) -> None:
        """Return when there is a manifest to resolve from: the server's if it answers within
        the deadline from the start on, else the last good one, else the one that was
        brought along.

        Raises:
            Unavailable: there is none of them; the message says why.
        """
        self._tried.wait(max(0.0, self._began_at + deadline_seconds - time.monotonic()))
        if self._known is None:
            self._read_file(self._file, "file")
        if self._known is None and self._bootstrap is not None:
            self._read_file(self._bootstrap, "bootstrap")
        if self._known is None:
            reason = self.why.detail if self.why else f"no answer in {deadline_seconds} s."
            reason = "the client is closed." if self._stopping.is_set() else reason
            raise Unavailable(
                f"There is no manifest of {self._environment!r} to resolve from: {reason} "
                "No earlier one is on disk; give `bootstrap=`, or `default=` when resolving.",
                environment=self._environment,
            )

    def _follow(self) -> None:
        wait = RETRY_SECONDS_FIRST
        while not self._stopping.is_set():
            began_at = time.monotonic()
            try:
                self._fetch()
                self._listen()
            except TwinlineError as error:
                self._lost(error)
            except (httpx.HTTPError, OSError) as error:
                self._lost(Unavailable(f"{self._http.url}: {error or type(error).__name__}."))
            except RuntimeError:  # httpx's word for connections that were closed meanwhile
                if not self._stopping.is_set():
                    raise
            self._tried.set()
            if time.monotonic() - began_at > RETRY_SECONDS_MAX:
                wait = RETRY_SECONDS_FIRST
            self._stopping.wait(wait)
            wait = min(wait * 2, RETRY_SECONDS_MAX)

    def _lost(self, error: TwinlineError) -> None:
        news = self.why is None or self.why.detail != error.detail
        if news and not self._stopping.is_set():
            _log.warning("not following the manifest: %s", error.detail)
        self.refused += isinstance(error, ManifestRefused)
        self.connected, self.why = False, error

    def _fetch(self, wait_seconds: float = 0.0) -> None:
        key = self._key()
        query = {"environment": self._environment, "wait": wait_seconds}
        headers = {"If-None-Match": f'"{self._etag}"'} if self._etag else {}
        answer = self._http.raw("GET", "/manifest", query, headers)
        if answer.status_code != HTTPStatus.NOT_MODIFIED:
            signed = Signed(answer.content, answer.headers.get(SIGNATURE, ""))
            self._take(signed, key, "stream")
            self._keep(signed, key)
            self._etag = answer.headers.get("etag", "").strip('"')
        self._confirm()

    def _listen(self) -> None:
        query = {"environment": self._environment}
        with self._http.streamed("/stream", query, SILENCE_SECONDS_MAX) as stream:
            self._hang_up = stream.hang_up
            for line in stream.lines:
                if self._stopping.is_set():
                    return
                if line.startswith("data:") and f'"{self._etag}"' not in line:
                    before = self._etag
                    self._fetch(LAG_SECONDS_MAX)
                    if self._etag == before:
                        return  # answered by a server that lags: begin again
                elif line.startswith((":", "data:")):
                    self._confirm()
                self.why = None

    def _confirm(self) -> None:
        self.confirmed_at = time.monotonic()
        self.connected = True
        self._tried.set()
        with suppress(OSError):  # the file's time says until when it was known to be current
            os.utime(self._file)

    def _take(
        self, signed: Signed, key: str, source: ServedFrom, confirmed_at: float | None = None
    ) -> None:
        manifest = read_manifest(signed, key)
        with self._taking:
            if self._known is not None and source != "stream":
                return  # the server's came meanwhile
            if self._known is not None:
                refuse_older(self._known, manifest)
            elif manifest.environment != self._environment:
                raise ManifestRefused(
                    f"It is of {manifest.environment!r}, not of {self._environment!r}."
                )
            self.confirmed_at = time.monotonic() if confirmed_at is None else confirmed_at
            self._use(manifest, source)
            self._known = manifest

    def _keep(self, signed: Signed, key: str) -> None:
        try:
            write_manifest(self._file, signed, key)
        except OSError as error:
            _log.warning("the manifest could not be kept at %s: %s", self._file, error)

    def _read_file(self, path: Path, source: ServedFrom) -> None:
        written_at = _mtime(path)
        if self._refused_files.get(path) == written_at:
            return
        try:
            found = read_signed(path)
            if found is not None:
                signed, key = found
                away = max(0.0, time.time() - written_at)
                self._take(signed, self._trusted() or key, source, time.monotonic() - away)
        except TwinlineError as error:
            self.refused += 1
            self._refused_files[path] = written_at
            self.why = error
            _log.warning("%s is refused: %s", path, error.detail)

    def _trusted(self) -> str | None:
        if self._public_key is None:
            with suppress(OSError, ValueError):  # a note that nobody can read is none
                self._public_key = self._key_file.read_text().strip() or None
        return self._public_key

    def _key(self) -> str:
        trusted = self._trusted()
        if trusted is None:
            trusted = self._http.get(ManifestKey, "/manifest/key").public
            self._public_key = trusted
            self._remember(trusted)
        return trusted

    def _remember(self, key: str) -> None:
        try:
            replace(self._key_file, key.encode())
        except OSError as error:
            _log.warning("the server's key could not be kept at %s: %s", self._key_file, error)


def fetch_signed(http: Http, environment: str) -> tuple[Signed, str]:
    """The newest manifest of an environment, and the key that the server signs with.

    Raises:
        NotFound: nothing was ever live there.
        Unavailable: the server does not answer.
    """
    key = http.get(ManifestKey, "/manifest/key").public
    answer = http.raw("GET", "/manifest", {"environment": environment}, {})
    return Signed(answer.content, answer.headers.get(SIGNATURE, "")), key


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()
