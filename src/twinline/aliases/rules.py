"""What to do about an alias, and what to say about it, from what is known of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from twinline.language.records import AliasLink, ForeignMoves, LinkState, Record
from twinline.language.refs import ModelAliasRef, ModelVersionRef, SlotRef

REVERTS_MAX = 5
REVERTS_WITHIN = timedelta(hours=1)
IN_DOUBT = timedelta(minutes=10)
"""How long a write that got no answer may still land."""

BACKOFF_SECONDS_MAX = 15.0


class Put(Record):
    """Somewhere that we put the alias, or, unless ``sure``, may have; on None when it was
    removed there."""

    model: str
    alias: str
    number: int | None
    at: datetime
    sure: bool


class Place(NamedTuple):
    """An alias of a model, by the model's name in the catalog."""

    model: str
    alias: str


class Move(NamedTuple):
    """The alias was on one version and is on another; None: on none."""

    before: int | None
    after: int | None


class Link(Record):
    """A link, what is known of its alias, and what is live in its slot.

    Attributes:
        model: the one on which the alias is looked after.
        known: the version that the alias was on there when we last wrote it or looked.
        looked_at: None when nobody looked there yet.
        settled: the number of the deployment that the alias was last brought in line with.
        asked_at: when a person, or a revert, last asked for a write.
        live_number: of the newest deployment, 0 for none.
        live_model: the model version of its default bundle.
        of_mlflow: whether MLflow has that one.
        deployed_at: when the first deployment after ``settled`` was made.
        turn: counts who works on the link; who finds another number has lost it.
    """

    slot: SlotRef
    alias: str
    writes: bool
    foreign: ForeignMoves
    actor: str
    at: datetime
    model: str | None
    known: int | None
    looked_at: datetime | None
    puts: tuple[Put, ...]
    written: ModelVersionRef | None
    written_at: datetime | None
    settled: int
    asked_at: datetime
    tries: int
    trouble: str | None
    note: str | None
    turn: int
    live_number: int
    live_model: ModelVersionRef | None
    of_mlflow: bool
    deployed_at: datetime | None
    proposal: int | None

    @property
    def wanted(self) -> ModelVersionRef | None:
        """The version that the alias should be on; None when MLflow has nothing that is live."""
        return self.live_model if self.of_mlflow else None

    @property
    def due(self) -> bool:
        """Whether something is to be written that was not."""
        return self.writes and self.wanted is not None and self.live_number > self.settled


@dataclass(frozen=True)
class InSync:
    """The alias is where it should be."""


@dataclass(frozen=True)
class Leave:
    """It is elsewhere, as was known."""


@dataclass(frozen=True)
class Write:
    """Put it where it should be, over a foreign move if there was one."""

    over: Move | None


@dataclass(frozen=True)
class Show:
    """Somebody moved it; say so, and leave it."""

    move: Move
    why: str


@dataclass(frozen=True)
class Revert:
    """Somebody moved it; put it back."""

    move: Move


@dataclass(frozen=True)
class Hold:
    """Somebody moved it, again and again; leave it."""

    move: Move


@dataclass(frozen=True)
class Follow:
    """Somebody moved it to a version that should be live here, when it may."""

    move: Move
    number: int
    at_once: bool


Step = InSync | Leave | Write | Show | Revert | Hold | Follow


def decide(link: Link, wanted: int, found: int | None, reverts: int, now: datetime) -> Step:
    """What to do when the alias should be on ``wanted`` and was found on ``found``.

    ``reverts`` is how often it was put back within ``REVERTS_WITHIN``.
    """
    if found == wanted:
        return InSync()
    moved = link.looked_at is not None and found != link.known
    late = moved and found in _in_doubt(link, now)
    move = Move(link.known, found)
    if link.due or (late and link.writes):
        return Write(move if moved and not late else None)
    if not moved:
        return Leave()
    return _answer(link.foreign, move, reverts)


def _answer(foreign: ForeignMoves, move: Move, reverts: int) -> Step:
    match foreign:
        case "revert":
            return Revert(move) if reverts < REVERTS_MAX else Hold(move)
        case "propose" | "deploy" if move.after is not None:
            return Follow(move, move.after, at_once=foreign == "deploy")
        case "propose" | "deploy":
            return Show(move, "it was removed there, and there is no version to follow it to")
        case _:  # alert
            return Show(move, "the link only shows what others do")


