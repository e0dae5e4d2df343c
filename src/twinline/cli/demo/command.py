"""``twinline demo``: the whole job on this machine, from training to rollback."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from twinline.language.errors import StartRefused
from twinline.settings import Settings


def demo(
    exit_at_end: Annotated[
        bool, typer.Option("--exit", help="Stop everything at the end instead of serving on.")
    ] = False,
    home: Annotated[
        Path | None, typer.Option(help="Where its data goes; default: demo in the data folder.")
    ] = None,
) -> None:
    """Show the main job with real parts: MLflow, PostgreSQL, models, prompts, traffic.

    Starts an MLflow server and a Twinline server on loopback, trains and registers two
    model versions, deploys three pairs, answers 2,000 requests, finds what a bad prompt
    touched, and rolls it back. Every run begins with an empty catalog of its own.
    """
    missing = [name for name in ("mlflow", "pandas", "sklearn") if find_spec(name) is None]
    if missing:
        raise StartRefused(
            f"The demo needs {', '.join(missing)}: install Twinline with its extra `demo`, as in "
            "pip install 'twinline[demo]'."
        )
    from twinline.cli import serving
    from twinline.cli.demo import story  # MLflow comes with it

    settings = Settings()
    serving.end_on_sigterm()
    folder = (home or settings.home / "demo").expanduser().resolve()
    try:
        story.tell(folder, settings, stay=not exit_at_end)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
