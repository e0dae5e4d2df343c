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
from twinline.client.local.files import read_signed, write_manifest
from twinline.language.errors import ManifestRefused, TwinlineError, Unavailable
from twinline.language.records import Manifest, ManifestKey, ServedFrom
from twinline.routing.manifest import Signed, read_manifest, refuse_older

RETRY_SECONDS_FIRST = 0.2
RETRY_SECONDS_MAX = 5.0
SILENCE_SECONDS_MAX = 40.0
"""The server says something every 15 seconds; after this silence the connection is dead."""

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
        self._stopping = threading.Event()
        self._tried = threading.Event()
        self.connected = False
        self.confirmed_at = time.monotonic()
        self.refused = 0
        self.why: TwinlineError | None = None

    def start(self) -> None:
        """Begin to follow."""
        threading.Thread(target=self._follow, name="twinline-manifest", daemon=True).start()

    def stop(self) -> None:
        """Stop following."""
        self._stopping.set()
        self._hang_up()

    def first(self, deadline_seconds: float) -> None:
        """Return when there is a manifest to resolve from: the server's if it answers in
        time, else the last good one, else the one that was brought along.

        Raises:
            Unavailable: there is none of them; the message says why.
        """
        self._tried.wait(deadline_seconds)
        if self._known is None:
            self._read_file(self._file, "file")
        if self._known is None and self._bootstrap is not None:
            self._read_file(self._bootstrap, "bootstrap")
        if self._known is None:
            reason = self.why.detail if self.why else f"no answer in {deadline_seconds} s"
            raise Unavailable(
                f"There is no manifest of {self._environment!r} to resolve from: {reason} "
                "No earlier one is on disk; give `bootstrap=`, or `default=` when resolving.",
                environment=self._environment,
            )

    def _follow(self) -> None:
        wait = RETRY_SECONDS_FIRST
        while not self._stopping.is_set():
            try:
                self._fetch()
                wait = RETRY_SECONDS_FIRST
                self._listen()
            except TwinlineError as error:
                self._lost(error)
            except (httpx.HTTPError, OSError) as error:
                self._lost(Unavailable(f"{self._http.url}: {error or type(error).__name__}."))
            except RuntimeError:  # httpx's word for connections that were closed meanwhile
                if not self._stopping.is_set():
                    raise
            self._tried.set()
            self._stopping.wait(wait)
            wait = min(wait * 2, RETRY_SECONDS_MAX)

    def _lost(self, error: TwinlineError) -> None:
        news = self.connected or self.why is None or self.why.detail != error.detail
        if news and not self._stopping.is_set():
            _log.warning("not following the manifest: %s", error.detail)
        self.refused += isinstance(error, ManifestRefused)
        self.connected, self.why = False, error

    def _fetch(self) -> None:
        key = self._key()
        headers = {"If-None-Match": f'"{self._etag}"'} if self._etag else {}
        answer = self._http.raw("GET", "/manifest", {"environment": self._environment}, headers)
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
                    self._fetch()
                elif line.startswith((":", "data:")):
                    self._confirm()

    def _confirm(self) -> None:
        self.confirmed_at = time.monotonic()
        self.connected = True
        self._tried.set()
        with suppress(OSError):  # the file's time says until when it was known to be current
            os.utime(self._file)

    def _take(self, signed: Signed, key: str, source: ServedFrom) -> None:
        manifest = read_manifest(signed, key)
        if self._known is not None:
            refuse_older(self._known, manifest)
        elif manifest.environment != self._environment:
            raise ManifestRefused(
                f"It is of {manifest.environment!r}, not of {self._environment!r}."
            )
        self._use(manifest, source)
        self._known = manifest

    def _keep(self, signed: Signed, key: str) -> None:
        try:
            write_manifest(self._file, signed, key)
        except OSError as error:
            _log.warning("the manifest could not be kept at %s: %s", self._file, error)

    def _read_file(self, path: Path, source: ServedFrom) -> None:
        try:
            found = read_signed(path)
            if found is not None:
                signed, key = found
                self._take(signed, self._trusted() or key, source)
                self.confirmed_at = time.monotonic() - max(0.0, time.time() - _mtime(path))
        except ManifestRefused as error:
            self.refused += 1
            self.why = error
            _log.warning("%s is refused: %s", path, error.detail)

    def _trusted(self) -> str | None:
        if self._public_key is None and self._key_file.is_file():
            self._public_key = self._key_file.read_text().strip()
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
            self._key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._key_file.write_text(key)
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