def strays(link: Link) -> dict[Place, frozenset[int]]:
    """Where our alias may still be although it should not, and on which versions."""
    home = Place(link.wanted.name, link.alias) if link.wanted else None
    found: dict[Place, frozenset[int]] = {}
    for put in link.puts:
        place = Place(put.model, put.alias)
        if place != home and put.number is not None:
            found[place] = found.get(place, frozenset()) | {put.number}
    return found


def with_doubt(
    puts: Iterable[Put], place: Place, number: int | None, now: datetime
) -> tuple[Put, ...]:
    """What is known of our writes when one more is about to be sent; None removes."""
    new = Put(model=place.model, alias=place.alias, number=number, at=now, sure=False)
    return (*_lasting(puts, now), new)


def with_certainty(
    puts: Iterable[Put],
    place: Place,
    number: int | None,
    now: datetime,
    sent_at: datetime | None = None,
) -> tuple[Put, ...]:
    """What is known of them when the alias was found on ``number``.

    The write that was sent at ``sent_at`` got its answer; others may still land. When we
    never put the alias there, somebody else did, and it is not ours.
    """
    answered = (place, number, sent_at)
    others = tuple(
        put
        for put in _lasting(puts, now)
        if not _at(put, place, sure=True)
        and ((put.model, put.alias), put.number, put.at) != answered
    )
    if number is None or not any(_at(put, place) and put.number == number for put in puts):
        return others
    sure = Put(model=place.model, alias=place.alias, number=number, at=now, sure=True)
    return (*others, sure)


def unsure(puts: Iterable[Put]) -> bool:
    """Whether one of our writes may still land."""
    return any(not put.sure for put in puts)


def wait_seconds(tries: int) -> float:
    """How long to wait after so many failed tries."""
    return min(BACKOFF_SECONDS_MAX, 2.0 ** min(tries - 1, 10))


def record(link: Link) -> AliasLink:
    """A link as it is shown."""
    state, why = _state(link)
    waiting = [at for at in (link.asked_at, link.deployed_at) if at is not None]
    seen = link.model is not None and link.known is not None
    return AliasLink(
        slot=link.slot,
        alias=link.alias,
        writes=link.writes,
        foreign=link.foreign,
        actor=link.actor,
        at=link.at,
        state=state,
        why=why,
        live=link.live_model,
        seen=ModelVersionRef(link.model or "", link.known or 0) if seen else None,
        looked_at=link.looked_at,
        written=link.written,
        written_at=link.written_at,
        pending_since=max(waiting) if link.due else None,
        tries=link.tries,
        proposal=link.proposal,
    )


def _state(link: Link) -> tuple[LinkState, str]:
    wanted = link.wanted
    if link.trouble is not None:
        return "error", link.trouble
    if wanted is None:
        return "no_alias", _why_none(link)
    if link.due:
        return "pending", f"{wanted} is live and not written yet"
    if link.model != wanted.name or link.looked_at is None:
        return "pending", "MLflow was not asked yet"
    if link.known == wanted.number:
        return "in_sync", ""
    return "drifted", f"{where(link, link.known)}, but {wanted} is live here{_noted(link)}"


def where(link: Link, number: int | None) -> str:
    """Where the alias is, in words."""
    if number is None:
        return f"{link.model} has no alias {link.alias} in MLflow"
    return f"{ModelAliasRef(link.model or '', link.alias)} is on version {number} in MLflow"


def _noted(link: Link) -> str:
    return f": {link.note}" if link.note else ""


def _why_none(link: Link) -> str:
    if link.live_model is None:
        return f"nothing is live in {link.slot.short}"
    return f"{link.live_model}, which is live, is not of MLflow"


def _in_doubt(link: Link, now: datetime) -> set[int | None]:
    place = Place(link.model or "", link.alias)
    return {put.number for put in _lasting(link.puts, now) if _at(put, place, sure=False)}


def _lasting(puts: Iterable[Put], now: datetime) -> tuple[Put, ...]:
    return tuple(put for put in puts if put.sure or now - put.at < IN_DOUBT)


def _at(put: Put, place: Place, *, sure: bool | None = None) -> bool:
    return (put.model, put.alias) == place and (sure is None or put.sure is sure)
