"""Build and sign manifests, and keep what clients report about theirs."""

from collections.abc import MutableMapping
from datetime import timedelta

from sqlalchemy import RowMapping

from twinline.bundles import actions as bundles
from twinline.db.session import Reading, Writing
from twinline.deployments import actions as deployments
from twinline.environments import actions as environments
from twinline.kills import actions as kills
from twinline.language import signing
from twinline.language.errors import NotFound
from twinline.language.nearest import not_found
from twinline.language.records import (
    ClientReport,
    Deployment,
    Fleet,
    KillNote,
    Manifest,
    ManifestBundle,
    ManifestKey,
    ManifestSlot,
    ServedBundle,
)
from twinline.language.refs import BundleRef
from twinline.manifests import store
from twinline.routing.manifest import SCHEMA, Signed
from twinline.routing.policy import read_policy

REPORTED_WITHIN = timedelta(minutes=2)
REPORTS_KEPT = timedelta(days=1)

Served = MutableMapping[BundleRef, ServedBundle]
"""Bundles that were read before: they never change."""


def build(tx: Reading, environment: str, known: Served) -> Manifest:
    """The manifest of an environment.

    Raises:
        NotFound: nothing was ever live there.
    """
    row = environments.find(tx, environment)
    if row is None:
        raise not_found("environment", environment, list(environments.versions(tx)))
    stopped = kills.in_force(tx)
    live = deployments.live_in(tx, environment)
    named = {bundle for one in live for bundle in read_policy(one.policy).bundles()}
    return Manifest(
        schema=SCHEMA,
        environment=environment,
        epoch=row.epoch,
        version=row.number,
        made_at=row.changed_at,
        killed=stopped.get(kills.EVERYTHING),
        slots={one.slot.route: _slot(one, stopped.get(str(one.slot))) for one in live},
        bundles={
            ref.digest: ManifestBundle(
                state="killed" if str(ref) in stopped else "active", served=_served(tx, ref, known)
            )
            for ref in sorted(named, key=str)
        },
    )


def sign(manifest: Manifest, private_key: str) -> Signed:
    """The manifest as signed bytes."""
    content = manifest.model_dump_json(by_alias=True).encode()
    return Signed(content, signing.sign(private_key, content))


def ensure_key(tx: Writing) -> None:
    """Make the signing key when there is none."""
    store.lock_signing_keys(tx)
    if store.newest_signing_key(tx) is None:
        private = signing.new_private_key()
        public = signing.public_key(private)
        store.add_signing_key(tx, signing.key_id(public), public, private)


def private_key(tx: Reading) -> str:
    """The key to sign with.

    Raises:
        NotFound: there is none yet.
    """
    return _key(tx)["private"]


def public_key(tx: Reading) -> ManifestKey:
    """The key to verify with.

    Raises:
        NotFound: there is none yet.
    """
    key = _key(tx)
    return ManifestKey(id=key["id"], public=key["public"])


def report(tx: Writing, report: ClientReport) -> None:
    """Keep how a client stands."""
    store.keep_report(tx, report)


def fleet(tx: Reading, environment: str) -> Fleet:
    """The clients of an environment, those that lag most first.

    Raises:
        NotFound: nothing was ever live there.
    """
    now = environments.find(tx, environment)
    if now is None:
        raise not_found("environment", environment, list(environments.versions(tx)))
    items = store.reports(tx, environment, REPORTED_WITHIN)
    return Fleet(
        environment=environment,
        version=now.number,
        clients=len(items),
        current=sum((one.epoch, one.version) == (now.epoch, now.number) for one in items),
        items=items,
    )


def forget_reports(tx: Writing) -> int:
    """Drop the reports of clients that are long gone; how many there were."""
    return store.forget_reports(tx, REPORTS_KEPT)


def _key(tx: Reading) -> RowMapping:
    row = store.newest_signing_key(tx)
    if row is None:
        raise NotFound("There is no signing key yet; a starting server makes one.", kind="key")
    return row


def _slot(live: Deployment, killed: KillNote | None) -> ManifestSlot:
    return ManifestSlot(deployment=live.number, policy=live.policy, killed=killed)


def _served(tx: Reading, ref: BundleRef, known: Served) -> ServedBundle:
    if ref not in known:
        known[ref] = bundles.serve(tx, ref)
    return known[ref]
