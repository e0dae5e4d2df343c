"""A long history of a catalog, and what came from what by the events themselves."""

from collections.abc import Callable
from random import Random
from typing import TypeVar

from tests.support import policies
from twinline.bundles import actions as bundles
from twinline.db.session import Writing
from twinline.deployments import actions as deployments
from twinline.language.records import (
    EdgeEnd,
    NewBundle,
    NewCustomNode,
    NewDeployment,
    NewEdge,
    NewModelVersion,
    NewPromptVersion,
    RunFacts,
)
from twinline.language.records.models import DatasetFacts
from twinline.language.refs import BundleRef, DatasetRef, ModelVersionRef, PromptVersionRef, SlotRef
from twinline.lineage import customs
from twinline.models import actions as models
from twinline.prompts import actions as prompts

DATASETS, MODELS, PROMPTS, SLOTS = 60, 8, 8, 12
REASON = "because"
Item = TypeVar("Item")


class History:
    """Events through the doors of the catalog, drawn one after the other.

    ``steps`` is what they say: (target, kind) by what it came from, kept here and not read
    from the catalog. What an event takes back is gone from it.
    """

    def __init__(self, tx: Writing, random: Random) -> None:
        self.steps: dict[tuple[str, str], list[str]] = {}
        self._tx, self._random = tx, random
        self._runs: list[str] = []
        self._models: list[ModelVersionRef] = []
        self._prompts: list[PromptVersionRef] = []
        self._bundles: list[BundleRef] = []
        self._live: dict[SlotRef, int] = {}
        self._nodes: dict[str, None] = {}
        self._customs: list[str] = []
        self._stated: list[tuple[str, str]] = []

    @property
    def nodes(self) -> list[str]:
        """Whatever an event made."""
        return [*self._nodes]

    def unfold(self, events: int) -> None:
        """Let so many events happen; those that come first make what later ones use."""
        kinds: dict[Callable[[int], None], int] = {
            self._train: 12,
            self._write: 12,
            self._pair: 30,
            self._deploy: 30,
            self._add: 8,
            self._connect: 14,
            self._disconnect: 2,
        }
        first = [self._train, self._write, self._pair, self._add]
        drawn = self._random.choices([*kinds], [*kinds.values()], k=events - len(first))
        for number, event in enumerate([*first, *drawn]):
            event(number)

    def _train(self, number: int) -> None:
        """A run from datasets that others use as well, and a model version; a run in five
        makes another one."""
        used = self._random.sample(range(DATASETS), self._random.randint(1, 4))
        datasets = tuple(DatasetFacts(name="tickets", digest=str(one), profile={}) for one in used)
        known = self._runs and self._random.random() < 0.2
        id = self._any(self._runs) if known else f"run-{number}"
        name = f"model-{self._random.randrange(MODELS)}"
        run = RunFacts(id=id, datasets=datasets)
        new = NewModelVersion(name=name, source_uri=f"x:/{number}", run=run)
        version, _ = models.register(self._tx, new)
        if not known:
            self._runs.append(id)
        for one in datasets:
            self._came(f"runs:/{id}", str(DatasetRef(one.name, one.digest)), "trained")
        self._came(str(version.ref), f"runs:/{id}", "made")
        self._models.append(version.ref)

    def _write(self, number: int) -> None:
        name = f"prompt-{self._random.randrange(PROMPTS)}"
        version, _ = prompts.create_version(
            self._tx, NewPromptVersion(name=name, template=str(number))
        )
        self._prompts.append(version.ref)
        self._nodes[str(version.ref)] = None

    def _pair(self, number: int) -> None:
        """Any two sides, now and then with the same parameters as before."""
        model, prompt = self._any(self._models), self._any(self._prompts)
        parameters = {"temperature": self._random.randrange(3)}
        made, _ = bundles.pair(
            self._tx, NewBundle(model=model, prompt=prompt, parameters=parameters)
        )
        self._came(str(made.ref), str(model), "model_of")
        self._came(str(made.ref), str(prompt), "prompt_of")
        self._bundles.append(made.ref)

    def _deploy(self, number: int) -> None:
        """One bundle or a split between two; the slot shows what is live only."""
        slot = SlotRef("answer", f"environment-{self._random.randrange(SLOTS)}")
        served = {self._any(self._bundles), self._any(self._bundles)}
        control, canary = sorted(served, key=str) if len(served) == 2 else (*served, None)
        if canary:
            salt = "salt"
            document = policies.canary(control, canary, salt=salt)
            new = NewDeployment(policy=document, reason=REASON)
        else:
            new = NewDeployment(bundle=control, reason=REASON)
        made = deployments.deploy(self._tx, slot, new, self._live.get(slot, 0))
        self._live[slot] = made.number
        for bundle in served:
            self._came(str(made.ref), str(bundle), "deployed_as")
        self.steps[str(slot), "live_in"] = []
        self._came(str(slot), str(made.ref), "live_in")

    def _add(self, number: int) -> None:
        new = NewCustomNode(type="index", name=str(number), properties={})
        node, _ = customs.add(self._tx, new)
        self._nodes[str(node.ref)] = None
        self._customs.append(str(node.ref))

    def _connect(self, number: int) -> None:
        """Any two things, in either direction: there may be circles."""
        anything = self.nodes
        source, target = self._random.sample(anything, 2)
        if not {source, target} & {*self._customs}:
            target = self._any(self._customs)
        customs.connect(self._tx, NewEdge(source=source, target=target, kind="feeds", evidence={}))
        if source not in self.steps.get((target, "feeds"), ()):
            self._came(target, source, "feeds")
            self._stated.append((source, target))

    def _disconnect(self, number: int) -> None:
        if self._stated:
            source, target = self._stated.pop(self._random.randrange(len(self._stated)))
            end = EdgeEnd(source=source, target=target, kind="feeds", reason=REASON)
            customs.disconnect(self._tx, end)
            self.steps[target, "feeds"].remove(source)

    def _came(self, target: str, source: str, kind: str) -> None:
        self._nodes |= {source: None, target: None}
        sources = self.steps.setdefault((target, kind), [])
        if source not in sources:
            sources.append(source)

    def _any(self, known: list[Item]) -> Item:
        """The early ones often: much is built on few."""
        return known[int(len(known) * self._random.random() ** 3)]
