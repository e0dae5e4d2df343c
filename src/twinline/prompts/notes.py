"""What an author may not have meant: variables, braces, examples, characters nobody sees."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from twinline.language import templates
from twinline.language.records import NewPromptVersion, Note, Template, Variable
from twinline.language.values import fits

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Controls, zero widths, directions of writing, fillers, byte order marks and tags: what may
stand in a text unseen. Selectors of variants, which colour emoji, are not meant."""


NOTES_MAX = 100
"""How many notes are kept; one more says how many were not."""


def notes(
    new: NewPromptVersion, composed: Template, variables: tuple[Variable, ...]
) -> tuple[Note, ...]:
    """What there is to say about a new version; nothing of it is refused.

    The variables and braces of a ``jinja2`` template are that library's to judge.
    """
    found = _all(new, composed, variables)
    told = tuple(islice(found, NOTES_MAX))
    left_out = sum(1 for _ in found)
    if not left_out:
        return told
    return (*told, Note(kind="more", place="template", text=f"{left_out:,} more were left out."))


def _all(
    new: NewPromptVersion, composed: Template, variables: tuple[Variable, ...]
) -> Iterator[Note]:
    if new.syntax != "jinja2":
        yield from _names(new, composed, variables)
        yield from _braces(new)
    yield from _examples(new, variables)
    yield from _invisible(new)


def _names(
    new: NewPromptVersion, composed: Template, variables: tuple[Variable, ...]
) -> Iterator[Note]:
    used = templates.first_places(composed)
    for one in variables:
        if one.type is None:
            said = f"{{{{ {one.name} }}}} is used and not declared."
            yield Note(kind="undeclared", place=used[one.name], text=said)
    for place, declared in enumerate(new.variables):
        if declared.name not in used:
            said = f"{declared.name!r} is declared and not used."
            yield Note(kind="unused", place=f"variables[{place}]", text=said)


def _braces(new: NewPromptVersion) -> Iterator[Note]:
    for place, text in templates.texts(new.template).items():
        rest = templates.VARIABLE.sub(_blank, templates.INCLUDE.sub(_blank, text))
        opened, begun = (rest.count("{"), rest.find("{{"))
        if begun >= 0:
            said = f"'{{{{' at character {begun + 1} begins no variable; it stays as it is."
            yield Note(kind="braces", place=place, text=said)
        elif opened != rest.count("}"):
            said = f"{opened} braces are opened and {rest.count('}')} closed."
            yield Note(kind="braces", place=place, text=said)


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


def _examples(new: NewPromptVersion, variables: tuple[Variable, ...]) -> Iterator[Note]:
    known = {variable.name: variable for variable in variables}
    for place, one in enumerate(new.examples):
        for name, value in one.variables.items():
            variable = known.get(name)
            if variable is None:
                said = f"It gives {name!r}, which the template does not have."
            elif variable.type and not fits(variable.type, value):
                said = f"Its {name!r} is no {variable.type}: {value!r:.100}"
            else:
                continue
            yield Note(kind="example", place=f"examples[{place}]", text=said)


def _invisible(new: NewPromptVersion) -> Iterator[Note]:
    for place, text in templates.texts(new.template).items():
        first: dict[str, int] = {}
        counted = Counter[str]()
        for found in _INVISIBLE.finditer(text):
            first.setdefault(found[0], found.start() + 1)
            counted[found[0]] += 1
        for character, at in first.items():
            said = f"{_called(character)} at character {at}, {counted[character]} in all."
            yield Note(kind="invisible", place=place, text=said)


def _called(character: str) -> str:
    number = f"U+{ord(character):04X}"
    return f"{number} {unicodedata.name(character, '')}".rstrip()
