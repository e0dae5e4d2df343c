"""Plays the script into a catalog.

Importing this imports scikit-learn.
"""

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import cast

from twinline.access import actions as access
from twinline.bundles import actions as bundles
from twinline.cli.demo.classifiers import Remembering, accuracy, fitted
from twinline.cli.demo.history import script
from twinline.cli.demo.history.clock import played_clock
from twinline.cli.demo.history.desk import Desk, Live
from twinline.cli.demo.history.script import (
    MODEL,
    SCRIPT,
    Event,
    Pair,
    Recall,
    Release,
    RollBack,
    Train,
    Write,
)
from twinline.cli.demo.history.traffic import Traffic
from twinline.cli.demo.replies import reply
from twinline.cli.demo.tickets import Ticket, tickets
from twinline.cli.demo.trained import Classifier
from twinline.db.session import Database, Writing, connect
from twinline.deployments import actions as deployments
from twinline.evaluations import actions as evaluations
from twinline.inferences import actions as inferences
from twinline.language.records import (
    Bundle,
    CaseResult,
    DatasetFacts,
    Deployment,
    ExecuteRecall,
    LabelChange,
    NewBundle,
    NewDeployment,
    NewEvaluation,
    NewModelVersion,
    NewPromptVersion,
    NewRecall,
    NewSuite,
    RollbackRequest,
    RunFacts,
)
from twinline.language.refs import DatasetRef, ModelVersionRef, PromptVersionRef, SlotRef
from twinline.models import actions as models
from twinline.prompts import actions as prompts
from twinline.recalls import actions as recalls
from twinline.recalls import executing
from twinline.rollbacks import actions as rollbacks
from twinline.suites import actions as suites

SUITE = "sends-to-the-right-team"
SUITE_THRESHOLD = 0.75
LABEL = "production"
SEED = 2026
_BEFORE = timedelta(hours=1)
"""How long before the first event the ledger is opened."""


def play(database: Database, end: datetime) -> None:
    """Play the script, from four weeks before ``end`` up to ``end``.

    Args:
        database: migrated, without a catalog, and nobody else's.
        end: when the last day of the script is over; not in the future.
    """
    with played_clock(database) as put:
        inside = connect(database.url, pool_size=1)
        try:
            _Player(inside, put, end).play()
        finally:
            inside.close()


