"""The manifest as a router: every live policy of an environment, compiled.

A router never changes. A newer manifest is verified and compiled off to the side, and
then takes the place of the older one at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple

from pydantic import ValidationError

from twinline.language import signing
from twinline.language.errors import Killed, ManifestRefused, NoActiveBundle, NotFound
from twinline.language.records import KillNote, Manifest, ServedBundle
from twinline.language.refs import BundleRef, DeploymentRef, SlotRef
from twinline.routing.evaluation import Choice, Evaluator, Made, compile_policy
from twinline.routing.policy import read_policy

SCHEMA = "manifest/1"


class Signed(NamedTuple):
    """The exact bytes of a manifest, and their signature."""

    content: bytes
    signature: str


@dataclass(frozen=True)
class Route(Generic[Made]):
    """A live slot, ready to be resolved.

    Attributes:
        killed: why it serves nothing; None when it serves.
        evaluate: from a context and the time in seconds to an outcome.
    """

    slot: SlotRef
    deployment: DeploymentRef
    killed: KillNote | None
    evaluate: Evaluator[Made]


Make = Callable[["Router[Made]", DeploymentRef, Choice], Made]
"""Makes what an answer needs of a choice, when the router is compiled."""


class Router(Generic[Made]):
    """Finds the route of a request, and the bundles that it can come to."""

    def __init__(self, manifest: Manifest, make: Make[Made]) -> None:
        self.manifest = manifest
        self.bundles: dict[BundleRef, ServedBundle] = {
            BundleRef(digest): bundle.served for digest, bundle in manifest.bundles.items()
        }
        self._active = {
            BundleRef(digest)
            for digest, bundle in manifest.bundles.items()
            if bundle.state == "active"
        }
        self._routes = {name: self._compile(name, make) for name in manifest.slots}

    def route(self, name: str) -> Route[Made]:
        """The live slot of a route.

        Raises:
            NotFound: nothing is live for it in this environment.
            Killed: it is switched off.
        """
        found = self._routes.get(name)
        if found is None:
            raise self._unknown(name)
        if found.killed is not None:
            raise killed(found.slot, found.killed)
        return found

    def _compile(self, name: str, make: Make[Made]) -> Route[Made]:
        live = self.manifest.slots[name]
        slot = SlotRef(name, self.manifest.environment)
        deployment = DeploymentRef(slot, live.deployment)
        evaluate = compile_policy(
            read_policy(live.policy),
            lambda choice: make(self, deployment, choice),
            self._active.__contains__,
        )
        return Route(slot, deployment, self.manifest.killed or live.killed, evaluate)

    def _unknown(self, name: str) -> NotFound:
        known = ", ".join(sorted(self._routes)[:20]) or "none"
        return NotFound(
            f"No route {name!r} is live in {self.manifest.environment} at version "
            f"{self.manifest.version}. Live routes: {known}.",
            kind="slot",
            name=name,
        )


def killed(slot: SlotRef, note: KillNote) -> Killed:
    """The error for a slot that is switched off."""
    return Killed(
        f"{slot.short} is switched off since {note.at:%Y-%m-%d %H:%M:%S}Z by {note.by}: "
        f"{note.reason}",
        slot=str(slot),
        by=note.by,
        reason=note.reason,
    )


def no_active_bundle(slot: SlotRef, choice: Choice) -> NoActiveBundle:
    """The error for a choice that nothing can be served for."""
    if choice.reason == "unit-missing":
        return NoActiveBundle(
            f"{slot.short}: the rule {choice.rule!r} is pinned to a split, and the context has "
            "none of the attributes that say which unit it is.",
            slot=str(slot),
            rule=choice.rule,
        )
    by = f"the rule {choice.rule!r}" if choice.rule else "the default"
    return NoActiveBundle(
        f"{slot.short}: {by} chose {choice.assigned}, which is withdrawn, and nothing that it "
        "may fall back to is active. Lift the kill, deploy another bundle, or add a fallback.",
        slot=str(slot),
        bundle=str(choice.assigned),
        rule=choice.rule,
    )


def read_manifest(signed: Signed, public_key: str) -> Manifest:
    """The manifest in these bytes.

    Raises:
        ManifestRefused: they are not signed by this key, or hold no manifest that this
            program understands.
    """
    signing.verify(public_key, signed.signature, signed.content)
    try:
        return Manifest.model_validate_json(signed.content)
    except ValidationError as error:
        raise ManifestRefused(
            f"It was signed, but is no {SCHEMA} that this version understands: "
            f"{error.errors()[0]['msg']}. Update Twinline here."
        ) from error


def refuse_older(known: Manifest, offered: Manifest) -> None:
    """Return when the offered manifest may take the known one's place.

    Raises:
        ManifestRefused: it is an older version of the same epoch, or of another
            environment.
    """
    if offered.environment != known.environment:
        raise ManifestRefused(
            f"It is of {offered.environment!r}, not of {known.environment!r}.",
            environment=offered.environment,
        )
    if offered.epoch == known.epoch and offered.version < known.version:
        raise ManifestRefused(
            f"It is version {offered.version}; version {known.version} is known already.",
            version=offered.version,
            known=known.version,
        )
