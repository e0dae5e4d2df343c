"""A real ``mlflow server`` as a child process, for the demo and for the tests."""

import sys
from collections.abc import Mapping
from pathlib import Path

from twinline.cli.demo.process import ChildServer, free_port

QUIET: Mapping[str, str] = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_AGENT_HINT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_MODEL_CATALOG_URI": "",
}
"""What keeps MLflow from calling home, in the server and in a client."""

_SERVER_ENVIRONMENT = {
    **QUIET,
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # saves 1 s and 8 processes
    "PYTHONUNBUFFERED": "1",
    "PYTHONWARNINGS": "ignore",
}
_UVICORN = "--lifespan off --no-access-log --log-level warning"
"""Without its lifespan MLflow does not go looking for Docker containers of its own."""


class MlflowProcess(ChildServer):
    """MLflow with one worker, SQLite and artifacts in ``folder``.

    Importing MLflow takes as long as starting it, so do that meanwhile. ``also`` stands in
    its environment beside what keeps it quick and quiet.
    """

    name = "MLflow server"
    health_path = "/health"

    def __init__(
        self, folder: Path, *, port: int | None = None, also: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(folder, port or free_port(), log_name="mlflow.log")
        self._also = also or {}

    def command(self) -> list[str]:
        """What runs."""
        return [
            *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
            *("--host", "127.0.0.1", "--port", str(self.port)),
            *("--backend-store-uri", f"sqlite:///{self.folder / 'mlflow.db'}"),
            *("--artifacts-destination", str(self.folder / "artifacts")),
            *("--uvicorn-opts", _UVICORN),
        ]

    def environment(self) -> dict[str, str]:
        """Ours, without what the user set for an MLflow of their own."""
        ours = super().environment()
        kept = {name: value for name, value in ours.items() if not name.startswith("MLFLOW_")}
        return {**kept, **_SERVER_ENVIRONMENT, **self._also}
