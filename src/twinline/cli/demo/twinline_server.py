"""``twinline up`` as a child process: the demo talks to it as any application would."""

import re
import sys
from pathlib import Path

from twinline.cli.demo.process import ChildServer, free_port
from twinline.language.errors import StartRefused

_KEY = re.compile(r"TWINLINE_API_KEY=(twl_\S+)")


class TwinlineProcess(ChildServer):
    """A server with an embedded PostgreSQL and a catalog of its own in ``folder``.

    It follows the MLflow at ``mlflow_url``; None: no MLflow.
    """

    name = "Twinline server"
    health_path = "/readyz"

    def __init__(self, folder: Path, mlflow_url: str | None, *, port: int | None = None) -> None:
        super().__init__(folder, port or free_port(), log_name="twinline.log")
        self._mlflow_url = mlflow_url

    def command(self) -> list[str]:
        """What runs."""
        return [
            *(sys.executable, "-m", "twinline", "up"),
            *("--host", "127.0.0.1", "--port", str(self.port)),
            *("--home", str(self.folder)),
        ]

    def environment(self) -> dict[str, str]:
        """Ours, without a database or a key of the user's."""
        kept = {
            name: value
            for name, value in super().environment().items()
            if not name.startswith("TWINLINE_") or name == "TWINLINE_POSTGRES_BIN"
        }
        if self._mlflow_url is None:
            return kept
        soon = {"TWINLINE_MLFLOW_ALIAS_SECONDS": "1"}  # nobody waits ten seconds in a demo
        return kept | soon | {"TWINLINE_MLFLOW_URL": self._mlflow_url}

    def admin_key(self) -> str:
        """The key that the server printed at its very first start.

        Raises:
            StartRefused: it printed none, because the folder was not new.
        """
        found = _KEY.search(self.log.read_text("utf-8"))
        if found is None:
            raise StartRefused(f"The server printed no key; see {self.log}.")
        return found[1]
