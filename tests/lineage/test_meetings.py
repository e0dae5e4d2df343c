"""Writers of the graph that meet: none waits for another in a circle, none is lost."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from twinline.db.session import Database
from twinline.lineage.openlineage import LineageEvent, take

ROUNDS, THREADS = 120, 6


def _event(number: int) -> LineageEvent:
    names = [f"{number // 3}-b", f"{number // 3}-c"]
    first, second = names if number % 2 else names[::-1]
    return LineageEvent.model_validate(
        {
            "eventTime": "2026-01-01T00:00:00Z",
            "eventType": "COMPLETE",
            "run": {"runId": str(number)},
            "job": {"namespace": "n", "name": "j"},
            "inputs": [{"namespace": "n", "name": first}],
            "outputs": [{"namespace": "n", "name": second}],
        }
    )


def test_events_about_the_same_new_things_do_not_deadlock(database: Database) -> None:
    def send(number: int) -> None:
        with database.writing("etl") as tx:
            take(tx, _event(number))

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(send, range(ROUNDS)))
    with database.reading() as tx:
        named = {
            one for number in range(ROUNDS) for one in (f"{number // 3}-b", f"{number // 3}-c")
        }
        assert tx.value(text("select count(*) from custom_node")) == len(named) + 1
