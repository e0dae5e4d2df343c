"""What the demo puts into the catalog: versions, pairs, traffic."""

import random
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from twinline.cli.demo.replies import PROMPT, PROMPTS, reply
from twinline.cli.demo.tickets import Ticket
from twinline.cli.demo.trained import TrainedVersion
from twinline.client import Client
from twinline.language.records import NewOutcome, PromptVersion, Resolution
from twinline.language.refs import SlotRef

ROUTE = "support-reply"
STAGING = SlotRef(ROUTE, "staging")
PRODUCTION = SlotRef(ROUTE, "production")
CALLERS = 4


@dataclass(frozen=True)
class Asked:
    """How many customers write to a slot; ``on_answer`` is called after each."""

    slot: SlotRef
    count: int
    on_answer: Callable[[], None]


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


def try_in_staging(client: Client, model: str, prompt: str, reason: str) -> None:
    """Say that two versions were made for each other, and let people see them in staging."""
    client.bundles.state_pairing(
        model, prompt, "designed_for", reason="tried together before release"
    )
    live = next((one.live for one in client.slots.list() if one.ref == STAGING), None)
    bundle = client.bundles.pair(model, prompt)
    client.slots.deploy(STAGING, bundle.ref, reason=reason, expected=live.number if live else 0)


def answer(
    client: Client,
    asked: Asked,
    models: Mapping[str, TrainedVersion],
    tickets: tuple[Ticket, ...],
) -> list[Resolution]:
    """Answer tickets as the application would: resolve, reply, say what came.

    Every customer writes twice, about the same decision.
    """
    dice = random.Random(asked.count)  # noqa: S311 -- the same tickets every time
    customers = [(dice.choice(tickets), dice.random()) for _ in range(asked.count)]

    def one(number: int, customer: tuple[Ticket, float]) -> Resolution:
        ticket, patience = customer
        found = client.inferences.resolve(
            asked.slot.route,
            asked.slot.environment,
            {"length": len(ticket.text), "customer": f"customer-{number // 2}"},
            decision=f"ticket-{number // 2}",
        )
        template = found.bundle.prompt.template
        assert isinstance(template, str)
        made = reply(ticket, template, models[str(found.bundle.model.ref)].model, patience)
        assert found.inference_id is not None
        outcome = NewOutcome.model_validate(made.measured.model_dump() | {"source": "checker"})
        client.inferences.add_outcome(found.inference_id, outcome)
        asked.on_answer()
        return found

    with ThreadPoolExecutor(CALLERS) as callers:
        return list(callers.map(one, range(asked.count), customers))


def fetched(url: str, key: str) -> str:
    """What an application gets that has an HTTP client and nothing of ours.

    Raises:
        httpx.HTTPStatusError: the server refused.
    """
    return httpx.get(url, headers={"X-API-Key": key}, trust_env=False).raise_for_status().text
