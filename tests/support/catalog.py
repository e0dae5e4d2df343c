"""A small catalog that tests fill through the client."""

from functools import cache
from typing import Any

from twinline.client import Client
from twinline.language.records import (
    Bundle,
    Deployment,
    Evaluation,
    NewEvaluation,
    NewInference,
    NewModelVersion,
    Recorded,
    RunFacts,
)
from twinline.language.records.models import DatasetFacts
from twinline.language.refs import SlotRef

MODEL, PROMPT, SLOT = "churn", "support/answer", "answer@production"


class Catalog:
    """One model and one prompt with as many versions as a test asks for.

    Model version N was made by run ``run-N`` from dataset ``tickets/N``.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self._models, self._prompts = 0, 0
        self.bundle = cache(self._bundle)

    def deploy(self, slot: str, bundle: Bundle, reason: str = "because") -> Deployment:
        """Deploy over whatever is live."""
        known = {one.ref: one.live for one in self.client.slots.list()}
        live = known.get(SlotRef.parse(slot))
        expected = live.number if live else 0
        return self.client.slots.deploy(slot, bundle.ref, reason=reason, expected=expected)

    def serve(self, slot: str, bundle: Bundle, count: int, **measures: object) -> list[Recorded]:
        """Record requests that a bundle served in a slot."""
        one = NewInference.model_validate(
            {"slot": f"routes:/{slot}", "bundle": str(bundle.ref), **measures}
        )
        return list(self.client.inferences.record([one] * count).items)

    def score(self, subject: object, suite: str, **found: Any) -> Evaluation:
        """Record how something scored: by ``passed`` and ``failed``, or by its ``cases``."""
        new: dict[str, Any] = {"subject": str(subject), "suite": suite, **found}
        if "cases" in found:
            return self.client.evaluations.record(NewEvaluation.of(**new))
        return self.client.evaluations.record(NewEvaluation.model_validate(new))

    def _bundle(self, model: int, prompt: int) -> Bundle:
        while self._models < model:
            self._models += 1
            self.client.models.register(self._model(self._models))
        while self._prompts < prompt:
            self._prompts += 1
            self.client.prompts.create(PROMPT, f"Answer {self._prompts}: {{{{ question }}}}")
        return self.client.bundles.pair(f"models:/{MODEL}/{model}", f"prompts:/{PROMPT}/{prompt}")

    def another_model(self, name: str) -> NewModelVersion:
        """A model beside the one that has versions."""
        return NewModelVersion(name=name, source_uri=f"provider:/{name}")

    def _model(self, number: int) -> NewModelVersion:
        dataset = DatasetFacts(name="tickets", digest=str(number), profile={"rows": number})
        return NewModelVersion(
            name=MODEL,
            source_uri=f"runs:/run-{number}/model",
            run=RunFacts(id=f"run-{number}", name=f"training {number}", datasets=(dataset,)),
        )
