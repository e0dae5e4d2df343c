"""What is made of each choice when a manifest is compiled: all but what a request adds."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from twinline.language.ids import EPOCH
from twinline.language.records import Resolution, ServedBundle, ShadowRun
from twinline.language.refs import BundleRef, DeploymentRef
from twinline.routing.buckets import bucket_of
from twinline.routing.evaluation import Choice
from twinline.routing.manifest import Router

_HEAD = '{"inference_id":null,"bucket":null,"unknown":[],"shadow":[],"stale_seconds":null,'


@dataclass(frozen=True)
class Answer:
    """A choice of a live policy, ready to be given.

    Attributes:
        tail: of the resolution as JSON, all that does not depend on the request.
        facts: of the ledger's row as JSON, all that does not, without its last brace.
    """

    choice: Choice
    deployment: DeploymentRef
    tail: str = field(repr=False)
    facts: str = field(repr=False)


@dataclass(frozen=True)
class Given:
    """An answer with what one request adds to it.

    Attributes:
        shadow: the bundles to run beside the one that is served, each with the id of
            its own record (None when nothing is recorded).
    """

    answer: Answer
    id: UUID | None
    unit: int | None
    unknown: tuple[str, ...]
    shadow: tuple[tuple[UUID | None, ServedBundle], ...]
    stale_seconds: float

    def json(self) -> str:
        """The resolution."""
        id = "null" if self.id is None else f'"{self.id}"'
        bucket = "null" if self.unit is None else bucket_of(self.unit)
        unknown = json.dumps(self.unknown, separators=(",", ":")) if self.unknown else "[]"
        shadow = ",".join(_shadow_json(*run) for run in self.shadow)
        return (
            f'{{"inference_id":{id},"bucket":{bucket},"unknown":{unknown},"shadow":[{shadow}],'
            f'"stale_seconds":{self.stale_seconds},{self.answer.tail}'
        )

    def rows(self, more: str) -> str:
        """The rows of the ledger, joined by commas, the request's own first.

        ``more`` are members that the caller adds, each preceded by a comma.
        """
        assert self.id is not None
        unit = "null" if self.unit is None else f'"{self.unit:016x}"'
        own = (
            f'{self.answer.facts},"id":"{self.id}","at":"{_made_at(self.id)}",'
            f'"unit":{unit},"stale_seconds":{self.stale_seconds}{more}}}'
        )
        return ",".join([own, *(self._shadow_row(*run) for run in self.shadow)])

    def _shadow_row(self, id: UUID | None, bundle: ServedBundle) -> str:
        slot = self.answer.deployment.slot
        assert id is not None
        return json.dumps(
            {
                "id": str(id),
                "at": _made_at(id),
                "route": slot.route,
                "environment": slot.environment,
                "deployment": self.answer.deployment.number,
                "bundle": bundle.ref.digest,
                "role": 1,
                "parent_id": str(self.id),
                "served_from": "server",
            }
        )


def make_answer(router: Router[Answer], deployment: DeploymentRef, choice: Choice) -> Answer:
    """The answer for a choice; where nothing can be served, with nothing to give."""
    if choice.bundle is None:
        return Answer(choice, deployment, tail="", facts="")
    version = router.manifest.version
    assigned = choice.assigned if choice.assigned != choice.bundle else None
    resolution = Resolution(
        inference_id=None,
        bucket=None,
        stale_seconds=None,
        slot=deployment.slot,
        deployment=deployment,
        bundle=router.bundles[choice.bundle],
        assigned=assigned,
        arm=choice.arm,
        rule=choice.rule,
        reason=choice.reason,
        experiment=choice.salt,
        manifest_version=version,
        served_from="server",
    )
    text = resolution.model_dump_json()
    assert text.startswith(_HEAD)
    return Answer(
        choice,
        deployment,
        tail=text.removeprefix(_HEAD),
        facts=json.dumps(_facts(deployment, choice, choice.bundle, assigned, version))[:-1],
    )


def _facts(
    deployment: DeploymentRef,
    choice: Choice,
    served: BundleRef,
    assigned: BundleRef | None,
    version: int,
) -> dict[str, Any]:
    return {
        "route": deployment.slot.route,
        "environment": deployment.slot.environment,
        "deployment": deployment.number,
        "bundle": served.digest,
        "assigned": assigned.digest if assigned else None,
        "arm": choice.arm,
        "rule": choice.rule,
        "reason": choice.reason,
        "experiment": choice.salt,
        "role": 0,
        "served_from": "server",
        "manifest_version": version,
    }


def _made_at(id: UUID) -> str:
    """When an id was made, to the millisecond."""
    milliseconds = id.int >> 80
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03d}+00:00"


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    """The second that most requests of the moment share."""
    return (EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


def _shadow_json(id: UUID | None, bundle: ServedBundle) -> str:
    return ShadowRun(inference_id=id, bundle=bundle).model_dump_json()
