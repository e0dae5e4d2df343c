"""How long ``import twinline`` takes, beside the libraries that its client needs.

Run it as ``python tests/bench/imports.py``. Each is a fresh interpreter, in turns; the
time of an empty one is taken off.
"""

import statistics
import subprocess
import sys
import time

ROUNDS = 15
PROGRAMS = {
    "nothing": "pass",
    "httpx, pydantic": "import httpx, pydantic",
    "twinline": "import twinline",
    "twinline.Client": "from twinline import Client",
}


def seconds(program: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    return time.perf_counter() - begun


def main() -> None:
    taken: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(ROUNDS):
        for name, program in PROGRAMS.items():
            taken[name].append(seconds(program))
    empty = statistics.median(taken["nothing"])
    peer = statistics.median(taken["httpx, pydantic"]) - empty
    for name in list(PROGRAMS)[1:]:
        net = statistics.median(taken[name]) - empty
        print(f"import {name:16} {net * 1000:6.1f} ms   {net / peer:5.2f} x httpx, pydantic")


if __name__ == "__main__":
    main()
