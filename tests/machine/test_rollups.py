"""The rollups by hour and by day are what a recount of the facts says, in every column."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import measured
from tests.support.recount import rollups_equal_facts
from tests.support.rehearsal import Rehearsal
from twinline.bundles import actions as bundles
from twinline.db.session import Database
from twinline.deployments import actions as deployments
from twinline.inferences import actions as inferences
from twinline.language.ids import new_id
from twinline.language.records import (
    InferenceBatch,
    Measured,
    NewBundle,
    NewDeployment,
    NewInference,
    NewModelVersion,
    NewOutcome,
    NewPromptVersion,
)
from twinline.language.refs import ModelVersionRef, PromptVersionRef, SlotRef
from twinline.models import actions as models
from twinline.prompts import actions as prompts

SLOTS = (SlotRef("a", "production"), SlotRef("b", "production"))

edges_of_hours = st.sampled_from([-1, 0, 1]).map(lambda ms: timedelta(milliseconds=ms))
ages = st.builds(
    lambda hours, off: timedelta(hours=hours) + off, st.integers(1, 6 * 24), edges_of_hours
)
facts = st.fixed_dictionaries(
    {
        "age": ages,
        "prompt": st.integers(1, 2),
        "place": st.none() | st.tuples(st.sampled_from(SLOTS), st.booleans()),
        "decision": st.none() | st.just("loan-1"),
        "measured": measured(),
        "later": st.lists(measured().filter(lambda one: one != Measured()), max_size=3),
    }
)


def test_a_recount_of_facts_over_days_equals_both_rollups(stage: Database) -> None:
    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.lists(facts, min_size=1, max_size=6), min_size=1, max_size=3))
    def recount(batches: list[list[dict]]) -> None:
        with stage.engine.connect() as connection:
            outer = connection.begin()
            database = Rehearsal(connection)
            _catalog(database)
            for batch in batches:
                _record(database, batch)
            assert rollups_equal_facts(database) == sum(map(len, batches))
            outer.rollback()

    recount()


def _record(database: Database, batch: list[dict]) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ids = [new_id(midnight - one["age"]) for one in batch]
    sent = tuple(_inference(id, one) for id, one in zip(ids, batch, strict=True))
    with database.writing("app") as tx:
        assert inferences.record(tx, InferenceBatch(inferences=sent)).recorded == len(sent)
        assert inferences.record(tx, InferenceBatch(inferences=sent)).duplicates == len(sent)
    for id, one in zip(ids, batch, strict=True):
        for later in one["later"]:
            with database.writing("judge") as tx:
                inferences.add_outcome(tx, id, NewOutcome.model_validate(later.model_dump()))


def _inference(id: object, one: dict) -> NewInference:
    slot, with_number = one["place"] or (None, False)
    return NewInference.model_validate(
        {
            "id": id,
            "slot": slot,
            "deployment": 1 if with_number else None,
            "model": "models:/m/1",
            "prompt": f"prompts:/p/{one['prompt']}",
            "decision": one["decision"],
            **one["measured"].model_dump(),
        }
    )


def _catalog(database: Database) -> None:
    with database.writing("test") as tx:
        models.register(tx, NewModelVersion(name="m", source_uri="x:/y"))
        for number in (1, 2):
            prompts.create_version(tx, NewPromptVersion(name="p", template=f"Say {number}"))
        pair = NewBundle(
            model=ModelVersionRef("m", 1), prompt=PromptVersionRef("p", 1), parameters={}
        )
        new = NewDeployment(bundle=bundles.pair(tx, pair)[0].ref, reason="because")
        for slot in SLOTS:
            deployments.deploy(tx, slot, new, 0)
