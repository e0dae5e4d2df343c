"""What the commands for evaluations print alike."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from twinline.cli.output import plural
from twinline.language.records import EvaluationVerdict

SubjectArgument = Annotated[
    str, typer.Argument(help="A prompt version, a model version or a bundle, as prompts:/p/3.")
]
CASES_SHOWN = 10

VERDICT_STYLE: dict[EvaluationVerdict, str] = {"passed": "green", "failed": "bold red"}


def named(how: str, style: str, ids: Sequence[str]) -> Sequence[Text]:
    """The first of these cases in one line, and how many are not said."""
    if not ids:
        return ()
    more = len(ids) - CASES_SHOWN
    rest = f" and {plural(more, 'more case')}; --json lists all" if more > 0 else ""
    return (Text.assemble((f"{how}: ", style), ", ".join(ids[:CASES_SHOWN]), rest),)
