"""How long the picture of a walk takes, and how large it is.

Run it as ``python -m tests.bench.pictures``, with the extra ``test`` installed. Milliseconds
are the best and the median of several times; what we aim at is 50 for 400 nodes.
"""

import statistics
import time
from typing import NamedTuple

from tests.pictures import walks
from twinline.language.records import Lineage
from twinline.pictures import lineage_svg

TIMES = 30
BUNDLE = "bundles:/3f9a1c22b1d0"
PAIR = [
    ("models:/gpt-4o/1", BUNDLE, "model_of"),
    ("prompts:/support/answer/2", BUNDLE, "prompt_of"),
]
WALKS = {
    "a pair": walks.walk(BUNDLE, PAIR),
    "2 models": walks.catalog(2, 4),
    "5 models": walks.catalog(5, 6),
    "8 models": walks.catalog(8, 8),
    "25 models": walks.catalog(25, 8),
    "hostile": walks.hostile(),
}


class Taken(NamedTuple):
    best_ms: float
    median_ms: float
    kilobytes: float


def take(lineage: Lineage) -> Taken:
    times: list[float] = []
    drawn = ""
    for _ in range(TIMES):
        begun = time.perf_counter()
        drawn = lineage_svg(lineage)
        times.append(1000 * (time.perf_counter() - begun))
    return Taken(min(times), statistics.median(times), len(drawn.encode()) / 1000)


def main() -> None:
    print(f"{'walk':10}{'nodes':>7}{'edges':>7}{'best ms':>9}{'median':>8}{'kB':>7}")
    for name, lineage in WALKS.items():
        best, median, size = take(lineage)
        counts = f"{len(lineage.nodes):7,}{len(lineage.edges):7,}"
        print(f"{name:10}{counts}{best:9.1f}{median:8.1f}{size:7.0f}")


if __name__ == "__main__":
    main()
