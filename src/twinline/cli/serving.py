"""Everything that a server needs before it can listen, and after it has stopped."""

import fcntl
import gc
import json
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import uvicorn
from pydantic import SecretStr

from twinline.access import actions as access
from twinline.app import door, make_app
from twinline.db import migrations
from twinline.db.embedded import Cluster, find_binaries
from twinline.db.session import Database, connect
from twinline.language.errors import AlreadyRunning, Invalid, PortInUse, TwinlineError
from twinline.language.records import IssuedKey
from twinline.mirror.mirroring import Mirroring
from twinline.mirror.naming import DEFAULT
from twinline.mirror.remote import MlflowServer
from twinline.mirror.sweeping import Cadence
from twinline.settings import Settings

DRAIN_SECONDS = 10
WATCH_SECONDS = 1.0

_log = logging.getLogger("twinline")


@contextmanager
def open_database(settings: Settings) -> Generator[Database]:
    """The migrated database that the settings name, or the embedded one.

    Raises:
        NoPostgres, DataFolderRefused: the embedded one cannot be started.
        DatabaseUnavailable: the one that was named does not answer.
    """
    with _postgres(settings) as url:
        database = connect(url, pool_size=settings.pool_size)
        try:
            migrations.upgrade(database)
            yield database
        finally:
            database.close()


@contextmanager
def _postgres(settings: Settings) -> Generator[str]:
    if settings.database_url is not None:
        yield settings.database_url
        return
    cluster = Cluster(settings.home, find_binaries(settings.postgres_bin))
    with cluster, _kept_alive(cluster):
        yield cluster.url


@contextmanager
def _kept_alive(cluster: Cluster) -> Generator[None]:
    """Start the PostgreSQL again when something killed it, until the block ends."""
    ending = threading.Event()

    def watch() -> None:
        while not ending.wait(WATCH_SECONDS):
            if not cluster.running():
                _log.warning("the embedded PostgreSQL is gone; starting it again")
                try:
                    cluster.start()
                except TwinlineError as error:
                    _log.error("it does not start: %s", error.detail)

    watcher = threading.Thread(target=watch, name="twinline-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ending.set()
        watcher.join()


@contextmanager
def only_server(home: Path, url: str) -> Generator[None]:
    """Hold the data folder for one server; released when the process ends, however.

    Raises:
        AlreadyRunning: another server holds it; the message says where it listens.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "server.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _already_running(home, file.name) from error
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "url": url}))
        file.flush()
        yield


def _already_running(home: Path, lock: str) -> AlreadyRunning:
    holder = json.loads(Path(lock).read_text() or "{}")
    return AlreadyRunning(
        f"A Twinline server already runs on {home}: process {holder.get('pid')}, at "
        f"{holder.get('url')}. Use that one, stop it, or give this one another folder by "
        "TWINLINE_HOME.",
        **holder,
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at the address; port 0 takes a free one.

    Raises:
        PortInUse: something else listens there, or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise PortInUse(
            f"Cannot listen on {host}:{port}: {error.strerror}. Choose another port by --port or "
            "TWINLINE_PORT (0 takes a free one).",
            host=host,
            port=port,
        ) from error
    return bound


def address(bound: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def first_key(database: Database) -> IssuedKey | None:
    """The admin key of a catalog that has no key yet."""
    with database.writing(access.SYSTEM) as tx:
        return access.issue_first_key(tx)


class Server(uvicorn.Server):
    """Calls ``on_ready`` when it accepts requests, and ``on_stop`` when it takes no more.

    What is under way then is finished; those who wait for a change are sent home.
    """

    def __init__(
        self, config: uvicorn.Config, on_ready: Callable[[], None], on_stop: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, then say so."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is under way, and stop."""
        self._on_stop()
        await super().shutdown(sockets)


def make_server(
    database: Database, settings: Settings, on_ready: Callable[[], None]
) -> uvicorn.Server:
    """The HTTP server over a migrated database, ready to run."""
    app = make_app(database, mirroring(settings), alias_look_seconds=settings.mlflow_alias_seconds)
    config = uvicorn.Config(
        door(app),
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    _settle_garbage()
    return Server(config, on_ready, on_stop=lambda: app.state.feed.end())


def mirroring(settings: Settings) -> Mirroring:
    """The mirror of the MLflow servers that the settings name.

    Raises:
        Invalid: a URL is none, or two servers are called ``default``.
    """
    return Mirroring(
        _mlflow_servers(settings),
        cadence=Cadence(
            fast_seconds=settings.mlflow_sweep_seconds,
            full_seconds=settings.mlflow_full_sweep_seconds,
        ),
        webhook_secret=_plain(settings.mlflow_webhook_secret),
    )


def _mlflow_servers(settings: Settings) -> Iterator[MlflowServer]:
    if settings.mlflow_url:
        if DEFAULT in settings.mlflow_servers:
            raise Invalid(
                f"TWINLINE_MLFLOW_SERVERS names a server {DEFAULT!r}, which TWINLINE_MLFLOW_URL "
                "is already; give it another name.",
                field="mlflow_servers",
                value=DEFAULT,
            )
        yield MlflowServer(
            settings.mlflow_url,
            token=_plain(settings.mlflow_token),
            username=settings.mlflow_username,
            password=_plain(settings.mlflow_password),
            workspaces=settings.mlflow_workspaces,
        )
    for name, one in settings.mlflow_servers.items():
        yield MlflowServer(
            one.url,
            name=name,
            token=_plain(one.token),
            username=one.username,
            password=_plain(one.password),
            workspaces=one.workspaces,
        )


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _settle_garbage() -> None:
    """Leave what was loaded at start out of garbage collection: a request's slowest
    moments were collections that walked over all of it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 1_000)


def end_on_sigterm() -> None:
    """Let SIGTERM end the program as Ctrl-C does, so that everything is stopped in order."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        del number, frame
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
