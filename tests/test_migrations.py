"""Migrations go up and down without drift, and what they promise the database keeps."""

from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError, OperationalError

from tests.support.mlflow_changes import told
from tests.support.rehearsal import Rehearsal
from twinline.bundles import actions as bundles
from twinline.db import migrations
from twinline.db.schema import metadata
from twinline.db.session import Database
from twinline.deployments import actions as deployments
from twinline.evaluations import actions as evaluations
from twinline.evaluations import requirements
from twinline.inferences import actions as inferences
from twinline.inferences import partitions
from twinline.language.errors import DataFolderRefused
from twinline.language.records import (
    CaseResult,
    InferenceBatch,
    LabelChange,
    NewBundle,
    NewDeployment,
    NewEvaluation,
    NewInference,
    NewModelVersion,
    NewOutcome,
    NewPairing,
    NewPromptVersion,
    NewSuite,
    NewWaiver,
)
from twinline.language.refs import EvaluationRef, ModelVersionRef, PromptVersionRef, SlotRef
from twinline.mirror import changes
from twinline.models import actions as models
from twinline.prompts import actions as prompts
from twinline.prompts import searching
from twinline.prompts.rules import Wanted
from twinline.suites import actions as suites

APPEND_ONLY = (
    *("node", "edge", "prompt_version", "label_move", "bundle", "pairing", "evaluation"),
    *("evaluation_case", "suite_waiver"),
    *("deployment", "inference", "outcome", "mlflow_change", "audit_event"),
)

OURS = "namespace = 'public'::regnamespace"
TABLES_LEFT = f"select relname from pg_class where rel{OURS} and relkind in ('r', 'p')"
FUNCTIONS_LEFT = f"select proname from pg_proc where pro{OURS}"


def test_migrations_lead_from_nothing_to_the_schema_and_each_leads_back(
    empty_database: Database,
) -> None:
    assert migrations.current(empty_database) is None
    migrations.upgrade(empty_database)
    assert migrations.current(empty_database) == migrations.newest()
    assert migrations.drift(empty_database) is None
    with empty_database.writing("test") as tx:
        inferences.keep_days(tx)
    assert migrations.drift(empty_database) is None
    for revision in (*reversed(migrations.revisions()[:-1]), "base"):
        migrations.downgrade(empty_database, revision)
    with empty_database.reading() as tx:
        left, functions = tx.values(text(TABLES_LEFT)), tx.values(text(FUNCTIONS_LEFT))
    assert (left, functions) == (["alembic_version"], [])
    migrations.upgrade(empty_database)
    assert migrations.drift(empty_database) is None


def test_a_difference_between_schema_and_database_is_noticed(empty_database: Database) -> None:
    migrations.upgrade(empty_database)
    with empty_database.writing("test") as tx:
        tx.run(text("alter table prompt add column surprise text"))
    assert "surprise" in (migrations.drift(empty_database) or "")


def test_an_index_of_some_rows_is_of_those_that_the_schema_says(empty_database: Database) -> None:
    migrations.upgrade(empty_database)
    some = {
        index.name: (table.name, index.dialect_options["postgresql"]["where"])
        for table in metadata.sorted_tables
        for index in table.indexes
        if index.dialect_options["postgresql"]["where"] is not None
    }
    assert "edge_peoples_idx" in some
    said = text(
        "select pg_get_expr(indpred, indrelid) from pg_index"
        " where indexrelid = cast(:name as regclass)"
    )
    with empty_database.writing("test") as tx:
        for name, (table, where) in some.items():
            tx.run(text(f"create index as_said on {table} ((0)) where {where}"))
            assert tx.value(said, {"name": name}) == tx.value(said, {"name": "as_said"}), name
            tx.run(text("drop index as_said"))


