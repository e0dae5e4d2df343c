"""Real MLflow servers as their operators run them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.environments import NotToBeHad, python_with
from twinline.cli.demo.mlflow_server import MlflowProcess

OLDER = "3.16.1"
"""The last release of the minor before ours."""
START_SECONDS = 180.0
"""Four workers take 20 s where nothing else runs."""


class OtherMlflow(MlflowProcess):
    """MLflow otherwise than the demo has it.

    Args:
        folder: for its log and artifacts.
        database: for runs and models; None: SQLite in ``folder``.
        workers: how many.
        python: what runs it; None: ours.
        options: further words of its command line.
        also: stands in its environment.
    """

    def __init__(
        self,
        folder: Path,
        *,
        database: str | None = None,
        workers: int = 1,
        python: Path | None = None,
        options: Sequence[str] = (),
        also: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder, also=also)
        self._database, self._workers = database, workers
        self._python, self._options = python, options

    def command(self) -> list[str]:
        python, *command = super().command()
        stored = ("--backend-store-uri", self._database) if self._database else ()
        return [
            *(str(self._python or python), *command),  # of what is said twice, the last counts
            *("--workers", str(self._workers), *stored, *self._options),
        ]


def older_python() -> Path:
    """The Python of an environment with MLflow ``OLDER`` over what we are installed with."""
    packages = ("mlflow", "mlflow-skinny", "mlflow-tracing")
    try:
        return python_with(*(f"{name}=={OLDER}" for name in packages), over_ours=True)
    except NotToBeHad as why:
        raise AssertionError(
            f"These tests need MLflow {OLDER}, which pip installs once, where it reaches a package "
            f"index: {why}"
        ) from why
