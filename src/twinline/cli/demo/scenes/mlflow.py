"""MLflow goes along: an alias follows what is live, and a foreign move is told."""

from twinline.cli.demo.catalog import PRODUCTION
from twinline.cli.demo.stage import Stage
from twinline.cli.demo.trained import MODEL

NEEDS = ("releases",)
ALIAS = "production"


def play(stage: Stage) -> None:
    """Link an alias, see it set in MLflow, let somebody move it there, and hear of that."""
    from twinline.cli.demo import training

    slot, links = PRODUCTION.short, stage.client.mlflow_links
    stage.types("mlflow status")
    stage.types(f"mlflow link {slot} {ALIAS}")
    stage.waits_for(lambda: links.get(slot), lambda link: link.state == "in_sync")
    stage.types(f"mlflow links {slot}")
    live = stage.client.slots.get(PRODUCTION).live
    in_mlflow = training.aliased(stage.mlflow_url, ALIAS)
    stage.requires(live is not None and live.model.number == in_mlflow, f"it is on {in_mlflow}")
    stage.tells(f"Somebody moves the alias in MLflow to version 1 of {MODEL}:")
    training.point(stage.mlflow_url, ALIAS, 1)
    stage.waits_for(lambda: links.get(slot), lambda link: link.state == "drifted")
    stage.types("mlflow links")
    stage.types(f"mlflow moves {slot}")
    (move, *_) = links.moves(slot)
    stage.requires((move.before, move.after) == (in_mlflow, 1), f"the move is told as {move}")
