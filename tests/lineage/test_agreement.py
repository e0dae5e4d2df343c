"""The graph, the counts, the lists, the spreadsheet and the table say the same, and that is
what a recount of the facts says."""

import csv
import io
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.support.catalog import Catalog
from tests.support.recount import rollups_equal_facts
from tests.support.serving import served
from tests.support.tables import rows_of
from twinline.access import actions as access
from twinline.app import make_app
from twinline.client import Client
from twinline.db.session import Database, Reading
from twinline.inferences import affected, store
from twinline.language.ids import first_id, made_at
from twinline.language.records import (
    Inference,
    NewInference,
    NewKey,
    NewOutcome,
    RequestFilter,
    Role,
)
from twinline.language.refs import SlotRef
from twinline.lineage import impacts

SLOTS = ("answer@production", "answer@staging", "search@production")
NOW = datetime.now(UTC).replace(microsecond=0)
INDEX = "nodes:/vector-index/tickets"


@pytest.fixture
def key(database: Database) -> str:
    with database.writing("test") as tx:
        return access.issue_key(tx, NewKey(owner="ana", role=Role.ADMIN)).key


@pytest.fixture
def url(database: Database) -> Iterator[str]:
    """A server that commits, so that many can ask and write at once."""
    with served(make_app(database)) as found:
        yield found


def id_at(random: Random, at: datetime) -> UUID:
    return UUID(int=first_id(at).int | random.getrandbits(62))


@pytest.fixture
def filled(client: Client) -> Catalog:
    """Four bundles over three slots, five days of requests, late outcomes, an index."""
    random, catalog = Random(7), Catalog(client)
    bundles = [catalog.bundle(model, prompt) for model in (1, 2) for prompt in (1, 2)]
    for slot in SLOTS:
        for bundle in random.sample(bundles, 2):
            catalog.deploy(slot, bundle)
    sent = [_request(random, bundles) for _ in range(600)]
    result = client.inferences.record([NewInference.model_validate(one) for one in sent])
    assert result.recorded == 600
    for item in random.sample(result.items, 60):
        assert item.id is not None
        score = random.choice([None, round(random.random(), 2)])
        outcome = NewOutcome(status=random.choice(["ok", "error"]), score=score)
        client.inferences.add_outcome(item.id, outcome)
    client.lineage.add_node("vector-index", "tickets", owner="search-team")
    long_ago = NOW - timedelta(days=10)
    client.lineage.connect(INDEX, f"routes:/{SLOTS[2]}", "feeds", since=long_ago)
    client.lineage.connect(INDEX, "models:/churn/2", "feeds", since=long_ago)
    return catalog


def _request(random: Random, bundles: list[Any]) -> dict[str, Any]:
    slot = random.choice([*SLOTS, None])
    at = NOW - timedelta(seconds=random.randint(0, 5 * 86_400))
    return {
        "id": id_at(random, at),
        "bundle": str(random.choice(bundles).ref),
        "slot": f"routes:/{slot}" if slot else None,
        "deployment": random.choice([1, 2, None]) if slot else None,
        "decision": random.choice([None, f"loan-{random.randint(1, 40)}"]),
        "status": random.choice(["ok", "error", None]),
        "score": random.choice([None, round(random.random(), 2)]),
        "cost_usd": 0.25,
        "rule": "canary",
        "arm": random.choice(["control", "canary", None]),
        "role": random.choice(["served", "served", "served", "shadow"]),
    }


def _facts(database: Database) -> list[dict[str, Any]]:
    """What was served, with the newest measures, from the facts alone."""
    newest = (
        "coalesce((select o.{0} from outcome o where o.inference_id = i.id and o.{0} is not null"
        " order by number desc limit 1), i.{0}) as {0}"
    )
    query = text(
        f"select i.id, i.at, b.digest, s.route || '@' || s.environment as slot, i.deployment,"
        f" i.decision, i.arm, i.cost_usd, {newest.format('status')}, {newest.format('score')},"
        " m.ref as model, p.ref as prompt"
        " from inference i join bundle b on b.node_id = i.bundle_id"
        " join node m on m.id = b.model_version join node p on p.id = b.prompt_version"
        " left join slot s on s.id = i.slot_id where i.role = 0"
    )
    with database.reading() as tx:
        return [dict(row) for row in tx.rows(query)]


