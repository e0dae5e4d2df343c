"""Which part of the ledger is meant: whose requests, where and when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from twinline.language.refs import DeploymentRef, SlotRef

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


def hour_of(at: datetime) -> datetime:
    """When the hour began that a moment is in."""
    return at.replace(minute=0, second=0, microsecond=0)


def day_of(at: datetime) -> datetime:
    """When the day (UTC) began that a moment is in."""
    return hour_of(at).replace(hour=0)


@dataclass(frozen=True)
class Scope:
    """Requests of these bundles (their nodes) wherever they were served, and whatever these
    slots and these deployments served."""

    bundles: tuple[int, ...] = ()
    slots: tuple[SlotRef, ...] = ()
    deployments: tuple[DeploymentRef, ...] = ()


class Part(NamedTuple):
    """A bundle's requests: all, those in one slot, or those under one deployment of it (0:
    any)."""

    bundle: int
    slot: int = 0
    deployment: int = 0

    @property
    def wider(self) -> set["Part"]:
        """The parts that hold all of this one."""
        return {Part(self.bundle), Part(self.bundle, self.slot)} - {self}


@dataclass(frozen=True)
class Selection:
    """Parts of the ledger of which no two share a request, and perhaps only some slots."""

    parts: tuple[Part, ...]
    only: tuple[int, ...] | None = None

    @property
    def whole(self) -> bool:
        """Whether it is all that some bundles served, wherever."""
        return not any(part.slot or part.deployment for part in self.parts)

    @property
    def values(self) -> dict[str, list[int] | None]:
        """As SQL takes it: the parts by column, each in an array."""
        return {
            "bundles": [part.bundle for part in self.parts],
            "slots": [part.slot for part in self.parts],
            "deployments": [part.deployment for part in self.parts],
            "only": None if self.only is None else list(self.only),
        }


PARTS = """unnest(cast(:bundles as bigint[]), cast(:slots as bigint[]),
        cast(:deployments as integer[])) as part(bundle, slot, deployment)"""


def apart(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The same requests in parts that share none: what lies within a wider part goes."""
    given = set(parts)
    return tuple(sorted(part for part in given if not part.wider & given))


class Hours(NamedTuple):
    """A stretch of time in whole days and the whole hours around them (UTC).

    ``begin`` and ``end`` are whole hours, the days from ``days_begin`` to ``days_end``.
    """

    begin: datetime
    days_begin: datetime
    days_end: datetime
    end: datetime


def whole_hours(begin: datetime, end: datetime) -> Hours:
    """The whole hours that hold everything from ``begin`` up to, not including, ``end``."""
    first = hour_of(min(max(begin, FIRST), LAST))
    end = max(min(end, LAST), FIRST)
    floor = hour_of(end)
    last = max(floor if floor == end else floor + HOUR, first)
    midnight = first.replace(hour=0)
    days_begin = midnight if midnight == first else midnight + DAY
    days_end = last.replace(hour=0)
    if days_begin >= days_end:
        return Hours(first, last, last, last)
    return Hours(first, days_begin, days_end, last)
