"""Where MLflow's own pages are, when this process knows the server."""

from urllib.parse import quote

from fastapi import Request

from twinline.db.session import Reading
from twinline.language.records import ModelVersion, Run
from twinline.language.refs import ModelVersionRef
from twinline.mirror import actions as mirror
from twinline.mirror.mirroring import Mirroring
from twinline.mirror.naming import DEFAULT


def model_version(request: Request, tx: Reading, version: ModelVersion) -> str:
    """MLflow's page of a model version; empty when its server is not known."""
    server, name = _place(request, tx, version.name)
    return f"{server}/#/models/{_quoted(name)}/versions/{version.number}" if server else ""


def model(request: Request, tx: Reading, name: str) -> str:
    """MLflow's page of a model; empty when its server is not known."""
    server, found = _place(request, tx, name)
    return f"{server}/#/models/{_quoted(found)}" if server else ""


def run(request: Request, tx: Reading, one: Run, made: ModelVersionRef | None) -> str:
    """MLflow's page of a run, on the server of a model version that it made."""
    server, _ = _place(request, tx, made.name) if made else ("", "")
    return f"{server}/#/runs/{_quoted(one.id)}" if server else ""


def _place(request: Request, tx: Reading, name: str) -> tuple[str, str]:
    """The address of the server that has a model, and the model's name there."""
    mirroring: Mirroring = request.app.state.mirroring
    found = mirror.origin(tx, name, "model") if mirroring.servers else None
    if found is None:
        return "", ""
    place, name_there = found
    server = mirroring.servers.get(place.server)
    # How its pages tell workspaces apart is the server's own matter.
    if server is None or place.workspace != DEFAULT:
        return "", ""
    return _web(server.url), name_there


def _web(url: str) -> str:
    return url.rstrip("/") if url.startswith(("http://", "https://")) else ""


def _quoted(text: str) -> str:
    return quote(text, safe="")
