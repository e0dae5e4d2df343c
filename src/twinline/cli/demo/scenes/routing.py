"""Half of the customers get another prompt: a policy, its result, a ramp, a kill switch."""

import json
from typing import Any

from twinline.cli.demo.replies import PROMPT
from twinline.cli.demo.stage import Stage
from twinline.cli.demo.trained import MODEL
from twinline.language.errors import Killed
from twinline.language.refs import SlotRef

NEEDS: tuple[str, ...] = ()
SLOT = SlotRef("chat-reply", "production")


def play(stage: Stage) -> None:
    """Split, compare the arms, give the better one more, and stop everything by one command."""
    plain, fuller = (
        str(stage.client.bundles.pair(f"models:/{MODEL}/2", f"prompts:/{PROMPT}/{number}").ref)
        for number in (1, 2)
    )
    file, slot = stage.folder / "policy.json", SLOT.short
    file.write_text(json.dumps(halves(plain, fuller), indent=2))
    stage.types(f"policies check {file}")
    stage.types(f"deploy {slot} --policy {file} -r 'half of the customers get a fuller reply'")
    stage.answers(SLOT, 600, "divided by customer")
    stage.types(f"experiment {slot}")
    (difference,) = stage.client.policies.experiment(SLOT).differences
    better = difference.score is not None and difference.score.low > 0
    stage.requires(better, f"the fuller reply is not better: {difference}")
    stage.types(f"ramp {slot} fuller 90% -r 'customers like it better' --yes")
    stage.types(f'policies explain {slot} -c \'{{"customer": "customer-7"}}\'')
    stage.types(f"kill {slot} -r 'it answers in the wrong language'")
    stage.is_refused(Killed, f"resolve {slot}")
    (thrown,) = (one for one in stage.client.kills.list() if one.lifted_at is None)
    stage.types(f"lift {thrown.number} -r 'it was a test of the switch'")
    again = stage.client.inferences.resolve(SLOT.route, SLOT.environment, {}, record=False)
    stage.requires(str(again.bundle.ref) == plain, f"{again.bundle.ref} is served without a unit")


def halves(plain: str, fuller: str) -> dict[str, Any]:
    """The policy: customers are divided, and whoever has no name gets the plain reply."""
    arms = [
        {"name": "plain", "bundle": plain, "ranges": [[0, 50_000]]},
        {"name": "fuller", "bundle": fuller, "ranges": [[50_000, 100_000]]},
    ]
    return {
        "schema": "routing-policy/1",
        "unit": {"by": ["customer"]},
        "rules": [{"id": "fuller-reply", "serve": {"split": {"arms": arms}}}],
        "default": {"bundle": plain},
        "fallback": [plain],
    }
