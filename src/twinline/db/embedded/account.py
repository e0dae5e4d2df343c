"""Who PostgreSQL runs as, and what that account needs to get at."""

import ctypes
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from twinline.db.embedded.binaries import Binaries
from twinline.db.embedded.locks import locked
from twinline.language.errors import NoPostgres

_UNPRIVILEGED = ("postgres", "nobody")
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Account:
    """The user and group of the server; None when they are simply ours."""

    uid: int | None = None
    gid: int | None = None

    @property
    def owner(self) -> int:
        """The user that the server's files must belong to."""
        return os.geteuid() if self.uid is None else self.uid

    def own(self, folder: Path) -> None:
        """Give a folder and all that is in it to this account, the folder itself last.

        As long as it is not the account's, it is known that this did not finish.
        """
        if self.uid is None or self.gid is None:
            return
        for parent, folders, files in os.walk(folder, topdown=False):
            for name in [*folders, *files]:
                os.chown(Path(parent, name), self.uid, self.gid, follow_symlinks=False)
        os.chown(folder, self.uid, self.gid)

    def path_of(self, folder: Path, descriptor: int) -> str:
        """How a program that inherits ``descriptor`` names the folder it is open on.

        The plain path, unless another account may be unable to walk there.
        """
        magic = f"/proc/self/fd/{descriptor}"
        return magic if self.uid is not None and Path(magic).is_dir() else str(folder)

    def spawn(
        self,
        command: Sequence[str | Path],
        *,
        keep: Sequence[int] = (),
        source: int = subprocess.DEVNULL,
        output: IO[bytes] | int = subprocess.PIPE,
        dies_with_us: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start a program as this account; it inherits the descriptors ``keep``.

        In a session of its own, because a Ctrl-C in the terminal is meant for us: we
        drain first and stop the program then.
        """
        return subprocess.Popen(
            command,
            stdin=source,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=_environment(),
            start_new_session=True,
            pass_fds=keep,
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
            preexec_fn=_death_wish() if dies_with_us else None,
        )

    def run(self, command: Sequence[str | Path], *, keep: Sequence[int], text: str = "") -> None:
        """Run a program to its end, with ``text`` as its input.

        Raises:
            NoPostgres: it does not start, or fails.
        """
        try:
            with self.spawn(command, keep=keep, source=subprocess.PIPE) as process:
                output, _ = process.communicate(text.encode())
        except OSError as error:
            raise NoPostgres(f"{command[0]} does not start: {error}") from error
        if process.returncode != 0:
            said = output.decode(errors="replace").strip()
            raise NoPostgres(f"{command[0]} failed: {said or process.returncode}")

    def programs(self, binaries: Binaries, copies: Path) -> Binaries:
        """These executables, or a copy below ``copies`` if the account cannot reach them.

        Raises:
            NoPostgres: it can reach neither.
        """
        if self.uid is None or self._reaches(binaries):
            return binaries
        try:
            copied = _copied(binaries, copies)
        except OSError as error:
            raise NoPostgres(
                f"The account that runs PostgreSQL (uid {self.uid}) cannot reach {binaries.bin}, "
                f"and copying it to {copies} failed ({error}); name a folder of PostgreSQL "
                "programs that everyone may read in TWINLINE_POSTGRES_BIN."
            ) from error
        self.run([copied.bin / "initdb", "-V"], keep=())
        return copied

    def _reaches(self, binaries: Binaries) -> bool:
        try:
            with self.spawn([binaries.bin / "initdb", "-V"]) as process:
                process.communicate()
        except OSError:
            return False
        return process.returncode == 0


def account_for(data: Path) -> Account:
    """The owner of the data folder; if there is none yet, an unprivileged account.

    Raises:
        NoPostgres: we are root, and there is no such account.
    """
    if os.geteuid() != 0:
        return Account()
    if data.exists() and (found := data.stat()).st_uid != 0:
        return Account(found.st_uid, found.st_gid)
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise NoPostgres(
        "PostgreSQL does not run as root, and there is no account named "
        f"{' or '.join(_UNPRIVILEGED)}; run Twinline as another user."
    )


def _environment() -> dict[str, str]:
    """No PG* variable of ours may turn our server or its tools to another one."""
    wanted = "PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"
    kept = {name: os.environ[name] for name in wanted if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _death_wish() -> Callable[[], None] | None:
    """What a child does to be told to shut down when its parent dies; only Linux can."""
    if not sys.platform.startswith("linux"):
        return None
    # Resolved before the fork: a child of a program with threads must not load anything.
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def _copied(binaries: Binaries, copies: Path) -> Binaries:
    """A copy that everyone may read; made anew when the original is another one."""
    installation = binaries.bin.parent
    seen = (binaries.bin / "postgres").stat()
    key = hashlib.sha256(f"{binaries.bin} {seen.st_mtime_ns} {seen.st_size}".encode()).hexdigest()
    target = copies / f"postgresql-{binaries.major}-{key[:12]}"
    folder = Path(installation.parent.name, installation.name)
    copies.mkdir(mode=0o755, parents=True, exist_ok=True)
    with locked(copies / "lock"):
        if not target.exists():
            _copy(installation, copies, target)
    return replace(binaries, bin=target / folder / binaries.bin.name)


def _copy(installation: Path, copies: Path, target: Path) -> None:
    package = installation.parent
    with tempfile.TemporaryDirectory(dir=copies) as half_made:
        copy = Path(half_made, "copy")
        unused = shutil.ignore_patterns("include", "*.a")
        shutil.copytree(installation, copy / package.name / installation.name, ignore=unused)
        # Wheels keep the libraries that they bring along in a folder beside the package.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, copy / libraries.name)
        for path in [copies, copy, *copy.rglob("*")]:
            path.chmod(0o755)
        copy.rename(target)
