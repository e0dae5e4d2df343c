"""What is measured of links and of the moves of others."""

from collections import Counter
from collections.abc import Iterator
from typing import get_args

from twinline.access import actions as access
from twinline.aliases import rules, store
from twinline.db.session import Reading
from twinline.language.figures import Figure, Sample
from twinline.language.records import LinkState, MoveOutcome


def figures(tx: Reading) -> Iterator[Figure]:
    """Links by state, how long one waits to be written, and moves by outcome."""
    links = [rules.record(link) for link in store.every(tx)]
    states = Counter(link.state for link in links)
    yield Figure(
        "twinline_mlflow_links",
        "gauge",
        "Slots that an alias in MLflow goes with, by state.",
        tuple(Sample({"state": state}, states[state]) for state in get_args(LinkState)),
    )
    now = access.now(tx)
    waiting = [(now - link.pending_since).total_seconds() for link in links if link.pending_since]
    yield Figure(
        "twinline_mlflow_alias_pending_seconds",
        "gauge",
        "How long the oldest deployment waits to be written.",
        (Sample({}, max(waiting, default=0.0)),),
    )
    outcomes = store.outcomes(tx)
    yield Figure(
        "twinline_mlflow_alias_moves",
        "gauge",
        "Moves of linked aliases by others, by outcome.",
        tuple(Sample({"outcome": one}, outcomes.get(one, 0)) for one in get_args(MoveOutcome)),
    )
