"""Versions that are kept together are what they would be one by one, for few statements."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import event, text

from tests.support.rehearsal import Rehearsal
from twinline.access import actions as access
from twinline.db.session import Database, Writing
from twinline.language.errors import VersionChanged
from twinline.language.records import DatasetFacts, NewModelVersion, NewPromptVersion, RunFacts
from twinline.models import actions as models
from twinline.prompts import actions as prompts

NAME = "churn"
STARTED = datetime(2026, 7, 1, tzinfo=UTC)
RUN = RunFacts(
    id="9d2c67",
    name="night",
    experiment="churn",
    status="FINISHED",
    started_at=STARTED,
    datasets=(DatasetFacts(name="tickets", digest="5e1f"), DatasetFacts(name="users", digest="77")),
)
EDGES = text("select s.ref, t.ref, e.kind from edge e join node s on s.id = e.source"
             " join node t on t.id = e.target order by 1, 2, 3")  # fmt: skip


def version(number: int, **more: Any) -> NewModelVersion:
    given = {"source_uri": f"runs:/x/{number}", "tags": {"n": str(number)}, **more}
    return NewModelVersion(name=NAME, source="mlflow", number=number, **given)


KNOWN = [version(1, aliases=("champion",)), version(2), version(3)]
READ = {
    one.number or 0: one
    for one in [
        version(1),
        version(2, metrics={"auc": 0.9}),  # moved
        version(3, source_uri="runs:/another/3"),  # made again
        version(4, run=RUN),
        version(5, run=RUN, aliases=("champion",)),
        version(6),
    ]
}


def one_by_one(tx: Writing) -> None:
    for new in READ.values():
        with suppress(VersionChanged):
            models.register(tx, new)


def together(tx: Writing) -> None:
    refs = models.register_all(tx, NAME, "mlflow", READ)
    assert [number for number, ref in refs.items() if ref is None] == [3]
    assert {ref.number for ref in refs.values() if ref} == {1, 2, 4, 5, 6}


def kept(database: Database, act: Callable[[Writing], None]) -> Any:
    """All that is there afterwards, but for the times."""
    with database.writing("test") as tx:
        models.register_all(tx, NAME, "mlflow", {new.number or 0: new for new in KNOWN})
    with database.writing("test") as tx:
        act(tx)
    with database.reading() as tx:
        found = models.list_versions(tx, NAME, cursor=None, limit=100).items
        assert access.verify_log(tx).whole
        told = access.audit_log(tx, before=None, limit=100).items
        edges = [tuple(row.values()) for row in tx.rows(EDGES)]
        return (
            [one.model_dump(exclude={"created_at"}) for one in found],
            sorted((one.action, one.subject) for one in told),
            edges,
            models.read_run(tx, RUN.id).model_dump(exclude={"created_at"}),
        )


def test_versions_kept_together_are_as_if_kept_one_by_one(
    database: Database, rehearsal: Rehearsal
) -> None:
    assert kept(database, together) == kept(rehearsal, one_by_one)


def test_texts_kept_together_are_as_if_kept_one_by_one(rehearsal: Rehearsal) -> None:
    texts = ["known", "Answer {{ question }}", "a", "Answer {{ question }}", "b", "known"]

    def news(name: str) -> list[NewPromptVersion]:
        return [NewPromptVersion(name=name, template=one, message=f"as {one}") for one in texts]

    with rehearsal.writing("test") as tx:
        for name in ("together", "single"):
            prompts.create_version(tx, NewPromptVersion(name=name, template="known"))
        refs = prompts.create_all(tx, "together", news("together"))
        singles = [prompts.create_version(tx, new)[0].ref for new in news("single")]
        assert [ref.number for ref in refs] == [ref.number for ref in singles] == [1, 2, 3, 2, 4, 1]
        found = {
            name: [
                one.model_dump(exclude={"ref", "name", "created_at"})
                for one in prompts.list_versions(
                    tx, name, retired=False, cursor=None, limit=10
                ).items
            ]
            for name in ("together", "single")
        }
    assert found["together"] == found["single"]
    with rehearsal.reading() as tx:
        assert access.verify_log(tx).whole
        told = access.audit_log(tx, before=None, limit=20).items
    said = {
        name: [
            (one.action, one.why, (one.after or {})["digest"])
            for one in told
            if name in one.subject
        ]
        for name in ("together", "single")
    }
    assert said["together"] == said["single"]
    assert len(said["single"]) == 4


def test_many_versions_take_as_many_statements_as_two(rehearsal: Rehearsal) -> None:
    def statements(name: str, count: int) -> int:
        made: list[str] = []
        listen = lambda *args: made.append(args[2])  # noqa: E731 -- one line says it
        news = {n: version(n).model_copy(update={"name": name}) for n in range(1, count + 1)}
        with rehearsal.writing("test") as tx:
            event.listen(rehearsal.engine, "before_cursor_execute", listen)
            models.register_all(tx, name, "mlflow", news)
        event.remove(rehearsal.engine, "before_cursor_execute", listen)
        return len(made)

    assert statements("many", 25) == statements("two", 2)
