"""A real MLflow server with the outbox, how a step of a history is asked of it over HTTP, and
the Twinline that it tells."""

import os
import signal
import tomllib
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import make_url

from tests.outbox.histories import Step
from tests.support.mlflow_servers import OtherMlflow
from tests.support.serving import served
from twinline.access import actions as access
from twinline.app import make_app
from twinline.cli.demo.process import free_port
from twinline.client import Client
from twinline.db.session import Database, connect
from twinline.language.records import NewKey, Role

ROOT = Path(__file__).resolve().parents[2]
GROUP = "mlflow.model_registry_store"


def installed_in(folder: Path) -> Path:
    """Make a folder that is to Python's path what an installed Twinline is: its entry points."""
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    told = folder / "twinline-0.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: twinline\nVersion: 0\n")
    lines = [f"{name} = {where}" for name, where in points[GROUP].items()]
    (told / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))
    return folder


class OutboxMlflow(OtherMlflow):
    """MLflow with the outbox.

    Args:
        folder: for its log and artifacts.
        url: the database for runs and models.
        told: the environment of the outbox, and whatever else stands there.
        workers: how many.
        options: further words of its command line.
    """

    def __init__(
        self,
        folder: Path,
        url: str,
        *,
        told: dict[str, str],
        workers: int = 1,
        options: Sequence[str] = (),
    ) -> None:
        words = ("--registry-store-uri", f"twinline+{url}", *options)
        super().__init__(folder, database=url, workers=workers, options=words, also=told)
        plugin = folder / "plugin"
        self._path = plugin if plugin.exists() else installed_in(plugin)

    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(self._path), str(ROOT / "src")])
        return super().environment() | {"PYTHONPATH": path}

    def kill(self) -> None:
        """All its processes at once, as when the machine fails."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)


_MODELS, _VERSIONS = "registered-models", "model-versions"
_REQUESTS: dict[str, tuple[str, str, Callable[..., dict[str, Any]]]] = {
    "create_model": ("POST", f"{_MODELS}/create", lambda n, t: {"name": n, "tags": _listed(t)}),
    "describe_model": ("PATCH", f"{_MODELS}/update", lambda n, d: {"name": n, "description": d}),
    "rename_model": ("POST", f"{_MODELS}/rename", lambda n, new: {"name": n, "new_name": new}),
    "delete_model": ("DELETE", f"{_MODELS}/delete", lambda n: {"name": n}),
    "create_version": (
        "POST",
        f"{_VERSIONS}/create",
        lambda n, t: {"name": n, "source": f"s3://{n}", "tags": _listed(t)},
    ),
    "describe_version": (
        "PATCH",
        f"{_VERSIONS}/update",
        lambda n, v, d: {"name": n, "version": str(v), "description": d},
    ),
    "stage_version": (
        "POST",
        f"{_VERSIONS}/transition-stage",
        lambda n, v, s: {
            "name": n, "version": str(v), "stage": s, "archive_existing_versions": s != "None"
        },
    ),
    "delete_version": (
        "DELETE", f"{_VERSIONS}/delete", lambda n, v: {"name": n, "version": str(v)}
    ),
    "set_alias": (
        "POST", f"{_MODELS}/alias", lambda n, a, v: {"name": n, "alias": a, "version": str(v)}
    ),
    "delete_alias": ("DELETE", f"{_MODELS}/alias", lambda n, a: {"name": n, "alias": a}),
    "set_tag": ("POST", f"{_MODELS}/set-tag", lambda n, k, v: {"name": n, "key": k, "value": v}),
    "delete_tag": ("DELETE", f"{_MODELS}/delete-tag", lambda n, k: {"name": n, "key": k}),
    "set_version_tag": (
        "POST",
        f"{_VERSIONS}/set-tag",
        lambda n, v, k, x: {"name": n, "version": str(v), "key": k, "value": x},
    ),
    "delete_version_tag": (
        "DELETE",
        f"{_VERSIONS}/delete-tag",
        lambda n, v, k: {"name": n, "version": str(v), "key": k},
    ),
}  # fmt: skip


def ask(http: httpx.Client, step: Step) -> httpx.Response:
    """Ask MLflow to do a step."""
    verb, given = step
    method, path, body = _REQUESTS[verb]
    return http.request(method, f"/api/2.0/mlflow/{path}", json=body(*given))


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


class Twinline:
    """A Twinline on a port of its own, which goes away and comes back.

    Args:
        database: what it serves; it needs real commits.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.key = self.issue(Role.MLFLOW)

    def issue(self, role: Role) -> str:
        """A key of a role."""
        with self._database.writing("test") as tx:
            return access.issue_key(tx, NewKey(owner=role.value, role=role)).key

    @property
    def told(self) -> dict[str, str]:
        """What MLflow is told of it."""
        return {"TWINLINE_URL": self.url, "TWINLINE_API_KEY": self.key}

    @contextmanager
    def up(self) -> Generator[Client]:
        """Let it serve for a while; a client that may read."""
        own = connect(self._database.engine.url.render_as_string(hide_password=False))
        try:
            with (
                served(make_app(own), self._port) as url,
                Client(url, self.issue(Role.VIEWER)) as client,
            ):
                yield client
        finally:
            own.close()


def with_driver(url: str, driver: str) -> str:
    """The same database, with the driver named."""
    return make_url(url).set(drivername=driver).render_as_string(hide_password=False)
