"""The client's entrance: one object, with the nouns as its parts."""

from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx

from twinline.client.access import Audit, Keys
from twinline.client.bundles import Bundles
from twinline.client.evaluations import Evaluations
from twinline.client.exports import Exports
from twinline.client.http import Http
from twinline.client.ledger import Inferences
from twinline.client.lineage import LineageGraph
from twinline.client.local.application import COLD_START_SECONDS, Application, folder_of
from twinline.client.local.calls import Call, more_of
from twinline.client.local.files import write_manifest
from twinline.client.local.following import fetch_signed
from twinline.client.local.resolved import Resolved
from twinline.client.mirror import Mirror
from twinline.client.mlflow_changes import MlflowChanges
from twinline.client.mlflow_links import MlflowLinks
from twinline.client.models import Models
from twinline.client.prompts import Prompts
from twinline.client.recalls import Recalls
from twinline.client.routing import FleetView, Kills, Policies
from twinline.client.slots import Slots
from twinline.client.spool import Spool
from twinline.client.suites import Suites
from twinline.client.times import Environments
from twinline.language.errors import NotFound, Unavailable
from twinline.language.records import Divergences, ServedBundle
from twinline.routing.manifest import read_manifest


class Client:
    """Talks to a Twinline server, and resolves in its own process.

    The first `resolve` fetches the signed manifest of the environment; from then on
    resolving is a function call of microseconds, and a thread follows every change.
    Records are spooled to disk and shipped by another. Without the server, the last
    good manifest answers and records wait on disk.

    Args:
        url: where the server is, as ``http://127.0.0.1:8420``.
        api_key: a key as ``twl_...``; its role decides what is allowed.
        environment: the one to resolve in, unless a call says otherwise.
        local: False asks the server for every resolution.
        folder: where the last good manifest and the spool are kept; default: under the
            home folder, one for each server.
        bootstrap: a manifest file (``twinline manifest``) for a first start without a
            server.
        manifest_key: the public key that manifests must be signed with, in base64;
            without it the key that the server names first is remembered.
        cold_start_seconds: how long the first resolve may take in all.
        spool_bytes_max: what waiting records may take on disk; more are dropped, counted
            and reported.
        timeout_seconds: how long one try of a request may take; three are made when it
            is safe.
        total_seconds: how long they may take in all; a server that asks for a longer wait
            than that (``Retry-After``) is not asked again.
        transport: how to reach the server, for tests and proxies; default: the network.

    Every method raises the errors of `twinline.language.errors`; `Unavailable` when the
    server cannot be reached. It may be used by many threads, and goes on in processes
    that are forked.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        environment: str = "production",
        local: bool = True,
        folder: Path | None = None,
        bootstrap: Path | None = None,
        manifest_key: str | None = None,
        cold_start_seconds: float = COLD_START_SECONDS,
        spool_bytes_max: int = 256 << 20,
        timeout_seconds: float = 10.0,
        total_seconds: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = Http(
            url,
            api_key,
            timeout_seconds=timeout_seconds,
            total_seconds=total_seconds,
            transport=transport,
        )
        self.environment = environment
        self._local = local
        self._folder = folder or folder_of(self._http.url)
        self._bootstrap = bootstrap
        self._manifest_key = manifest_key
        self._cold_start_seconds = cold_start_seconds
        self._spool = Spool(self._folder / "spool", bytes_max=spool_bytes_max)
        self._applications: dict[str, Application] = {}
        self._closed = False
        self.prompts = Prompts(self._http)
        self.models = Models(self._http)
        self.mirror = Mirror(self._http)
        self.bundles = Bundles(self._http)
        self.evaluations = Evaluations(self._http)
        self.suites = Suites(self._http)
        self.slots = Slots(self._http)
        self.environments = Environments(self._http)
        self.policies = Policies(self._http)
        self.kills = Kills(self._http)
        self.recalls = Recalls(self._http)
        self.inferences = Inferences(self._http)
        self.lineage = LineageGraph(self._http)
        self.mlflow_links = MlflowLinks(self._http)
        self.exports = Exports(self._http)
        self.fleet = FleetView(self._http)
        self.mlflow_changes = MlflowChanges(self._http)
        self.keys = Keys(self._http)
        self.audit = Audit(self._http)

    def start(self, environment: str | None = None) -> None:
        """Fetch the manifest of an environment, so that the first `resolve` need not.

        Raises:
            Unavailable: there is no server and no manifest on disk.
        """
        self._application(environment or self.environment).start(self._cold_start_seconds)

    def resolves_at_once(self, environment: str | None = None) -> bool:
        """Whether `resolve` is a mere function call by now, which waits for nothing."""
        application = self._applications.get(environment or self.environment)
        return self._local and application is not None and application.ready

    def resolve(
        self,
        route: str,
        context: dict[str, Any] | None = None,
        *,
        environment: str | None = None,
        record: bool = True,
        default: ServedBundle | None = None,
        decision: str | None = None,
        trace_id: str | None = None,
        parent_id: UUID | None = None,
        keep_context: bool = False,
    ) -> Resolved:
        """Which bundle answers a request; the inference is spooled unless told otherwise.

        A context that holds nothing usable is no error: what a rule asks for and does
        not find is UNKNOWN. ``default`` is given when there is nothing to resolve from.
        `inference` also keeps what came of the request.

        Raises:
            NotFound: nothing is live for the route.
            Killed, NoActiveBundle: nothing may be served.
            Unavailable: there is no server and no manifest on disk.
        """
        name = environment or self.environment
        more: str | None = None
        if record:
            more = ""
            if decision or trace_id or parent_id or keep_context:
                more = more_of(context, decision, trace_id, parent_id, keep_context=keep_context)
        application = self._applications.get(name)
        if application is not None and application.ready and default is None:
            return application.routes.resolve(route, context, more)
        return self._resolve_first(name, route, context, more, default)

    def inference(
        self,
        route: str,
        context: dict[str, Any] | None = None,
        *,
        environment: str | None = None,
        default: ServedBundle | None = None,
        decision: str | None = None,
        traceparent: str | None = None,
        keep_context: bool = False,
    ) -> Call:
        """Resolve, and record the request with what came of it when the block ends::

            with client.inference("support-answer", {"tenant": "acme"}) as call:
                reply = model(call.bundle.prompt.template)
                call.observe(output_tokens=reply.tokens)

        A call inside another is its child. ``traceparent`` is the W3C header of the
        request that is being answered.

        Raises:
            NotFound, Killed, NoActiveBundle, Unavailable: as for `resolve`.
        """
        resolved = self.resolve(
            route, context, environment=environment, record=False, default=default
        )
        application = self._application(environment or self.environment)
        if not self._local:
            application.start_shipping()
        return Call(
            application.routes,
            resolved,
            context,
            decision=decision,
            traceparent=traceparent,
            keep_context=keep_context,
        )

    def save_manifest(self, environment: str, file: Path) -> int:
        """Write the signed manifest of an environment to a file; its version.

        The file can be given as ``bootstrap``.
        """
        signed, key = fetch_signed(self._http, environment)
        write_manifest(file, signed, key)
        return read_manifest(signed, key).version

    def divergences(
        self,
        environment: str | None = None,
        *,
        since: datetime | None = None,
        hours: float | None = None,
        grace_seconds: float | None = None,
        limit: int | None = None,
    ) -> Divergences:
        """Where what was observed is not what was declared, with exact counts.

        Requests since a moment (default: a day ago) that were not served as their
        deployment or the policy of the time says, and slots that were not seen for
        ``hours`` (default: 24). ``grace_seconds`` (default: 60) is how late a request may
        name a deployment that was replaced.
        """
        query = {
            "environment": environment,
            "since": since,
            "hours": hours,
            "grace_seconds": grace_seconds,
            "limit": limit,
        }
        return self._http.get(Divergences, "/divergences", query)

    def flush(self) -> bool:
        """Ship all that is spooled now; False when the server does not take it."""
        return all(one.flush() for one in list(self._applications.values()))

    def _application(self, environment: str) -> Application:
        found = self._applications.get(environment)
        if found is None:
            made = Application(
                self._http,
                environment,
                folder=self._folder,
                bootstrap=self._bootstrap,
                public_key=self._manifest_key,
                spool=self._spool,
            )
            found = self._applications.setdefault(environment, made)
            if self._closed:
                found.stop()
        return found

    def _resolve_first(
        self,
        environment: str,
        route: str,
        context: dict[str, Any] | None,
        more: str | None,
        default: ServedBundle | None,
    ) -> Resolved:
        """Resolve when the manifest may have to be fetched, or a default stands ready."""
        application = self._application(environment)
        try:
            if not self._local:
                return application.ask(self.inferences, route, context, more)
            application.start(self._cold_start_seconds)
            return application.routes.resolve(route, context, more)
        except (NotFound, Unavailable):
            if default is None:
                raise
            application.start_shipping()
            return application.routes.give_default(route, default, more)

    def close(self) -> None:
        """Ship what is spooled, as far as the server takes it, and close the connections."""
        self._closed = True
        for application in list(self._applications.values()):
            application.stop()
        self._spool.close()
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
