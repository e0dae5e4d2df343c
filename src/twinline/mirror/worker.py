"""The mirror at work: a thread for each MLflow server, in one of the processes.

It waits for announcements, or for its turn, and holds an advisory lock while it works, so
that of several processes one does. Trouble with a server is noted, and tried again later
and later; it holds up nothing but that server's mirror.
"""

import logging
import threading
from collections.abc import Generator
from contextlib import contextmanager

from twinline.db.listening import ANYTHING
from twinline.db.session import Database
from twinline.language.errors import (
    AnswerTooLarge,
    DatabaseUnavailable,
    MlflowUnavailable,
    TwinlineError,
)
from twinline.mirror import actions, inbox, marks, places_store, sweeping
from twinline.mirror.catching import Catching, actor
from twinline.mirror.marks import Mark
from twinline.mirror.naming import Place
from twinline.mirror.remote import MlflowServer
from twinline.mirror.sweeping import Cadence

IDLE_SECONDS = 5.0
"""How long it sleeps when nothing is announced."""

RETRY_SECONDS_MAX = 60.0
_UNKEEPABLE_SECONDS_MAX = 3600.0
_DELIVERIES = 500
_RETIREMENTS = 25
_STOP_SECONDS = 1.0

_log = logging.getLogger("twinline")


class Worker:
    """Mirrors one MLflow server.

    Args:
        database: where the catalog is.
        server: what is mirrored.
        cadence: how often it is swept.
    """

    def __init__(self, database: Database, server: MlflowServer, cadence: Cadence) -> None:
        self._database = database
        self._server = server
        self._cadence = cadence
        self._catching = Catching(database, server)
        self._places = [Place(server.name, workspace) for workspace in server.workspaces]
        self._woken = threading.Event()
        self._stopping = threading.Event()

    def take_note(self, topic: str) -> None:
        """Look whether there is something to do; called from any thread."""
        if topic in (marks.TOPIC, ANYTHING):
            self._woken.set()

    @contextmanager
    def running(self) -> Generator[None]:
        """Work in a thread until the block ends. A question to MLflow that is under way then
        is left to its deadline."""
        thread = threading.Thread(
            target=self._run, name=f"twinline-mirror-{self._server.name}", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            self._woken.set()
            thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._database.alone(f"mirror of {self._server.name}") as alone:
                    while alone() and not self._stopping.is_set():
                        self._work_off()
                        self._sleep(IDLE_SECONDS)
            except DatabaseUnavailable as error:
                _log.warning("the mirror waits for the database: %s", error.detail)
            except Exception:  # noqa: BLE001 -- the catalog serves on, whatever MLflow holds
                _log.exception("the mirror of %s begins anew", self._server.name)
            self._sleep(IDLE_SECONDS)

    def _sleep(self, seconds: float) -> None:
        if not self._stopping.is_set():
            self._woken.wait(seconds)
        self._woken.clear()

    def _work_off(self) -> None:
        """Do what there is to do; return when nothing is left, or MLflow does not answer."""
        retry_seconds = 1.0
        while not self._stopping.is_set():
            try:
                if not self.step():
                    return
                retry_seconds = 1.0
            except MlflowUnavailable as error:
                _log.warning("the mirror waits for MLflow: %s", error.detail)
                self._stopping.wait(retry_seconds)
                retry_seconds = min(2 * retry_seconds, RETRY_SECONDS_MAX)

    def step(self) -> bool:
        """Do the next thing; False when there is nothing to do.

        Deliveries come first, then names that something is said to have happened to, then
        a page of a sweep that is due, then what sweeps found.

        Raises:
            MlflowUnavailable: the server cannot be read, which is noted.
        """
        try:
            return self._take_deliveries() or self._catch_up() or self._sweep() or self._retire()
        except MlflowUnavailable as error:
            self._note_trouble(error.detail)
            raise

    def _take_deliveries(self) -> bool:
        with self._database.writing(actor(self._server.name)) as tx:
            workspaces = self._server.workspaces
            return inbox.take_some(tx, self._server.name, workspaces, _DELIVERIES) > 0

    def _catch_up(self) -> bool:
        with self._database.reading() as tx:
            mark = marks.next_mark(tx, self._server.name)
        if mark is None or (mark.learnt == "sweep" and self._sweep()):
            return mark is not None
        try:
            self._catching.catch_up(mark)
        except DatabaseUnavailable:
            raise
        except AnswerTooLarge as error:
            self._leave(mark, error)
        except MlflowUnavailable as error:
            # Perhaps it is only this name; the others need not wait for it.
            self._put_off(mark, error.detail, RETRY_SECONDS_MAX)
            raise
        except TwinlineError as error:
            self._leave(mark, error)
        except Exception as error:  # noqa: BLE001 -- one name must not hold up the others
            _log.exception("the mirror fails at %r", mark.name)
            self._put_off(mark, repr(error), _UNKEEPABLE_SECONDS_MAX)
        return True

    def _leave(self, mark: Mark, error: TwinlineError) -> None:
        _log.warning("the mirror cannot keep %r: %s", mark.name, error.detail)
        self._put_off(mark, error.detail, _UNKEEPABLE_SECONDS_MAX)

    def _put_off(self, mark: Mark, trouble: str, seconds_max: float) -> None:
        with self._database.writing(actor(self._server.name)) as tx:
            marks.put_off(tx, mark, trouble, seconds_max)

    def _sweep(self) -> bool:
        for place in self._places:
            if sweeping.take_step(self._database, self._server, place, self._cadence):
                self._note_trouble(None)
                return True
        return False

    def _retire(self) -> bool:
        with self._database.writing(actor(self._server.name)) as tx:
            retired = actions.retire_some(tx, self._server.name, _RETIREMENTS)
            for place in self._places:
                places_store.note_synced(tx, place)
        return retired > 0

    def _note_trouble(self, trouble: str | None) -> None:
        with self._database.writing(actor(self._server.name)) as tx:
            for place in self._places:
                places_store.know(tx, place)
                places_store.note_trouble(tx, place, trouble)
