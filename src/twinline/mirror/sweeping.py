"""Turn over all names of a place, page by page, and mark those that moved.

A fast sweep marks the names whose lists of aliases and tags or whose times moved, and the
names of versions that moved since the last sweep; a full one marks every name, so that
all versions are compared. Page tokens are offsets: what is made meanwhile makes a page
repeat rows, which is harmless; what is deleted makes it skip rows, and a name that was
not seen is marked and asked for itself.

Each page is a transaction, which also keeps how far the sweep has come. So a sweep goes
on where it was stopped, and needs no more memory than a page.
"""

import logging
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from twinline.db.session import Database, Reading, Writing
from twinline.language.errors import AnswerTooLarge
from twinline.language.records import MirrorKind
from twinline.mirror import answers, content, marks, places_store, reading, store
from twinline.mirror.catching import READ_SECONDS, actor
from twinline.mirror.naming import Place
from twinline.mirror.remote import MlflowServer

OVERLAP_MS = 60_000
"""How far a sweep of versions looks back before the newest that the last one saw: clocks of
several MLflow processes differ, and a commit comes after its time."""

_log = logging.getLogger("twinline")

Phase = Literal["models", "prompts", "moved models", "moved prompts"]
_NEXT: dict[Phase, Phase | None] = {
    "models": "prompts",
    "prompts": "moved models",
    "moved models": "moved prompts",
    "moved prompts": None,
}


class Cadence(BaseModel):
    """How often a place is swept when nobody asks for it."""

    model_config = ConfigDict(frozen=True)

    fast_seconds: float = 60.0
    full_seconds: float = 6 * 3600.0


class Sweep(BaseModel):
    """A sweep under way.

    Attributes:
        names: how many it has seen so far.
        since_ms: versions that moved before are known; None: all names are marked anyway.
        newest_ms: when the last version that it saw moved.
    """

    model_config = ConfigDict(frozen=True)

    began: datetime
    pace: Literal["fast", "full"]
    phase: Phase = "models"
    token: str = ""
    names: int = 0
    since_ms: int | None
    newest_ms: int | None

    @property
    def kind(self) -> MirrorKind:
        """What the phase is about."""
        return "prompt" if self.phase.endswith("prompts") else "model"


def take_step(database: Database, server: MlflowServer, place: Place, cadence: Cadence) -> bool:
    """Turn one page of the sweep that is under way or due; False when none is.

    Raises:
        MlflowUnavailable: it cannot be read; the sweep goes on there another time.
        Invalid: it refuses to go on there; the sweep begins anew another time.
    """
    with database.writing(actor(server.name)) as tx:
        sweep = _due(tx, place, cadence)
    if sweep is None:
        return False
    try:
        _turn(database, server, place, sweep)
    except AnswerTooLarge as error:
        _log.warning("%s: the sweep leaves the rest of its %s: %s", place, sweep.phase, error)
        with database.writing(actor(server.name)) as tx:
            _pass_over(tx, place, sweep)
    return True


def _turn(database: Database, server: MlflowServer, place: Place, sweep: Sweep) -> None:
    if sweep.phase in ("models", "prompts"):
        names = server.ask(
            lambda asking: reading.names(asking, sweep.kind, sweep.token),
            workspace=place.workspace,
            seconds=READ_SECONDS,
        )
        with database.writing(actor(server.name)) as tx:
            _take_names(tx, place, sweep, names)
        return
    versions = server.ask(
        lambda asking: reading.versions(asking, sweep.kind, sweep.token),
        workspace=place.workspace,
        seconds=READ_SECONDS,
    )
    with database.writing(actor(server.name)) as tx:
        _take_versions(tx, place, sweep, versions)


def _pass_over(tx: Writing, place: Place, sweep: Sweep) -> None:
    """Leave the rest of a phase: known names that it should have seen are marked and asked for
    by themselves, and versions that it should have seen are looked for in the next sweep."""
    if sweep.phase.startswith("moved") and sweep.since_ms is not None:
        sweep = sweep.model_copy(update={"newest_ms": sweep.since_ms + OVERLAP_MS})
    _go_on(tx, place, sweep, "")


def _due(tx: Writing, place: Place, cadence: Cadence) -> Sweep | None:
    places_store.know(tx, place)
    found = places_store.due(tx, place, cadence.fast_seconds, cadence.full_seconds)
    if found["sweep"] is not None:
        return Sweep.model_validate(found["sweep"])
    if not (found["full"] or found["fast"]):
        return None
    full, newest = found["full"], found["watermark_ms"]
    since = None if full or newest is None else newest - OVERLAP_MS
    pace = "full" if full else "fast"
    sweep = Sweep(began=found["now"], pace=pace, since_ms=since, newest_ms=newest)
    places_store.keep_sweep(tx, place, sweep.model_dump(mode="json"))
    return sweep


def _take_names(
    tx: Writing, place: Place, sweep: Sweep, page: answers.RegisteredModelsAnswer
) -> None:
    models = page.registered_models
    names = [model.name for model in models]
    known = store.series_named(tx, place, names)
    moved = [
        model.name
        for model in models
        if sweep.pace == "full"
        or (series := known.get(model.name)) is None
        or series.fingerprint != content.series_fingerprint(model)
    ]
    marks.mark_many(tx, place, sweep.kind, moved, "sweep")
    places_store.see_names(tx, place, names, sweep.began)
    seen = sweep.model_copy(update={"names": sweep.names + len(names)})
    _go_on(tx, place, seen, page.next_page_token)


def _take_versions(tx: Writing, place: Place, sweep: Sweep, page: answers.VersionsAnswer) -> None:
    since = sweep.since_ms
    newer = [one for one in page.versions if since is None or one.updated_ms >= since]
    if since is not None:
        marks.mark_many(tx, place, sweep.kind, _moved(tx, place, newer), "sweep")
    newest = max([sweep.newest_ms or 0, *(one.updated_ms for one in newer)])
    seen = sweep.model_copy(update={"newest_ms": newest})
    # Of a place whose names are all marked, only the newest time is wanted.
    whole = since is not None and len(newer) == len(page.versions)
    _go_on(tx, place, seen, page.next_page_token if whole else "")


def _moved(tx: Reading, place: Place, versions: list[answers.Version]) -> list[str]:
    """The names of those versions that are not known as they are."""
    by_name: dict[str, list[answers.Version]] = {}
    for version in versions:
        by_name.setdefault(version.name, []).append(version)
    known = store.series_named(tx, place, by_name.keys())
    return [
        name
        for name, some in by_name.items()
        if name not in known or store.unlike(tx, known[name].id, _fingerprints(known[name], some))
    ]


def _fingerprints(series: store.Series, versions: list[answers.Version]) -> dict[int, str]:
    return {version.version: content.fingerprint(series.kind, version) for version in versions}


def _go_on(tx: Writing, place: Place, sweep: Sweep, token: str) -> None:
    """Turn to the next page, to the next phase, or end the sweep."""
    phase = sweep.phase if token else _NEXT[sweep.phase]
    if phase is not None:
        further = sweep.model_copy(update={"phase": phase, "token": token})
        places_store.keep_sweep(tx, place, further.model_dump(mode="json"))
        return
    places_store.mark_unseen(tx, place, sweep.began)
    full = sweep.pace == "full"
    places_store.finish_sweep(tx, place, sweep.began, full=full, watermark_ms=sweep.newest_ms)
    if full:
        store.reconsider_live(tx, place.server)
