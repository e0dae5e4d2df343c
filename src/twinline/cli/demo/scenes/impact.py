"""Customers complain: what did the friendlier prompt touch?"""

from twinline.cli.demo.catalog import PRODUCTION
from twinline.cli.demo.replies import PROMPT
from twinline.cli.demo.stage import Stage

NEEDS = ("releases",)
BAD = f"prompts:/{PROMPT}/3"


def play(stage: Stage) -> None:
    """Count all that a version touched, and follow one answer back to its data."""
    stage.types(f"impact {BAD}")
    found = stage.client.lineage.impact(BAD)
    served = found.service
    stage.requires(PRODUCTION in found.live, f"{BAD} is live in {found.live}")
    stage.requires(served.errors > 0.3 * served.requests, f"only {served.errors} answers were bad")
    stage.tells("One of those requests: where did its answer come from?")
    one = next(stage.client.lineage.affected(BAD))
    stage.types(f"explain {one.id}")
    told = stage.client.inferences.explain(one.id)
    stage.requires(bool(told.run and told.datasets), f"{one.id} does not lead to a dataset")
