"""How long after a deployment the last of twenty clients serves it.

Run it as ``python -m tests.bench.publish``, with the extra ``test`` installed. One
server over a PostgreSQL of its own; the clients are in one other process, each with its
own folder and connections, and look each millisecond. ``swapped`` counts from the answer
to the deployment until the last client's manifest has it, on the one monotonic clock of
the machine; ``deployed`` is the deployment itself, until it is answered.
"""

import statistics
import time
from contextlib import ExitStack
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from tests.bench import stage
from twinline.client import Client

CLIENTS = 20
DEPLOYMENTS = 100
WARM = 5
LOOK_SECONDS = 0.001
REST_SECONDS = 0.05
PATIENCE_SECONDS = 30.0


def follow(url: str, key: str, folder: Path, asked: Connection) -> None:
    """Say, for each deployment asked for, when the last of the clients had it."""
    with ExitStack() as stack:
        clients = [
            stack.enter_context(Client(url, key, folder=folder / str(number)))
            for number in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        asked.send(time.monotonic())
        while number := asked.recv():
            while any(_serves(client) < number for client in clients):
                time.sleep(LOOK_SECONDS)
            asked.send(time.monotonic())


def _serves(client: Client) -> int:
    manifest = client._applications[stage.ENVIRONMENT].routes.manifest
    assert manifest is not None
    return manifest.slots[stage.ROUTE].deployment


def measure(admin: Client, bundles: list[str], asked: Connection) -> list[tuple[float, float]]:
    """Of each deployment the seconds until it was answered, and from then until the swap."""
    _heard(asked)
    taken: list[tuple[float, float]] = []
    for number in range(2, DEPLOYMENTS + WARM + 2):
        asked.send(number)
        time.sleep(REST_SECONDS)
        begun = time.monotonic()
        bundle = bundles[number % len(bundles)]
        admin.slots.deploy(stage.SLOT, bundle, reason="bench", expected=number - 1)
        answered = time.monotonic()
        taken.append((answered - begun, _heard(asked) - answered))
    asked.send(0)
    return taken[WARM:]


def _heard(asked: Connection) -> float:
    assert asked.poll(PATIENCE_SECONDS), "the clients do not answer"
    return asked.recv()


def report(taken: list[tuple[float, float]]) -> None:
    print(f"milliseconds, of {len(taken)} deployments to {CLIENTS} clients")
    print("             p50      p99      max")
    for name, times in zip(("deployed", "swapped"), zip(*taken, strict=True), strict=True):
        cuts = statistics.quantiles(times, n=100, method="inclusive")
        print(f"{name:8} {cuts[49] * 1e3:7.1f}  {cuts[98] * 1e3:7.1f}  {max(times) * 1e3:7.1f}")


def main() -> None:
    with stage.opened() as on:
        server = on.server("server")
        key = stage.key_of(server)
        ours, theirs = get_context("spawn").Pipe()
        with Client(server.url, key, folder=on.folder / "admin") as admin:
            bundles = stage.make_bundles(admin)
            admin.slots.deploy(stage.SLOT, bundles[0], reason="bench", expected=0)
            clients = get_context("spawn").Process(
                target=follow, args=(server.url, key, on.folder, theirs), daemon=True
            )
            clients.start()
            taken = measure(admin, bundles, ours)
            clients.join(PATIENCE_SECONDS)
        report(taken)


if __name__ == "__main__":
    main()
