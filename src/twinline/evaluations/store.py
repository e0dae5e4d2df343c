"""Evaluations, in SQL."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, case, func, select, text
from sqlalchemy.dialects.postgresql import distinct_on

from twinline.db.graph import add_edge, add_node, find_node
from twinline.db.schema import evaluation, node
from twinline.db.session import Reading, Writing
from twinline.language.records import Evaluation, NewEvaluation
from twinline.language.refs import BundleRef, EvaluationRef

_NUMBER = text("select nextval(pg_get_serial_sequence('evaluation', 'id'))")
_verdict = case(
    (evaluation.c.threshold.is_not(None), evaluation.c.score >= evaluation.c.threshold),
    else_=evaluation.c.failed == 0,
)


def add(tx: Writing, bundle: BundleRef, new: NewEvaluation) -> None:
    """Append a result for an existing bundle."""
    number = tx.value(_NUMBER)
    subject, node_id = find_node(tx, bundle), add_node(tx, "evaluation", EvaluationRef(number))
    assert subject is not None
    tx.run(
        evaluation.insert().values(
            id=number,
            node_id=node_id,
            subject=subject,
            actor=tx.actor,
            at=func.clock_timestamp(),
            **new.model_dump(exclude={"bundle"}),
        )
    )
    add_edge(tx, subject, node_id, "evaluated")


def newest(tx: Reading, bundle: BundleRef) -> tuple[Evaluation, ...]:
    """The newest result of each suite for a bundle, by suite."""
    query = (
        _results()
        .where(node.c.ref == str(bundle))
        .ext(distinct_on(evaluation.c.suite))
        .order_by(evaluation.c.suite, evaluation.c.id.desc())
    )
    return tuple(_evaluation(row) for row in tx.rows(query))


def between(
    tx: Reading, bundles: Collection[BundleRef], since: datetime, until: datetime, limit: int
) -> tuple[Evaluation, ...]:
    """Results for these bundles after ``since`` and up to ``until``, the newest first."""
    query = _results().where(
        node.c.ref.in_([str(one) for one in bundles]),
        evaluation.c.at > since,
        evaluation.c.at <= until,
    )
    rows = tx.rows(query.order_by(evaluation.c.id.desc()).limit(limit))
    return tuple(_evaluation(row) for row in rows)


def _results() -> Select[Any]:
    verdict = case((_verdict, "passed"), else_="failed").label("verdict")
    return select(evaluation, node.c.ref.label("bundle"), verdict).join(
        node, node.c.id == evaluation.c.subject
    )


def _evaluation(row: RowMapping) -> Evaluation:
    return Evaluation.model_validate({**row, "ref": EvaluationRef(row["id"])})
