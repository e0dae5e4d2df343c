"""The demo from its beginning to its end: servers, training, scenes, and what to go on with."""

import shutil
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.rule import Rule
from rich.text import Text

from twinline.cli import serving
from twinline.cli.demo import catalog
from twinline.cli.demo.catalog import PRODUCTION
from twinline.cli.demo.mlflow_server import MlflowProcess
from twinline.cli.demo.progress import bar
from twinline.cli.demo.replies import PROMPT
from twinline.cli.demo.scenes import SCENES, Scene, with_needs
from twinline.cli.demo.stage import Stage, silence
from twinline.cli.demo.trained import MODEL, TrainedVersion
from twinline.cli.demo.twinline_server import TwinlineProcess
from twinline.cli.output import facts, out
from twinline.client import Client
from twinline.language.errors import PortInUse, StartRefused
from twinline.settings import Settings

MARK = ".twinline-demo"


def tell(folder: Path, settings: Settings, names: Sequence[str], *, stay: bool) -> None:
    """Play the scenes of these names, or all for none; with ``stay`` serve on until Ctrl-C.

    What the named scenes need is played unseen.
    """
    _refuse_foreign(folder)
    shown = {scene.name for scene in SCENES if scene.name in names or not names}
    with ExitStack() as running:
        running.enter_context(serving.only_server(folder, "where the other demo says"))
        _empty(folder)
        mlflow = running.enter_context(MlflowProcess(folder / "mlflow"))
        port = _port(settings)
        server = running.enter_context(TwinlineProcess(folder / "twinline", mlflow.url, port=port))
        trained = _opened(folder, mlflow, server)
        key = server.admin_key()
        client = running.enter_context(Client(server.url, key))
        prepare(client, trained, folder)
        stage = Stage(
            server.url, key, client, mlflow_url=mlflow.url, folder=folder, trained=trained
        )
        for scene in with_needs(shown):
            play(stage, scene, seen=scene.name in shown)
        _farewell(mlflow, server)
        if stay:
            out.print("\nServing on. Ctrl-C stops everything.", style="dim")
            signal.pause()


def play(stage: Stage, scene: Scene, *, seen: bool = True) -> None:
    """Play one scene under its heading; unseen, in a line that says only how long it takes."""
    if seen:
        out.print()
        out.print(Rule(scene.name))
        out.print(Text(scene.heading, "bold"))
        scene.play(stage)
        return
    with bar(f"Played unseen: {scene.name}", 1), silence():
        scene.play(stage)


def prepare(client: Client, trained: tuple[TrainedVersion, ...], folder: Path) -> None:
    """Put into an empty catalog what every scene begins with: versions, a suite, its results."""
    from twinline.cli.demo import scoring  # loaded by now

    scoring.define(client, PROMPT)
    with bar("Registering models and prompts", 5) as step:
        prompts = catalog.register(client, trained, step)
    with bar("Running the suite of each new prompt version", len(prompts)) as step:
        client.evaluations.work(
            scoring.SUITE,
            scoring.scorer(client, trained[-1], folder),
            until_empty=True,
            told=lambda told: step(str(told.evaluation.subject)) if told.evaluation else None,
        )


def _opened(
    folder: Path, mlflow: MlflowProcess, server: TwinlineProcess
) -> tuple[TrainedVersion, ...]:
    """Wait for the servers, and train two model versions."""
    with bar("Starting Twinline, PostgreSQL and MLflow", 3) as step:
        from twinline.cli.demo import training  # two seconds, while the servers start

        step("Twinline and PostgreSQL")
        server.wait_until_ready()
        step("MLflow")
        mlflow.wait_until_ready()
    with bar("Training two model versions", training.STEPS) as step:
        return training.train(mlflow.url, folder, step)


def _farewell(mlflow: MlflowProcess, server: TwinlineProcess) -> None:
    out.print()
    out.print(Rule("To go on with"))
    commands = (
        f"export TWINLINE_URL={server.url} TWINLINE_API_KEY={server.admin_key()}",
        f"export MLFLOW_TRACKING_URI={mlflow.url}",
        f"twinline tail --slot {PRODUCTION.short}",
        f"twinline impact prompts:/{PROMPT}/3 --decisions",
        f"twinline lineage models:/{MODEL}/2",
        f"twinline rollback {PRODUCTION.short} --side model --preview",
        "twinline evaluate worker --suite names-the-team --call twinline.cli.demo.scoring:score",
        "jupyter lab notebooks  # six analyses of this catalog; needs twinline[notebooks]",
    )
    out.print(
        facts(
            (
                ("API", f"{server.url}/docs"),
                ("Ready?", f"{server.url}/readyz"),
                ("MLflow", f"{mlflow.url}/#/models"),
            )
        )
    )
    for command in commands:
        out.print(Text(f"  {command}"), soft_wrap=True)


def _refuse_foreign(folder: Path) -> None:
    """Never empty a folder that somebody else filled."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise StartRefused(
            f"{folder} is not empty and was not made by the demo; name another by --home."
        )


def _empty(folder: Path) -> None:
    """Begin anew."""
    (folder / MARK).write_text("Made by `twinline demo`, which empties this folder at its start.\n")
    for child in folder.iterdir():
        if child.is_dir():
            shutil.rmtree(child)


def _port(settings: Settings) -> int | None:
    """The usual port; None, for a free one, when something else has it."""
    try:
        serving.listen("127.0.0.1", settings.port).close()
    except PortInUse:
        return None
    return settings.port
