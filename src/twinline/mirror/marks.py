"""Marks on names that are to be read again.

A mark says that something may have changed, never what: however many hints come about a
name, it has one mark, and reading it again finds whatever there is to find.
"""

from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import Interval, bindparam, case, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from twinline.db.schema import mirror_mark
from twinline.db.session import Reading, Writing
from twinline.language.records import Learnt, MirrorKind, StuckName
from twinline.mirror.naming import Place

TOPIC = "mirror"
"""What is announced when there is something to read or to do."""


class Mark(NamedTuple):
    """A name that is to be read again.

    Attributes:
        marks: how many hints there were; more than at the last look means that reading
            may have begun before the change.
    """

    server: str
    workspace: str
    kind: MirrorKind
    name: str
    learnt: Learnt
    marks: int

    @property
    def place(self) -> Place:
        """Where the name is."""
        return Place(self.server, self.workspace)


def mark_many(
    tx: Writing, place: Place, kind: MirrorKind, names: list[str], learnt: Learnt
) -> None:
    """Have names of models or prompts read again, without waking anybody.

    ``learnt`` says how it became known. A name that is not there is no error: reading it
    finds that.
    """
    tx.run_many(
        _MARK,
        # in one order, so that two who mark the same names cannot be in a deadlock
        [
            {**place._asdict(), "kind": kind, "name": name, "learnt": learnt}
            for name in sorted(set(names))
        ],
    )


def next_mark(tx: Reading, server: str) -> Mark | None:
    """The mark to look at now: hints of a change before what a sweep found, the oldest first."""
    due = (mirror_mark.c.server == server, mirror_mark.c.not_before <= func.clock_timestamp())
    query = select(*(mirror_mark.c[name] for name in Mark._fields)).where(*due)
    order = (mirror_mark.c.learnt == "sweep", mirror_mark.c.since, mirror_mark.c.name)
    row = tx.row(query.order_by(*order).limit(1))
    return Mark(**row) if row else None


def clear(tx: Writing, mark: Mark) -> None:
    """Take a mark away, unless there was another hint since it was looked at."""
    tx.run(delete(mirror_mark).where(*_is(mark), mirror_mark.c.marks == mark.marks))


def put_off(tx: Writing, mark: Mark, trouble: str, seconds_max: float) -> None:
    """Try a mark again later, each time twice as late, up to ``seconds_max``."""
    seconds = func.least(func.power(2, func.least(mirror_mark.c.tries, 20)), seconds_max)
    tx.run(
        update(mirror_mark)
        .where(*_is(mark))
        .values(
            tries=mirror_mark.c.tries + 1,
            not_before=func.clock_timestamp() + seconds * literal(timedelta(seconds=1), Interval),
            trouble=trouble,
        )
    )


def stuck(tx: Reading, limit: int) -> tuple[StuckName, ...]:
    """Names that could not be kept so far, those that wait longest first."""
    columns = (mirror_mark.c[field] for field in StuckName.model_fields)
    query = select(*columns).where(mirror_mark.c.trouble.is_not(None))
    order = (mirror_mark.c.since, mirror_mark.c.name, mirror_mark.c.kind)
    rows = tx.rows(query.order_by(*order).limit(limit))
    return tuple(StuckName.model_validate(dict(row)) for row in rows)


def _is(mark: Mark) -> tuple[Any, ...]:
    key = ("server", "workspace", "kind", "name")
    return tuple(mirror_mark.c[name] == getattr(mark, name) for name in key)


_new = insert(mirror_mark).values(
    server=bindparam("server"),
    workspace=bindparam("workspace"),
    kind=bindparam("kind"),
    name=bindparam("name"),
    learnt=bindparam("learnt"),
    since=func.clock_timestamp(),
    not_before=func.clock_timestamp(),
    marks=1,
    tries=0,
)
_MARK = _new.on_conflict_do_update(
    index_elements=["server", "workspace", "kind", "name"],
    set_={
        "marks": mirror_mark.c.marks + 1,
        "learnt": case(
            (_new.excluded.learnt == "sweep", mirror_mark.c.learnt), else_=_new.excluded.learnt
        ),
        "not_before": func.least(mirror_mark.c.not_before, _new.excluded.not_before),
    },
)
