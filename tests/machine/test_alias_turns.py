"""Links in trouble: lost answers, late writes, fights, several processes, and chance."""

import os
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import text

from tests.support.linked import ALIAS, PROMPT, SLOT
from tests.support.mlflow_registry import MlflowRegistry
from tests.support.unruly import Unruly
from twinline.aliases import actions as aliases
from twinline.aliases import store
from twinline.aliases.rules import REVERTS_MAX
from twinline.aliases.turns import Turns
from twinline.bundles import actions as bundles
from twinline.db import migrations
from twinline.db.session import Database
from twinline.deployments import actions as deployments
from twinline.language.errors import Conflict, NotFound
from twinline.language.records import (
    AliasLink,
    ForeignMoves,
    MlflowImport,
    NewAliasLink,
    NewBundle,
    NewDeployment,
    NewPromptVersion,
)
from twinline.language.refs import ModelVersionRef, PromptVersionRef, SlotRef
from twinline.mirror.remote import MlflowServer
from twinline.models import actions as models
from twinline.prompts import actions as prompts

WAITING = text("select count(*) from pg_locks where not granted")
HASTEN = text("update alias_link set next_at = clock_timestamp(), turn_until = null")


class Side:
    """A Twinline without its server: its catalog, its turns, and its way to MLflow."""

    def __init__(self, database: Database, registry: MlflowRegistry, model: str) -> None:
        self.database, self.registry, self.model = database, registry, model
        self.way = Unruly()
        self.server = MlflowServer(registry.url, transport=self.way, timeout_seconds=20)
        self.turns = Turns(database, {"default": self.server}, look_seconds=0)
        with database.writing("ana") as tx:
            prompts.create_version(tx, NewPromptVersion(name=PROMPT, template="x"))
        self.learn(model)

    def learn(self, model: str) -> None:
        """Read versions 1 to 4 of a model."""
        reader = MlflowServer(self.registry.url, timeout_seconds=20)
        for number in range(1, 5):
            read = reader.model_version(MlflowImport(name=model, number=number))
            with self.database.writing("ana") as tx:
                models.register(tx, read)

    def deploy(self, number: int, *, model: str | None = None, slot: str = SLOT) -> None:
        ref = SlotRef.parse(slot)
        pair = NewBundle(
            model=ModelVersionRef(model or self.model, number),
            prompt=PromptVersionRef(PROMPT, 1),
            parameters={},
        )
        with self.database.writing("ana") as tx:
            bundle = bundles.pair(tx, pair)[0].ref
            live = next(deployments.whole_history(tx, ref), None)
            new = NewDeployment(bundle=bundle, reason="because")
            deployments.deploy(tx, ref, new, live.number if live else 0)

    def link(self, foreign: ForeignMoves, *, writes: bool = True, slot: str = SLOT) -> None:
        with self.database.writing("ana") as tx:
            new = NewAliasLink(alias=ALIAS, writes=writes, foreign=foreign)
            aliases.link(tx, SlotRef.parse(slot), new)

    def turn(self, count: int = 1) -> AliasLink:
        """Have turns now, whatever they would wait for; how things stand then."""
        for _ in range(count):
            with self.database.writing("test") as tx:
                tx.run(HASTEN)
            self.turns.take()
        return self.read()

    def read(self) -> AliasLink:
        with self.database.reading() as tx:
            return aliases.read(tx, SlotRef.parse(SLOT))

    def live(self) -> int:
        with self.database.reading() as tx:
            return deployments.live(tx, SlotRef.parse(SLOT)).model.number

    def alias(self, model: str | None = None) -> int | None:
        return self.registry.alias(model or self.model, ALIAS)


_models = iter(f"turns-{number}" for number in range(1, 1000))


@pytest.fixture
def side(database: Database, mlflow_registry: MlflowRegistry) -> Side:
    """Version 1 is live."""
    model = next(_models)
    mlflow_registry.make(model, versions=4)
    made = Side(database, mlflow_registry, model)
    made.deploy(1)
    return made


@pytest.fixture
def other_side(empty_database: Database, side: Side) -> Iterator[Side]:
    """Another Twinline with another catalog, at the same model; version 2 is live."""
    migrations.upgrade(empty_database)
    made = Side(empty_database, side.registry, side.model)
    made.deploy(2)
    return made


# --- what goes live in the middle of a turn ---------------------------------------------


