"""How long ``twinline up`` takes until it is ready, the first time and later.

Run it as ``python tests/bench/start.py``. The first start makes the data folder and the
schema; the bare interpreter with the server's libraries is shown beside it.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIBRARIES = "import fastapi, sqlalchemy, psycopg, alembic.command, uvicorn"


def libraries() -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", LIBRARIES], check=True)
    return time.perf_counter() - begun


def ready(home: Path) -> float:
    begun = time.perf_counter()
    log = home / "up.log"
    with log.open("w") as file:
        server = subprocess.Popen(
            [sys.executable, "-m", "twinline", "up", "--port", "0"],
            stdout=file,
            env=os.environ | {"TWINLINE_HOME": str(home / "data")},
        )
    while "Ctrl-C" not in log.read_text():
        assert server.poll() is None
        time.sleep(0.01)
    taken = time.perf_counter() - begun
    server.send_signal(signal.SIGINT)
    server.wait()
    return taken


def main() -> None:
    os.environ.pop("TWINLINE_DATABASE_URL", None)
    with tempfile.TemporaryDirectory() as home:
        peer = libraries()
        first, later = ready(Path(home)), min(ready(Path(home)) for _ in range(3))
    print(f"libraries alone {peer:5.2f} s")
    print(f"first start     {first:5.2f} s   {first / peer:5.2f} x")
    print(f"later start     {later:5.2f} s   {later / peer:5.2f} x")


if __name__ == "__main__":
    main()
