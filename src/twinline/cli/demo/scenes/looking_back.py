"""It worked a minute ago: what changed, when, and who is to blame?"""

from twinline.cli.demo.catalog import PRODUCTION
from twinline.cli.demo.replies import PROMPT
from twinline.cli.demo.stage import Stage

NEEDS = ("rollback",)


def play(stage: Stage) -> None:
    """Look at the slot as it was, at what moved, and at what came last before the complaints."""
    slot = PRODUCTION.short
    at = {one.number: one.at for one in stage.client.slots.history(PRODUCTION)}
    well, strange = at[2] + (at[3] - at[2]) / 2, at[3] + (at[4] - at[3]) / 2
    stage.types(f"timeline {slot}")
    stage.types(f"live {slot} --at {strange:%Y-%m-%dT%H:%M:%S.%fZ}")
    stage.types(
        f"changes {slot} --from {well:%Y-%m-%dT%H:%M:%S.%fZ} --to {strange:%Y-%m-%dT%H:%M:%S.%fZ}"
    )
    stage.types(f"blame {slot} --at {strange:%Y-%m-%dT%H:%M:%S.%fZ}")
    was = stage.client.slots.get(PRODUCTION, at=strange).live
    stage.requires(was is not None and was.number == 3, f"{was} was live then")
    first = stage.client.slots.changes(PRODUCTION, since=well, until=strange).ranked[0]
    stage.requires(first.side == "prompt", f"{first.what} is suspected before prompts:/{PROMPT}/3")
