"""What an author may not have meant: variables, braces, examples, characters nobody sees."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from twinline.language import templates
from twinline.language.invisible import SPACE_AT_END, invisible
from twinline.language.records import NewPromptVersion, Note, Template, Variable
from twinline.language.values import fits

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
        for at, code, name in invisible(text):
            if name != SPACE_AT_END:  # which authors leave by the dozen, and diffs show
                first.setdefault(f"{code} {name}", at + 1)
                counted[f"{code} {name}"] += 1
        for called, at in first.items():
            said = f"{called} at character {at}, {counted[called]} in all."
            yield Note(kind="invisible", place=place, text=said)