def test_a_model_that_goes_live_in_a_turn_is_claimed_before_it_is_written(side: Side) -> None:
    taken = next(_models)
    side.registry.make(taken, versions=4)
    side.learn(taken)
    side.deploy(1, model=taken, slot="other@production")
    side.link("alert", slot="other@production")
    side.turns.take()
    assert side.alias(taken) == 1
    side.link("alert")
    side.way.before_write = lambda: side.deploy(2, model=taken)
    for _ in range(9):
        side.turns.take()
    link = side.read()
    assert (link.state, side.alias(taken)) == ("error", 1)
    assert "goes with other@production already" in link.why


# --- several who change one link ----------------------------------------------------------


def test_who_declines_and_who_links_anew_are_in_no_deadlock(side: Side) -> None:
    side.link("propose")
    side.turn()
    side.registry.put_alias(side.model, ALIAS, 2)
    number = side.turn().proposal
    assert number is not None

    def decline() -> None:
        with side.database.writing("eve") as tx:
            aliases.decline(tx, number, "no")

    ref, new = SlotRef.parse(SLOT), NewAliasLink(alias=ALIAS, writes=True, foreign="propose")
    with ThreadPoolExecutor(1) as pool:
        with side.database.writing("ana") as tx:
            store.put_link(tx, ref, new, side.model)
            declined = pool.submit(decline)
            while tx.value(WAITING) == 0:
                time.sleep(0.01)
            store.supersede(tx, ref)
        with pytest.raises(Conflict, match="superseded"):
            declined.result(30)


# --- answers that are lost, writes that come late ---------------------------------------


def test_a_write_whose_answer_is_lost_is_ours_all_the_same(side: Side) -> None:
    side.link("deploy")
    side.way.lose_answers = 1
    link = side.turn()
    assert (link.state, link.tries, side.alias()) == ("error", 1, 1)
    side.deploy(2)
    assert side.turn(2).state == "in_sync"
    assert (side.alias(), side.live(), len(side.way.writes)) == (2, 2, 2)


@pytest.mark.parametrize("foreign", ["alert", "revert", "propose", "deploy"])
def test_an_older_write_that_lands_late_is_written_over(side: Side, foreign: ForeignMoves) -> None:
    side.link(foreign)
    side.turn()
    side.way.keep_back = 1
    side.deploy(2)
    assert side.turn().state == "error"
    side.deploy(3)
    assert side.turn().state == "in_sync"
    side.way.let_go()
    assert side.alias() == 2
    assert side.turn().state == "in_sync"
    assert (side.alias(), side.live()) == (3, 3)
    with side.database.reading() as tx:
        assert aliases.moves(tx, SlotRef.parse(SLOT), cursor=None, limit=9).items == ()


def test_a_removal_whose_answer_is_lost_is_tried_again(side: Side) -> None:
    side.link("alert")
    side.turn()
    other = next(_models)
    side.registry.make(other, versions=4)
    side.learn(other)
    side.deploy(1, model=other)
    side.way.keep_back = 1
    assert side.turn().state == "error"
    assert (side.alias(), side.alias(other)) == (1, None)
    assert side.turn().state == "in_sync"
    assert (side.alias(), side.alias(other)) == (None, 1)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(httpx.Response(500), id="500"),
        pytest.param(httpx.Response(200, html="<h1>Sign in</h1>"), id="a login page"),
        pytest.param(httpx.Response(200, content=b'{"regis'), id="cut short"),
        pytest.param(httpx.Response(401), id="401"),
    ],
)
def test_an_odd_answer_is_no_foreign_move(side: Side, answer: httpx.Response) -> None:
    side.link("deploy")
    side.turn()
    side.way.answer = answer
    link = side.turn(2)
    assert (link.state, link.tries, side.live()) == ("error", 2, 1)
    side.way.answer = None
    assert (side.turn().state, len(side.way.writes)) == ("in_sync", 1)


# --- what happens meanwhile -------------------------------------------------------------


def test_a_deployment_while_a_write_is_under_way_is_written_next(side: Side) -> None:
    side.link("deploy")
    side.way.before_write = lambda: side.deploy(3)
    side.turn()
    assert (side.turn().state, side.alias(), side.live()) == ("in_sync", 3, 3)


def test_somebody_who_moves_it_while_we_write_is_not_overlooked(side: Side) -> None:
    side.link("alert")
    side.turn()
    side.deploy(2)
    side.way.before_write = lambda: side.registry.put_alias(side.model, ALIAS, 4)
    assert side.turn(2).state == "in_sync"
    side.registry.put_alias(side.model, ALIAS, 4)
    assert side.turn().state == "drifted"


