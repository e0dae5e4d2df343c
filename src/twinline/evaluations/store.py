"""Evaluations, in SQL."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any, cast

from sqlalchemy import RowMapping, Select, func, select, text
from sqlalchemy.dialects.postgresql import distinct_on

from twinline.db.arrays import any_text
from twinline.db.graph import add_edge, add_node, find_node
from twinline.db.schema import evaluation, evaluation_case, node
from twinline.db.session import Reading, Writing
from twinline.language.records import CaseResult, Evaluation, EvaluationSubject, NewEvaluation
from twinline.language.refs import BundleRef, EvaluationRef, parse_ref

_NUMBER = text("select nextval(pg_get_serial_sequence('evaluation', 'id'))")
_ADD_CASES = text("""
insert into evaluation_case (evaluation, id, passed, score)
select :evaluation, id, passed, score
from jsonb_to_recordset(cast(:cases as jsonb)) as given(id text, passed boolean,
    score double precision)
""")


def add(
    tx: Writing, subject: EvaluationSubject, new: NewEvaluation, threshold: float | None
) -> EvaluationRef:
    """Append a result for an existing subject, with the lineage to what is known of it."""
    ref = EvaluationRef(tx.value(_NUMBER))
    scored, node_id = find_node(tx, subject), add_node(tx, "evaluation", ref)
    assert scored is not None
    facts = new.model_dump(mode="json", exclude={"subject", "threshold", "cases"})
    tx.run(
        evaluation.insert().values(
            id=ref.number,
            node_id=node_id,
            subject=scored,
            threshold=threshold,
            cases=len(new.cases),
            actor=tx.actor,
            at=func.clock_timestamp(),
            **facts,
        )
    )
    add_edge(tx, scored, node_id, "evaluated")
    for used in filter(None, (new.dataset, new.run)):
        if (source := find_node(tx, used)) is not None:
            add_edge(tx, source, node_id, "evaluated")
    if new.cases:
        cases = [one.model_dump() for one in new.cases]
        tx.run(_ADD_CASES, {"evaluation": ref.number, "cases": json.dumps(cases)})
    return ref


def find(tx: Reading, ref: EvaluationRef) -> Evaluation | None:
    """One result."""
    row = tx.row(_results().where(evaluation.c.id == ref.number))
    return _evaluation(row) if row else None


def page(
    tx: Reading,
    *,
    subject: EvaluationSubject | None,
    suite: str | None,
    before: int | None,
    limit: int,
) -> tuple[Evaluation, ...]:
    """Results, of a subject or of a suite or all, the newest first."""
    query = _results().order_by(evaluation.c.id.desc()).limit(limit)
    if subject is not None:
        query = query.where(node.c.ref == str(subject))
    if suite is not None:
        query = query.where(evaluation.c.suite == suite)
    if before is not None:
        query = query.where(evaluation.c.id < before)
    return tuple(_evaluation(row) for row in tx.rows(query))


def newest(
    tx: Reading, subjects: Collection[EvaluationSubject], suites: Collection[str] | None = None
) -> tuple[Evaluation, ...]:
    """The newest result of each suite (of these) for each of these subjects, by suite."""
    key = evaluation.c.suite, evaluation.c.subject
    query = (
        _results()
        .where(node.c.ref == any_text(map(str, subjects)))
        .ext(distinct_on(*key))
        .order_by(*key, evaluation.c.id.desc())
    )
    if suites is not None:
        query = query.where(evaluation.c.suite.in_(suites))
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


def cases(
    tx: Reading, ref: EvaluationRef, *, after: str | None, failed: bool, limit: int
) -> tuple[CaseResult, ...]:
    """The cases of a result by id, or only those that failed."""
    query = (
        select(evaluation_case.c.id, evaluation_case.c.passed, evaluation_case.c.score)
        .where(evaluation_case.c.evaluation == ref.number)
        .order_by(evaluation_case.c.id)
        .limit(limit)
    )
    if failed:
        query = query.where(~evaluation_case.c.passed)
    if after is not None:
        query = query.where(evaluation_case.c.id > after)
    return tuple(CaseResult.model_validate(dict(row)) for row in tx.rows(query))


def flips(tx: Reading, old: EvaluationRef, new: EvaluationRef) -> dict[str, bool]:
    """Cases of both results that went the other way in the new one, and whether they pass
    there; by id."""
    before, after = evaluation_case.alias(), evaluation_case.alias()
    query = (
        select(after.c.id, after.c.passed)
        .join(before, before.c.id == after.c.id)
        .where(
            before.c.evaluation == old.number,
            after.c.evaluation == new.number,
            before.c.passed != after.c.passed,
        )
        .order_by(after.c.id)
    )
    return {row["id"]: row["passed"] for row in tx.rows(query)}


def _results() -> Select[Any]:
    columns = (one for one in evaluation.c if one.name != "subject")
    return select(*columns, node.c.ref.label("subject")).join(
        node, node.c.id == evaluation.c.subject
    )


def _evaluation(row: RowMapping) -> Evaluation:
    # Said by its class: of three kinds pydantic would try each, and explain each failure.
    subject = cast("EvaluationSubject", parse_ref(row["subject"]))
    return Evaluation.model_validate({**row, "ref": EvaluationRef(row["id"]), "subject": subject})
