"""ML Metadata in a virtual environment of its own: it needs versions of protobuf and attrs
that what we are installed with has left behind."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

VERSION = "1.17.1"


class NotToBeHad(Exception):
    """There is no ML Metadata for this Python or machine; the text is what pip said."""


def ask(script: Path, question: Any) -> Any:
    """What a script with ML Metadata at hand answers: JSON in, JSON out.

    Raises:
        NotToBeHad: there is no ML Metadata for this Python or machine.
    """
    done = subprocess.run(
        [_python(), "-W", "ignore", script],
        input=json.dumps(question),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def _python() -> Path:
    """The Python of the environment, which is made at its first use and then stays."""
    version = f"{VERSION}-python{sys.version_info.major}.{sys.version_info.minor}"
    home = Path(tempfile.gettempdir()) / f"twinline-ml-metadata-{version}-{os.getuid()}"
    if not home.exists():
        _make(home)
    return home / "bin" / "python"


def _make(home: Path) -> None:
    with tempfile.TemporaryDirectory(dir=home.parent) as name:
        made = Path(name) / "environment"
        _run(sys.executable, "-m", "venv", "--without-pip", str(made))
        pip = ("pip", "--python", str(made / "bin" / "python"), "install", "--quiet")
        _run(sys.executable, "-m", *pip, "--only-binary", ":all:", f"ml-metadata=={VERSION}")
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
