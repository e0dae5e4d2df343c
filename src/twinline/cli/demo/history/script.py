"""Who did what and when, in four weeks; times are days before the end."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from twinline.cli.demo.classifiers import PLANS, Plan
from twinline.cli.demo.tickets import Ticket, tickets

DAYS = 28.0
MODEL = "ticket-triage"
PROMISE = "support/promise"
BAD_EXPORT = "tickets-export"
"""The dataset in which a column had slipped."""

Side = Literal["prompt", "model"]


@dataclass(frozen=True)
class Write:
    """A prompt version is written."""

    name: str
    template: str
    message: str
    by: str = "ada"


@dataclass(frozen=True)
class Train:
    """A version of the model is trained on a dataset, and registered."""

    dataset: str
    plan: Plan
    by: str = "cleo"


@dataclass(frozen=True)
class Pair:
    """A pair is made, and nothing more."""

    model: int
    prompt: str
    by: str = "ada"


@dataclass(frozen=True)
class Release:
    """A pair goes live in a slot."""

    slot: str
    model: int
    prompt: str
    reason: str
    by: str = "ben"


@dataclass(frozen=True)
class RollBack:
    """Somebody puts one side of a slot back."""

    slot: str
    side: Side
    reason: str
    by: str = "dana"


@dataclass(frozen=True)
class Recall:
    """A dataset is declared bad, and taken out of every slot at once."""

    dataset: str
    reason: str
    by: str = "dana"


Event = Write | Train | Pair | Release | RollBack | Recall

REPLY, CHAT, CALLBACK = "support-reply", "chat-reply", "callback-note"
REQUESTS_A_DAY = {REPLY: 200.0, CHAT: 70.0, CALLBACK: 25.0}
"""By route, in production; nobody asks staging."""

_LIVE = "@production"
_PROMISE = f"{{{{> {PROMISE}@1 }}}}"
_YOURS = "You wrote: {{ ticket }}"

SCRIPT: tuple[tuple[float, Event], ...] = (
    (28.00, Train("tickets-q1", PLANS[0])),
    (28.00, Write(PROMISE, "The {{ team }} team will answer within one working day.", "Promise")),
    (28.00, Write("support/reply", "Your ticket goes to the {{ team }} team.", "First version")),
    (28.00, Write("support/chat", f"Hello! {_PROMISE}", "First version")),
    (28.00, Write("support/callback", f"Ring back. {_PROMISE} {_YOURS}", "First version")),
    (27.95, Release(f"{REPLY}{_LIVE}", 1, "support/reply/1", "the first model and prompt")),
    (27.90, Release(f"{CHAT}{_LIVE}", 1, "support/chat/1", "the chat answers, too")),
    (27.20, Release(f"{CALLBACK}{_LIVE}", 1, "support/callback/1", "notes for who rings back")),
    (24.60, Write("support/reply", f"Thank you. {_PROMISE}\n{_YOURS}", "Say when, and repeat")),
    (24.50, Train("tickets-q1-q2", PLANS[1])),
    (24.05, Release(f"{REPLY}@staging", 2, "support/reply/2", "to look at before release")),
    (24.00, Release(f"{REPLY}{_LIVE}", 2, "support/reply/2", "knows the second quarter")),
    (23.10, Release(f"{CHAT}{_LIVE}", 2, "support/chat/1", "the model did well in replies")),
    (22.90, Release(f"{CALLBACK}{_LIVE}", 2, "support/callback/1", "as in the other routes")),
    (21.30, Write("support/reply", "Thanks for reaching out! We will be in touch.", "Friendlier")),
    (21.00, Release(f"{REPLY}{_LIVE}", 2, "support/reply/3", "a friendlier tone")),
    (20.00, RollBack(f"{REPLY}{_LIVE}", "prompt", "replies name no team and no time")),
    (18.20, Write("support/chat", "Hi! Somebody will be with you soon.", "Shorter")),
    (17.00, Release(f"{CHAT}{_LIVE}", 2, "support/chat/2", "shorter, as people read on phones")),
    (16.30, RollBack(f"{CHAT}{_LIVE}", "prompt", "people ask who will be with them")),
    (16.20, Write("support/reply", f"Thanks for your message. {_PROMISE}\n{_YOURS}", "Warmer")),
    (16.00, Release(f"{REPLY}{_LIVE}", 2, "support/reply/4", "a warmer opening")),
    (
        14.60,
        Write("support/reply", f"Thanks for your message.\n{_PROMISE}\n\n{_YOURS}", "Paragraphs"),
    ),
    (14.40, Train(BAD_EXPORT, replace(PLANS[1], run_name="triage-export"))),
    (14.05, Release(f"{REPLY}@staging", 3, "support/reply/5", "to look at before release")),
    (14.00, Release(f"{REPLY}{_LIVE}", 3, "support/reply/5", "a new model, and paragraphs")),
    (13.80, Release(f"{CHAT}{_LIVE}", 3, "support/chat/1", "the new model")),
    (13.60, Release(f"{CALLBACK}{_LIVE}", 3, "support/callback/1", "the new model")),
    (13.00, RollBack(f"{REPLY}{_LIVE}", "prompt", "complaints since the release: the prompt?")),
    (12.00, RollBack(f"{REPLY}{_LIVE}", "model", "complaints go on: it is the model")),
    (11.80, Recall(BAD_EXPORT, "a column had slipped: teams belong to other tickets")),
    (11.00, Release(f"{REPLY}{_LIVE}", 2, "support/reply/5", "the prompt was not to blame")),
    (9.40, Train("tickets-q1-q2-checked", replace(PLANS[1], run_name="triage-checked"))),
    (9.00, Release(f"{REPLY}{_LIVE}", 4, "support/reply/5", "trained anew on checked tickets")),
    (8.80, Release(f"{CHAT}{_LIVE}", 4, "support/chat/1", "trained anew on checked tickets")),
    (8.60, Release(f"{CALLBACK}{_LIVE}", 4, "support/callback/1", "trained anew")),
    (7.20, Write("support/draft", "Dear customer, {{ ticket }}", "To be gone on with")),
    (6.30, Write("support/reply", "Thanks a lot! You wrote: {{ ticket }}", "As marketing asked")),
    (6.00, Release(f"{REPLY}{_LIVE}", 4, "support/reply/6", "as marketing asked")),
    (5.75, RollBack(f"{REPLY}{_LIVE}", "prompt", "the promise is gone from every reply")),
    (
        4.20,
        Write("support/reply", f"Thanks for your message, we read it.\n{_PROMISE}", "Shorter"),
    ),
    (4.10, Pair(4, "support/callback/1")),
    (4.10, Pair(1, "support/reply/7")),
    (4.00, Release(f"{REPLY}{_LIVE}", 4, "support/reply/7", "shorter, for phones")),
    (3.90, RollBack(f"{REPLY}{_LIVE}", "prompt", "people ask which ticket is meant")),
    (
        2.20,
        Write(
            "support/reply",
            f"Thanks for your message, we read it.\n{_PROMISE}\n\n{_YOURS}",
            "Shorter, with the ticket",
        ),
    ),
    (2.00, Release(f"{REPLY}{_LIVE}", 4, "support/reply/8", "shorter, with the ticket")),
)


def learned(event: Train) -> tuple[Ticket, ...]:
    """The tickets of a dataset, as the training run read them."""
    known = tuple(ticket for ticket in tickets() if event.plan.may_learn(ticket))
    return _slipped(known) if event.dataset == BAD_EXPORT else known


def _slipped(known: Sequence[Ticket]) -> tuple[Ticket, ...]:
    """Tickets of the second quarter with the team of the ticket below."""
    below = (*known[1:], known[0])
    return tuple(
        replace(ticket, team=other.team) if ticket.quarter == "2026-q2" else ticket
        for ticket, other in zip(known, below, strict=True)
    )
