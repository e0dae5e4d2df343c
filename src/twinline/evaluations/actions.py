"""Record and read evaluations."""

from collections.abc import Collection
from datetime import datetime

from twinline.access.actions import audit
from twinline.bundles import actions as bundles
from twinline.db.session import Reading, Writing
from twinline.evaluations import store
from twinline.language.records import Evaluation, NewEvaluation, Page
from twinline.language.refs import BundleRef


def record(tx: Writing, new: NewEvaluation) -> Evaluation:
    """Append a result; it is the one that counts for its suite from now on.

    Raises:
        NotFound: there is no such bundle.
    """
    bundle = bundles.read(tx, new.bundle).ref
    store.add(tx, bundle, new)
    result = next(kept for kept in store.newest(tx, bundle) if kept.suite == new.suite)
    audit(tx, "evaluation.record", str(bundle), after=result.model_dump(mode="json"))
    return result


def newest(tx: Reading, ref: BundleRef) -> Page[Evaluation]:
    """The newest result of each suite for a bundle.

    Raises:
        NotFound: there is no such bundle.
    """
    return Page(items=store.newest(tx, bundles.read(tx, ref).ref))


def between(
    tx: Reading, refs: Collection[BundleRef], since: datetime, until: datetime, limit: int
) -> tuple[Evaluation, ...]:
    """Results for these bundles after ``since`` and up to ``until``, the newest first."""
    return store.between(tx, refs, since, until, limit)
