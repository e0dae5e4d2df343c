"""Virtual environments of their own, for clients that cannot stand beside each other.

Each is built once by pip and kept in the user's cache, outside the repository.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from platformdirs import user_cache_path

SECONDS = 300


def python_with(*requirements: str) -> Path:
    """The interpreter of an environment that has these packages.

    Fails, rather than skips, where pip cannot install them: what is not tried is not known.
    """
    name = hashlib.sha256("\n".join([sys.version, *requirements]).encode()).hexdigest()[:16]
    chosen = os.environ.get("TWINLINE_TEST_CACHE")
    cache = Path(chosen) if chosen else user_cache_path("twinline-tests")
    cache.mkdir(parents=True, exist_ok=True)
    home = cache / name
    python, done = home / "bin" / "python", home / "complete"
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several workers of pytest want the same one
        if not done.exists():
            shutil.rmtree(home, ignore_errors=True)
            _run(sys.executable, "-m", "venv", str(home))
            _run(str(python), "-m", "pip", "install", "-q", "--no-input", *requirements)
            done.touch()
    return python


def _run(*command: str) -> None:
    told = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert told.returncode == 0, (
        f"{' '.join(command)} failed; these tests need an index that pip can install from "
        f"(PIP_INDEX_URL), or a cache that has it (TWINLINE_TEST_CACHE):\n{told.stderr}"
    )
