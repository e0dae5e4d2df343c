"""Deploy, roll back, record, recount: at every step the catalog equals a brute-force model."""

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import text

from tests.support.rehearsal import Rehearsal
from tests.support.resolving import Resolving
from twinline.bundles import actions as bundles
from twinline.db.session import Database
from twinline.deployments import actions as deployments
from twinline.inferences import actions as inferences
from twinline.language.errors import NotFound, NothingLive, NothingToRollBack, Stale
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
    RequestFilter,
    ResolveRequest,
    RollbackRequest,
    RunFacts,
    Tally,
)
from twinline.language.records.models import DatasetFacts
from twinline.language.refs import BundleRef, ModelVersionRef, PromptVersionRef, SlotRef
from twinline.lineage import impacts
from twinline.models import actions as models
from twinline.prompts import actions as prompts
from twinline.rollbacks import actions as rollbacks

STEPS_MIN = 2_000
VERSIONS = 3
SLOTS = (SlotRef("answer", "production"), SlotRef("answer", "staging"))

slots = st.sampled_from(SLOTS)
versions = st.integers(1, VERSIONS)
measures = st.builds(
    Measured,
    status=st.sampled_from([None, "ok", "error"]),
    latency_ms=st.none() | st.floats(0, 90_000).map(lambda ms: round(ms, 3)),
    input_tokens=st.none() | st.integers(0, 5_000),
    output_tokens=st.none() | st.integers(0, 5_000),
    cost_usd=st.none() | st.sampled_from([0.0, 0.0001, 0.25, 1.5]),
    score=st.none() | st.sampled_from([0.0, 0.25, 0.5, 1.0]),
)
known = measures.filter(lambda one: one != Measured())


@dataclass
class Fact:
    """A request as the model remembers it."""

    pair: tuple[int, int] | None
    slot: SlotRef | None
    deployment: int | None
    decision: str | None
    measured: Measured


@dataclass
class Past:
    """A slot's history as the model remembers it, and what each side can go back through."""

    live: list[tuple[int, int]] = field(default_factory=list)
    at: list[datetime] = field(default_factory=list)
    models: list[int] = field(default_factory=list)
    prompts: list[int] = field(default_factory=list)


