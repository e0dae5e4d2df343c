"""What happened in MLflow registries, as the client offers it."""

from collections.abc import Iterator

from twinline.client.http import Http, segment
from twinline.language.records import MlflowChange


class MlflowChanges:
    """Every change in the registries of MLflow servers that run with Twinline's outbox."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def list(
        self, server: str = "default", *, name: str | None = None, after: int = 0
    ) -> Iterator[MlflowChange]:
        """Changes in the order in which they were told, of one registered model or prompt or
        of all; only those with a number above ``after``."""
        path = f"/mlflow/servers/{segment(server)}/changes"
        return self._http.pages(MlflowChange, path, {"name": name, "after": after})
