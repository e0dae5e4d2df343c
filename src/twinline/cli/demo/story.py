"""The demo's story, scene by scene."""

import shutil
import signal
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.text import Text

from twinline.cli import serving
from twinline.cli.demo import catalog
from twinline.cli.demo.catalog import PRODUCTION, RELEASES, ROUTE
from twinline.cli.demo.mlflow_server import MlflowProcess
from twinline.cli.demo.replies import PROMPT
from twinline.cli.demo.twinline_server import TwinlineProcess
from twinline.cli.evaluation_comparison import comparison_of
from twinline.cli.explain import story
from twinline.cli.impact import impact_of
from twinline.cli.output import facts, out, short
from twinline.cli.slots import preview_of, slots_table
from twinline.client import Client
from twinline.language.errors import NotEvaluated, PortInUse, StartRefused, TwinlineError
from twinline.language.records import Resolution
from twinline.settings import Settings

MARK = ".twinline-demo"
Step = Callable[[str], None]


def tell(folder: Path, settings: Settings, *, stay: bool) -> None:
    """Tell the whole story; with ``stay`` serve on until Ctrl-C."""
    _refuse_foreign(folder)
    with ExitStack() as running:
        running.enter_context(serving.only_server(folder, "where the other demo says"))
        _empty(folder)
        mlflow = running.enter_context(MlflowProcess(folder / "mlflow"))
        port = _port(settings)
        server = running.enter_context(TwinlineProcess(folder / "twinline", mlflow.url, port=port))
        resolutions, client = _work(folder, mlflow, server)
        with client:
            example = _show(client, resolutions[-1])
            _roll_back(client)
            _require(client)
        _farewell(mlflow, server, example)
        if stay:
            out.print("\nServing on. Ctrl-C stops everything.", style="dim")
            signal.pause()


def _work(
    folder: Path, mlflow: MlflowProcess, server: TwinlineProcess
) -> tuple[list[Resolution], Client]:
    """Everything that takes time, under progress bars."""
    with _progress() as progress:
        with _bar(progress, "Starting Twinline, PostgreSQL and MLflow", 3) as step:
            from twinline.cli.demo import scoring, training  # two seconds, while the servers start

            step("Twinline and PostgreSQL")
            server.wait_until_ready()
            step("MLflow")
            mlflow.wait_until_ready()
        client = Client(server.url, server.admin_key())
        with _bar(progress, "Training two model versions", training.STEPS) as step:
            trained = training.train(mlflow.url, folder, step)
        scoring.define(client, PROMPT)
        with _bar(progress, "Registering models and prompts", 5) as step:
            prompts = catalog.register(client, trained, step)
        with _bar(progress, "Running the suite of each new prompt version", len(prompts)) as step:
            client.evaluations.work(
                scoring.SUITE,
                scoring.scorer(client, trained[-1], folder),
                until_empty=True,
                told=lambda told: step(str(told.evaluation.subject)) if told.evaluation else None,
            )
        models = {f"models:/{version.name}/{version.number}": version for version in trained}
        resolutions: list[Resolution] = []
        total = sum(release.requests for release in RELEASES)
        with _bar(progress, "Answering requests in production", total) as step:
            for release in RELEASES:
                sides = trained[release.model - 1], prompts[release.prompt - 1]
                bundle = catalog.pair(client, *sides)
                made = catalog.release(client, bundle, release.reason)
                words = f"deployment {made.number}: model {release.model}, prompt {release.prompt}"
                resolutions += catalog.answer(
                    client,
                    models,
                    training.tickets(),
                    release.requests,
                    lambda words=words: step(words),
                )
    return resolutions, client


def _show(client: Client, last: Resolution) -> str:
    """What happened, in three questions; the id of the request that was explained."""
    bad = f"prompts:/{PROMPT}/3"
    out.print(Rule("What is live now?"))
    out.print(slots_table(list(client.slots.list())))
    out.print(Rule(f"Customers complain. What did {bad} touch?"))
    out.print(impact_of(client.lineage.impact(bad)))
    out.print(Rule("One of those requests: where did its answer come from?"))
    assert last.inference_id is not None
    out.print(story(client.inferences.explain(last.inference_id)))
    return str(last.inference_id)


def _roll_back(client: Client) -> None:
    """Put the prompt back, keep the model, and see that the next request gets that pair."""
    out.print(Rule("Put the prompt back, keep the model"))
    foreseen = client.slots.preview_rollback(PRODUCTION, "prompt")
    out.print(preview_of(foreseen))
    made = client.slots.roll_back(
        PRODUCTION,
        "prompt",
        reason="replies name no team and no time since the friendlier tone",
        expected=foreseen.live.number,
    )
    wanted = foreseen.pairs[0]
    found = client.inferences.resolve(ROUTE, "production", {"length": 40})
    served = found.bundle
    if (served.model.ref, served.prompt.ref) != (wanted.model, wanted.prompt):
        raise TwinlineError(f"After the rollback {served.ref} was served, not {wanted.bundle}.")
    out.print()
    out.print(
        facts(
            (
                ("rolled back", f"deployment {made.number}, undoing {made.undoes}: {made.reason}"),
                ("next request", f"{short(served.ref)}, chosen by {found.deployment}"),
                ("model", f"{served.model.ref} (kept)"),
                ("prompt", f"{served.prompt.ref} (back)"),
            )
        )
    )


def _require(client: Client) -> None:
    """What the suite had said of the bad version; and see that it cannot go live again."""
    from twinline.cli.demo import scoring  # loaded already

    out.print(Rule("Its suite had known. From now on production requires that suite"))
    good, bad = (f"prompts:/{PROMPT}/{number}" for number in (2, 3))
    out.print(comparison_of(client.evaluations.compare(good, bad)))
    client.suites.require(scoring.SUITE, PRODUCTION.environment, reason="it would have told us")
    live = client.slots.get(PRODUCTION).live
    assert live is not None
    again = client.bundles.pair(live.model, bad)
    try:
        client.slots.deploy(PRODUCTION, again.ref, reason="once more", expected=live.number)
    except NotEvaluated as refused:
        out.print()
        out.print(Text.assemble(("refused  ", "dim"), refused.detail))
    else:
        raise TwinlineError(f"{again.ref} went live without having passed {scoring.SUITE}.")


def _farewell(mlflow: MlflowProcess, server: TwinlineProcess, example: str) -> None:
    out.print(Rule("To go on with"))
    commands = (
        f"export TWINLINE_URL={server.url} TWINLINE_API_KEY={server.admin_key()}",
        f"export MLFLOW_TRACKING_URI={mlflow.url}",
        f"twinline history {PRODUCTION.short}",
        f"twinline impact prompts:/{PROMPT}/3",
        f"twinline explain {example}",
        "twinline lineage models:/ticket-triage/2",
        f"twinline rollback {PRODUCTION.short} --side model --preview",
        "twinline evaluate list",
        "twinline evaluate worker --suite names-the-team --call twinline.cli.demo.scoring:score",
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


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=out,
    )


@contextmanager
def _bar(progress: Progress, title: str, steps: int) -> Generator[Step]:
    """One line of progress; each call of what is yielded is a step, told in words."""
    task = progress.add_task(title, total=steps)

    def step(words: str) -> None:
        progress.update(task, advance=1, description=f"{title}: {words}")

    yield step
    progress.update(task, completed=steps, description=title)
