"""Signing keys and the reports of clients, in SQL."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import RowMapping, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from twinline.db.schema import client_report, signing_key
from twinline.db.session import Reading, Writing
from twinline.language.records import ClientReport, ReportedClient


def lock_signing_keys(tx: Writing) -> None:
    """Let nobody else make a signing key until this transaction ends."""
    tx.run(text("lock table signing_key in share row exclusive mode"))


def add_signing_key(tx: Writing, id: str, public: str, private: str) -> None:
    """Keep a signing key."""
    values = {"id": id, "public": public, "private": private}
    tx.run(insert(signing_key).values(created_at=func.clock_timestamp(), **values))


def newest_signing_key(tx: Reading) -> RowMapping | None:
    """The signing key that is in use."""
    return tx.row(
        select(signing_key).order_by(signing_key.c.created_at.desc(), signing_key.c.id).limit(1)
    )


def keep_report(tx: Writing, report: ClientReport) -> None:
    """Keep a client's report in the place of its last one."""
    values = report.model_dump() | {"owner": tx.actor, "reported_at": func.clock_timestamp()}
    kept = insert(client_report).values(values)
    tx.run(
        kept.on_conflict_do_update(
            index_elements=["id"],
            set_={name: kept.excluded[name] for name in values if name != "id"},
        )
    )


def reports(tx: Reading, environment: str, newer_than: timedelta) -> tuple[ReportedClient, ...]:
    """The clients of an environment that reported within that time."""
    since = func.clock_timestamp() - newer_than
    query = select(client_report).where(
        client_report.c.environment == environment, client_report.c.reported_at > since
    )
    return _clients(tx.rows(query.order_by(client_report.c.version, client_report.c.reported_at)))


def forget_reports(tx: Writing, older_than: timedelta) -> int:
    """Drop the reports of that age; how many there were."""
    limit = func.clock_timestamp() - older_than
    gone = delete(client_report).where(client_report.c.reported_at < limit)
    return len(tx.values(gone.returning(client_report.c.id)))


def _clients(rows: Sequence[RowMapping]) -> tuple[ReportedClient, ...]:
    return tuple(ReportedClient.model_validate(dict(row)) for row in rows)
