"""The demo's application: it answers support tickets, and can tell how good an answer is.

The model decides which team a ticket belongs to; the prompt decides what the customer
is told. What is measured is the reply itself, so a prompt that forgets to say who will
answer is measurably worse, whatever model stands behind it.
"""

import re
import time
from dataclasses import dataclass

from twinline.cli.demo.tickets import Ticket
from twinline.cli.demo.trained import Classifier
from twinline.language.records import Measured

PROMPT = "support/reply"
PROMPTS = (
    (
        "Thank you for writing. Your ticket goes to the {{ team }} team.",
        "First version: say which team answers.",
    ),
    (
        "Thank you for writing. The {{ team }} team will answer within one working day.\n"
        "You wrote: {{ ticket }}",
        "Say when the answer comes, and repeat the question.",
    ),
    (
        "Thanks for reaching out! We will get back to you within one working day.",
        "Friendlier and shorter, as marketing asked.",
    ),
)
"""Template and message of the three versions; the third forgets what customers need."""

COMPLAINTS_MAX = 0.6
"""The share of customers who write again after a reply that is of no use at all."""


@dataclass(frozen=True)
class Reply:
    """What the customer was told, and what is measured of it."""

    text: str
    measured: Measured


def reply(ticket: Ticket, template: str, model: Classifier, patience: float) -> Reply:
    """Answer one ticket, and measure it.

    A customer writes again, which counts as an error, when the reply is worse than
    their ``patience`` in [0, 1] allows.
    """
    begun = time.perf_counter()
    team = model.predict([ticket.text])[0]
    text = _filled(template, {"team": str(team), "ticket": ticket.text})
    latency_ms = (time.perf_counter() - begun) * 1000
    score = _score(text, ticket)
    return Reply(
        text,
        Measured(
            status="error" if patience < COMPLAINTS_MAX * (1 - score) else "ok",
            latency_ms=round(latency_ms, 3),
            input_tokens=len(ticket.text.split()),
            output_tokens=len(text.split()),
            score=score,
        ),
    )


def _score(text: str, ticket: Ticket) -> float:
    """The share of three things that a useful reply has: the right team named, a time
    given, the question repeated; naming the right team counts twice."""
    points = 2 * (f"the {ticket.team} team" in text.lower())
    points += "working day" in text
    points += ticket.text in text
    return points / 4


def _filled(template: str, values: dict[str, str]) -> str:
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: values[found[1]], template)
