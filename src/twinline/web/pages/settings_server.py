"""MLflow, applications that resolve by themselves, and the server itself."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Request, Response
from pydantic import Field

import twinline
from twinline.access.rules import Permission
from twinline.aliases import actions as aliases
from twinline.db import migrations
from twinline.environments import actions as environments
from twinline.language.records import (
    AliasLink,
    Fleet,
    ForeignMove,
    Health,
    MirrorDrift,
    MirrorStatus,
    MlflowChange,
    SyncRequest,
)
from twinline.manifests import actions as manifests
from twinline.mirror import actions as mirror
from twinline.mirror import changes
from twinline.mirror.api import mirroring
from twinline.web import forms, rendering
from twinline.web.gate import Reader, Sender, sender
from twinline.web.page import Page
from twinline.web.problems import page_router

router = page_router()
SyncSender = Annotated[Sender, sender(Permission.MODELS)]
DRIFT, LINKS, PROPOSALS, CLIENTS = 20, 100, 20, 200


@dataclass(frozen=True)
class Server:
    """An MLflow server, the workspaces that are mirrored, and the last change that its outbox
    told; None: it told none."""

    name: str
    workspaces: tuple[str, ...]
    told: MlflowChange | None


class MlflowSettingsPage(Page, template="settings_mlflow.html"):
    """How MLflow and the catalog go together."""

    heading = "Settings: MLflow"

    servers: tuple[Server, ...] = Field(
        description="The servers of the settings, and what their outboxes told last. A change in "
        "MLflow that was told is in the catalog at once; else a sweep finds it."
    )
    status: MirrorStatus = Field(
        title="mirror",
        description="How far each workspace is swept, what waits, and what is in the way; up to "
        "ten seconds old.",
    )
    drift: tuple[MirrorDrift, ...] = Field(
        description=f"What MLflow no longer has as the catalog knows it, the newest {DRIFT}."
    )
    more_drift: bool = Field(description="Whether there is more of that.")
    links: tuple[AliasLink, ...] = Field(
        description="Slots that an alias in MLflow goes with, and whether they agree; the first "
        f"{LINKS}, by environment and route."
    )
    more_links: bool = Field(description="Whether there are more of these.")
    proposals: tuple[ForeignMove, ...] = Field(
        description="Moves of such aliases in MLflow that wait for somebody to accept or decline, "
        f"the newest {PROPOSALS}."
    )
    more_proposals: bool = Field(description="Whether more of them wait.")


class ClientSettingsPage(Page, template="settings_clients.html"):
    """The applications that resolve by themselves."""

    heading = "Settings: clients"

    environment: str = Field(description="The environment whose applications are shown.")
    environments: tuple[str, ...] = Field(description="The environments to choose from.")
    fleet: Fleet | None = Field(
        title="clients",
        description="Applications that resolve in their own process and reported within the last "
        f"two minutes, those that lag most first, up to {CLIENTS}: their library, the version of "
        "the manifest that they are at, and what waits on their disks.",
    )


class ServerSettingsPage(Page, template="settings_server.html"):
    """This server."""

    heading = "Settings: server"

    version: str = Field(description="Of Twinline.")
    database: str = Field(description="The version of PostgreSQL.")
    revision: str = Field(
        title="schema",
        description="The schema that the database is at, and that this program wants.",
    )
    health: Health = Field(description="Whether the server can do its work, and what it looked at.")
    changes_heard: Literal["at once", "within a second"] = Field(
        description="How soon this process hears of what another one changed."
    )


@router.get("/settings/mlflow")
def mlflow_settings(by: Reader, request: Request) -> Response:
    """How MLflow and the catalog go together."""
    mirrored = mirroring(request)
    with by.reading() as tx:
        drift = mirror.list_drift(tx, cursor=None, limit=DRIFT + 1).items
        links = aliases.list_links(tx, cursor=None, limit=LINKS + 1).items
        waiting = aliases.proposals(tx, None, waiting=True, cursor=None, limit=PROPOSALS + 1).items
        page = MlflowSettingsPage(
            servers=tuple(
                Server(one.name, tuple(one.workspaces), changes.newest(tx, one.name))
                for one in mirrored.servers.values()
            ),
            status=mirrored.glance(tx),
            drift=drift[:DRIFT],
            more_drift=len(drift) > DRIFT,
            links=links[:LINKS],
            more_links=len(links) > LINKS,
            proposals=waiting[:PROPOSALS],
            more_proposals=len(waiting) > PROPOSALS,
        )
    return rendering.answer(by, page)


@router.post("/settings/mlflow/sync")
def sync(by: SyncSender, request: Request) -> Response:
    """Sweep MLflow now."""
    wanted = SyncRequest(full=by.fields.ticked("full"))
    with by.writing() as tx:
        mirror.ask_sync(tx, mirroring(request).places, wanted)
    return forms.done("/settings/mlflow", "sync-asked")


@router.get("/settings/clients")
def client_settings(by: Reader, environment: str = "") -> Response:
    """The applications of an environment."""
    with by.reading() as tx:
        names = tuple(sorted(environments.versions(tx)))
        chosen = environment.strip() or _usual(names)
        fleet = manifests.fleet(tx, chosen) if chosen else None
    if fleet:
        fleet = fleet.model_copy(update={"items": fleet.items[:CLIENTS]})
    page = ClientSettingsPage(environment=chosen, environments=names, fleet=fleet)
    return rendering.answer(by, page)


@router.get("/settings/server")
def server_settings(by: Reader, request: Request) -> Response:
    """This server."""
    found: Health = request.app.state.check(by.database)
    connected = request.app.state.announcements.connected
    with by.reading() as tx:
        server = migrations.server_version(tx)
    page = ServerSettingsPage(
        version=twinline.__version__,
        database=server,
        revision=str(migrations.current(by.database)),
        health=found,
        changes_heard="at once" if connected else "within a second",
    )
    return rendering.answer(by, page)


def _usual(names: tuple[str, ...]) -> str:
    if "production" in names:
        return "production"
    return names[0] if names else ""
