"""Which versions of the catalog MLflow's names, numbers and aliases meant at a time.

A name in MLflow is not the catalog's: prompts stand in a folder, what was made again has a
name of its own, and a prompt's numbers are the catalog's own, because versions of one
content are one there.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from twinline.db.session import Reading
from twinline.language.records import MirrorKind
from twinline.language.refs import Ref, parse_ref
from twinline.mirror import meaning_store as store
from twinline.mirror.meaning_store import Change, Content
from twinline.mirror.naming import DEFAULT, Place

HOME = Place(DEFAULT, DEFAULT)
"""Where a name is looked for that says nothing of a server."""

Found = TypeVar("Found")


class Mirrored:
    """Looks up what MLflow's words meant, each once per transaction."""

    def __init__(self, tx: Reading) -> None:
        self._tx = tx
        self._read: dict[tuple[Any, ...], Any] = {}

    def is_mirrored(self) -> bool:
        """Whether the mirror follows the place where names are looked for."""
        return self._once(store.is_mirrored, HOME)

    def knows(self, kind: MirrorKind, catalog_name: str) -> bool:
        """Whether what the catalog calls so came from MLflow."""
        return self._once(store.called, kind, catalog_name) is not None

    def linked(self, prompt: str, number: int, at: datetime) -> Ref | None:
        """What was under a number of a prompt, by MLflow's name for it."""
        series = self._bearer("prompt", prompt, at)
        return None if series is None else self._under(series, number, at)

    def aliased(self, kind: MirrorKind, catalog_name: str, alias: str, at: datetime) -> Ref | None:
        """What an alias was on.

        A name of a model that says nothing of a server is MLflow's own too: it means what
        bore it at the time.
        """
        series = self._once(store.called, kind, catalog_name)
        if kind == "model" and "/" not in catalog_name:
            series = self._bearer(kind, catalog_name, at)
        if series is None:
            return None
        for stay in self._once(store.stays, series, alias):
            if stay.since <= at and (stay.until is None or at < stay.until):
                return self._under(series, stay.number, at)
        return None

    def _bearer(self, kind: MirrorKind, name: str, at: datetime) -> int | None:
        """The series that bore a name: the newest that was made by then and had not ended."""
        for one in self._once(store.bearers, HOME, kind, name):
            if one.created_ms <= at.timestamp() * 1000 and (one.ended_at or at) >= at:
                return one.id
        return None

    def _under(self, series: int, number: int, at: datetime) -> Ref | None:
        contents = self._once(store.contents, series, number)
        there = content_at(contents, self._once(store.changes, series, number), at)
        return parse_ref(there.ref) if there is not None and there.ref is not None else None

    def _once(self, read: Callable[..., Found], *words: Any) -> Found:
        key = (read, *words)
        if key not in self._read:
            self._read[key] = read(self._tx, *words)
        return self._read[key]


def content_at(
    contents: Sequence[Content], changes: Sequence[Change], at: datetime
) -> Content | None:
    """What was under a number: what the next change after that time replaced, else what is
    there now, else the only one that ever was."""
    later = next((change.before for change in changes if change.found_at > at), None)
    if later is not None:
        was = (later["created_ms"], later["digest"])
        return next((one for one in contents if (one.created_ms, one.digest) == was), None)
    present = [one for one in contents if one.state == "present"] or contents
    return present[0] if len(present) == 1 else None