class History(RuleBasedStateMachine):
    """The catalog, and a model of it that knows nothing of stacks, rollups or SQL."""

    stage: Database
    steps = 0

    @initialize()
    def fill(self) -> None:
        self.connection = self.stage.engine.connect()
        self.outer = self.connection.begin()
        self.database = Rehearsal(self.connection)
        self.resolving = Resolving(self.database)
        self.past = {slot: Past() for slot in SLOTS}
        self.facts: dict[UUID, Fact] = {}
        with self.database.writing("machine") as tx:
            for number in range(1, VERSIONS + 1):
                prompts.create_version(tx, NewPromptVersion(name="p", template=f"say {number}"))
                dataset = DatasetFacts(name="d", digest=str(1 + number // 3))
                run = RunFacts(id=f"r{number}", datasets=(dataset,))
                uri = f"runs:/r{number}/model"
                models.register(tx, NewModelVersion(name="m", source_uri=uri, run=run))

    def teardown(self) -> None:
        if hasattr(self, "outer"):
            self._recount_everything()
            self.resolving.close()
            self.outer.rollback()
            self.connection.close()

    @rule(slot=slots, model=versions, prompt=versions)
    def deploy(self, slot: SlotRef, model: int, prompt: int) -> None:
        past = self.past[slot]
        with self.database.writing("machine") as tx:
            new = NewDeployment(bundle=self._bundle(model, prompt), reason="because")
            made = deployments.deploy(tx, slot, new, len(past.live))
        assert (made.number, made.kind, made.undoes) == (len(past.live) + 1, "deploy", None)
        if not past.models or past.models[-1] != model:
            past.models.append(model)
        if not past.prompts or past.prompts[-1] != prompt:
            past.prompts.append(prompt)
        self._remember(slot, (model, prompt), made.at)

    @rule(slot=slots, side=st.sampled_from(["prompt", "model", "both"]))
    def roll_back(self, slot: SlotRef, side: Literal["prompt", "model", "both"]) -> None:
        past = self.past[slot]
        going = {"prompt": [past.prompts], "model": [past.models]}
        stacks = going.get(side, [past.prompts, past.models])
        wanted = RollbackRequest(side=side, reason="because", accept_untested=True)
        possible = past.live and all(len(stack) > 1 for stack in stacks)
        try:
            with self.database.writing("machine") as tx:
                foreseen = rollbacks.preview(tx, slot, side, None) if past.live else None
                made = rollbacks.roll_back(tx, slot, wanted, len(past.live))
        except (NothingToRollBack, NothingLive, NotFound):
            assert not possible
            return
        assert possible
        for stack in stacks:
            stack.pop()
        pair = (past.models[-1], past.prompts[-1])
        assert (made.kind, made.bundle) == ("rollback", self._bundle(*pair))
        assert foreseen is not None
        assert [one.bundle for one in foreseen.pairs] == [made.bundle]
        self._same(foreseen.pairs[0].served_here, [
            one for one in self.facts.values() if one.pair == pair and one.slot == slot
        ])  # fmt: skip
        self._remember(slot, pair, made.at)

    @rule(slot=slots, behind=st.integers(1, 3))
    def change_what_was_not_seen(self, slot: SlotRef, behind: int) -> None:
        past = self.past[slot]
        if len(past.live) < behind:
            return
        new = NewDeployment(bundle=self._bundle(1, 1), reason="because")
        try:
            with self.database.writing("machine") as tx:
                deployments.deploy(tx, slot, new, len(past.live) - behind)
        except Stale:
            return
        raise AssertionError("it was not refused")

    @rule(slot=slots, decision=st.none() | st.sampled_from(["a", "b"]))
    def resolve(self, slot: SlotRef, decision: str | None) -> None:
        past = self.past[slot]
        request = ResolveRequest(
            route=slot.route, environment=slot.environment, context={}, decision=decision
        )
        if not past.live:
            return
        found = self.resolving(request)
        pair = past.live[-1]
        assert found.bundle.ref == self._bundle(*pair)
        assert found.deployment.number == len(past.live)
        assert found.inference_id is not None
        fact = Fact(pair, slot, len(past.live), decision, Measured())
        self.facts[found.inference_id] = fact

    @rule(
        slot=st.none() | slots,
        model=versions,
        prompt=versions,
        decision=st.none() | st.sampled_from(["a", "b"]),
        measured=measures,
        count=st.integers(1, 3),
    )
    def record(
        self,
        slot: SlotRef | None,
        model: int,
        prompt: int,
        decision: str | None,
        measured: Measured,
        count: int,
    ) -> None:
        ids = [new_id() for _ in range(count)]
        number = len(self.past[slot].live) if slot else 0
        new = [
            NewInference.model_validate(
                {
                    "id": id,
                    "slot": slot,
                    "deployment": number or None,
                    "model": f"models:/m/{model}",
                    "prompt": f"prompts:/p/{prompt}",
                    "decision": decision,
                    **measured.model_dump(),
                }
            )
            for id in ids
        ]
        with self.database.writing("machine") as tx:
            result = inferences.record(tx, InferenceBatch(inferences=(*new, new[0])))
        assert (result.recorded, result.duplicates) == (count, 1)
        for id in ids:
            self.facts[id] = Fact((model, prompt), slot, number or None, decision, measured)

    @rule(word=st.sampled_from(["models:/unknown/1", "gpt-4o", "models:/m/99"]), measured=measures)
    def record_what_cannot_be_resolved(self, word: str, measured: Measured) -> None:
        id = new_id()
        new = NewInference.model_validate(
            {"id": id, "model": word, "prompt": "prompts:/p/1", **measured.model_dump()}
        )
        with self.database.writing("machine") as tx:
            assert inferences.record(tx, InferenceBatch(inferences=(new,))).unresolved == 1
        self.facts[id] = Fact(None, None, None, None, measured)

    @rule(data=st.data())
    def record_again(self, data: st.DataObject) -> None:
        if not self.facts:
            return
        id = data.draw(st.sampled_from(sorted(self.facts)))
        again = NewInference(id=id, model="models:/m/1", prompt="prompts:/p/1", status="error")
        with self.database.writing("machine") as tx:
            assert inferences.record(tx, InferenceBatch(inferences=(again,))).duplicates == 1

    @rule(data=st.data(), measured=known, twice=st.booleans())
    def add_outcome(self, data: st.DataObject, measured: Measured, twice: bool) -> None:
        if not self.facts:
            return
        id = data.draw(st.sampled_from(sorted(self.facts)))
        outcome = NewOutcome.model_validate({"id": new_id(), **measured.model_dump()})
        with self.database.writing("machine") as tx:
            assert inferences.add_outcome(tx, id, outcome)[1]
            if twice:
                assert not inferences.add_outcome(tx, id, outcome)[1]
        fact = self.facts[id]
        later = measured.model_dump(exclude_none=True)
        fact.measured = Measured.model_validate(fact.measured.model_dump() | later)
        with self.database.reading() as tx:
            assert inferences.read(tx, id).measured == fact.measured

    @rule(slot=slots, data=st.data())
    def look_back(self, slot: SlotRef, data: st.DataObject) -> None:
        past = self.past[slot]
        if not past.live:
            return
        number = data.draw(st.integers(1, len(past.live)))
        with self.database.reading() as tx:
            then = deployments.live(tx, slot, past.at[number - 1])
            now = deployments.live(tx, slot)
            history = deployments.history(tx, slot, cursor=None, limit=500).items
        assert (then.number, then.bundle) == (number, self._bundle(*past.live[number - 1]))
        assert now.number == len(past.live)
        assert [one.bundle for one in history][::-1] == [self._bundle(*pair) for pair in past.live]

    @rule(model=versions)
    def count_what_a_model_touched(self, model: int) -> None:
        touched = [fact for fact in self.facts.values() if fact.pair and fact.pair[0] == model]
        live = {slot for slot, past in self.past.items() if past.live and past.live[-1][0] == model}
        self._impact(f"models:/m/{model}", touched, live)

    @rule(prompt=versions)
    def count_what_a_prompt_touched(self, prompt: int) -> None:
        touched = [fact for fact in self.facts.values() if fact.pair and fact.pair[1] == prompt]
        live = {
            slot for slot, past in self.past.items() if past.live and past.live[-1][1] == prompt
        }
        self._impact(f"prompts:/p/{prompt}", touched, live)

    @rule(dataset=st.sampled_from([1, 2]))
    def count_what_a_dataset_touched(self, dataset: int) -> None:
        made = {number for number in range(1, VERSIONS + 1) if 1 + number // 3 == dataset}
        touched = [fact for fact in self.facts.values() if fact.pair and fact.pair[0] in made]
        live = {s for s, past in self.past.items() if past.live and past.live[-1][0] in made}
        self._impact(f"datasets:/d/{dataset}", touched, live)

    @rule(slot=slots, data=st.data())
    def count_what_a_deployment_served(self, slot: SlotRef, data: st.DataObject) -> None:
        past = self.past[slot]
        if not past.live:
            return
        number = data.draw(st.integers(1, len(past.live)))
        with self.database.reading() as tx:
            found = impacts.impact(tx, f"deployments:/{slot.short}/{number}", RequestFilter())
        served = [
            fact for fact in self.facts.values() if (fact.slot, fact.deployment) == (slot, number)
        ]
        self._same(found.service, served)

    def _impact(self, node: str, touched: list[Fact], live: set[SlotRef]) -> None:
        with self.database.reading() as tx:
            found = impacts.impact(tx, node, RequestFilter())
            listed = impacts.requests(tx, node, RequestFilter(), cursor=None, limit=500).items
        assert set(found.live) == live
        self._same(found.service, touched)
        assert sum(slot.service.requests for slot in found.slots) == len(touched)
        assert sum(day.requests for day in found.days) == len(touched)
        by_slot = Counter(fact.slot for fact in touched)
        counted = {one.slot: one.service.requests for one in found.slots if one.service.requests}
        assert counted == dict(by_slot)
        assert len(listed) == len(touched)
        assert [one.id for one in listed] == sorted((one.id for one in listed), reverse=True)
        assert {self.facts[one.id].pair for one in listed} == {fact.pair for fact in touched}

    def _same(self, service: Tally, facts: list[Fact]) -> None:
        measured = [fact.measured for fact in facts]
        scores = [one.score for one in measured if one.score is not None]
        assert service.requests == len(facts)
        assert service.errors == sum(one.status == "error" for one in measured)
        assert service.decision_requests == sum(fact.decision is not None for fact in facts)
        assert service.input_tokens == sum(one.input_tokens or 0 for one in measured)
        assert service.output_tokens == sum(one.output_tokens or 0 for one in measured)
        assert math.isclose(service.cost_usd, sum(one.cost_usd or 0 for one in measured))
        assert service.scored == len(scores)
        assert service.score == (sum(scores) / len(scores) if scores else None)

    def _recount_everything(self) -> None:
        """Both rollups hold the latencies of the facts, bucket by bucket, and all counts."""
        wanted = Counter(
            _bucket(fact.measured.latency_ms)
            for fact in self.facts.values()
            if fact.measured.latency_ms is not None
        )
        for period in ("hour", "day"):
            with self.database.reading() as tx:
                rows = tx.rows(text(f"select requests, latencies from rollup_{period}"))
            found = Counter[int]()
            for row in rows:
                found.update(dict(enumerate(row["latencies"])))
            assert +found == wanted
            assert sum(row["requests"] for row in rows) == len(self.facts)

    def _remember(self, slot: SlotRef, pair: tuple[int, int], at: datetime) -> None:
        self.past[slot].live.append(pair)
        self.past[slot].at.append(at)
        assert self.past[slot].at == sorted(set(self.past[slot].at))

    def _bundle(self, model: int, prompt: int) -> BundleRef:
        with self.database.writing("machine") as tx:
            sides = ModelVersionRef("m", model), PromptVersionRef("p", prompt)
            new = NewBundle(model=sides[0], prompt=sides[1], parameters={})
            return bundles.pair(tx, new)[0].ref

    def check_invariants(self, *words: object, **more: object) -> None:
        """Called by hypothesis after each step: here it counts them."""
        type(self).steps += 1
        super().check_invariants(*words, **more)


def test_history_rollbacks_and_counts_equal_a_brute_force_recount(stage: Database) -> None:
    staged = type("Staged", (History,), {"stage": stage})
    run_state_machine_as_test(
        staged, settings=settings(max_examples=60, stateful_step_count=50, deadline=None)
    )
    assert staged.steps >= STEPS_MIN, staged.steps


def _bucket(ms: float) -> int:
    if ms <= 0.1:
        return 0
    return min(216, math.ceil(math.log(ms / 0.1) / math.log(1.1)))
