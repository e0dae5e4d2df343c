"""Who was let off a required suite, in SQL."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import RowMapping, Select, func, select

from twinline.db.graph import find_node
from twinline.db.schema import node, suite_waiver
from twinline.db.session import Reading, Writing
from twinline.language.records import NewWaiver, Waiver
from twinline.language.refs import BundleRef


def add(tx: Writing, bundle: BundleRef, new: NewWaiver) -> int:
    """Let an existing bundle off a suite; the waiver's number."""
    return tx.value(
        suite_waiver.insert()
        .values(
            bundle=find_node(tx, bundle),
            actor=tx.actor,
            at=func.clock_timestamp(),
            **new.model_dump(include={"suite", "place", "reason"}),
        )
        .returning(suite_waiver.c.number)
    )


def find(tx: Reading, number: int) -> Waiver | None:
    """A waiver."""
    row = tx.row(_waivers().where(suite_waiver.c.number == number))
    return _waiver(row) if row else None


def page(tx: Reading, *, before: int | None, limit: int) -> tuple[Waiver, ...]:
    """Waivers, the newest first."""
    query = _waivers().order_by(suite_waiver.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(suite_waiver.c.number < before)
    return tuple(_waiver(row) for row in tx.rows(query))


def waived(
    tx: Reading, places: Collection[str], bundles: Collection[BundleRef]
) -> frozenset[tuple[str, BundleRef]]:
    """Which of these bundles were let off which suites in any of these places."""
    query = _waivers().where(
        suite_waiver.c.place.in_(places), node.c.ref.in_([str(one) for one in bundles])
    )
    return frozenset((row["suite"], BundleRef.parse(row["bundle"])) for row in tx.rows(query))


def _waivers() -> Select[Any]:
    columns = (one for one in suite_waiver.c if one.name != "bundle")
    return select(*columns, node.c.ref.label("bundle")).join(
        node, node.c.id == suite_waiver.c.bundle
    )


def _waiver(row: RowMapping) -> Waiver:
    return Waiver.model_validate(dict(row))
