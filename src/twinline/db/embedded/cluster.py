"""Start, share and stop the server of one data folder."""

import os
import subprocess
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from twinline.db.embedded import folder, place
from twinline.db.embedded.account import Account, account_for
from twinline.db.embedded.binaries import Binaries
from twinline.db.embedded.locks import locked, opened, try_lock, wait_until
from twinline.language.errors import (
    AlreadyRunning,
    DatabaseUnavailable,
    DataFolderRefused,
    NoPostgres,
)

# After a crash PostgreSQL replays up to a gigabyte of its log before it is ready.
_PATIENCE_SECONDS = 60.0
_COPIES = Path("/var/cache/twinline")


class Cluster:
    """The PostgreSQL of one home folder, shared by all processes that start it.

    The first to start launches the server, the others attach to it, and the last to stop
    shuts it down. A killed owner counts as gone: its server lives on, and is stopped by
    whoever is the last one later. ``options`` are settings of PostgreSQL, used by the one
    that launches.

    With ``single_owner`` nobody else may use the folder, and on Linux the server shuts
    down when the thread that started it dies; for tests. ``copies`` is where root keeps
    copies of executables that the server's account cannot reach.
    """

    def __init__(
        self,
        home: Path,
        binaries: Binaries,
        *,
        options: Mapping[str, str] = {},
        single_owner: bool = False,
        copies: Path = _COPIES,
    ) -> None:
        self.home = home.absolute()
        self.log = self.home / "postgres.log"
        self._data = self.home / folder.NAME
        self._record = self.home / "postgres.socket"
        self._lock = self.home / "postgres.lock"
        self._binaries = binaries
        self._options = options
        self._single_owner = single_owner
        self._copies = copies
        self._ownership: int | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where the server is, for SQLAlchemy; the same until the last owner has stopped.

        Raises:
            DatabaseUnavailable: nobody has started it.
        """
        folder_of_socket = place.recorded(self._record)
        if folder_of_socket is None:
            raise DatabaseUnavailable(f"No PostgreSQL serves {self.home}; start it first.")
        return f"postgresql+psycopg://twinline@/twinline?host={folder_of_socket}&port={place.PORT}"

    def running(self) -> bool:
        """Whether the server accepts connections now."""
        where, written = place.recorded(self._record), folder.status(self._data)
        ready = written is not None and written[1] == "ready"
        return ready and where is not None and place.answers(where)

    def start(self) -> None:
        """Become an owner, and return when the server accepts connections.

        An owner may call it again, to launch a server that was killed.

        Raises:
            NoPostgres: PostgreSQL does not start; the message ends with what it said.
            DataFolderRefused: the data is of another major version, or not ours to use.
            AlreadyRunning: somebody holds the folder as its single owner, or we want that.
        """
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(self._lock) as lock, ExitStack() as undo:
                self._join()
                undo.callback(self._leave)
                self._serve(lock)
                undo.pop_all()
        except PermissionError as error:
            raise DataFolderRefused(
                f"{error.filename or self.home} belongs to another user; run Twinline as that "
                "user, or name another folder in TWINLINE_HOME."
            ) from error

    def stop(self) -> None:
        """Cease to be an owner; the last one shuts the server down and waits for that.

        Raises:
            DatabaseUnavailable: it is still shutting down after a minute.
        """
        if self._ownership is not None:
            with locked(self._lock):
                self._leave()

    def _join(self) -> None:
        if self._ownership is not None:
            return
        ownership = opened(self.home / "postgres.owners")
        if not try_lock(ownership, shared=not self._single_owner):
            os.close(ownership)
            raise AlreadyRunning(
                f"Another process uses the PostgreSQL in {self.home}, and one of the two wants "
                "it for itself; stop that process, or name another folder in TWINLINE_HOME."
            )
        self._ownership = ownership

    def _leave(self) -> None:
        ownership, self._ownership = self._ownership, None
        if ownership is None:
            return
        try:
            if try_lock(ownership):
                self._shut_down()
        finally:
            os.close(ownership)

    def _serve(self, lock: int) -> None:
        account = account_for(self._data)
        if folder.is_absent(self._data):
            folder.initialize(self._data, self._programs(account), account, lock=lock)
        folder.refuse_other_major(self._data, self._binaries)
        if self._single_owner and self._server is None:
            self._shut_down()
        if self._data.stat().st_uid != account.owner:
            account.own(self._data)
        with folder.folder_of(self._data) as descriptor:
            if self._claim(descriptor):
                self._launch(account, descriptor)

    def _programs(self, account: Account) -> Binaries:
        return account.programs(self._binaries, self._copies)

    def _claim(self, descriptor: int) -> bool:
        """Lock the data folder for a new server; False when there is one to attach to."""
        claimed = False

        def settled() -> bool:
            nonlocal claimed
            claimed = try_lock(descriptor)
            return claimed or self.running()

        if wait_until(settled, seconds=_PATIENCE_SECONDS):
            return claimed
        raise DataFolderRefused(
            f"A PostgreSQL uses {self._data} and does not answer. It may still be recovering, or "
            f"run in another container; see {self.log}, and stop it or name another folder in "
            "TWINLINE_HOME."
        )

    def _launch(self, account: Account, descriptor: int) -> None:
        where = place.make(self._record, account)
        folder.forget_dead_server(self._data, where)
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(where),
            "port": str(place.PORT),
            "cluster_name": "twinline",
        }
        program = self._programs(account).bin / "postgres"
        command = [program, "-D", account.path_of(self._data, descriptor)]
        for name, value in (options | dict(self._options)).items():
            command += ["-c", f"{name}={value}"]
        self.log.touch(mode=0o600)
        with self.log.open("ab") as log:
            before = log.tell()
            self._server = account.spawn(
                command, keep=[descriptor], output=log, dies_with_us=self._single_owner
            )
        self._await(self._server, before)

    def _await(self, server: subprocess.Popen[bytes], before: int) -> None:
        # Reaps the server whenever it dies, so that it is no zombie while we live.
        threading.Thread(target=server.wait, name="twinline-postgres", daemon=True).start()

        def decided() -> bool:
            ready = folder.status(self._data) == (server.pid, "ready")
            return ready or server.returncode is not None

        if not wait_until(decided, seconds=_PATIENCE_SECONDS) or server.returncode is not None:
            raise NoPostgres(
                f"PostgreSQL did not start: {self._reason(before)}. The rest is in {self.log}."
            )

    def _reason(self, before: int) -> str:
        """What PostgreSQL said of its failure, the last that it said if it named none."""
        with self.log.open("rb") as log:
            log.seek(before)
            lines = log.read().decode(errors="replace").splitlines()
        fatal = [line for line in lines if "FATAL" in line or "PANIC" in line]
        return (fatal or lines or ["it said nothing"])[-1].rstrip(".")

    def _shut_down(self) -> None:
        if self._data.exists():
            with folder.folder_of(self._data) as descriptor:
                self._interrupt_until_gone(descriptor)
        place.remove(self._record)

    def _interrupt_until_gone(self, descriptor: int) -> None:
        def gone() -> bool:
            if try_lock(descriptor):
                return True
            folder.interrupt(self._data)
            return False

        if not wait_until(gone, seconds=_PATIENCE_SECONDS):
            raise DatabaseUnavailable(
                f"PostgreSQL is still shutting down; see {self.log}. Nothing is lost."
            )
