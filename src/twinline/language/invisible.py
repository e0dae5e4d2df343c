"""Characters that nobody sees: for pages and terminals that must show them.

Bidirectional controls (which can let a text read otherwise than it is), zero-width
characters, byte order marks, control characters, spaces that are not the usual one, and
spaces at the end of a line.
"""

import re
import unicodedata
from collections.abc import Iterator

_HIDDEN = {"Cf", "Cc", "Zl", "Zp", "Zs"}
_USUAL = frozenset(" \n\t")
# Everything that is in one of those classes is at least one of: not printable, or space.
# (Spaces are taken whole, lest a long row of them be tried from each of its places.)
_suspect = re.compile(r"[^\x20-\x7e\n\t]|(?<![ \t])[ \t]++(?=\r?(?:\n|\Z))")


def shown(text: str) -> str:
    """The text with its invisible characters made visible: ``⟨U+202E⟩``, and ``·`` for a
    space at the end of a line."""
    return _suspect.sub(lambda found: _show(found[0]), text)


def invisible(text: str) -> Iterator[tuple[int, str, str]]:
    """Place, code (``U+202E``) and name of each invisible character; of the spaces at the end
    of a line the first."""
    for found in _suspect.finditer(text):
        character = found[0][0]
        if character in _USUAL:
            yield found.start(), _code(character), "space at the end of a line"
        elif _is_hidden(character):
            name = unicodedata.name(character, "CONTROL CHARACTER")
            yield found.start(), _code(character), name


def _show(found: str) -> str:
    if found[0] in _USUAL:
        return "·" * len(found)
    return f"⟨{_code(found)}⟩" if _is_hidden(found) else found


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN


def _code(character: str) -> str:
    return f"U+{ord(character):04X}"
