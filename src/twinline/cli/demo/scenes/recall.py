"""A dataset was bad: what was built on it is taken out of every slot at once."""

from dataclasses import replace

from twinline.cli.demo.catalog import PRODUCTION
from twinline.cli.demo.progress import bar
from twinline.cli.demo.replies import PROMPT
from twinline.cli.demo.stage import Stage

NEEDS = ("rollback",)


def play(stage: Stage) -> None:
    """Train on a bad export, release that, recall the export, verify the count, lift it."""
    from twinline.cli.demo import training
    from twinline.cli.demo.classifiers import PLANS
    from twinline.cli.demo.history import script

    lesson = script.Train(script.BAD_EXPORT, replace(PLANS[1], run_name="triage-export"))
    with bar("Training on an export in which a column had slipped", training.STEPS_EACH) as step:
        made, dataset = training.train_on(
            stage.mlflow_url, stage.folder, lesson.plan, script.learned(lesson), "export", step
        )
    stage.models[made.ref] = made
    stage.types(f"models import {made.name} --version {made.number}")
    sides = f"--model {made.ref} --prompt prompts:/{PROMPT}/2"
    stage.types(f"deploy {PRODUCTION.short} {sides} -r 'trained on the new export'")
    stage.answers(PRODUCTION, 200, "and customers complain")
    stage.types(f"recall create {dataset} -r 'a column had slipped'")
    (recall,) = (one for one in stage.client.recalls.list() if one.lifted_at is None)
    stage.types(f"recall plan {recall.number}")
    stage.types(f"recall execute {recall.number} -r 'as planned' --yes")
    live = stage.client.slots.get(PRODUCTION).live
    stage.requires(live is not None and str(live.model) != made.ref, f"{made.ref} is still live")
    stage.types(f"recall verify {recall.number}")
    stage.types(f"recall lift {recall.number} -r 'the export is mended'")
