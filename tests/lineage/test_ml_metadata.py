"""One history in the catalog and in ML Metadata: both find the same up- and downstream."""

from pathlib import Path
from random import Random

import pytest

from tests.lineage.histories import History
from tests.support import ml_metadata
from tests.support.environments import NotToBeHad
from tests.support.rehearsal import Rehearsal
from twinline.db.session import Reading
from twinline.lineage.walks import walk

EVENTS, ROOTS = 5_000, 300
WALKS = Path(__file__).with_name("ml_metadata_walks.py")


@pytest.mark.slow
def test_walks_find_what_ml_metadata_finds(rehearsal: Rehearsal) -> None:
    random = Random(20_260_701)
    with rehearsal.writing("test") as tx:
        history = History(tx, random)
        history.unfold(EVENTS)
    nodes = history.nodes
    roots = sorted(random.sample(nodes, ROOTS))
    steps = [(sources, target) for (target, _), sources in history.steps.items() if sources]
    try:
        theirs = ml_metadata.ask(WALKS, {"nodes": nodes, "steps": steps, "roots": roots})
    except NotToBeHad as why:
        pytest.skip(f"there is no ML Metadata for this Python or machine: {why}")
    with rehearsal.reading() as tx:
        ours = {root: _around(tx, root) for root in roots}
    assert ours == theirs
    far = [len(found[way]) for found in ours.values() for way in ("upstream", "downstream")]
    assert max(far) > len(nodes) / 10, "the history leads nowhere"


def _around(tx: Reading, root: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"upstream": [], "downstream": []}
    for way in ("upstream", "downstream"):
        lineage = walk(tx, root, direction=way, depth=100, limit=100_000)
        assert lineage.left_out == 0
        found[way] = sorted(node.ref for node in lineage.nodes if node.ref != root)
    return found
