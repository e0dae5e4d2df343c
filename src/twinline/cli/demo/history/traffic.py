"""Customers who write, and write again when the reply was of no use."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush

from twinline.cli.demo.tickets import Ticket, tickets

AGAIN_MAX = 3
"""How often one customer writes about one thing."""


@dataclass(frozen=True, order=True)
class Request:
    """A customer writes; ``times`` counts from 1, ``patience`` is in [0, 1]."""

    at: datetime
    decision: str
    route: str = field(compare=False)
    ticket: Ticket = field(compare=False)
    patience: float = field(compare=False)
    times: int = field(compare=False, default=1)


class Traffic:
    """Requests in the order of their time.

    Args:
        begin: by route, from when on people write.
        end: until when.
        a_day: by route, how many write for the first time.
        dice: decide who, when and how patient.
    """

    def __init__(
        self,
        begin: dict[str, datetime],
        end: datetime,
        a_day: dict[str, float],
        dice: random.Random,
    ) -> None:
        self._dice, self._end = dice, end
        self._waiting = [
            request for route in begin for request in self._first(route, begin[route], a_day[route])
        ]
        heapify(self._waiting)

    def before(self, at: datetime) -> Request | None:
        """The next request, unless it comes at that moment or later."""
        if self._waiting and self._waiting[0].at < at:
            return heappop(self._waiting)
        return None

    def complain(self, request: Request) -> None:
        """The reply was of no use: within half a day the customer writes again."""
        later = request.at + timedelta(hours=self._dice.uniform(0.5, 12))
        if request.times < AGAIN_MAX and later < self._end:
            patience, times = self._dice.random(), request.times + 1
            again = Request(later, request.decision, request.route, request.ticket, patience, times)
            heappush(self._waiting, again)

    def _first(self, route: str, begin: datetime, a_day: float) -> list[Request]:
        everybody = tickets()
        seconds = (self._end - begin).total_seconds()
        count = round(a_day * seconds / 86_400)
        return [
            Request(
                begin + timedelta(seconds=self._dice.uniform(0, seconds)),
                f"{route}-{number}",
                route,
                self._dice.choice(everybody),
                self._dice.random(),
            )
            for number in range(count)
        ]
