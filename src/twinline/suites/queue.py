"""Pending evaluations, in SQL: one statement each, so that runners never meet half way."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import Interval, RowMapping, Select, and_, bindparam, case, func, select, text
from sqlalchemy import update as update_

from twinline.db.graph import find_node
from twinline.db.schema import node, pending_evaluation, suite
from twinline.db.session import Reading, Writing
from twinline.language.records import (
    ClaimRequest,
    EvaluationSubject,
    PendingEvaluation,
    PendingState,
)
from twinline.language.refs import EvaluationRef, parse_ref

_pending = pending_evaluation.c
_NOW = func.clock_timestamp()
_leased = and_(_pending.token.is_not(None), _pending.free_at > _NOW)
_state = case(
    (_pending.evaluation.is_not(None), "done"),
    (_leased, "claimed"),
    (_pending.attempts >= _pending.attempts_max, "given_up"),
    else_="waiting",
)
_ran_out = and_(_pending.token.is_not(None), _pending.evaluation.is_(None), ~_leased)
_error = case(
    (_ran_out, func.concat("the lease of ", _pending.claimed_by, " ran out")),
    else_=_pending.last_error,
)
# The subselect is evaluated once, and passes over what another claim has locked: so many
# runners that ask at once get each a different one, and nobody waits.
_CLAIM = text("""
update pending_evaluation set attempts = attempts + 1, token = :token, claimed_by = :runner,
    free_at = clock_timestamp() + make_interval(secs => :seconds),
    last_error = case when token is null then last_error
        else concat('the lease of ', claimed_by, ' ran out') end
where number = (
    select number from pending_evaluation
    where suite = any(:suites) and evaluation is null and attempts < attempts_max
        and free_at <= clock_timestamp()
    order by number limit 1 for update skip locked
)
returning number
""")

_ONE_CLAIM = text("select true from pg_advisory_xact_lock(hashtext('claim'), hashtext(:token))")


def add(tx: Writing, name: str, subject: EvaluationSubject) -> int:
    """Let a subject wait for a runner of a suite; its number."""
    allowed = select(suite.c.attempts_max).where(suite.c.name == name).scalar_subquery()
    return tx.value(
        pending_evaluation.insert()
        .values(
            suite=name,
            subject=find_node(tx, subject),
            actor=tx.actor,
            at=_NOW,
            attempts_max=allowed,
            free_at=_NOW,
        )
        .returning(_pending.number)
    )


def claim(tx: Writing, wanted: ClaimRequest, runner: str) -> int | None:
    """Lease the oldest that may be claimed to a token; None when there is none."""
    return tx.value(
        _CLAIM,
        {
            "token": wanted.token,
            "runner": runner,
            "seconds": wanted.lease_seconds,
            "suites": list(wanted.suites),
        },
    )


def under(tx: Writing, token: str) -> int | None:
    """What was claimed with a token, when no other claim took it since; waits for a claim
    with the same token that is not committed yet."""
    tx.value(_ONE_CLAIM, {"token": token})
    return tx.value(select(_pending.number).where(_pending.token == token))


def hold(tx: Writing, number: int, token: str) -> bool:
    """Whether this token's claim is the last one; no other claim can be, until the
    transaction ends."""
    held = select(_pending.token).where(_pending.number == number).with_for_update()
    return tx.value(held) == token


def renew(tx: Writing, number: int, seconds: int) -> None:
    """Let a lease end so many seconds from now."""
    _change(tx, number, free_at=_later(timedelta(seconds=seconds)))


def fail(tx: Writing, number: int, error: str, pause: timedelta) -> None:
    """Give a lease up: nobody may claim it before the pause is over."""
    _change(tx, number, token=None, last_error=error, free_at=_later(pause))


def finish(tx: Writing, number: int, result: EvaluationRef) -> None:
    """It is done, with this result."""
    _change(tx, number, evaluation=result.number, last_error=None)


def find(tx: Reading, number: int) -> PendingEvaluation | None:
    """One of them."""
    row = tx.row(_all().where(_pending.number == number))
    return _record(row) if row else None


def unfinished(tx: Reading, name: str, subject: EvaluationSubject) -> PendingEvaluation | None:
    """The newest that waits or runs for this suite and subject."""
    query = _all().where(
        _pending.suite == name, node.c.ref == str(subject), _state.in_(["waiting", "claimed"])
    )
    row = tx.row(query.order_by(_pending.number.desc()).limit(1))
    return _record(row) if row else None


def page(
    tx: Reading,
    *,
    name: str | None,
    states: Collection[PendingState] | None,
    before: int | None,
    limit: int,
) -> tuple[PendingEvaluation, ...]:
    """Those of a suite, in one of these states; the newest first."""
    query = _all().order_by(_pending.number.desc()).limit(limit)
    if name is not None:
        query = query.where(_pending.suite == name)
    if states is not None:
        query = query.where(_state.in_(states))
    if before is not None:
        query = query.where(_pending.number < before)
    return tuple(_record(row) for row in tx.rows(query))


def _change(tx: Writing, number: int, **values: Any) -> None:
    tx.run(update_(pending_evaluation).where(_pending.number == number).values(**values))


def _later(pause: timedelta) -> Any:
    return _NOW + bindparam(None, pause, Interval)


def _all() -> Select[Any]:
    shown = (one for one in _pending if one.name not in ("subject", "last_error", "token"))
    return select(
        *shown, node.c.ref.label("subject"), _state.label("state"), _error.label("last_error")
    ).join(node, node.c.id == _pending.subject)


def _record(row: RowMapping) -> PendingEvaluation:
    subject = cast("EvaluationSubject", parse_ref(row["subject"]))
    done = row["evaluation"] and EvaluationRef(row["evaluation"])
    return PendingEvaluation.model_validate({**row, "subject": subject, "evaluation": done})
