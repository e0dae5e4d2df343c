"""Put the prompt back, keep the model."""

from twinline.cli.demo.catalog import PRODUCTION
from twinline.cli.demo.replies import PROMPT
from twinline.cli.demo.stage import Stage
from twinline.cli.demo.trained import MODEL

NEEDS = ("releases",)
GOOD = f"prompts:/{PROMPT}/2"


def play(stage: Stage) -> None:
    """Roll one side back after seeing the evidence, and see that the next request gets that."""
    why = "replies name no team and no time since the friendlier tone"
    stage.types(f"rollback {PRODUCTION.short} --side prompt -r '{why}' --yes")
    stage.types(f"resolve {PRODUCTION.short} -c '{{\"length\": 40}}'")
    live = stage.client.slots.get(PRODUCTION).live
    wanted = (f"models:/{MODEL}/2", GOOD)
    sides = (str(live.model), str(live.prompt)) if live else None
    stage.requires(sides == wanted, f"{sides} is live after the rollback, not {wanted}")
