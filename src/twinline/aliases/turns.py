"""One turn with one link: look at its alias in MLflow, decide, do it, look again.

Each step is a short transaction or a conversation with MLflow, never one in the other.
"""

import random
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import NamedTuple

from twinline.access import actions as access
from twinline.access.actions import SYSTEM, audit
from twinline.aliases import rules, store
from twinline.aliases.actions import taken
from twinline.aliases.following import deploy_version
from twinline.aliases.naming import registered
from twinline.aliases.rules import (
    Follow,
    Hold,
    InSync,
    Leave,
    Link,
    Move,
    Place,
    Revert,
    Show,
    Step,
    Write,
)
from twinline.db.session import Database, Writing
from twinline.language.errors import (
    DatabaseUnavailable,
    MlflowUnavailable,
    Stale,
    TwinlineError,
)
from twinline.language.records import MlflowImport, MoveOutcome, NewModelVersion
from twinline.language.refs import ModelAliasRef, ModelVersionRef, SlotRef
from twinline.mirror.aliases_remote import alias_at, put_alias, remove_alias
from twinline.mirror.remote import MlflowServer
from twinline.models import actions as models

STEPS_MAX = 4
"""Moves of others and writes of ours in one turn; what is left has the next one."""

_DOUBT_SECONDS = 5.0
"""How soon to look again when a write of ours may still land."""


class _TurnLost(Exception):
    """Somebody else has the link, or it is another one by now."""


class _Home(NamedTuple):
    """Where MLflow has a model."""

    server: MlflowServer
    workspace: str
    name: str


