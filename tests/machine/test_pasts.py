"""The past of a slot as it is read at once, against the whole history read one by one."""

import random

import pytest

from tests.support import policies
from twinline.bundles import actions as bundles
from twinline.db.session import Database, Reading
from twinline.deployments import actions as deployments
from twinline.deployments import pasts
from twinline.deployments.rules import Step, undo_stack
from twinline.language.records import (
    Bundle,
    DeploymentKind,
    NewBundle,
    NewModelVersion,
    NewPromptVersion,
)
from twinline.language.refs import ModelVersionRef, PromptVersionRef, SlotRef
from twinline.models import actions as models
from twinline.prompts import actions as prompts
from twinline.routing.policy import read_policy, single

SLOTS = [SlotRef("answer", "production"), SlotRef("answer", "staging"), SlotRef("ask", "staging")]
NEVER = SlotRef("never", "production")


@pytest.mark.parametrize("seed", range(4))
def test_slots_read_at_once_have_the_pasts_of_their_whole_histories(
    database: Database, seed: int
) -> None:
    dice = random.Random(seed)
    known = _catalog(database)
    for _ in range(40):
        _append(database, dice.choice(SLOTS), dice, known)
    with database.reading() as tx:
        found = pasts.of_slots(tx, [*SLOTS, NEVER])
        for slot in SLOTS:
            history = list(deployments.whole_history(tx, slot))[::-1]
            by_prompt = undo_stack([Step(one.number, one.kind, one.prompt) for one in history])
            by_model = undo_stack([Step(one.number, one.kind, one.model) for one in history])
            assert found[slot].stacks == {"prompt": by_prompt, "model": by_model}
            sides = {one for made in history for one in (made.prompt, made.model)}
            assert found[slot].every == sides
        assert found[NEVER].stacks == {"prompt": (), "model": ()}
        _each_was_brought_in(tx, dice, known)


def _each_was_brought_in(tx: Reading, dice: random.Random, known: list[Bundle]) -> None:
    for _ in range(20):
        bad = {one.ref for one in dice.sample(known, dice.randint(1, 6))}
        found = deployments.brought_in(tx, SLOTS, bad)
        for slot in SLOTS:
            newest_first = deployments.whole_history(tx, slot)
            good = (one.number for one in newest_first if not bad & _named(one.policy))
            assert found[slot] == next(good, 0) + 1


def _named(policy: dict[str, object]) -> set[object]:
    return set(read_policy(policy).bundles())


def _append(database: Database, slot: SlotRef, dice: random.Random, known: list[Bundle]) -> None:
    """What a deployment is called does not bind it here, so that all that may be is tried."""
    first, second = (one.ref for one in dice.choices(known, k=2))
    ruled = read_policy(policies.by_tenant(first, "acme", second))
    policy = single(first) if dice.random() < 0.5 else ruled
    kinds: list[DeploymentKind] = ["deploy", "deploy", "rollback", "recall"]
    with database.writing("test") as tx:
        deployments.ensure_slot(tx, slot)
        kind = dice.choice(kinds) if deployments.read_slot(tx, slot).live else "deploy"
        undoes = None if kind == "deploy" else 1
        deployments.append(tx, slot, policy, kind=kind, undoes=undoes, reason="because")


def _catalog(database: Database) -> list[Bundle]:
    with database.writing("test") as tx:
        for number in range(1, 4):
            prompts.create_version(tx, NewPromptVersion(name="p", template=f"Say {number}"))
            models.register(tx, NewModelVersion(name="m", source_uri=f"x:/{number}"))
        pairs = [(model, prompt) for model in range(1, 4) for prompt in range(1, 4)]
        return [
            bundles.pair(
                tx,
                NewBundle(
                    model=ModelVersionRef("m", model),
                    prompt=PromptVersionRef("p", prompt),
                    parameters={},
                ),
            )[0]
            for model, prompt in pairs
        ]
