"""Evaluations, in SQL."""

from sqlalchemy import case, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from twinline.db.graph import find_node
from twinline.db.schema import evaluation, node
from twinline.db.session import Reading, Writing
from twinline.language.records import Evaluation, NewEvaluation
from twinline.language.refs import BundleRef

_verdict = case(
    (evaluation.c.threshold.is_not(None), evaluation.c.score >= evaluation.c.threshold),
    else_=evaluation.c.failed == 0,
)


def add(tx: Writing, bundle: BundleRef, new: NewEvaluation) -> None:
    """Append a result for an existing bundle."""
    tx.run(
        evaluation.insert().values(
            subject=find_node(tx, bundle),
            actor=tx.actor,
            at=func.clock_timestamp(),
            **new.model_dump(exclude={"bundle"}),
        )
    )


def newest(tx: Reading, bundle: BundleRef) -> tuple[Evaluation, ...]:
    """The newest result of each suite for a bundle, by suite."""
    query = (
        select(
            evaluation,
            node.c.ref.label("bundle"),
            case((_verdict, "passed"), else_="failed").label("verdict"),
        )
        .join(node, node.c.id == evaluation.c.subject)
        .where(node.c.ref == str(bundle))
        .ext(distinct_on(evaluation.c.suite))
        .order_by(evaluation.c.suite, evaluation.c.id.desc())
    )
    return tuple(Evaluation.model_validate(dict(row)) for row in tx.rows(query))
