"""Characters that nobody sees: what notes name, and what pages and terminals must show.

Bidirectional controls (which can let a text read otherwise than it is), zero-width
characters, fillers, tags, byte order marks, control characters, spaces that are not the usual
one, and spaces at the end of a line. Selectors of variants, which colour emoji, are not meant,
nor is the return that ends a line together with a newline.
"""

import re
import unicodedata
from collections.abc import Iterator

SPACE_AT_END = "space at the end of a line"
"""What such a space is called; only of the first of several."""

_HIDDEN = {"Cf", "Cc", "Zl", "Zp", "Zs"}
_USUAL = frozenset(" \n\t")
# What Unicode 17 calls Default_Ignorable_Code_Point (DerivedCoreProperties.txt), as far as
# it is in none of those classes.
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2065\u3164\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
)
# Whatever is hidden is at least one of: not printable, or space.
# (Spaces are taken whole, lest a long row of them be tried from each of its places.)
_suspect = re.compile(r"[^\x20-\x7e\n\t\r]|\r(?!\n)|(?<![ \t])[ \t]++(?=\r?(?:\n|\Z))")


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
            yield found.start(), _code(character), SPACE_AT_END
        elif _is_hidden(character):
            yield found.start(), _code(character), _name(character)


def _show(found: str) -> str:
    if found[0] in _USUAL:
        return "·" * len(found)
    return f"⟨{_code(found)}⟩" if _is_hidden(found) else found


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN or bool(_IGNORABLE.match(character))


def _name(character: str) -> str:
    is_control = unicodedata.category(character) == "Cc"
    return unicodedata.name(character, "CONTROL CHARACTER" if is_control else "NO CHARACTER YET")


def _code(character: str) -> str:
    return f"U+{ord(character):04X}"
