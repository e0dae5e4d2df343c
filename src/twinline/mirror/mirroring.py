"""The mirror as a process has it: its MLflow servers, its workers and what they share."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import ExitStack, asynccontextmanager

from starlette.concurrency import run_in_threadpool

from twinline.db.glances import Glance
from twinline.db.listening import Announcements
from twinline.db.session import Database, Reading
from twinline.language.errors import MlflowUnavailable, NotFound
from twinline.language.nearest import not_found
from twinline.language.records import MirrorStatus
from twinline.manifests import actions as manifests
from twinline.mirror import inbox, marks, places_store
from twinline.mirror.actions import NO_SERVER, no_server
from twinline.mirror.hooks import Refusals
from twinline.mirror.naming import Place
from twinline.mirror.remote import MlflowServer
from twinline.mirror.signatures import derived_secret
from twinline.mirror.sweeping import Cadence
from twinline.mirror.worker import Worker

STUCK_SHOWN = 20


class Mirroring:
    """The MLflow servers of this process.

    Args:
        servers: each with a name of its own.
        cadence: how often they are swept; None mirrors nothing by itself, and only reads
            what is asked for.
        webhook_secret: what webhooks are signed with; None derives a secret for each
            server from the catalog's signing key.
    """

    def __init__(
        self,
        servers: Iterable[MlflowServer] = (),
        *,
        cadence: Cadence | None = None,
        webhook_secret: str | None = None,
    ) -> None:
        self.servers = {server.name: server for server in servers}
        self.refusals = Refusals()
        self._cadence = cadence
        self._webhook_secret = webhook_secret
        self._secrets: dict[str, str] = {}
        self._glance = Glance(self.status)

    @property
    def places(self) -> list[Place]:
        """Every workspace that is mirrored."""
        return [
            Place(server.name, workspace)
            for server in self.servers.values()
            for workspace in server.workspaces
        ]

    def server(self, name: str) -> MlflowServer:
        """A server by its name.

        Raises:
            MlflowUnavailable: the settings name no server at all.
            NotFound: they name others.
        """
        found = self.servers.get(name)
        if found is not None:
            return found
        if not self.servers:
            raise MlflowUnavailable(NO_SERVER)
        raise no_server(name, self.servers.keys())

    def server_of(self, place: Place) -> MlflowServer:
        """The server of a workspace that is mirrored.

        Raises:
            MlflowUnavailable: the settings name no server at all.
            NotFound: they name another server, or other workspaces of it.
        """
        found = self.server(place.server)
        if place.workspace not in found.workspaces:
            of = f"mirrored workspace of the MLflow server {place.server!r}"
            raise not_found(of, place.workspace, found.workspaces)
        return found

    def secret(self, database: Database, server: str) -> str:
        """What the webhooks of a server are signed with. It is read once: the key that it is
        derived from is never another.

        Raises:
            NotFound: there is no such server.
        """
        if server not in self.servers:
            raise NotFound(f"There is no MLflow server {server!r}.", kind="MLflow server")
        if self._webhook_secret:
            return self._webhook_secret
        if server not in self._secrets:
            with database.reading() as tx:
                self._secrets[server] = derived_secret(manifests.private_key(tx), server)
        return self._secrets[server]

    def status(self, tx: Reading) -> MirrorStatus:
        """How far the mirror is behind, and what waits."""
        return MirrorStatus(
            places=places_store.standing(tx),
            stuck=marks.stuck(tx, STUCK_SHOWN),
            inbox=inbox.depth(tx),
            refused=self.refusals.counts(),
        )

    def glance(self, tx: Reading) -> MirrorStatus:
        """The status of what is mirrored now, for whoever asks: what is counted in the database
        may be `GLANCE_SECONDS` old."""
        found = self._glance.at(tx)
        ours = tuple(one for one in found.places if Place(one.server, one.workspace) in self.places)
        return found.model_copy(update={"places": ours, "refused": self.refusals.counts()})

    @asynccontextmanager
    async def at_work(
        self, database: Database, announcements: Announcements
    ) -> AsyncGenerator[None]:
        """Mirror until the block ends."""
        cadence = self._cadence
        if cadence is None:
            yield
            return
        workers = [Worker(database, server, cadence) for server in self.servers.values()]
        for worker in workers:
            announcements.subscribe(worker.take_note)
        with ExitStack() as running:
            for worker in workers:
                running.enter_context(worker.running())
            try:
                yield
            finally:
                await run_in_threadpool(running.close)
