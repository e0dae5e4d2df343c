"""What makes a model version this one, and which one a name means."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from twinline.language.identity import model_digest
from twinline.language.records import AuditEvent, ModelName, NewModelVersion
from twinline.language.refs import ModelVersionRef

ANY = "*"


def identity_digest(new: NewModelVersion) -> str:
    """The digest over what must never change under a version's number."""
    return model_digest(
        name=new.name,
        source=new.source,
        source_uri=new.source_uri,
        pinned=new.pinned,
        run=new.run.id if new.run else None,
    )


def named(
    names: Sequence[ModelName], provider: str | None, name: str, *, whole: bool
) -> ModelName | None:
    """What a provider and a name stand for: by a ``whole`` name, or by how names begin.

    The provider's own entry comes before one for any provider, and of those that begin so
    the longest.
    """
    fitting = [one for one in names if one.provider in (provider, ANY) and _fits(one, name, whole)]
    return max(fitting, key=lambda one: (one.provider != ANY, len(one.name)), default=None)


def _fits(one: ModelName, name: str, whole: bool) -> bool:
    if whole:
        return one.name == name
    return one.name.endswith(ANY) and name.startswith(one.name[:-1])


def alias_history(
    events: Iterable[AuditEvent], alias: str
) -> tuple[tuple[datetime, int | None], ...]:
    """When an alias came to be on which version, from what happened to a model's versions,
    the oldest first; None: it was taken off.

    A version that loses an alias which another has meanwhile takes it off nothing: of a move,
    either side may have been written first.
    """
    moves: list[tuple[datetime, int | None]] = []
    on: int | None = None
    for event in events:
        before = alias in (event.before or {}).get("aliases", ())
        after = alias in (event.after or {}).get("aliases", ())
        number = ModelVersionRef.parse(event.subject).number
        if before != after and (after or on == number):
            on = number if after else None
            moves.append((event.at, on))
    return tuple(moves)
