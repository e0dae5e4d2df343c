"""Its suite had known: from now on production requires that suite."""

from twinline.cli.demo.catalog import PRODUCTION
from twinline.cli.demo.replies import PROMPT
from twinline.cli.demo.stage import Stage
from twinline.cli.demo.trained import MODEL
from twinline.language.errors import NotEvaluated

NEEDS = ("rollback",)


def play(stage: Stage) -> None:
    """Compare two results, require the suite, and see that the bad version cannot come again."""
    from twinline.cli.demo.scoring import SUITE

    good, bad = (f"prompts:/{PROMPT}/{number}" for number in (2, 3))
    stage.types(f"evaluate compare {good} {bad}")
    stage.types(f"suites require {SUITE} {PRODUCTION.environment} -r 'it would have told us'")
    sides = f"--model models:/{MODEL}/2 --prompt {bad}"
    stage.is_refused(NotEvaluated, f"deploy {PRODUCTION.short} {sides} -r 'once more'")
