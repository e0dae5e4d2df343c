"""Catalogs by dice: versions of a model and a prompt, their pairs, and deployments."""

import random

from tests.support import policies
from tests.support.rehearsal import Rehearsal
from twinline.bundles import actions as bundles
from twinline.deployments import actions as deployments
from twinline.language.records import (
    NewBundle,
    NewDeployment,
    NewModelVersion,
    NewPromptVersion,
    RunFacts,
)
from twinline.language.records.models import DatasetFacts
from twinline.language.refs import BundleRef, ModelVersionRef, PromptVersionRef, SlotRef
from twinline.models import actions as models
from twinline.prompts import actions as prompts


def random_catalog(database: Rehearsal, dice: random.Random) -> None:
    """Fill an empty catalog, all of whose nouns then have nodes."""
    versions = range(1, dice.randint(3, 6))
    with database.writing("test") as tx:
        for number in versions:
            used = dice.sample(range(4), dice.randint(1, 3))
            datasets = tuple(DatasetFacts(name="d", digest=str(one)) for one in used)
            run = RunFacts(id=f"r{number}", datasets=datasets)
            uri = f"runs:/r{number}/m"
            models.register(tx, NewModelVersion(name="m", source_uri=uri, run=run))
            prompts.create_version(tx, NewPromptVersion(name="p", template=f"Say {number}"))
        live = dict.fromkeys(("a@e", "b@e"), 0)
        bundle: BundleRef | None = None
        for _ in range(dice.randint(4, 10)):
            sides = ModelVersionRef("m", dice.choice(versions)), PromptVersionRef("p", 1)
            pair = NewBundle(model=sides[0], prompt=sides[1], parameters={"t": dice.randint(0, 1)})
            before, bundle = bundle, bundles.pair(tx, pair)[0].ref
            slot = dice.choice(list(live))
            if before and before != bundle and dice.random() < 0.3:
                new = NewDeployment(policy=policies.canary(before, bundle), reason="a few first")
            else:
                new = NewDeployment(bundle=bundle, reason="because")
            live[slot] = deployments.deploy(tx, SlotRef(*slot.split("@")), new, live[slot]).number
