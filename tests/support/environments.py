"""Virtual environments for what cannot be installed beside us."""

import hashlib
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path


class NotToBeHad(Exception):
    """A package is not there for this Python or machine, or pip reaches no index; the text is
    what pip said."""


def python_with(*packages: str, over_ours: bool = False) -> Path:
    """The Python of an environment with these packages, which is made at its first use and then
    stays, in the folder for temporary files.

    ``over_ours`` installs these packages alone, over all that we are installed with.

    Raises:
        NotToBeHad: one of them is not there, or pip reaches no index.
    """
    told = repr((packages, over_ours, sys.prefix, sys.version_info[:2], os.getuid()))
    key = hashlib.sha256(told.encode()).hexdigest()[:16]
    home = Path(tempfile.gettempdir()) / f"twinline-{packages[0].replace('==', '-')}-{key}"
    if not home.exists():
        _make(home, packages, over_ours)
    return home / "bin" / "python"


def _make(home: Path, packages: tuple[str, ...], over_ours: bool) -> None:
    with tempfile.TemporaryDirectory(dir=home.parent) as name:
        made = Path(name) / "environment"
        _run(sys.executable, "-m", "venv", "--without-pip", str(made))
        pip = ("pip", "--python", str(made / "bin" / "python"), "install", "--quiet")
        alone = ("--no-deps",) if over_ours else ()
        _run(sys.executable, "-m", *pip, "--only-binary", ":all:", *alone, *packages)
        if over_ours:
            (site,) = made.glob("lib/python*/site-packages")
            (site / "ours.pth").write_text(sysconfig.get_path("purelib") + "\n")
        # Whole or not at all, also when somebody else is making the same.
        try:
            made.rename(home)
        except OSError:
            if not home.exists():
                raise


def _run(*command: str) -> None:
    unbound = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
    done = subprocess.run(command, capture_output=True, text=True, env=unbound)
    if "No matching distribution" in done.stderr:
        raise NotToBeHad(done.stderr.strip()[-500:])
    assert done.returncode == 0, done.stderr
