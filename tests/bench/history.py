"""How long questions about the past take over 100,000 deployments.

    python -m tests.bench.history

One slot with a long history and 200 slots with 500 deployments each; the median of 20
runs of each question, as the server's own statements answer it.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from twinline.access import actions as access
from twinline.bundles import actions as bundles
from twinline.db import migrations
from twinline.db.embedded import Cluster, find_binaries
from twinline.db.session import Database, Reading, Writing, connect
from twinline.deployments import actions as deployments
from twinline.inferences import actions as inferences
from twinline.language.records import (
    NewBundle,
    NewDeployment,
    NewModelVersion,
    NewPromptVersion,
)
from twinline.language.refs import ModelVersionRef, PromptVersionRef, SlotRef
from twinline.models import actions as models
from twinline.prompts import actions as prompts
from twinline.timelines import blame, changes, divergences, timeline
from twinline.timelines.divergences import Asked

LONG = SlotRef("long", "production")
MANY, EACH = 200, 500
RUNS = 20
_COPY = text("""
with first as (
    select d.*, s.created_at from deployment d join slot s on s.id = d.slot_id
    where s.route = :route and s.environment = :environment
),
numbers as (select number from generate_series(2, :count) number),
nodes as (
    insert into node (kind, ref, created_at)
    select 'deployment', 'deployments:/' || :slot || '/' || number, now() from numbers
    returning id, split_part(ref, '/', 3)::integer as number
)
insert into deployment
    (slot_id, number, node_id, policy, digest, bundle, kind, undoes, actor, reason, at)
select first.slot_id, nodes.number, nodes.id, first.policy, first.digest, first.bundle,
    'deploy', null, 'bench', 'because', first.at + nodes.number * interval '1 millisecond'
from first, nodes
""")


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        Cluster(Path(folder) / "pg", find_binaries(None), single_owner=True) as cluster,
    ):
        database = connect(cluster.url)
        migrations.upgrade(database)
        _report(database, _fill(database))
        database.close()


def _fill(database: Database) -> datetime:
    with database.writing("bench") as tx:
        inferences.keep_days(tx)
        models.register(tx, NewModelVersion(name="m", source_uri="x:/y"))
        prompts.create_version(tx, NewPromptVersion(name="p", template="Say"))
        pair = NewBundle(
            model=ModelVersionRef("m", 1), prompt=PromptVersionRef("p", 1), parameters={}
        )
        new = NewDeployment(bundle=bundles.pair(tx, pair)[0].ref, reason="because")
        for route in ("long", *(f"r{number}" for number in range(MANY))):
            slot = SlotRef(route, "production" if route == "long" else "staging")
            deployments.deploy(tx, slot, new, 0)
            _lengthen(tx, slot, MANY * EACH if slot == LONG else EACH)
    with database.writing("bench") as tx:
        tx.run(text("analyze"))
    with database.reading() as tx:
        first = deployments.live_since(tx, "production")
    assert first is not None
    return first + timedelta(milliseconds=MANY * EACH // 2)


def _lengthen(tx: Writing, slot: SlotRef, count: int) -> None:
    named = {"route": slot.route, "environment": slot.environment, "slot": slot.short}
    tx.run(_COPY, named | {"count": count})


def _report(database: Database, middle: datetime) -> None:
    early = datetime(2000, 1, 1, tzinfo=UTC)
    questions: dict[str, Callable[[Reading], object]] = {
        "live now, 100,000 in the slot": lambda tx: deployments.live(tx, LONG),
        "live at the middle of 100,000": lambda tx: deployments.live(tx, LONG, middle),
        f"live at a time in {MANY} slots of {EACH}": lambda tx: deployments.live_in(
            tx, "staging", middle
        ),
        "live before anything, in 200 slots": lambda tx: deployments.live_in(tx, "staging", early),
        "the 200 slots of an environment": lambda tx: timeline.live_at(tx, "staging", middle),
        "first page of a timeline, 50": lambda tx: timeline.page(tx, LONG, cursor=None, limit=50),
        "changes over the last 100 deployments": lambda tx: changes.between(
            tx, LONG, deployments.entries(tx, LONG, before=None, limit=100)[-1].at, _later(tx)
        ),
        "changes over 50,000 deployments": lambda tx: changes.between(tx, LONG, middle, _later(tx)),
        "blame, nothing changed for 50,000": lambda tx: blame.before(
            tx, deployments.live(tx, LONG, middle), middle
        ),
        "divergences of a day": lambda tx: divergences.find(tx, Asked(), 100),
    }
    for name, ask in questions.items():
        print(f"{_median_ms(database, ask):8.2f} ms  {name}")


def _later(tx: Reading) -> datetime:
    return access.now(tx) + timedelta(hours=1)


def _median_ms(database: Database, ask: Callable[[Reading], object]) -> float:
    taken: list[float] = []
    for _ in range(RUNS):
        with database.reading() as tx:
            begun = time.perf_counter()
            ask(tx)
            taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
