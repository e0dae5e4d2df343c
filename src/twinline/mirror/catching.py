"""Read a name again, and take over what became of it.

Nothing here is in a hurry to be whole: every step reads, then writes what it read in a
transaction of its own, and repeating it changes nothing. So it may end anywhere.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from twinline.db.session import Database
from twinline.language.records import Learnt
from twinline.mirror import actions, answers, reading, store
from twinline.mirror.actions import Gone, Seen
from twinline.mirror.asking import Asking
from twinline.mirror.marks import Mark
from twinline.mirror.naming import Place
from twinline.mirror.remote import MlflowServer, Result
from twinline.mirror.store import Series

READ_SECONDS = 10.0
"""The deadline for one question about names or versions."""

FACTS_SECONDS = 3.0
"""The deadline for how one version was made: its run, experiment and LoggedModel."""

BATCH = 25
"""Versions that are kept in one transaction: it holds locks that others wait for."""

_EXPERIMENTS_MAX = 1000

Item = TypeVar("Item")


class Catching:
    """Reads names of one MLflow server.

    Args:
        database: what it writes to.
        server: what it reads from.
        read_seconds: the deadline for one question about names or versions; None: the
            server's own.
    """

    def __init__(
        self,
        database: Database,
        server: MlflowServer,
        *,
        read_seconds: float | None = READ_SECONDS,
    ) -> None:
        self._database = database
        self._server = server
        self._read_seconds = read_seconds
        self._actor = actor(server.name)
        self._experiments: dict[str, str] = {}

    def catch_up(self, mark: Mark) -> None:
        """Make the mirror equal to what MLflow has by this name now.

        Raises:
            MlflowUnavailable: it cannot be read; the mark stays.
            TwinlineError: what it holds cannot be kept.
        """
        model = self._ask(mark.place, lambda asking: reading.registered_model(asking, mark.name))
        self.end_what_is_gone(mark.place, mark.name, model, mark.learnt)
        if model is None:
            with self._database.writing(self._actor) as tx:
                actions.forget(tx, mark)
            return
        with self._database.writing(self._actor) as tx:
            series = actions.keep_series(tx, mark.place, model)
        series, whole = self._read_versions(series, mark, model)
        with self._database.writing(self._actor) as tx:
            actions.settle(tx, series, model, mark, whole=whole)

    def end_what_is_gone(
        self, place: Place, name: str, model: answers.RegisteredModel | None, learnt: Learnt
    ) -> None:
        """End what is known by a name where MLflow has ``model`` now; if that has another name
        there, what is known by that one, too, and so on.

        Raises:
            MlflowUnavailable: it cannot be asked what became of it.
        """
        gone: dict[str, Gone] = {}
        while name not in gone:
            with self._database.reading() as tx:
                known = store.series_named(tx, place, [name]).get(name)
            if known is None or actions.is_it(known, model):
                break
            gone[name] = Gone(known, model, self._heir(place, known))
            model = gone[name].heir
            if model is None:
                break
            name = model.name
        if gone:
            with self._database.writing(self._actor) as tx:
                actions.end(tx, place, gone.values(), learnt)

    def _heir(self, place: Place, series: Series) -> answers.RegisteredModel | None:
        with self._database.reading() as tx:
            beside = store.beside(tx, series)
        return self._ask(
            place,
            lambda asking: reading.renamed(
                asking, series.kind, series.created_ms, series.updated_ms, beside
            ),
        )

    def _read_versions(
        self, series: Series, mark: Mark, model: answers.RegisteredModel
    ) -> tuple[Series, bool]:
        """The series, and whether nothing went away while its pages were turned: a page that
        follows one from which something went away may begin too late."""
        seen: set[int] = set()
        pages = 0
        for page in self._pages(series, mark.place):
            pages += 1
            seen |= {version.version for version in page}
            with self._database.reading() as tx:
                unread = actions.unread(tx, series, page)
            for batch in _batches(unread):
                found = self._facts(mark.place, series, batch)
                with self._database.writing(self._actor) as tx:
                    series = actions.keep_versions(tx, series, model, found, mark.learnt)
        lost = self._lost(series, mark.place, seen)
        if lost:
            with self._database.writing(self._actor) as tx:
                actions.lose_versions(tx, series, lost, mark.learnt)
        return series, not lost or pages == 1

    def _pages(self, series: Series, place: Place) -> Iterator[tuple[answers.Version, ...]]:
        token, more = "", True
        while more:
            page = self._page(series, place, token)
            yield page.versions
            token = page.next_page_token
            more = bool(token)

    def _page(self, series: Series, place: Place, token: str) -> answers.VersionsAnswer:
        return self._ask(
            place,
            lambda asking: reading.versions(asking, series.kind, token, name=series.name),
        )

    def _facts(self, place: Place, series: Series, batch: Sequence[answers.Version]) -> list[Seen]:
        if series.kind == "prompt":
            return [Seen(version) for version in batch]
        if len(self._experiments) > _EXPERIMENTS_MAX:
            self._experiments.clear()

        async def read(asking: Asking) -> list[Seen]:
            return [
                Seen(version, await reading.facts(asking, version, self._experiments))
                for version in batch
            ]

        return self._ask(place, read, seconds=FACTS_SECONDS * len(batch))

    def _lost(self, series: Series, place: Place, seen: set[int]) -> list[int]:
        """Those that are known, were not seen, and are not there when asked for."""
        with self._database.reading() as tx:
            unseen = store.numbers(tx, series.id) - seen
        return [number for number in sorted(unseen) if not self._is_there(series, place, number)]

    def _is_there(self, series: Series, place: Place, number: int) -> bool:
        found = self._ask(place, lambda asking: reading.version(asking, series.name, number))
        return found is not None

    def _ask(
        self,
        place: Place,
        read: Callable[[Asking], Awaitable[Result]],
        *,
        seconds: float | None = None,
    ) -> Result:
        seconds = seconds or self._read_seconds
        return self._server.ask(read, workspace=place.workspace, seconds=seconds)


def actor(server: str) -> str:
    """Who does what the mirror of a server does."""
    return f"mlflow:{server}"


def _batches(versions: Sequence[Item]) -> Iterator[list[Item]]:
    left = iter(versions)
    while batch := list(islice(left, BATCH)):
        yield batch