ROOTS = {
    "models:/churn/1": lambda fact: fact["model"] == "models:/churn/1",
    "prompts:/support/answer/2": lambda fact: fact["prompt"] == "prompts:/support/answer/2",
    "datasets:/tickets/2": lambda fact: fact["model"] == "models:/churn/2",
    "runs:/run-1": lambda fact: fact["model"] == "models:/churn/1",
    "routes:/answer@staging": lambda fact: fact["slot"] == "answer@staging",
    "deployments:/answer@production/1": (
        lambda fact: (fact["slot"], fact["deployment"]) == ("answer@production", 1)
    ),
    INDEX: lambda fact: fact["slot"] == SLOTS[2] or fact["model"] == "models:/churn/2",
}
HOUR = NOW.replace(minute=0, second=0)
FILTERS = {
    "all": RequestFilter(),
    "production": RequestFilter(environment="production"),
    "one slot": RequestFilter(slot=SlotRef.parse(SLOTS[1])),
    "two days": RequestFilter(begin=HOUR - timedelta(hours=60), end=HOUR - timedelta(hours=7)),
    "within a day": RequestFilter(begin=HOUR - timedelta(hours=5), end=HOUR - timedelta(hours=2)),
    "since": RequestFilter(begin=HOUR - timedelta(hours=30), environment="staging"),
    "until": RequestFilter(end=HOUR - timedelta(hours=50)),
}
MEASURED = {
    "errors": RequestFilter(status="error"),
    "good": RequestFilter(status="ok", score_min=0.5),
    "bad": RequestFilter(score_max=0.3, begin=HOUR - timedelta(hours=70)),
}


def _meant(fact: dict[str, Any], wanted: RequestFilter) -> bool:
    status = {0: "ok", 1: "error", None: None}[fact["status"]]
    environment = fact["slot"].split("@")[1] if fact["slot"] else None
    score = fact["score"]
    return (
        wanted.environment in (None, environment)
        and (wanted.slot is None or wanted.slot.short == fact["slot"])
        and (wanted.begin is None or fact["at"] >= wanted.begin)
        and (wanted.end is None or fact["at"] < wanted.end)
        and wanted.status in (None, status)
        and (wanted.score_min is None or (score is not None and score >= wanted.score_min))
        and (wanted.score_max is None or (score is not None and score <= wanted.score_max))
    )


def test_counts_lists_decisions_spreadsheet_and_table_are_those_of_the_facts(
    filled: Catalog, database: Database
) -> None:
    facts, graph = _facts(database), filled.client.lineage
    for root, belongs in ROOTS.items():
        for name, wanted in (FILTERS | MEASURED).items():
            own = [one for one in facts if belongs(one) and _meant(one, wanted)]
            where = (root, name)
            listed = list(graph.affected(root, wanted))
            assert [one.id for one in listed] == sorted((one["id"] for one in own), reverse=True), (
                where
            )
            sheet = list(csv.DictReader(io.StringIO(b"".join(graph.csv(root, wanted)).decode())))
            assert [UUID(row["id"]) for row in sheet] == [one.id for one in listed], where
            assert [row["score"] for row in sheet] == [_text(one.measured.score) for one in listed]
            assert rows_of(graph.table(root, wanted)) == rows_of(listed), where
            decisions = Counter(one["decision"] for one in own if one["decision"])
            found = {one.decision: one.requests for one in graph.decisions(root, wanted)}
            assert found == dict(sorted(decisions.items())), where
            if name in FILTERS:
                _counts_are(graph.impact(root, wanted), own, listed)


