"""The applications of the story: they answer what comes, and say what came of it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from twinline.cli.demo.history.traffic import Request
from twinline.cli.demo.replies import reply
from twinline.cli.demo.trained import Classifier
from twinline.db.session import Writing
from twinline.inferences import actions as inferences
from twinline.language.ids import new_id
from twinline.language.records import InferenceBatch, NewInference, ServedBundle
from twinline.language.refs import SlotRef

LAGGING = 0.08
"""The share of requests that meet an application which hears of a change late."""
LAG = timedelta(hours=2)
UNASKED = 0.02
"""The share of requests after which a report is made, by a job that asks nobody."""
UNKNOWN = 0.015
"""Likewise, by an application that says what it used in words of its own."""
STUCK = 0.01
"""Likewise, by one that has always the first bundle, whatever is live."""


@dataclass(frozen=True)
class Live:
    """A deployment, since when it is live, and what it takes to reply by it."""

    number: int
    since: datetime
    bundle: ServedBundle


class Desk:
    """Answers requests in the production slots, and keeps their records until `hand_in`.

    Args:
        models: the classifiers, by reference; it grows.
        dice: decide which application somebody meets.
    """

    def __init__(self, models: Mapping[str, Classifier], dice: random.Random) -> None:
        self._models, self._dice = models, dice
        self._live: dict[str, list[Live]] = {}
        self._records: list[NewInference] = []

    def deploy(self, route: str, live: Live) -> None:
        """From now on this answers a route."""
        self._live.setdefault(route, []).append(live)

    def answer(self, request: Request) -> bool:
        """Answer, and say whether that was of use."""
        history = self._live[request.route]
        late = self._dice.random() < LAGGING and request.at < history[-1].since + LAG
        served = history[-2] if late and len(history) > 1 else history[-1]
        template = served.bundle.prompt.template
        assert isinstance(template, str)
        model = self._models[str(served.bundle.model.ref)]
        measured = reply(request.ticket, template, model, request.patience).measured
        about = {
            "slot": SlotRef(request.route, "production"),
            "deployment": served.number,
            "bundle": str(served.bundle.ref),
            "context": {"length": len(request.ticket.text)},
            "keep_context": True,
            "decision": request.decision,
            "reason": "default",
            "served_from": "stream" if served is history[-1] else "file",
        }
        self._keep(request.at, about | measured.model_dump())
        self._leave_traces(request, served)
        return measured.status == "ok"

    def hand_in(self, tx: Writing) -> None:
        """Record what was answered since the last time."""
        if self._records:
            inferences.record(tx, InferenceBatch(inferences=tuple(self._records)))
            self._records.clear()

    def _leave_traces(self, request: Request, served: Live) -> None:
        """What some do beside: nothing that anybody declared."""
        pair = {"model": str(served.bundle.model.ref), "prompt": str(served.bundle.prompt.ref)}
        if self._dice.random() < UNASKED:
            self._keep(request.at, pair)
        if self._dice.random() < UNKNOWN:
            words = {"model": "triage-mini-latest", "prompt": "the one in the app"}
            self._keep(request.at, words)
        first = self._live[request.route][0].bundle.ref
        if self._dice.random() < STUCK and served.bundle.ref != first:
            slot = SlotRef(request.route, "production")
            said = {"slot": slot, "deployment": served.number, "bundle": str(first)}
            self._keep(request.at, said)

    def _keep(self, at: datetime, said: Mapping[str, object]) -> None:
        self._records.append(NewInference.model_validate({"id": new_id(at), **said}))