class _Player:
    def __init__(self, database: Database, put: Callable[[datetime], None], end: datetime) -> None:
        self._database, self._put, self._end = database, put, end
        dice = random.Random(SEED)  # noqa: S311 -- the same history every time
        self._models: dict[str, Classifier] = {}
        self._datasets: dict[str, DatasetRef] = {}
        self._desk = Desk(self._models, dice)
        openings = {route: self._at(days) for days, route in _openings()}
        self._traffic = Traffic(openings, end, script.REQUESTS_A_DAY, dice)

    def play(self) -> None:
        """Event by event, with the requests between them."""
        self._open()
        for days, event in SCRIPT:
            self._answer_until(self._at(days))
            with self._database.writing(event.by) as tx:
                self._happen(tx, event)
        self._answer_until(self._end)

    def _at(self, days: float) -> datetime:
        return self._end - timedelta(days=days)

    def _open(self) -> None:
        """Let the ledger take the days, and say which suite there is."""
        self._put(self._end)
        begin = self._at(script.DAYS) - _BEFORE
        with self._database.writing(access.SYSTEM) as tx:
            while inferences.open_days(tx, begin.date()).missing:
                pass
        self._put(begin)
        new = NewSuite(
            description="The share of held-out tickets that are answered by the right team",
            scores="bundle",
            threshold=SUITE_THRESHOLD,
        )
        with self._database.writing("cleo") as tx:
            suites.define(tx, SUITE, new)

    def _answer_until(self, at: datetime) -> None:
        while request := self._traffic.before(at):
            if not self._desk.answer(request):
                self._traffic.complain(request)
        self._put(at)
        with self._database.writing("applications") as tx:
            self._desk.hand_in(tx)

    def _happen(self, tx: Writing, event: Event) -> None:
        match event:
            case Write(name, template, message):
                new = NewPromptVersion(name=name, template=template, message=message, parameters={})
                prompts.create_version(tx, new)
            case Train():
                self._train(tx, event)
            case Pair(model, prompt):
                _pair(tx, model, prompt)
            case Release():
                self._release(tx, event)
            case RollBack(slot, side, reason):
                wanted = RollbackRequest(side=side, reason=reason, accept_untested=True)
                ref = SlotRef.parse(slot)
                number = deployments.live(tx, ref).number
                self._serve(tx, rollbacks.roll_back(tx, ref, wanted, number))
            case Recall(dataset, reason):
                self._recall(tx, str(self._datasets[dataset]), reason)

    def _train(self, tx: Writing, event: Train) -> None:
        known = script.learned(event)
        held_out = [ticket for ticket in tickets() if ticket.held_out]
        model = Remembering(cast("Classifier", fitted(event.plan, known)))
        dataset = _facts(event.dataset, known, "training")
        run = RunFacts(
            id=f"{event.plan.run_name}-{dataset.digest}",
            name=event.plan.run_name,
            experiment="support-ticket-triage",
            status="FINISHED",
            params=event.plan.params(),
            metrics={"accuracy": accuracy(model, held_out)},
            datasets=(dataset, _facts("tickets-held-out", held_out, "evaluation")),
        )
        new = NewModelVersion(name=MODEL, source_uri=f"runs:/{run.id}/classifier", run=run)
        version, _ = models.register(tx, new)
        self._models[str(version.ref)] = model
        self._datasets[event.dataset] = DatasetRef(dataset.name, dataset.digest)

    def _release(self, tx: Writing, event: Release) -> None:
        """Score the pair, as far as nobody did, and make it live."""
        bundle = _pair(tx, event.model, event.prompt)
        ref = SlotRef.parse(event.slot)
        if not evaluations.newest(tx, bundle.ref).items:
            self._evaluate(tx, bundle)
        live = deployments.live(tx, ref).number if deployments.exists(tx, ref) else 0
        new = NewDeployment(bundle=bundle.ref, reason=event.reason)
        self._serve(tx, deployments.deploy(tx, ref, new, live))

    def _evaluate(self, tx: Writing, bundle: Bundle) -> None:
        """How often the reply to a held-out ticket names the right team."""
        served = bundles.serve(tx, bundle.ref)
        model, template = self._models[str(served.model.ref)], served.prompt.template
        assert isinstance(template, str)
        asked = [ticket for ticket in tickets() if ticket.held_out]
        replies = [reply(ticket, template, model, 1) for ticket in asked]
        cases = [
            CaseResult(id=f"ticket-{number}", passed=f"the {ticket.team} team" in said.text.lower())
            for number, (ticket, said) in enumerate(zip(asked, replies, strict=True))
        ]
        evaluations.record(tx, NewEvaluation.of(cases, subject=bundle.ref, suite=SUITE))

    def _recall(self, tx: Writing, node: str, reason: str) -> None:
        details, _ = recalls.recall(tx, NewRecall(node=node, reason=reason))
        plan = recalls.plan(tx, details.number)
        wanted = ExecuteRecall(
            reason=reason, plan=plan.digest, accept_untested=True, unsafe="leave"
        )
        affected = [use.slot for use in details.still_live]
        executing.execute(tx, details.number, wanted)
        for slot in affected:
            self._serve(tx, deployments.live(tx, slot))

    def _serve(self, tx: Writing, made: Deployment) -> None:
        """The desk answers by it, and the label of the prompt goes along."""
        if made.slot.environment != "production":
            return
        served = bundles.serve(tx, made.bundle)
        self._desk.deploy(made.slot.route, Live(made.number, made.at, served))
        change = LabelChange(number=made.prompt.number, reason=made.reason)
        prompts.move_label(tx, made.prompt.name, LABEL, change)


def _openings() -> list[tuple[float, str]]:
    """When each route answered first: days before the end."""
    releases = [(days, event.slot) for days, event in SCRIPT if isinstance(event, Release)]
    slots = {slot: max(days for days, other in releases if other == slot) for _, slot in releases}
    refs = [(days, SlotRef.parse(slot)) for slot, days in slots.items()]
    return [(days, ref.route) for days, ref in refs if ref.environment == "production"]


def _pair(tx: Writing, model: int, prompt: str) -> Bundle:
    sides = NewBundle(
        model=ModelVersionRef(MODEL, model),
        prompt=PromptVersionRef.parse(f"prompts:/{prompt}"),
        parameters={},
    )
    return bundles.pair(tx, sides)[0]


def _facts(name: str, rows: Sequence[Ticket], context: str) -> DatasetFacts:
    """A dataset, by the digest of what is in it."""
    text = json.dumps([asdict(row) for row in rows]).encode()
    profile = {"rows": len(rows)}
    digest = hashlib.sha256(text).hexdigest()[:8]
    return DatasetFacts(name=name, digest=digest, profile=profile, context=context)
