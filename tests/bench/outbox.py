"""What the outbox costs MLflow: writes with it and without, in turns, in one process.

Run it as ``python -m tests.bench.outbox``, with the extra ``test`` installed. Two registries
over SQLite and two over a PostgreSQL of its own, each with the same content; of each kind of
step the plain store and the one with the outbox take turns, so that whatever else the machine
does meets both. Nothing is told meanwhile: a sender reads beside, and is not waited for.
"""

import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from tests.outbox.stores import SqlAlchemyStore, do
from twinline.db.embedded import Cluster, find_binaries
from twinline.mlflow.outbox_store import OutboxStore

ROUNDS = 200
WARM = 20
_numbers = itertools.count(1)

STEPS: dict[str, Callable[[int], tuple[str, tuple[object, ...]]]] = {
    "alias move": lambda turn: ("set_alias", ("churn", "champion", 1 + turn % 2)),
    "template overwrite": lambda turn: (
        "set_version_tag", ("churn", 1, "mlflow.prompt.text", f"Answer {turn}")
    ),
    "new version": lambda turn: ("create_version", ("churn", {"quality": str(turn)})),
    "new model": lambda turn: ("create_model", (f"model-{turn}", {"team": "a"})),
    "delete model": lambda turn: ("delete_model", (f"model-{turn}",)),
}  # fmt: skip


def measure(plain: SqlAlchemyStore, outbox: SqlAlchemyStore) -> Iterator[tuple[str, list[float]]]:
    """Of each kind of step the seconds without and with the outbox, in turns."""
    for store in (plain, outbox):
        do(store, ("create_model", ("churn", {})))
        for _ in range(2):
            do(store, ("create_version", ("churn", {})))
    for name, step in STEPS.items():
        taken: list[list[float]] = [[], []]
        for turn in range(ROUNDS + WARM):
            for place, store in enumerate((plain, outbox)):
                begun = time.perf_counter()
                do(store, step(turn))
                taken[place].append(time.perf_counter() - begun)
        yield name, [statistics.median(times[WARM:]) for times in taken]


@contextmanager
def postgres(folder: Path) -> Iterator[Callable[[], str]]:
    with Cluster(folder, find_binaries(None), single_owner=True) as cluster:
        administrator = create_engine(cluster.url, isolation_level="AUTOCOMMIT")

        def made() -> str:
            name = f"mlflow_{next(_numbers)}"
            with administrator.connect() as connection:
                connection.execute(text(f"create database {name}"))
            url = make_url(cluster.url).set(database=name)
            return url.render_as_string(hide_password=False)

        yield made
        administrator.dispose()


def main() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        kinds = {
            "SQLite": lambda: f"sqlite:///{folder / str(next(_numbers))}.db",
            "PostgreSQL": stack.enter_context(postgres(folder / "postgres")),
        }
        print(f"milliseconds, median of {ROUNDS}")
        print(f"{'':32}{'plain':>8}{'outbox':>8}{'more':>8}")
        for kind, url in kinds.items():
            plain = SqlAlchemyStore(url())
            with_it = OutboxStore(url(), destination=None, actor_header="X-Actor")
            for name, (without, cost) in measure(plain, with_it):
                shown = [without * 1e3, cost * 1e3, (cost - without) * 1e3]
                print(f"{kind:12}{name:20}" + "".join(f"{one:8.2f}" for one in shown))


if __name__ == "__main__":
    main()
