"""Write what the catalog knows in the formats of others."""

from datetime import datetime

import twinline
from twinline.access import actions as access
from twinline.bundles import actions as bundles
from twinline.db.session import Reading
from twinline.environments import actions as environments
from twinline.evaluations import actions as evaluations
from twinline.exports import cyclonedx, graphml, intoto, openlineage, prov, rules, store
from twinline.exports.openlineage import Producer
from twinline.exports.origin import Origin
from twinline.language.errors import Conflict, Invalid
from twinline.language.nearest import not_found
from twinline.language.records import Direction, Json, ManifestKey
from twinline.language.refs import BundleRef
from twinline.lineage.walks import walk
from twinline.manifests import actions as manifests
from twinline.models import actions as models
from twinline.prompts import actions as prompts

ROWS_MOST = 20_000
"""What one answer about a window may hold: about 40 MB."""


def origin(tx: Reading, text: str) -> Origin:
    """A bundle with all that is known of where it came from.

    Raises:
        InvalidReference: ``text`` names no bundle.
        NotFound: there is no such bundle.
        Conflict: the bundle stands for something unresolved, which came from nowhere.
    """
    bundle = bundles.read(tx, BundleRef.parse(text))
    if bundle.model is None or bundle.prompt is None:
        raise Conflict(
            f"{bundle.ref} stands for a pair that could not be resolved, so there is nothing to "
            "export; its `words` say what was sent.",
            name=str(bundle.ref),
            words=bundle.words,
        )
    model = models.read_version(tx, bundle.model)
    run = models.read_run(tx, model.run.id) if model.run else None
    datasets = dict.fromkeys(run.datasets) if run else {}
    return Origin(
        bundle=bundle,
        model=model,
        prompt=prompts.read_version(tx, bundle.prompt),
        run=run,
        datasets=tuple(models.read_dataset(tx, ref) for ref in datasets),
        pairing=bundles.pairing(tx, bundle.model, bundle.prompt),
        evaluations=evaluations.newest(tx, bundle.ref).items,
    )


def bill_of_materials(tx: Reading, text: str) -> tuple[BundleRef, Json]:
    """What a bundle is made of, in CycloneDX, and which bundle it is.

    Raises:
        InvalidReference, NotFound, Conflict: as for `origin`.
    """
    found = origin(tx, text)
    return found.bundle.ref, cyclonedx.document(found, twinline.__version__)


def statement(tx: Reading, text: str) -> tuple[BundleRef, Json]:
    """Where a bundle came from, as an in-toto statement.

    Raises:
        InvalidReference, NotFound, Conflict: as for `origin`.
    """
    found = origin(tx, text)
    return found.bundle.ref, intoto.statement(found, twinline.__version__)


def signed_statement(tx: Reading, text: str) -> tuple[BundleRef, Json]:
    """The statement of `statement` in an envelope, signed with our newest key.

    Raises:
        InvalidReference, NotFound, Conflict: as for `origin`.
    """
    ref, stated = statement(tx, text)
    return ref, intoto.envelope(stated, manifests.private_key(tx))


def key(tx: Reading) -> ManifestKey:
    """The public key that statements are signed with: that of the manifests.

    Raises:
        NotFound: there is none yet.
    """
    return manifests.public_key(tx)


def provenance(tx: Reading, text: str) -> tuple[BundleRef, Json]:
    """How a bundle came to be, in PROV-JSON.

    Raises:
        InvalidReference, NotFound, Conflict: as for `origin`.
    """
    found = origin(tx, text)
    return found.bundle.ref, prov.document(found)


def graph(tx: Reading, text: str, *, direction: Direction, depth: int, limit: int) -> str:
    """What a node came from and what came from it, in GraphML.

    Raises:
        InvalidReference, NotFound, Invalid: as for `walk`.
    """
    return graphml.document(walk(tx, text, direction=direction, depth=depth, limit=limit))


def events(
    tx: Reading, environment: str, start: datetime, end: datetime, server_url: str
) -> tuple[list[Json], datetime]:
    """What served in an environment, as OpenLineage events of whole minutes, and the end
    of the last one: minutes that are not over are not told yet.

    ``server_url`` is where the schema of our facet is found.

    Raises:
        NotFound: nothing was ever live in the environment.
        Invalid: the window is none, is longer than 24 hours, or holds too much.
    """
    if environments.find(tx, environment) is None:
        raise not_found("environment", environment, list(environments.versions(tx)))
    first, last = rules.window(start, end, access.now(tx))
    found = store.served(tx, environment, first, last, ROWS_MOST + 1)
    if len(found) > ROWS_MOST:
        raise Invalid(
            f"The window holds more than {ROWS_MOST:,} counts of bundles and minutes; ask for a "
            "shorter one.",
            field="to",
            value=end.isoformat(),
        )
    producer = Producer(twinline.__version__, server_url)
    return list(openlineage.events(found, producer)), last
