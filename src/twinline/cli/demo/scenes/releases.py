"""Three releases: two models, three prompts, and every answer knows its pair."""

from dataclasses import dataclass

from twinline.cli.demo.catalog import PRODUCTION, try_in_staging
from twinline.cli.demo.replies import PROMPT
from twinline.cli.demo.stage import Stage
from twinline.cli.demo.trained import MODEL

NEEDS: tuple[str, ...] = ()


@dataclass(frozen=True)
class Release:
    """A pair that goes live in production, why, and how many requests it answers."""

    model: str
    prompt: str
    reason: str
    requests: int


RELEASES = (
    Release(f"models:/{MODEL}/1", f"prompts:/{PROMPT}/1", "the first model and prompt", 300),
    Release(f"models:/{MODEL}/2", f"prompts:/{PROMPT}/2", "knows the second quarter", 500),
    Release(f"models:/{MODEL}/2", f"prompts:/{PROMPT}/3", "a friendlier tone", 400),
)


def play(stage: Stage) -> None:
    """Make pair after pair live, and let each answer."""
    slot = PRODUCTION.short
    for number, one in enumerate(RELEASES, start=1):
        try_in_staging(stage.client, one.model, one.prompt, one.reason)
        sides = f"--model {one.model} --prompt {one.prompt}"
        stage.types(f"deploy {slot} {sides} -r '{one.reason}'")
        made = stage.answers(PRODUCTION, one.requests, f"answered by deployment {number}")
        served = {(str(each.bundle.model.ref), str(each.bundle.prompt.ref)) for each in made}
        stage.requires(served == {(one.model, one.prompt)}, f"{served} answered, not {one}")
    stage.types("live")
    stage.types(f"history {slot}")
