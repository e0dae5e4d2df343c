"""What the demo puts into the catalog: versions, pairs, deployments, traffic."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from twinline.cli.demo.replies import PROMPT, PROMPTS, reply
from twinline.cli.demo.tickets import Ticket
from twinline.cli.demo.trained import TrainedVersion
from twinline.client import Client
from twinline.language.records import Bundle, Deployment, NewOutcome, PromptVersion, Resolution
from twinline.language.refs import SlotRef

ROUTE = "support-reply"
STAGING = SlotRef(ROUTE, "staging")
PRODUCTION = SlotRef(ROUTE, "production")
CALLERS = 4


@dataclass(frozen=True)
class Release:
    """One thing that goes live in production, why, and how many requests it answers."""

    model: int
    prompt: int
    reason: str
    requests: int


RELEASES = (
    Release(1, 1, "the first model and the first prompt", 600),
    Release(2, 2, "the model that knows the second quarter, and a fuller reply", 800),
    Release(2, 3, "a friendlier tone", 600),
)


def register(
    client: Client, trained: tuple[TrainedVersion, ...], on_step: Callable[[str], None]
) -> tuple[PromptVersion, ...]:
    """Mirror the models from MLflow and make the prompt versions."""
    for version in trained:
        on_step(f"Reading {version.name} {version.number} from MLflow")
        client.models.import_from_mlflow(version.name, number=version.number)
    prompts: list[PromptVersion] = []
    for template, message in PROMPTS:
        on_step(f"Making prompt version {len(prompts) + 1}")
        prompts.append(client.prompts.create(PROMPT, template, message=message))
    return tuple(prompts)


def pair(client: Client, model: TrainedVersion, prompt: PromptVersion) -> Bundle:
    """The bundle of two versions, with the word that they were made for each other."""
    ref = f"models:/{model.name}/{model.number}"
    client.bundles.state_pairing(
        ref, prompt.ref, "designed_for", reason="tried together before release"
    )
    return client.bundles.pair(ref, prompt.ref)


def release(client: Client, bundle: Bundle, reason: str) -> Deployment:
    """Deploy to staging, then to production."""
    for slot in (STAGING, PRODUCTION):
        live = _live_number(client, slot)
        made = client.slots.deploy(slot, bundle.ref, reason=reason, expected=live)
    return made  # pyright: ignore[reportPossiblyUnboundVariable] -- there are two slots


def answer(
    client: Client,
    models: dict[str, TrainedVersion],
    tickets: tuple[Ticket, ...],
    count: int,
    on_answer: Callable[[], None],
) -> list[Resolution]:
    """Answer ``count`` tickets as the application would: resolve, reply, say what came."""
    dice = random.Random(count)  # noqa: S311 -- the same tickets every time
    asked = [(dice.choice(tickets), dice.random()) for _ in range(count)]

    def one(number: int, customer: tuple[Ticket, float]) -> Resolution:
        ticket, patience = customer
        found = client.inferences.resolve(
            ROUTE, "production", {"length": len(ticket.text)}, decision=f"ticket-{number // 2}"
        )
        template = found.bundle.prompt.template
        assert isinstance(template, str)
        made = reply(ticket, template, models[str(found.bundle.model.ref)].model, patience)
        assert found.inference_id is not None
        outcome = NewOutcome.model_validate(made.measured.model_dump() | {"source": "checker"})
        client.inferences.add_outcome(found.inference_id, outcome)
        on_answer()
        return found

    with ThreadPoolExecutor(CALLERS) as callers:
        return list(callers.map(one, range(count), asked))


def _live_number(client: Client, slot: SlotRef) -> int:
    known = {found.ref: found.live for found in client.slots.list()}
    live = known.get(slot)
    return live.number if live else 0
