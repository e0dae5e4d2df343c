"""Resolve a request: choose by the manifest in memory, record, answer."""

import json
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from starlette.concurrency import run_in_threadpool

from twinline.db.session import Database
from twinline.deployments import actions as deployments
from twinline.inferences import actions as inferences
from twinline.language.canonical import digest
from twinline.language.errors import NotFound
from twinline.language.ids import id_beside, new_id
from twinline.language.records import ResolveRequest, ServedBundle
from twinline.language.refs import SlotRef
from twinline.manifests.feed import Feed, Held
from twinline.resolutions.answers import Answer, Given
from twinline.resolutions.recorder import Recorder
from twinline.routing.manifest import no_active_bundle


@dataclass
class Resolver:
    """Answers requests from the manifest in memory."""

    database: Database
    feed: Feed[Answer]
    recorder: Recorder

    async def resolve(self, wanted: ResolveRequest) -> str:
        """The resolution as JSON, after its inference is committed, unless told otherwise.

        A request that comes again with the same id gets the answer that was recorded
        for it, even when another deployment is live by now.

        Raises:
            NotFound: there is no such slot.
            NothingLive: nothing was deployed to it.
            Killed, NoActiveBundle: nothing may be served.
            Invalid: the id is no UUIDv7, or too old, or from the future.
            Unavailable: the record cannot be kept now.
        """
        slot = SlotRef.parse(f"routes:/{wanted.route}@{wanted.environment}")
        if wanted.record and wanted.inference_id:
            earlier = await run_in_threadpool(self._earlier, wanted.inference_id)
            if earlier is not None:
                return earlier
        try:
            held = self.feed.fresh(slot.environment) or await self.feed.newest(slot.environment)
            given = self.choose(
                held, slot.route, wanted.context, record=wanted.record, id=wanted.inference_id
            )
        except NotFound:
            await run_in_threadpool(self._explain_absence, slot)
            raise
        return given.json() if given.id is None else await self.record(given, _more(wanted))

    def choose(
        self,
        held: Held[Answer],
        route: str,
        context: dict[str, Any],
        *,
        record: bool,
        id: UUID | None,
    ) -> Given:
        """Evaluate the live policy of a route.

        Raises:
            NotFound: nothing is live there.
            Killed, NoActiveBundle: nothing may be served.
        """
        live = held.router.route(route)
        made, unit, unknown, shadow = live.evaluate(context, int(time.time()))
        if made.choice.bundle is None:
            raise no_active_bundle(live.slot, made.choice)
        own = (id or new_id()) if record else None
        runs = _runs(own, [held.router.bundles[bundle] for bundle in shadow]) if shadow else ()
        stale_seconds = self.feed.stale_seconds(live.slot.environment)
        return Given(made, own, unit, unknown, runs, stale_seconds)

    async def record(self, given: Given, more: str) -> str:
        """Commit what was given, and then give it; or what was given for this id before.

        Raises:
            Unavailable: it cannot be committed now.
        """
        assert given.id is not None
        if await self.recorder.add(given.id, given.rows(more)):
            return given.json()
        return await run_in_threadpool(self._recorded, given.id)

    def _explain_absence(self, slot: SlotRef) -> None:
        """Raise what the catalog knows about a slot that is not in the manifest."""
        with self.database.reading() as tx:
            deployments.live(tx, slot)

    def _earlier(self, id: UUID) -> str | None:
        """What was given for this id before; None when it is new, and can be recorded."""
        with self.database.reading() as tx:
            inferences.refuse_wrong(tx, id)
            kept = inferences.recorded_resolution(tx, id)
        return kept.model_dump_json() if kept else None

    def _recorded(self, id: UUID) -> str:
        with self.database.reading() as tx:
            kept = inferences.recorded_resolution(tx, id)
        assert kept is not None
        return kept.model_dump_json()


def _runs(
    own: UUID | None, shadow: list[ServedBundle]
) -> tuple[tuple[UUID | None, ServedBundle], ...]:
    """The bundles to run beside a request, by their ids, as the ledger gives them back.

    The ids follow from the request's own, so that one that comes again adds none.
    """
    if own is None:
        return tuple((None, bundle) for bundle in shadow)
    by_id = {id_beside(own, bundle.ref.digest): bundle for bundle in shadow}
    return tuple(sorted(by_id.items()))


def _more(wanted: ResolveRequest) -> str:
    members = {
        "context_digest": digest(wanted.context),
        "context": wanted.context if wanted.keep_context else None,
        **wanted.model_dump(mode="json", include={"decision", "trace_id", "parent_id"}),
    }
    return "," + json.dumps(members)[1:-1]
