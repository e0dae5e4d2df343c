"""Models, as the client offers them."""

from collections.abc import Iterator

from twinline.client.http import Http, segment
from twinline.language.records import (
    Dataset,
    MlflowImport,
    Model,
    ModelName,
    ModelVersion,
    NewModelName,
    NewModelVersion,
    Run,
)
from twinline.language.refs import ModelVersionRef


class Models:
    """Models, their versions, runs and datasets."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def register(self, new: NewModelVersion, *, key: str | None = None) -> ModelVersion:
        """Register a version by hand, say of a hosted provider's model."""
        return self._http.write(ModelVersion, "POST", "/models", new, key=key)

    def import_from_mlflow(
        self,
        name: str,
        *,
        number: int | None = None,
        alias: str | None = None,
        server: str = "default",
        workspace: str = "default",
    ) -> ModelVersion:
        """Have the server read a version from its MLflow: by number, alias, or the newest.

        It gets the name that the mirror has for it: outside the default workspace of the
        default server that begins with the ``server`` and the ``workspace``.
        """
        wanted = MlflowImport(
            name=name, number=number, alias=alias, server=server, workspace=workspace
        )
        return self._http.write(ModelVersion, "POST", "/mlflow/models", wanted)

    def list(self) -> Iterator[Model]:
        """Models by name."""
        return self._http.pages(Model, "/models")

    def get(self, name: str, number: int) -> ModelVersion:
        """One version."""
        return self._http.get(ModelVersion, f"/models/{segment(name)}/versions/{number}")

    def versions(self, name: str) -> Iterator[ModelVersion]:
        """The versions of a model, the newest first."""
        return self._http.pages(ModelVersion, f"/models/{segment(name)}/versions")

    def names(self) -> Iterator[ModelName]:
        """The names by which traces may mean versions, by provider and name."""
        return self._http.pages(ModelName, "/models/names")

    def keep_name(
        self, provider: str, name: str, version: ModelVersionRef | str, *, reason: str
    ) -> ModelName:
        """Say which version is meant where traces say this provider (``*``: whichever) and
        model (a whole name, or with ``*`` at its end all that begin so)."""
        ref = version if isinstance(version, ModelVersionRef) else ModelVersionRef.parse(version)
        new = NewModelName(provider=provider, name=name, version=ref, reason=reason)
        return self._http.write(ModelName, "PUT", "/models/names", new)

    def drop_name(self, provider: str, name: str) -> ModelName:
        """Let a name stand for nothing any more; what it stood for."""
        path = f"/models/names/{segment(provider)}/{segment(name)}"
        return self._http.write(ModelName, "DELETE", path)

    def run(self, id: str) -> Run:
        """A run, with the datasets that went into it."""
        return self._http.get(Run, f"/runs/{segment(id)}")

    def datasets(self, name: str) -> Iterator[Dataset]:
        """The datasets of a name, one for each digest."""
        return self._http.pages(Dataset, f"/datasets/{segment(name)}")
