"""One data folder: made whole or not at all, of one major version, served by one server."""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from twinline.db.embedded.account import Account
from twinline.db.embedded.binaries import Binaries
from twinline.db.embedded.locks import locked, try_lock
from twinline.language.errors import AlreadyRunning, DataFolderRefused

NAME = "postgres"
_IS_MAC = sys.platform == "darwin"


@contextmanager
def folder_of(path: Path) -> Generator[int]:
    """A descriptor of a folder; each process that inherits it shares its lock."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def is_absent(data: Path) -> bool:
    """Nothing is there yet, or an empty folder that somebody prepared."""
    return not data.exists() or not any(data.iterdir())


def initialize(data: Path, binaries: Binaries, account: Account, *, lock: int) -> None:
    """Make a data folder with the superuser ``twinline`` and a database of that name.

    The tools inherit ``lock``: should we be killed, the next to start waits for them.
    """
    with _made_whole(data) as half_made:
        account.own(half_made)
        with folder_of(half_made) as descriptor:
            path = account.path_of(half_made, descriptor)
            initdb = [binaries.bin / "initdb", "-D", path, "-U", "twinline", *_initdb(binaries)]
            account.run(initdb, keep=[descriptor, lock])
            single = [binaries.bin / "postgres", "--single", "-D", path, "-c", "exit_on_error=on"]
            account.run(
                [*single, "template1"], keep=[descriptor, lock], text="CREATE DATABASE twinline;\n"
            )


def copy_template(template_home: Path, home: Path) -> None:
    """Give ``home`` a copy of another home's data, which nobody may be serving.

    For tests: copying takes a tenth of what initdb takes.

    Raises:
        AlreadyRunning: the template is being served.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(home / "postgres.lock"), folder_of(template_home / NAME) as template:
        if not try_lock(template, shared=True):
            raise AlreadyRunning(f"{template_home} is being served; stop it before copying it.")
        with _made_whole(home / NAME) as half_made:
            shutil.copytree(template_home / NAME, half_made, dirs_exist_ok=True)


def refuse_other_major(data: Path, binaries: Binaries) -> None:
    """Refuse a folder that these executables cannot serve.

    Raises:
        DataFolderRefused: it is of another major version, or no data folder.
    """
    try:
        major = (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError as error:
        raise DataFolderRefused(
            f"{data} is not a PostgreSQL data folder (it has no PG_VERSION); "
            "move it away, or name another folder in TWINLINE_HOME."
        ) from error
    if major != str(binaries.major):
        raise DataFolderRefused(
            f"{data} belongs to PostgreSQL {major}, and {binaries.bin} is PostgreSQL "
            f"{binaries.major}. Install PostgreSQL {major} and name the folder of its programs in "
            f"TWINLINE_POSTGRES_BIN; or dump with {major}, move the folder away, and restore "
            f"into {binaries.major}."
        )


def status(data: Path) -> tuple[int, str] | None:
    """The process id and state that the last server wrote down; it may be long dead.

    The state is "starting", "ready" or "stopping", and empty in the first moment.
    """
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        return int(lines[0]), lines[7].strip() if len(lines) > 7 else ""
    except (FileNotFoundError, IndexError, ValueError):
        return None


def interrupt(data: Path) -> None:
    """Tell the server to disconnect everybody and shut down; again and again is harmless."""
    written = status(data)
    if written and _is_postgres(written[0]) is not False:
        with suppress(ProcessLookupError):
            os.kill(written[0], signal.SIGINT)


def forget_dead_server(data: Path, socket: Path) -> None:
    """Remove what a killed server left; to be called with the lock on the data folder.

    PostgreSQL takes a zombie, or an unrelated process of ours that was given the same
    number, for the old server and would not start.
    """
    written = status(data)
    if written and _is_postgres(written[0]) is False:
        (data / "postmaster.pid").unlink()
    for leftover in socket.iterdir():
        leftover.unlink()


def _is_postgres(pid: int) -> bool | None:
    """Whether this process is a living PostgreSQL; None where there is no /proc to tell."""
    if not Path("/proc/self/stat").exists():
        return None
    try:
        name, _, state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return name.endswith("(postgres") and state.split()[0] not in "ZX"


@contextmanager
def _made_whole(data: Path) -> Generator[Path]:
    """A folder to fill, that takes its name when it is complete and safe on the disk."""
    for leftover in data.parent.glob(f"{data.name}.new-*"):
        shutil.rmtree(leftover)
    half_made = Path(tempfile.mkdtemp(prefix=f"{data.name}.new-", dir=data.parent))
    yield half_made
    half_made.rename(data)
    with folder_of(data.parent) as parent:
        os.fsync(parent)


def _initdb(binaries: Binaries) -> list[str]:
    """Trust, because who can reach the private socket is the owner, or root."""
    options = ["--auth=trust", "--encoding=UTF8", "--data-checksums", "--no-instructions"]
    # The builtin locale sorts the same everywhere; a C library may change its order.
    if binaries.major >= 17:
        return [*options, "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return [*options, "--locale=C", "--lc-ctype", "UTF-8" if _IS_MAC else "C.UTF-8"]
