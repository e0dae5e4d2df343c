"""``twinline demo``: what the catalog is for, scene by scene, on this machine."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from twinline.cli.output import out, table_of
from twinline.language.errors import StartRefused
from twinline.settings import Settings


def _complete(incomplete: str) -> list[str]:
    from twinline.cli.demo.scenes import SCENES  # only who asks for scenes waits for them

    return [scene.name for scene in SCENES if scene.name.startswith(incomplete)]


def demo(
    scene: Annotated[
        list[str] | None,
        typer.Option(
            autocompletion=_complete,
            help="Only this scene, repeated for several; what it needs is played unseen.",
        ),
    ] = None,
    list_scenes: Annotated[
        bool, typer.Option("--list", help="List the scenes, and start nothing.")
    ] = False,
    exit_at_end: Annotated[
        bool, typer.Option("--exit", help="Stop everything at the end instead of serving on.")
    ] = False,
    home: Annotated[
        Path | None, typer.Option(help="Where its data goes; default: demo in the data folder.")
    ] = None,
) -> None:
    """Show what the catalog is for with real parts: MLflow, PostgreSQL, models, traffic.

    Starts an MLflow server and a Twinline server on loopback, trains and registers two
    model versions, and plays scenes of commands: releases that answer 2,000 requests, what
    a bad prompt touched, its rollback, an experiment, a recall. Every run begins with an
    empty catalog of its own, and ends with an error where something is not as it should be.
    """
    from twinline.cli.demo.scenes import SCENES, named

    if list_scenes:
        rows = ((one.name, one.heading, ", ".join(one.needs)) for one in SCENES)
        out.print(table_of(("scene", "shows", "begins with"), rows))
        return
    names = [named(name).name for name in scene or ()]
    missing = [name for name in ("mlflow", "pandas", "sklearn") if find_spec(name) is None]
    if missing:
        raise StartRefused(
            f"The demo needs {', '.join(missing)}: install Twinline with its extra `demo`, as in "
            "pip install 'twinline[demo]'."
        )
    from twinline.cli import serving
    from twinline.cli.demo import story

    settings = Settings()
    serving.end_on_sigterm()
    folder = (home or settings.home / "demo").expanduser().resolve()
    try:
        story.tell(folder, settings, names, stay=not exit_at_end)
    except (KeyboardInterrupt, typer.Abort):  # the latter within a command that was typed
        raise typer.Exit(130) from None
