"""Take what the outbox of an MLflow server tells: every change once, in order, without a gap."""

from datetime import UTC, datetime
from typing import Any, get_args

from twinline.db.session import Reading, Writing
from twinline.language import cursors
from twinline.language.errors import Conflict, Invalid
from twinline.language.records import (
    ChangeReport,
    ChangesTaken,
    MirrorKind,
    MlflowChange,
    Page,
    ReportedChange,
)
from twinline.mirror import changes_store as store
from twinline.mirror import marks, places_store
from twinline.mirror.naming import Place

_TOLD = {"workspace", "entity", "action", "key", "before", "after", "actor"}


def take(tx: Writing, server: str, report: ChangeReport) -> ChangesTaken:
    """Keep what is new in a report; what was told before changes nothing.

    Raises:
        Invalid: its sequences are not consecutive, or a change names no registered model.
        Conflict: changes before it are missing (``wanted`` is the sequence to go on from), or
            it tells otherwise what was told before (``retold`` is the first such sequence).
    """
    _refuse_disorder(report)
    store.lock(tx, server)
    known = store.through(tx, report.outbox)
    first, last = report.changes[0].sequence, report.changes[-1].sequence
    if first > known + 1 + report.lost:
        raise Conflict(
            f"Outbox {report.outbox} is known up to sequence {known}, and this report begins with "
            f"{first}: send it from {known + 1} on.",
            wanted=known + 1,
        )
    _refuse_retold(tx, report, known)
    rows = [_row(server, report, one) for one in report.changes if one.sequence > known]
    if first > known + 1:
        rows.insert(0, _lost(server, report, known + 1))
    store.keep(tx, rows)
    _have_read_again(tx, server, rows)
    return ChangesTaken(through=max(known, last))


def list_changes(
    tx: Reading, server: str, name: str | None, *, after: int, cursor: str | None, limit: int
) -> Page[MlflowChange]:
    """Changes of a server in the order in which they came, of one name or of all."""
    listing = f"changes of {server}" + (f" of {name}" if name is not None else "")
    seen = max(after, cursors.decode(listing, cursor, int) or 0)
    items = store.page(tx, server, name, after=seen, limit=limit)
    return cursors.page(listing, items, limit, lambda last: last.number)


def newest(tx: Reading, server: str) -> MlflowChange | None:
    """The last change that was told of a server; None when none was."""
    return store.newest(tx, server)


def _have_read_again(tx: Writing, server: str, rows: list[dict[str, Any]]) -> None:
    """Mark the names in the workspaces that are mirrored; as what, only MLflow can tell."""
    names: dict[str, list[str]] = {}
    for row in rows:
        names.setdefault(row["workspace"], []).extend(
            name for name in (row["name"], row["new_name"]) if name is not None
        )
    for workspace in sorted(names.keys() & places_store.workspaces(tx, server)):
        for kind in sorted(get_args(MirrorKind)):
            marks.mark_many(tx, Place(server, workspace), kind, names[workspace], "change")
        tx.announce(marks.TOPIC)


def _refuse_disorder(report: ChangeReport) -> None:
    for place, change in enumerate(report.changes):
        expected = report.changes[0].sequence + place
        if change.sequence != expected:
            raise Invalid(
                f"The change after sequence {expected - 1} has sequence {change.sequence}; send "
                "changes in order and without a gap.",
                field=f"changes.{place}.sequence",
                value=change.sequence,
            )
        if not isinstance(change.key.get("name"), str):
            raise Invalid(
                f"The key of sequence {change.sequence} has no name of a registered model.",
                field=f"changes.{place}.key.name",
                value=change.key.get("name"),
            )


def _refuse_retold(tx: Reading, report: ChangeReport, known: int) -> None:
    """A database that was put back to an earlier state counts the same sequences again."""
    outbox = report.outbox
    first, last = report.changes[0].sequence, min(report.changes[-1].sequence, known)
    told = {one.sequence: _content(one, one.at) for one in store.kept(tx, outbox, first, last)}
    for change in report.changes[: max(0, last - first + 1)]:
        if told.get(change.sequence) != _content(change, _at(change)):
            raise Conflict(
                f"Sequence {change.sequence} of outbox {outbox} was told otherwise before. "
                "When MLflow's database was restored, its outbox needs a new id.",
                retold=change.sequence,
            )


def _content(change: MlflowChange | ReportedChange, at: datetime) -> dict[str, Any]:
    return {"at": at, **change.model_dump(include=_TOLD)}


def _row(server: str, report: ChangeReport, change: ReportedChange) -> dict[str, Any]:
    new_name = (change.after or {}).get("name") if change.action == "update" else None
    return {
        **change.model_dump(exclude={"at"}),
        "server": server,
        "outbox": report.outbox,
        "at": _at(change),
        "name": change.key["name"],
        "new_name": new_name if isinstance(new_name, str) else None,
    }


def _lost(server: str, report: ChangeReport, first: int) -> dict[str, Any]:
    """The record that says that changes will never come."""
    last = report.changes[0].sequence - 1
    return {
        "server": server,
        "outbox": report.outbox,
        "sequence": last,
        "at": _at(report.changes[0]),
        "workspace": "",
        "entity": "outbox",
        "action": "lost",
        "name": None,
        "new_name": None,
        "key": {},
        "before": None,
        "after": {"first": first, "last": last},
        "actor": None,
    }


def _at(change: ReportedChange) -> datetime:
    return datetime.fromtimestamp(change.at / 1000, UTC)