def test_a_link_that_ends_or_changes_while_a_turn_is_under_way_is_left_alone(side: Side) -> None:
    side.link("alert")

    def end() -> None:
        with side.database.writing("ana") as tx:
            aliases.unlink(tx, SlotRef.parse(SLOT))

    side.way.before_write = end
    with pytest.raises(NotFound):
        side.turn()
    side.link("alert")
    side.deploy(2)
    side.way.before_write = lambda: side.link("revert")
    link = side.turn()
    assert (link.foreign, link.pending_since is not None) == ("revert", True)
    assert side.turn().state == "in_sync"


def test_a_process_that_dies_in_its_turn_keeps_the_link_for_half_a_minute_at_most(
    side: Side,
) -> None:
    side.link("alert")

    def die() -> None:
        raise KeyboardInterrupt

    side.way.before_write = die
    with pytest.raises(KeyboardInterrupt):
        side.turns.take()
    assert not side.turns.take()
    with side.database.reading() as tx:
        left = "select extract(epoch from turn_until - clock_timestamp())::float8 from alias_link"
        assert 0 < tx.value(text(left)) <= 30
    assert side.turn().state == "in_sync"


def test_processes_share_the_links_and_each_has_one_at_a_time(side: Side) -> None:
    slots = [f"slot-{number}@production" for number in range(4)]
    for slot in slots:
        name = next(_models)
        side.registry.make(name, versions=4)
        side.learn(name)
        side.deploy(1, model=name, slot=slot)
        side.link("alert", slot=slot)

    def work() -> None:
        turns = Turns(side.database, {"default": side.server}, look_seconds=60)
        while turns.take():
            pass

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with side.database.reading() as tx:
        links = aliases.list_links(tx, cursor=None, limit=9).items
    assert [link.state for link in links] == ["in_sync"] * 4
    assert (len(side.way.writes), side.way.crowded) == (4, set())


# --- no loops ---------------------------------------------------------------------------


def test_two_twinlines_that_both_put_it_back_stop_fighting(side: Side, other_side: Side) -> None:
    for one in (side, other_side):
        one.link("revert")
    for _ in range(REVERTS_MAX + 2):
        for one in (side, other_side):
            one.turn()
    written = [*side.way.writes, *other_side.way.writes]
    assert REVERTS_MAX < len(written) <= 2 * (REVERTS_MAX + 1)
    states = {one.read().state for one in (side, other_side)}
    assert states == {"in_sync", "drifted"}
    for one in (side, other_side):
        one.turn(3)
    assert [*side.way.writes, *other_side.way.writes] == written


def test_two_twinlines_that_follow_each_other_come_to_rest(side: Side, other_side: Side) -> None:
    for one in (side, other_side):
        one.link("deploy")
    for _ in range(4):
        for one in (side, other_side):
            one.turn()
    assert side.live() == other_side.live() == side.alias()
    written = len(side.way.writes) + len(other_side.way.writes)
    side.deploy(3)
    other_side.deploy(4)
    for _ in range(4):
        for one in (other_side, side):
            one.turn()
    assert side.live() == other_side.live() == side.alias()
    assert {side.read().state, other_side.read().state} == {"in_sync"}
    assert len(side.way.writes) + len(other_side.way.writes) <= written + 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(int(os.environ.get("TWINLINE_ALIAS_SEEDS", "1"))))
@pytest.mark.parametrize("foreign", ["alert", "revert", "propose", "deploy"])
def test_whatever_happens_on_both_sides_they_agree_in_the_end(
    side: Side, foreign: ForeignMoves, seed: int
) -> None:
    chance = random.Random(f"{foreign} {seed}")
    side.link(foreign)
    for _ in range(25):
        match chance.randrange(8):
            case 0 | 1:
                side.deploy(chance.randint(1, 4))
            case 2 | 3:
                side.registry.put_alias(side.model, ALIAS, chance.randint(1, 4))
            case 4:
                side.registry.drop_alias(side.model, ALIAS)
            case 5:
                side.way.lose_answers, side.way.keep_back = chance.choice([(1, 0), (0, 1), (0, 0)])
            case 6:
                side.way.let_go()
            case _:
                side.turn()
    side.way.lose_answers = side.way.keep_back = 0
    while side.way.let_go():
        pass
    side.turn(6)
    before, writes = side.read(), len(side.way.writes)
    after = side.turn(3)
    assert len(side.way.writes) == writes
    assert after.model_copy(update={"looked_at": None}) == before.model_copy(
        update={"looked_at": None}
    )
    seen = after.seen.number if after.seen else None
    assert seen == side.alias()
    if after.state == "drifted":
        held = "put back" in after.why
        gone = foreign == "deploy" and seen is None
        assert foreign in ("alert", "propose") or held or gone
    else:
        assert (after.state, side.alias()) == ("in_sync", side.live())
    side.deploy(2)
    assert (side.turn().state, side.alias()) == ("in_sync", 2)