@pytest.mark.parametrize("many", [-1, affected.MANY])
def test_requests_that_are_looked_for_step_by_step_are_all_found_once(
    filled: Catalog, database: Database, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    """Among the last of all, or of each bundle by itself; of everything, or of several nodes."""
    monkeypatch.setattr(affected, "MANY", many)
    monkeypatch.setattr(affected, "LOOKED_THROUGH", 40)
    monkeypatch.setattr(store, "RECENT_MEASURED", 60)
    newest = sorted(_facts(database), key=lambda one: one["id"], reverse=True)
    both = ["models:/churn/1", "prompts:/support/answer/2"]
    for name, wanted in (FILTERS | MEASURED).items():
        meant = [one for one in newest if _meant(one, wanted)]
        assert len(meant) > 3, name
        of_both = [one for one in meant if all(ROOTS[root](one) for root in both)]
        with database.reading() as tx:
            assert _step_by_step(tx, [], wanted) == [one["id"] for one in meant], name
            assert _step_by_step(tx, both, wanted) == [one["id"] for one in of_both], name


def _step_by_step(tx: Reading, nodes: list[str], wanted: RequestFilter) -> list[UUID]:
    ids: list[UUID] = []
    cursor: str | None = None
    while True:
        found = impacts.requests_of_all(tx, nodes, wanted, cursor=cursor, limit=7)
        ids += [one.id for one in found.page.items]
        assert found.looked_to is None or found.page.next, "what was looked through goes on"
        if found.page.next is None:
            return ids
        cursor = found.page.next


def _text(value: float | None) -> str:
    return "" if value is None else str(value)


def _counts_are(impact: Any, own: list[dict[str, Any]], listed: list[Inference]) -> None:
    total = impact.service
    assert total.requests == len(own) == len(listed)
    assert total.errors == sum(one["status"] == 1 for one in own)
    assert total.decision_requests == sum(one["decision"] is not None for one in own)
    assert total.cost_usd == pytest.approx(0.25 * len(own))
    scores = [one["score"] for one in own if one["score"] is not None]
    assert total.scored == len(scores)
    assert total.score == (pytest.approx(sum(scores) / len(scores)) if scores else None)
    assert (total.first_at, total.last_at) == (
        (min(one["at"] for one in own), max(one["at"] for one in own)) if own else (None, None)
    )
    slots = {one.slot.short if one.slot else None: one.service.requests for one in impact.slots}
    by_slot = Counter(one["slot"] for one in own)
    assert {slot: count for slot, count in slots.items() if count} == by_slot
    days = Counter(one["at"].date() for one in own)
    assert {one.day.date(): one.requests for one in impact.days} == days
    arms = Counter((one["slot"], one["arm"]) for one in own if one["arm"] and one["slot"])
    assert {(one.slot.short, one.arm): one.service.requests for one in impact.arms} == arms


def test_the_graph_reaches_the_bundles_and_slots_that_are_counted(filled: Catalog) -> None:
    graph = filled.client.lineage
    for root in ("models:/churn/1", "prompts:/support/answer/2", "datasets:/tickets/2"):
        walk, impact = graph.walk(root, direction="downstream", limit=5000), graph.impact(root)
        kinds = Counter(node.kind for node in walk.nodes)
        assert (kinds["bundle"], kinds["deployment"]) == (impact.bundles, impact.deployments)
        slots = sorted(node.ref for node in walk.nodes if node.kind == "slot")
        assert slots == [str(slot) for slot in impact.live]


def test_counts_stay_exact_while_requests_come_in(
    filled: Catalog, database: Database, url: str, key: str
) -> None:
    """At every moment the counts are those of the requests in the list of one snapshot."""
    graph, over = filled.client.lineage, threading.Event()
    bundle = filled.bundle(1, 1)

    def record() -> None:
        with Client(url, key) as writer:
            while not over.is_set():
                one = NewInference(bundle=str(bundle.ref), status="error")
                writer.inferences.record([one] * 7)

    writers = [threading.Thread(target=record) for _ in range(3)]
    for writer in writers:
        writer.start()
    try:
        seen = [graph.impact("models:/churn/1").service for _ in range(40)]
    finally:
        over.set()
        for writer in writers:
            writer.join()
    assert [one.requests for one in seen] == sorted(one.requests for one in seen)
    assert {(one.requests - seen[0].requests) % 7 for one in seen} == {0}, "half a batch"
    assert all(one.errors <= one.requests for one in seen)
    rollups_equal_facts(database)
    last = graph.impact("models:/churn/1").service.requests
    assert last == len(list(graph.affected("models:/churn/1")))


def test_times_of_counts_are_widened_to_whole_hours_and_said(filled: Catalog) -> None:
    begin, end = HOUR - timedelta(hours=30, minutes=10), HOUR - timedelta(hours=3, minutes=50)
    wanted = RequestFilter(begin=begin, end=end)
    found = filled.client.lineage.impact("models:/churn/1", wanted)
    assert (found.begin, found.end) == (HOUR - timedelta(hours=31), HOUR - timedelta(hours=3))
    wide = RequestFilter(begin=found.begin, end=found.end)
    assert found.service.requests == len(
        list(filled.client.lineage.affected("models:/churn/1", wide))
    )
    assert all(
        begin <= made_at(one.id) < end
        for one in filled.client.lineage.affected("models:/churn/1", wanted)
    )
