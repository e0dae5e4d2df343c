"""The mirror of MLflow as the client offers it."""

from collections.abc import Iterator

from twinline.client.http import Http
from twinline.language.records import (
    HookRequest,
    InstalledHooks,
    MirrorAlias,
    MirrorDrift,
    MirrorKind,
    MirrorStatus,
    MirrorTag,
    SyncRequest,
)


class Mirror:
    """How far the catalog follows MLflow, and what happened there."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def status(self) -> MirrorStatus:
        """How far the mirror is behind each MLflow server."""
        return self._http.get(MirrorStatus, "/mlflow/status")

    def drift(self) -> Iterator[MirrorDrift]:
        """What MLflow no longer has as the catalog knows it, the newest finding first."""
        return self._http.pages(MirrorDrift, "/mlflow/drift")

    def aliases(self, name: str, kind: MirrorKind = "model") -> Iterator[MirrorAlias]:
        """Where the aliases in MLflow were of what the catalog calls so, the newest first.

        Raises:
            NotFound: nothing that is mirrored is called so.
        """
        return self._http.pages(
            MirrorAlias, "/mlflow/history/aliases", {"name": name, "kind": kind}
        )

    def tags(self, name: str, kind: MirrorKind = "model") -> Iterator[MirrorTag]:
        """What the tags in MLflow were of what the catalog calls so, and of its versions; as
        `aliases`."""
        return self._http.pages(MirrorTag, "/mlflow/history/tags", {"name": name, "kind": kind})

    def sync(self, server: str | None = None, *, full: bool = False) -> MirrorStatus:
        """Have one server, or all, swept now; `status` shows how far that is.

        Raises:
            NotFound: the server's settings name no such MLflow server.
        """
        wanted = SyncRequest(server=server, full=full)
        return self._http.write(MirrorStatus, "POST", "/mlflow/sync", wanted)

    def install_hooks(self, url: str, server: str = "default") -> InstalledHooks:
        """Have an MLflow server tell this Twinline, which it reaches at ``url``, of changes.

        Raises:
            MlflowUnavailable: it does not answer.
            Invalid: it refuses the address.
        """
        wanted = HookRequest(server=server, url=url)
        return self._http.write(InstalledHooks, "POST", "/mlflow/hooks", wanted)
