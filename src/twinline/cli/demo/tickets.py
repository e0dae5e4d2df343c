"""Support tickets for the demo: made from templates with a fixed seed.

Every demo has the same tickets, so the same dataset digests and accuracies. The second
quarter brings subjects that the first did not have, so a model that knows both is better.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

_QUARTER_TICKETS = 300
_HELD_OUT_EVERY = 5
_MISLABELLED = 0.04
"""The share of tickets that a hurried agent filed under the wrong team."""


@dataclass(frozen=True)
class Ticket:
    """What a customer wrote, and the team that should answer; ``held_out`` from training."""

    quarter: str
    text: str
    team: str
    held_out: bool


def tickets() -> tuple[Ticket, ...]:
    """600 tickets, half of them from ``2026-q1`` and half from ``2026-q2``."""
    dice = random.Random(2026)  # noqa: S311 -- the same tickets every time
    return tuple(
        _ticket(dice, quarter, templates, held_out=index % _HELD_OUT_EVERY == 0)
        for quarter, templates in (("2026-q1", _TEAMS), ("2026-q2", _NEW_IN_Q2))
        for index in range(_QUARTER_TICKETS)
    )


def _ticket(
    dice: random.Random, quarter: str, templates: Mapping[str, tuple[str, ...]], *, held_out: bool
) -> Ticket:
    team = dice.choice(tuple(templates))
    words = {kind: dice.choice(choices) for kind, choices in _WORDS.items()}
    sentence = dice.choice(templates[team]).format(**words)
    filed_under = dice.choice(tuple(templates)) if dice.random() < _MISLABELLED else team
    text = dice.choice(_OPENINGS) + sentence + dice.choice(_CLOSINGS)
    return Ticket(quarter, text, filed_under, held_out)


_TEAMS: Mapping[str, tuple[str, ...]] = {
    "billing": (
        "I was charged twice for {product} in {month}",
        "The invoice for {month} shows the wrong amount",
        "Please refund the {amount} euro for {product}",
        "My card was declined although {product} is paid until {month}",
    ),
    "access": (
        "I cannot sign in to {product} since {day}",
        "The code for the second factor never arrives on my {device}",
        "Please unlock my account, I forgot the password for {product}",
        "The login page of {product} sends me back again and again",
    ),
    "outage": (
        "{product} answers with an error since {day}",
        "Everything is slow on my {device} and {product} times out",
        "{product} crashes on my {device} when I open a report",
        "The export from {product} stops half way since {day}",
    ),
    "delivery": (
        "My {device} has not arrived, it was due on {day}",
        "The parcel with the {device} came open and damaged",
        "Where is the order from {month}? Tracking shows nothing",
        "You sent a {device} to my old address",
    ),
}
_NEW_IN_Q2: Mapping[str, tuple[str, ...]] = {
    "billing": (
        "The annual plan renewed in {month}, I wanted to end it",
        "Why does the new price apply to {product} from {month}?",
    ),
    "access": (
        "The passkey on my new {device} is not accepted",
        "Single sign-on with our company directory fails since {day}",
    ),
    "outage": (
        "The assistant in {product} gives empty answers since {day}",
        "Webhooks from {product} reach us an hour late",
    ),
    "delivery": (
        "The pick-up point was closed on {day}, where is my {device} now?",
        "The courier marked the {device} as handed over, nobody rang",
    ),
}
_WORDS: Mapping[str, tuple[str, ...]] = {
    "product": ("Ledger", "Atlas", "Inbox", "the mobile app", "the desk portal"),
    "month": ("January", "March", "May", "June"),
    "day": ("Monday", "Tuesday", "Friday", "yesterday", "this morning"),
    "device": ("phone", "tablet", "laptop", "scanner"),
    "amount": ("19", "49", "120", "350"),
}
_OPENINGS = ("", "Hello, ", "Hi team, ", "Urgent: ", "Second time I write: ")
_CLOSINGS = (".", "!", ". Please help.", ". I need this today.", ". Order 4711, thanks.")
