"""What Prometheus is told about links and the moves of others."""

from collections import Counter
from collections.abc import Iterator
from typing import get_args

from twinline.access import actions as access
from twinline.aliases import rules, store
from twinline.db.session import Reading
from twinline.language.records import LinkState, MoveOutcome


def lines(tx: Reading) -> Iterator[str]:
    """The gauges and counters, in Prometheus' text format."""
    links = [rules.record(link) for link in store.every(tx)]
    states = Counter(link.state for link in links)
    yield "# HELP twinline_mlflow_links Slots that an alias in MLflow goes with, by state."
    yield "# TYPE twinline_mlflow_links gauge"
    for state in get_args(LinkState):
        yield f'twinline_mlflow_links{{state="{state}"}} {states[state]}'
    now = access.now(tx)
    waiting = [(now - link.pending_since).total_seconds() for link in links if link.pending_since]
    yield (
        "# HELP twinline_mlflow_alias_pending_seconds How long the oldest deployment waits to be "
        "written."
    )
    yield "# TYPE twinline_mlflow_alias_pending_seconds gauge"
    yield f"twinline_mlflow_alias_pending_seconds {max(waiting, default=0.0):.3f}"
    outcomes = store.outcomes(tx)
    yield "# HELP twinline_mlflow_alias_moves Moves of linked aliases by others, by outcome."
    yield "# TYPE twinline_mlflow_alias_moves gauge"
    for outcome in get_args(MoveOutcome):
        yield f'twinline_mlflow_alias_moves{{outcome="{outcome}"}} {outcomes.get(outcome, 0)}'
