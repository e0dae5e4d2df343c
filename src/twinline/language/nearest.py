"""The existing names most like one that does not exist, for messages that help."""

from collections.abc import Iterable
from difflib import get_close_matches

from twinline.language.errors import NotFound


def nearest(word: str, known: Iterable[str]) -> tuple[str, ...]:
    """Up to five of ``known``, the most similar first (difflib ratio of at least 0.5)."""
    return tuple(get_close_matches(word, list(known), n=5, cutoff=0.5))


def not_found(kind: str, name: str, known: Iterable[str]) -> NotFound:
    """The error for a ``kind`` that has no ``name``, with the nearest existing names."""
    like = nearest(name, known)
    hint = f"; did you mean {' or '.join(like)}?" if like else ""
    return NotFound(f"There is no {kind} {name!r}{hint}", kind=kind, name=name, nearest=like)