def test_a_database_of_a_newer_version_is_refused_with_the_remedy(
    empty_database: Database,
) -> None:
    migrations.upgrade(empty_database)
    with empty_database.writing("test") as tx:
        tx.run(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(DataFolderRefused, match=r"9999.*newer version.*TWINLINE_HOME"):
        migrations.upgrade(empty_database)


def test_a_migration_does_not_wait_for_its_locks_for_ever(empty_database: Database) -> None:
    migrations.upgrade(empty_database)
    migrations.downgrade(empty_database, "0001")
    with empty_database.writing("test") as tx:
        tx.run(text("lock table prompt_version in row exclusive mode"))
        with pytest.raises(OperationalError, match="lock timeout"):
            migrations.upgrade(empty_database)


def test_prompts_of_an_older_catalog_are_made_searchable_a_hundred_at_a_time(
    empty_database: Database,
) -> None:
    migrations.upgrade(empty_database)
    news = [NewPromptVersion(name=f"p{number}", template=f"word{number}") for number in range(250)]
    with empty_database.writing("test") as tx:
        for new in news:
            prompts.create_all(tx, new.name, [new])
    migrations.downgrade(empty_database, "0010")
    committed: list[int] = []

    def listen(*args: Any) -> None:
        if "keep_searched(id) from (" in args[2]:
            with empty_database.reading() as tx:
                committed.append(tx.value(text("select count(*) from prompt_search")))

    event.listen(empty_database.engine, "after_cursor_execute", listen)
    migrations.upgrade(empty_database)
    event.remove(empty_database.engine, "after_cursor_execute", listen)
    assert committed == [100, 200, 250]
    with empty_database.reading() as tx:
        found = searching.list_prompts(tx, Wanted(search="word249"), cursor=None, limit=10).items
    assert [one.name for one in found] == ["p249"]


def test_each_day_that_the_ledger_has_gets_the_index_of_arrivals(
    empty_database: Database,
) -> None:
    """Also when it was interrupted, which leaves an index that does not count."""
    migrations.upgrade(empty_database)
    with empty_database.writing("test") as tx:
        inferences.keep_days(tx)
        (day, *_), tables = partitions.days(tx), len(partitions.days(tx))
    migrations.downgrade(empty_database, "0013")
    with empty_database.writing("test") as tx:
        name = f"ledger_inference_{day:%Y%m%d}"
        tx.run(text(f"create index {name}_arrived_idx on {name} (at)"))
    migrations.upgrade(empty_database)
    with empty_database.reading() as tx:
        indexed = tx.values(
            text("""
            select amname from pg_inherits join pg_class on pg_class.oid = inhrelid
            join pg_am on pg_am.oid = relam where inhparent = 'inference_arrived_idx'::regclass
        """)
        )
        whole = text("select indisvalid from pg_index where indexrelid = cast(:name as regclass)")
        valid = tx.value(whole, {"name": "inference_arrived_idx"})
    assert (indexed, valid) == (["brin"] * tables, True)


@pytest.mark.parametrize("role", ["origin", "replica"])
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_what_is_kept_cannot_be_changed_or_dropped(
    rehearsal: Rehearsal, table: str, role: str
) -> None:
    _fill(rehearsal)
    column = "source" if table == "edge" else metadata.tables[table].columns.keys()[-1]
    partition = {"inference": "ledger_inference_", "outcome": "ledger_outcome_"}.get(table)
    statements = [
        f"update {table} set {column} = {'target' if table == 'edge' else column}",
        f"delete from {table}",
        f"truncate {table} cascade",
    ]
    with rehearsal.reading() as tx:
        names = "select relname from pg_class where starts_with(relname, :name) and relkind = 'r'"
        days = tx.values(text(names), {"name": partition}) if partition else []
        assert tx.value(text(f"select count(*) from {table}")) > 0
    statements += [f"truncate {day}" for day in days]
    for statement in statements:
        with pytest.raises(IntegrityError, match="its rows are kept as they are"):
            _try(rehearsal, f"set local session_replication_role = {role}", statement)


def test_a_model_version_keeps_its_identity(rehearsal: Rehearsal) -> None:
    _fill(rehearsal)
    with rehearsal.writing("registry") as tx:
        tx.run(text("""update model_version set tags = '{"team": "x"}'"""))
    for statement in (
        "update model_version set source_uri = 'elsewhere'",
        "delete from model_version",
        "truncate model_version cascade",
    ):
        with pytest.raises(IntegrityError, match="its rows are kept as they are"):
            _try(rehearsal, statement)


def test_a_process_of_the_version_before_can_still_record_evaluations(
    rehearsal: Rehearsal,
) -> None:
    """While processes are replaced, it writes what it knows to the new schema."""
    _fill(rehearsal)
    _try(
        rehearsal,
        "insert into node (kind, ref, created_at) values ('evaluation', 'evaluations:/99', now())",
        "insert into evaluation (id, node_id, subject, suite, passed, failed, evidence, actor, at)"
        " select 99, max(node.id), max(evaluation.subject), 'golden', 5, 0, '', 'old', now()"
        " from node, evaluation",
    )
    with rehearsal.reading() as tx:
        found = evaluations.read(tx, EvaluationRef(99))
    assert (found.verdict, found.note, found.cases) == ("passed", "", 0)


def _try(database: Database, *statements: str) -> None:
    with database.writing("thief") as tx:
        for statement in statements:
            tx.run(text(statement))


def _fill(database: Database) -> None:
    """At least one row in every table."""
    model, prompt = ModelVersionRef("m", 1), PromptVersionRef("p", 1)
    with database.writing("test") as tx:
        prompts.create_version(tx, NewPromptVersion(name="p", template="x"))
        prompts.move_label(tx, "p", "production", LabelChange(number=1, reason="because"))
        models.register(tx, NewModelVersion(name="m", source_uri="x:/y"))
        ref = bundles.pair(tx, NewBundle(model=model, prompt=prompt, parameters={}))[0].ref
        bundles.state_pairing(
            tx, NewPairing(model=model, prompt=prompt, status="compatible", reason="because")
        )
        cases = (CaseResult(id="c", passed=True),)
        evaluations.record(
            tx, NewEvaluation(subject=ref, suite="s", passed=1, failed=0, cases=cases)
        )
        suites.define(tx, "s", NewSuite())
        requirements.waive(tx, NewWaiver(suite="s", bundle=ref, place="e", reason="because"))
        new = NewDeployment(bundle=ref, reason="because")
        deployments.deploy(tx, SlotRef("r", "e"), new, 0)
        batch = InferenceBatch(inferences=(NewInference(bundle=str(ref)),))
        (kept,) = inferences.record(tx, batch).items
        assert kept.id is not None
        inferences.add_outcome(tx, kept.id, NewOutcome(status="ok"))
        changes.take(tx, "default", told(1))


def test_an_edge_may_end_once_and_never_begin_again(rehearsal: Rehearsal) -> None:
    _fill(rehearsal)
    end, again = "update edge set until = now() + interval '1 day'", "update edge set until = null"
    with rehearsal.writing("test") as tx:
        tx.run(text(f"{end} where until is null"))
    for statement in (end, again):
        with (
            pytest.raises(IntegrityError, match="its rows are kept as they are"),
            rehearsal.writing("test") as tx,
        ):
            tx.run(text(statement))


BEFORE_LINEAGE = """
insert into node (kind, ref, created_at)
    select kind, ref, now() from (values ('model', 'models:/m/1'), ('prompt', 'prompts:/p/1'),
        ('bundle', 'bundles:/' || repeat('a', 64)), ('deployment', 'deployments:/r@e/1'),
        ('deployment', 'deployments:/r@e/2')) as given(kind, ref);
insert into model (name, source, created_at) values ('m', 'provider', now());
insert into model_version (node_id, model_id, number, source_uri, pinned, digest, params, metrics,
        tags, aliases, created_at)
    select node.id, model.id, 1, 'x:/y', true, 'd', '{}', '{}', '{}', '[]', now()
    from node, model where ref = 'models:/m/1';
insert into prompt (name, description, tags, created_at) values ('p', '', '{}', now());
insert into prompt_version (node_id, prompt_id, number, kind, template, variables, parameters,
        digest, message, author, created_at)
    select node.id, prompt.id, 1, 'text', '"x"', '[]', '{}', 'd', '', 'ana', now()
    from node, prompt where ref = 'prompts:/p/1';
insert into bundle (node_id, digest, kind, model_version, prompt_version, parameters, created_at)
    select bundle.id, repeat('a', 64), 'pair', model.id, prompt.id, '{}', now()
    from node bundle, node model, node prompt where bundle.kind = 'bundle'
        and model.kind = 'model' and prompt.kind = 'prompt';
insert into slot (route, environment, created_at) values ('r', 'e', now());
insert into deployment (slot_id, number, node_id, policy, digest, bundle, kind, actor, reason,
        at)
    select slot.id, right(node.ref, 1)::integer, node.id, '{}', 'd', bundle.node_id, 'deploy',
        'ana', 'because',
        '2026-01-01'::timestamptz + right(node.ref, 1)::integer * interval '1 day'
    from node, slot, bundle where node.kind = 'deployment';
insert into evaluation (subject, suite, passed, failed, evidence, actor, at)
    select node_id, 'golden', 1, 0, '', 'ana', now() from bundle;
"""


def test_a_catalog_from_before_lineage_gets_its_nodes_and_edges_and_gives_them_back(
    empty_database: Database,
) -> None:
    migrations.upgrade(empty_database)
    migrations.downgrade(empty_database, "0003")
    with empty_database.writing("test") as tx:
        for statement in filter(str.strip, BEFORE_LINEAGE.split(";\n")):
            tx.run(text(statement))
    migrations.upgrade(empty_database)
    with empty_database.reading() as tx:
        found = tx.rows(
            text(
                "select source.ref as source, target.ref as target, edge.kind, until from edge"
                " join node source on source.id = source join node target on target.id = target"
                " order by source.ref"
            )
        )
    bundle = f"bundles:/{'a' * 64}"
    assert [(row["source"], row["target"], row["kind"]) for row in found] == [
        (bundle, "evaluations:/1", "evaluated"),
        ("deployments:/r@e/1", "routes:/r@e", "live_in"),
        ("deployments:/r@e/2", "routes:/r@e", "live_in"),
    ]
    assert [row["until"] is None for row in found] == [True, False, True]
    migrations.downgrade(empty_database, "0003")
    with empty_database.reading() as tx:
        left = tx.values(text("select ref from node order by ref"))
        assert tx.value(text("select count(*) from edge")) == 0
    assert left == [
        bundle,
        "deployments:/r@e/1",
        "deployments:/r@e/2",
        "models:/m/1",
        "prompts:/p/1",
    ]
    migrations.upgrade(empty_database)
    assert migrations.drift(empty_database) is None
