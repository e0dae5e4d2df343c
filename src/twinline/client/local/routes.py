"""Resolve in this process, and spool what was resolved."""

import json
from collections.abc import Mapping
from time import time_ns
from typing import Any

from twinline.client.local.resolved import Prepared, Resolved, head_of
from twinline.client.spool import Spool
from twinline.language.errors import NotFound
from twinline.language.ids import new_id_text
from twinline.language.records import Manifest, ServedBundle, ServedFrom, ShadowRun
from twinline.language.refs import DeploymentRef, SlotRef
from twinline.routing.conditions import exact_type
from twinline.routing.evaluation import Choice
from twinline.routing.manifest import Make, Router, no_active_bundle

_NO_CONTEXT: Mapping[str, Any] = {}


class Routes:
    """The live policies of an environment, as this process knows them.

    A newer manifest is compiled by whoever brings it, and then takes the place of the
    older one by one assignment; whoever resolves meanwhile is not held up.
    """

    def __init__(self, environment: str, spool: Spool) -> None:
        self.environment = environment
        self._spool = spool
        self._router: Router[Prepared] | None = None
        self._source: ServedFrom = "default"
        self._stale_seconds: float | None = None
        self._stale_json = ""

    @property
    def manifest(self) -> Manifest | None:
        """The manifest that is resolved from; None before there is one."""
        return self._router.manifest if self._router else None

    @property
    def served_from(self) -> ServedFrom:
        """Where the manifest comes from."""
        return self._source

    @property
    def stale_seconds(self) -> float | None:
        """How long the manifest was not known to be current, as last noted."""
        return self._stale_seconds

    def note_stale(self, seconds: float) -> None:
        """Note how long the manifest was not known to be current."""
        self._stale_seconds, self._stale_json = seconds, f',"stale_seconds":{seconds}'

    def use(self, manifest: Manifest, source: ServedFrom) -> None:
        """Resolve from this manifest from now on."""
        self._router, self._source = Router(manifest, _prepare(source)), source

    def resolve(self, route: str, context: Mapping[str, Any] | None, more: str | None) -> Resolved:
        """Which bundle answers a request.

        ``more`` are members of the record that the caller adds, as JSON, each preceded
        by a comma; None records nothing.

        Raises:
            NotFound: nothing is live for the route.
            Killed, NoActiveBundle: nothing may be served.
        """
        router, source, stale = self._router, self._source, self._stale_seconds
        if router is None:
            raise NotFound(f"There is no manifest of {self.environment!r} yet.", kind="manifest")
        live = router.route(route)
        ms = time_ns() // 1_000_000
        if exact_type(context) is not dict or not context:
            context = _plain(context)
        made, unit, unknown, shadow = live.evaluate(context, ms // 1000)
        if made.bundle is None:
            raise no_active_bundle(live.slot, made.choice)
        if more is None:
            runs = tuple(_unrecorded(router, one) for one in shadow) if shadow else ()
            return Resolved(made, live.slot, None, unit, unknown, runs, source, stale, False)
        id = new_id_text(ms)
        dealt = f',"unit":"{unit:016x}"' if unit is not None else ""
        line = f'{made.head},"id":"{id}"{self._stale_json}{dealt}{more}}}'
        spooled = self._spool.append(line.encode())
        runs = self._cast(router, made, id, shadow) if shadow else ()
        return Resolved(made, live.slot, id, unit, unknown, runs, source, stale, spooled)

    def give_default(self, route: str, bundle: ServedBundle, more: str | None) -> Resolved:
        """The caller's own bundle, for when there is nothing to resolve from."""
        given = _default(SlotRef(route, self.environment), bundle)
        if more is None:
            return given
        id = new_id_text(time_ns() // 1_000_000)
        spooled = self.record(given, id, more)
        return Resolved(given.prepared, given.slot, id, None, (), (), "default", None, spooled)

    def record(self, resolved: Resolved, id: str, more: str) -> bool:
        """Spool the record of what was resolved without one; whether it is on disk."""
        head, stale = resolved.prepared.head, resolved.stale_seconds
        return self._spool.append(_line(head, id, resolved.unit, stale, more))

    def _cast(
        self, router: Router[Prepared], made: Prepared, parent: str, shadow: tuple[Any, ...]
    ) -> tuple[ShadowRun, ...]:
        """Record what runs in the shadow of a request."""
        runs: list[ShadowRun] = []
        for bundle in shadow:
            id = new_id_text(time_ns() // 1_000_000)
            assert made.deployment is not None
            row = {
                "slot": str(made.deployment.slot),
                "deployment": made.deployment.number,
                "bundle": str(bundle),
                "role": "shadow",
                "id": id,
                "parent_id": parent,
            }
            self._spool.append(_json(row).encode())
            runs.append(ShadowRun.model_validate(
                {"inference_id": id, "bundle": router.bundles[bundle]}
            ))  # fmt: skip
        return tuple(runs)


def _default(slot: SlotRef, bundle: ServedBundle) -> Resolved:
    """The caller's own bundle, for when there is nothing to resolve from."""
    choice = Choice(assigned=bundle.ref, bundle=bundle.ref, reason="default")
    head = head_of(slot, None, choice, "default", None)
    prepared = Prepared(choice, None, bundle, None, head)
    return Resolved(prepared, slot, None, None, (), (), "default", None, False)


def _prepare(source: ServedFrom) -> Make[Prepared]:
    def prepare(router: Router[Prepared], deployment: DeploymentRef, choice: Choice) -> Prepared:
        version = router.manifest.version
        if choice.bundle is None:
            return Prepared(choice, deployment, None, version, "")
        head = head_of(deployment.slot, deployment, choice, source, version)
        return Prepared(choice, deployment, router.bundles[choice.bundle], version, head)

    return prepare


def _unrecorded(router: Router[Prepared], bundle: Any) -> ShadowRun:
    return ShadowRun(inference_id=None, bundle=router.bundles[bundle])


def _plain(context: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """A context that is safe to read: anything but a mapping holds nothing."""
    try:
        return dict(context) if isinstance(context, Mapping) else _NO_CONTEXT
    except Exception:  # noqa: BLE001 -- whatever a caller's object raises, his request goes on
        return _NO_CONTEXT


def _line(head: str, id: str, unit: int | None, stale: float | None, more: str) -> bytes:
    """The record of an inference as one line of JSON, which is ASCII throughout."""
    dealt = f',"unit":"{unit:016x}"' if unit is not None else ""
    known = f',"stale_seconds":{stale}' if stale is not None else ""
    return f'{head},"id":"{id}"{known}{dealt}{more}}}'.encode()


def _json(members: dict[str, Any]) -> str:
    """As JSON, as short as it can be."""
    return json.dumps(members, separators=(",", ":"))
