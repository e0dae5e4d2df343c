"""Find which versions the words of a call mean, as of its time.

Only what is sure is resolved: a number, a label or an alias at the time, a name that
somebody entered, an address that a version is at, or a name that had one version then.
The rest stays in its words, without a scheme: `inferences` would read ``prompts:/a@b`` as
what the label names today.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from twinline.db.session import Reading
from twinline.language.errors import InvalidReference, NotFound
from twinline.language.names import LATEST
from twinline.language.records import ModelVersion
from twinline.language.refs import (
    ModelAliasRef,
    ModelVersionRef,
    PromptLabelRef,
    PromptVersionRef,
    Ref,
    parse_ref,
)
from twinline.mirror.meaning import Mirrored
from twinline.models import actions as models
from twinline.models.rules import named
from twinline.otel.rules import UNNAMED, Words, cut
from twinline.prompts import actions as prompts

History = Sequence[tuple[datetime, int | None]]
"""When something came to be which number, the oldest first."""
Key = tuple[str, ...]
Found = TypeVar("Found")

_number = re.compile(r"v?([1-9][0-9]{0,8})")


def at_time(history: History, at: datetime) -> int | None:
    """The number at a time; None before the first."""
    place = bisect_right(history, at, key=lambda move: move[0])
    return history[place - 1][1] if place else None


def only_one(history: History, at: datetime) -> int | None:
    """The number of the only version there was at a time; None when there were others."""
    there = bisect_right(history, at, key=lambda move: move[0])
    return history[0][1] if there == 1 else None


class Catalog:
    """Looks words up, each once per transaction."""

    def __init__(self, tx: Reading) -> None:
        self._tx = tx
        self._names = models.names(tx).items
        self._mirrored = Mirrored(tx)
        self._histories: dict[Key, History] = {}
        self._sources: dict[str, ModelVersion | None] = {}

    def prompt(self, words: Words, at: datetime) -> str | None:
        """The reference of the prompt version that is meant, else the words; None: none
        were said."""
        if words.prompt is None:
            return None
        name, version = _said(words.prompt, words.prompt_version)
        found = self._prompt(name, version, at, linked=words.linked)
        if found is not None:
            return str(found)
        return cut(name if version is None else f"{name}@{version}")

    def model(self, words: Words, at: datetime) -> str | None:
        """The reference of the model version that is meant, else the words.

        What the answer names counts before what was asked for. Is that unknown here, then
        the version that was asked for counts if it is not pinned: a pinned one did not
        answer by another name.
        """
        answered, asked = words.answered_model, words.asked_model
        found = self._model(words.provider, answered, at) if answered else None
        if found is None and asked and asked != answered:
            found = self._model(words.provider, asked, at)
            if found and answered and self._pinned(found):
                found = None
        if found:
            return str(found)
        if words.prompt is None and answered is None and asked is None and words.provider is None:
            return UNNAMED
        said = " -> ".join(dict.fromkeys(_without_scheme(one) for one in (asked, answered) if one))
        return cut("/".join(one for one in (words.provider, said) if one)) or None

    def _prompt(self, name: str, version: str | None, at: datetime, *, linked: bool) -> Ref | None:
        if version is None:
            only = only_one(self._history(prompts.version_history, name), at)
            return PromptVersionRef(name, only) if only else None
        said = _number.fullmatch(version)
        # MLflow's own names hold no slash; what our hooks link has the catalog's.
        if linked and "/" not in name and self._mirrored.is_mirrored():
            return self._mirrored.linked(name, int(said[1]), at) if said else None
        labelled = at_time(self._history(prompts.label_history, name, version), at)
        if labelled is None and self._mirrored.knows("prompt", name):
            aliased = self._mirrored.aliased("prompt", name, version, at)
            if aliased is not None:
                return aliased
        number = labelled or (int(said[1]) if said else None)
        return PromptVersionRef(name, number) if number else None

    def _model(self, provider: str | None, word: str, at: datetime) -> ModelVersionRef | None:
        ref = _reference(word)
        if isinstance(ref, ModelVersionRef):
            return ref
        if isinstance(ref, ModelAliasRef):
            return self._aliased(ref, at)
        entered = named(self._names, provider, word, whole=True)
        if entered:
            return entered.version
        there = self._at_source(word if ":/" in word else f"{provider}:/{word}")
        if there:
            return there.ref
        begun = named(self._names, provider, word, whole=False)
        if begun:
            return begun.version
        number = only_one(self._history(models.version_history, word), at)
        return ModelVersionRef(word, number) if number else None

    def _aliased(self, ref: ModelAliasRef, at: datetime) -> ModelVersionRef | None:
        if ref.alias != LATEST and self._mirrored.knows("model", ref.name):
            found = self._mirrored.aliased("model", ref.name, ref.alias, at)
            return found if isinstance(found, ModelVersionRef) else None
        number = at_time(self._history(models.alias_history, ref.name, ref.alias), at)
        return ModelVersionRef(ref.name, number) if number else None

    def _at_source(self, uri: str) -> ModelVersion | None:
        if uri not in self._sources:
            self._sources[uri] = models.with_source(self._tx, uri)
        return self._sources[uri]

    def _pinned(self, ref: ModelVersionRef) -> bool:
        try:
            return models.read_version(self._tx, ref).pinned
        except NotFound:
            return False  # nothing is claimed of it; the words say what was meant

    def _history(self, read: Callable[..., History], *words: str) -> History:
        key = (read.__name__, read.__module__, *words)
        if key not in self._histories:
            self._histories[key] = read(self._tx, *words)
        return self._histories[key]


def _said(name: str, version: str | None) -> tuple[str, str | None]:
    """Name and version; a name may be a whole reference, as MLflow writes it."""
    ref = _reference(name)
    if isinstance(ref, PromptVersionRef):
        return ref.name, str(ref.number)
    if isinstance(ref, PromptLabelRef):
        return ref.name, ref.label
    return _without_scheme(name), version


def _reference(word: str) -> Ref | None:
    try:
        return parse_ref(word) if ":/" in word else None
    except InvalidReference:
        return None


def _without_scheme(word: str) -> str:
    return word.removeprefix("prompts:/").removeprefix("models:/").lstrip("/") or word
