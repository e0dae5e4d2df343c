"""Versions that are kept together are what they would be one by one, for few statements."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import event, text

from tests.support.rehearsal import Rehearsal
from twinline.access import actions as access
from twinline.db.graph import find_nodes
from twinline.db.session import Database, Writing
from twinline.language.errors import VersionChanged
from twinline.language.records import DatasetFacts, NewModelVersion, NewPromptVersion, RunFacts
from twinline.mirror import actions as mirror
from twinline.mirror import answers, content, store
from twinline.mirror.naming import Place
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


def test_a_text_that_was_kept_otherwise_stays_the_version_that_it_is(rehearsal: Rehearsal) -> None:
    """Once a text with control flow was kept as one without, by another digest."""
    place, tag = Place("default", "default"), answers.Entry(key="team", value="search")
    model = answers.RegisteredModel(
        name="answer", tags=(answers.Entry(key=answers.IS_PROMPT, value="true"),)
    )
    read = [_prompt(number, f"{{% if a %}}{number}{{% endif %}}") for number in (1, 2)]
    with rehearsal.writing("test") as tx:
        series = mirror.keep_series(tx, place, model)
        news = [
            NewPromptVersion(name=series.catalog_name, template=one.tags[0].value) for one in read
        ]
        nodes = find_nodes(tx, [str(ref) for ref in prompts.create_all(tx, news[0].name, news)])
        present = [
            store.Present(one.version, 0, content.identity("prompt", one), "", node)
            for one, node in zip(read, nodes.values(), strict=True)
        ]
        store.keep_versions(tx, series.id, present)
        store.set_state(tx, series.id, "deleted", [2])
        tagged = [one.model_copy(update={"tags": (*one.tags, tag)}) for one in read]
        new = _prompt(3, "{% if a %}3{% endif %}")
        mirror.keep_versions(
            tx, series, model, [mirror.Seen(one) for one in (*tagged, new)], "sweep"
        )
        found = prompts.list_versions(tx, news[0].name, retired=True, cursor=None, limit=10).items
        assert [(one.number, one.syntax) for one in found] == [
            (3, "jinja2"),
            (2, "twinline"),
            (1, "twinline"),
        ]
        assert set(store.held(tx, series.id, [1, 2, 3]).values()) == {str(one.ref) for one in found}


def _prompt(number: int, template: str) -> answers.Version:
    text = answers.Entry(key=answers.PROMPT_TEXT, value=template)
    return answers.Version(name="answer", version=number, tags=(text,))


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
