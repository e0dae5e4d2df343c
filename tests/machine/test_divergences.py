"""Every count of what diverges is what a count of the facts says, one by one."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.support.rehearsal import Rehearsal
from twinline.bundles import actions as bundles
from twinline.db.session import Database
from twinline.deployments import actions as deployments
from twinline.inferences import actions as inferences
from twinline.language.ids import made_at, new_id
from twinline.language.records import (
    InferenceBatch,
    NewBundle,
    NewDeployment,
    NewInference,
    NewModelVersion,
    NewPromptVersion,
)
from twinline.language.refs import BundleRef, ModelVersionRef, PromptVersionRef, SlotRef
from twinline.models import actions as models
from twinline.prompts import actions as prompts
from twinline.timelines import divergences
from twinline.timelines.divergences import Asked

SLOTS = (SlotRef("a", "production"), SlotRef("b", "production"), SlotRef("c", "staging"))
POLICIES = 4
HOUR = timedelta(hours=1)
FIRST = -20
"""Hours before the midnight that things are placed around."""

moments = st.builds(
    lambda hours, minutes, ms: hours * HOUR + timedelta(minutes=minutes, milliseconds=ms),
    st.integers(FIRST, 0),
    st.sampled_from([0, 0, 20, 40]),
    st.sampled_from([-1, 0, 0, 1, 30_000]),
)
deployed = st.lists(
    st.tuples(st.integers(0, POLICIES - 1), moments, st.sampled_from([0, 1, 999])),
    max_size=4,
    unique_by=lambda one: (one[1], one[2]),
)
requests = st.fixed_dictionaries(
    {
        "slot": st.integers(0, 2),
        "deployment": st.integers(0, 4),
        "bundle": st.integers(0, 2),
        "at": moments,
        "shadow": st.sampled_from([False, False, False, True]),
    }
)
world = st.fixed_dictionaries(
    {
        "deployed": st.tuples(deployed, deployed, deployed),
        "requests": st.lists(requests, min_size=1, max_size=25),
        "since": moments,
        "grace": st.sampled_from([0.0, 0.001, 30.0, 60.0, 3600.0]),
        "environment": st.sampled_from([None, None, "production"]),
    }
)


def test_the_counts_are_those_of_the_facts(stage: Database) -> None:
    @settings(max_examples=80, deadline=None)
    @given(world)
    def compare(one: dict[str, Any]) -> None:
        with stage.engine.connect() as connection:
            outer = connection.begin()
            database = Rehearsal(connection)
            _live_through(database, one)
            since = _midnight() + one["since"]
            asked = Asked(one["environment"], since, 24.0, one["grace"])
            with database.reading() as tx:
                found = divergences.find(tx, asked, limit=1000)
                expected = _recount(tx, asked)
            told = Counter(
                {
                    (item.kind, item.slot, item.deployment and item.deployment.number, item.bundle):
                    item.requests
                    for item in found.items
                    if item.kind != "not-seen"
                }
            )  # fmt: skip
            assert told == expected
            counts = Counter[str]()
            for (kind, *_), requests in expected.items():
                counts[kind] += requests
            assert {k: n for k, n in found.counts.items() if k != "not-seen"} == counts
            outer.rollback()

    compare()


def _recount(tx: Any, asked: Asked) -> Counter[Any]:
    """From each fact and each deployment, without any rollup."""
    since, grace = asked.since, timedelta(seconds=asked.grace_seconds)
    facts = tx.rows(text(
        "select i.at, i.deployment, b.digest, s.route, s.environment from inference i"
        " join bundle b on b.node_id = i.bundle_id join slot s on s.id = i.slot_id"
        " where i.role = 0"
    ))  # fmt: skip
    found: Counter[Any] = Counter()
    for fact in facts:
        if fact["at"] < since or asked.environment not in (None, fact["environment"]):
            continue
        slot, bundle = SlotRef(fact["route"], fact["environment"]), BundleRef(fact["digest"])
        history = list(deployments.whole_history(tx, slot))[::-1]
        for kind, number in _wrong(fact, bundle, history, grace):
            found[kind, slot, number, bundle] += 1
    return found


def _wrong(fact: Any, bundle: BundleRef, history: list[Any], grace: timedelta) -> Any:
    at, number = fact["at"], fact["deployment"]
    if not number:
        live = [one for one in history if one.at <= at]
        if not live:
            yield "not-in-the-policy", None
        elif bundle not in _served(live[-1].policy):
            yield "not-in-the-policy", live[-1].number
        return
    made = history[number - 1]
    if bundle not in _served(made.policy):
        yield "bundle-not-permitted", number
    if at < made.at - grace:
        yield "not-yet-live", number
    if number < len(history) and at >= history[number].at + grace:
        yield "no-longer-live", number


def _served(policy: dict[str, Any]) -> set[BundleRef]:
    arms = [
        arm["bundle"]
        for rule in policy.get("rules", ())
        for arm in rule["serve"].get("split", {"arms": [rule["serve"]]})["arms"]
    ]
    named = [policy["default"]["bundle"], *policy.get("fallback", ()), *arms]
    return {BundleRef.parse(one) for one in named}


def _live_through(database: Database, one: dict[str, Any]) -> None:
    with database.writing("test") as tx:
        models.register(tx, NewModelVersion(name="m", source_uri="x:/y"))
        made = [_bundle(tx, number) for number in (1, 2, 3)]
        tx.run(text("alter table deployment disable trigger refuse_row_change"))
        for slot, history in zip(SLOTS, one["deployed"], strict=True):
            deployments.ensure_slot(tx, slot)
            for number, (policy, at, us) in enumerate(sorted(history, key=lambda h: h[1:])):
                new = NewDeployment(policy=_policy(policy, made), reason="because")
                deployments.deploy(tx, slot, new, number)
                _backdate(tx, slot, number + 1, _midnight() + at + timedelta(microseconds=us))
        sent = tuple(_request(fact, made, one["deployed"]) for fact in one["requests"])
        assert inferences.record(tx, InferenceBatch(inferences=sent)).refused == 0


def _bundle(tx: Any, number: int) -> BundleRef:
    prompts.create_version(tx, NewPromptVersion(name="p", template=f"Say {number}"))
    pair = NewBundle(
        model=ModelVersionRef("m", 1), prompt=PromptVersionRef("p", number), parameters={}
    )
    return bundles.pair(tx, pair)[0].ref


def _policy(number: int, made: list[BundleRef]) -> dict[str, Any]:
    one, two, three = map(str, made)
    halves = [
        {"name": "x", "bundle": one, "ranges": [[0, 50_000]]},
        {"name": "y", "bundle": two, "ranges": [[50_000, 100_000]]},
    ]
    when = {"attr": "tenant", "op": "eq", "value": "a"}
    documents: list[dict[str, Any]] = [
        {"default": {"bundle": one}},
        {"default": {"bundle": two}, "fallback": [three]},
        {"default": {"bundle": one}, "rules": [{"id": "r", "serve": {"split": {"arms": halves}}}],
         "unit": {"by": ["u"]}, "shadow": [{"bundle": three, "sample": 1}]},
        {"default": {"bundle": two},
         "rules": [{"id": "t", "when": when, "serve": {"bundle": one}}]},
    ]  # fmt: skip
    return {"schema": "routing-policy/1", **documents[number]}


def _backdate(tx: Any, slot: SlotRef, number: int, at: datetime) -> None:
    tx.run(
        text(
            "update deployment set at = :at where number = :number and slot_id ="
            " (select id from slot where route = :route and environment = :environment)"
        ),
        {"at": at, "number": number, "route": slot.route, "environment": slot.environment},
    )


def _request(fact: dict[str, Any], made: list[BundleRef], deployed: Any) -> NewInference:
    id = new_id(_midnight() + fact["at"])
    assert made_at(id) == _midnight() + fact["at"]
    number = min(fact["deployment"], len(deployed[fact["slot"]]))
    return NewInference(
        id=id,
        slot=SLOTS[fact["slot"]],
        deployment=number or None,
        bundle=str(made[fact["bundle"]]),
        role="shadow" if fact["shadow"] else "served",
    )


def _midnight() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