class Turns:
    """Takes turns with links that wait, whichever process they wait in.

    Args:
        database: where the links are.
        servers: the MLflow servers by their names.
        look_seconds: how often an alias is looked at when nothing else happens.
    """

    def __init__(
        self, database: Database, servers: Mapping[str, MlflowServer], *, look_seconds: float
    ) -> None:
        self._database = database
        self._servers = servers
        self._look_seconds = look_seconds

    def take(self) -> bool:
        """Have a turn with the link that waits longest; False when none does.

        Raises:
            DatabaseUnavailable: the link waits until its turn has run out.
        """
        with self._writing() as tx:
            slot = store.take(tx)
        if slot is None:
            return False
        link = self._link(slot)
        if link is not None:
            try:
                self._look_after(link)
            except _TurnLost:
                pass
            except DatabaseUnavailable:
                raise
            except TwinlineError as error:
                self._fail(link, error)
        return True

    def seconds_to_next(self) -> float:
        """How long until a link waits, unless something happens before."""
        with self._database.reading() as tx:
            seconds = store.next_seconds(tx)
        return self._look_seconds if seconds is None else min(seconds, self._look_seconds)

    def _look_after(self, link: Link) -> None:
        link = self._claim(link)
        self._clear_strays(link)
        for _ in range(STEPS_MAX):
            link = self._again(link)
            if link.wanted is None:
                self._finish(link, looked=False)
                return
            if link.wanted.name != link.model:
                break  # another model went live meanwhile: its alias may be somebody else's
            if self._do(link, link.wanted):
                return
        self._hurry(link)

    def _do(self, link: Link, wanted: ModelVersionRef) -> bool:
        """One look and what follows from it; whether the turn is over."""
        home = self._home(wanted.name)
        found = alias_at(home.server, home.name, link.alias, workspace=home.workspace)
        match self._decide(link, wanted, found):
            case InSync() | Leave():
                self._finish(link, found=found)
            case Write(over=over):
                self._write(link, wanted, found, over)
                return False
            case Revert(move=move):
                self._revert(link, move)
                return False
            case Hold(move=move):
                self._leave(link, move, "held", _held())
            case Show(move=move, why=why):
                self._leave(link, move, "shown", why)
            case Follow(move=move, number=number, at_once=at_once):
                self._follow(link, move, ModelVersionRef(wanted.name, number), at_once=at_once)
        return True

    def _decide(self, link: Link, wanted: ModelVersionRef, found: int | None) -> Step:
        with self._database.reading() as tx:
            now = access.now(tx)
            reverts = store.reverts_within(tx, link.slot, rules.REVERTS_WITHIN)
        return rules.decide(link, wanted.number, found, reverts, now)

    # --- looking after the alias of the right model -------------------------------------

    def _claim(self, link: Link) -> Link:
        """The link with the alias of the model that is live, if that is nobody else's."""
        model = link.wanted.name if link.wanted else None
        if model == link.model:
            return link
        with self._writing() as tx:
            store.claim_lock(tx)
            holder = store.holder(tx, model, link.alias) if model else None
            claimed = None if holder else model
            _keep(store.note(tx, link, model=claimed, known=None, looked_at=None))
        if model and holder:
            raise taken(model, link.alias, holder)
        return self._again(link)

    def _clear_strays(self, link: Link) -> None:
        """Remove our alias from where it should not be, while it is where we put it."""
        for place, numbers in rules.strays(link).items():
            link = self._again(link)
            with self._writing() as tx:
                sent_at = access.now(tx)
                ours = store.holder(tx, place.model, place.alias) in (None, link.slot)
                doubt = rules.with_doubt(link.puts, place, None, sent_at)
                _keep(store.note_puts(tx, link, doubt if ours else link.puts))
            home = self._home(place.model)
            removed = ours and remove_alias(
                home.server, home.name, place.alias, numbers, workspace=home.workspace
            )
            link = self._again(link)
            with self._writing() as tx:
                now = access.now(tx)
                left = rules.with_certainty(link.puts, place, None, now, sent_at)
                _keep(store.note_puts(tx, link, left))
                if removed:
                    before = {"on": sorted(numbers)}
                    audit(tx, "alias.remove", _named(place.model, place.alias), before=before)

    # --- what follows from a look -------------------------------------------------------

    def _write(
        self, link: Link, wanted: ModelVersionRef, found: int | None, over: Move | None
    ) -> None:
        place = Place(wanted.name, link.alias)
        with self._writing() as tx:
            if _live(tx, link) != link.live_number:
                return  # look again: only what is live now is ever written
            sent_at = access.now(tx)
            source = models.read_version(tx, wanted).source_uri
            puts = rules.with_doubt(link.puts, place, wanted.number, sent_at)
            _keep(store.note_puts(tx, link, puts))
            if over is not None:
                self._keep_move(tx, link, over, "overwritten", "a deployment waited to be written")
        home = self._home(wanted.name)
        after = put_alias(
            home.server, home.name, link.alias, wanted.number, source, workspace=home.workspace
        )
        with self._writing() as tx:
            now = access.now(tx)
            told = {"settled": link.live_number, "known": wanted.number, "looked_at": now}
            _keep(store.note(tx, link, **told, written=str(wanted), written_at=now))
            # Found elsewhere, it was moved again meanwhile, which the next look answers.
            if after == wanted.number:
                puts = rules.with_certainty(puts, place, wanted.number, now, sent_at)
                _keep(store.note_puts(tx, link, puts))
            store.supersede(tx, link.slot)
            written = {"version": wanted.number, "deployment": link.live_number}
            audit(tx, "alias.write", _named(*place), before={"version": found}, after=written)

    def _revert(self, link: Link, move: Move) -> None:
        with self._writing() as tx:
            self._keep_move(tx, link, move, "reverted", "the link puts it back")
            _keep(store.note(tx, link, settled=0, asked_at=access.now(tx)))

    def _leave(self, link: Link, move: Move, outcome: MoveOutcome, why: str) -> None:
        with self._writing() as tx:
            self._keep_move(tx, link, move, outcome, why)
            _keep(store.note(tx, link, note=why, settled=link.live_number))
            self._rest(tx, link)

    def _follow(self, link: Link, move: Move, to: ModelVersionRef, *, at_once: bool) -> None:
        try:
            version = self._version(to)
            if at_once:
                self._deploy(link, move, version)
            else:
                self._propose(link, move, version)
        except (MlflowUnavailable, DatabaseUnavailable):
            raise
        except Stale:
            self._hurry(link)
        except TwinlineError as error:
            self._leave(link, move, "refused", error.detail)

    def _deploy(self, link: Link, move: Move, version: NewModelVersion) -> None:
        reason = f"{_moved(link, move)}; linked by {link.actor}"
        with self._writing() as tx:
            registered_, _ = models.register(tx, version)
            made = deploy_version(tx, link.slot, registered_.ref, link.live_number, reason)
            self._keep_move(tx, link, move, "deployed", "", made.number)
            _keep(store.note(tx, link, settled=made.number, note=None))
            self._rest(tx, link.model_copy(update={"live_number": made.number}))

    def _propose(self, link: Link, move: Move, version: NewModelVersion) -> None:
        with self._writing() as tx:
            models.register(tx, version)
            self._keep_move(tx, link, move, "proposed", _moved(link, move))
            why = "it is proposed to follow"
            _keep(store.note(tx, link, note=why, settled=link.live_number))
            self._rest(tx, link)

    def _keep_move(
        self,
        tx: Writing,
        link: Link,
        move: Move,
        outcome: MoveOutcome,
        why: str,
        deployment: int | None = None,
    ) -> None:
        _keep(store.note(tx, link, known=move.after, looked_at=access.now(tx)))
        store.supersede(tx, link.slot)
        number = store.add_move(tx, link, move, outcome, why, deployment)
        after = {"move": number, "version": move.after, "outcome": outcome}
        named = _named(link.model or "", link.alias)
        audit(tx, "alias.moved", named, why=why, before={"version": move.before}, after=after)

    # --- the end of a turn --------------------------------------------------------------

    def _finish(self, link: Link, *, found: int | None = None, looked: bool = True) -> None:
        in_sync = looked and link.wanted is not None and found == link.wanted.number
        with self._writing() as tx:
            now = access.now(tx)
            if looked:
                _keep(store.note(tx, link, known=found, looked_at=now))
            if in_sync and link.wanted is not None:
                place = Place(link.wanted.name, link.alias)
                puts = rules.with_certainty(link.puts, place, link.wanted.number, now)
                _keep(store.note_puts(tx, link, puts))
                store.supersede(tx, link.slot)
            if in_sync or not looked:
                _keep(store.note(tx, link, settled=link.live_number, note=None))
            self._rest(tx, link)

    def _rest(self, tx: Writing, link: Link) -> None:
        """Give the turn back until the next look."""
        doubtful = rules.unsure(link.puts)
        seconds = min(self._look_seconds, _DOUBT_SECONDS) if doubtful else self._look_seconds
        self._give_back(tx, link, seconds, tries=0, trouble=None)

    def _hurry(self, link: Link) -> None:
        """Give the turn back, and have the next one at once."""
        with self._writing() as tx:
            self._give_back(tx, link, 0, tries=0, trouble=None)

    def _fail(self, link: Link, error: TwinlineError) -> None:
        tries = link.tries + 1
        seconds = rules.wait_seconds(tries) * random.uniform(0.8, 1.2)  # noqa: S311 -- jitter
        with self._writing() as tx:
            self._give_back(tx, link, seconds, tries=tries, trouble=error.detail)

    def _give_back(
        self, tx: Writing, link: Link, seconds: float, *, tries: int, trouble: str | None
    ) -> None:
        store.note(
            tx,
            link,
            next_at=access.now(tx) + timedelta(seconds=seconds),
            turn_until=None,
            tries=tries,
            trouble=trouble,
            seen_live=link.live_number,
        )

    # --- shorthand ----------------------------------------------------------------------

    def _writing(self) -> AbstractContextManager[Writing]:
        return self._database.writing(SYSTEM)

    def _link(self, slot: SlotRef) -> Link | None:
        with self._database.reading() as tx:
            return store.find(tx, slot)

    def _again(self, link: Link) -> Link:
        """The link as it is now, which nobody else may have taken meanwhile."""
        found = self._link(link.slot)
        if found is None or found.turn != link.turn:
            raise _TurnLost
        return found

    def _home(self, model: str) -> _Home:
        place, name = registered(model)
        server = self._servers.get(place.server)
        if server is None:
            raise MlflowUnavailable(
                f"No MLflow server {place.server!r} is configured: set TWINLINE_MLFLOW_URL or "
                "TWINLINE_MLFLOW_SERVERS and restart."
            )
        return _Home(server, place.workspace, name)

    def _version(self, ref: ModelVersionRef) -> NewModelVersion:
        home = self._home(ref.name)
        wanted = MlflowImport(name=home.name, number=ref.number, workspace=home.workspace)
        read = home.server.model_version(wanted)
        return read.model_copy(update={"name": ref.name})


def _keep(kept: bool) -> None:
    if not kept:
        raise _TurnLost


def _live(tx: Writing, link: Link) -> int:
    found = store.find(tx, link.slot)
    return found.live_number if found else 0


def _named(model: str, alias: str) -> str:
    return str(ModelAliasRef(model, alias))


def _moved(link: Link, move: Move) -> str:
    before = "no version" if move.before is None else f"version {move.before}"
    named = _named(link.model or "", link.alias)
    return f"{named} was moved from {before} to {move.after} in MLflow"


def _held() -> str:
    hours = rules.REVERTS_WITHIN.total_seconds() / 3600
    return (
        f"it was put back {rules.REVERTS_MAX} times within {hours:g} h and moved again, so "
        "somebody else writes it too; it stays there until the next deployment"
    )
