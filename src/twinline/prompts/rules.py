"""What a prompt version holds, which variables it has, and which labels name it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from twinline.language import identity, templates
from twinline.language.errors import Invalid, TooLarge
from twinline.language.names import LATEST
from twinline.language.records import (
    Declaration,
    Include,
    NewPromptVersion,
    Note,
    Origin,
    Prompt,
    PromptItem,
    PromptVersion,
    ProtectedLabel,
    Template,
    Variable,
)
from twinline.prompts import notes

PART_LENGTH_MIN = 3
"""Characters that a search must have to find parts of words."""

_sought = re.compile(r'-?"[^"]*"?|\S+')


@dataclass(frozen=True)
class Wanted:
    """What a list of prompts is narrowed to; what is None or empty narrows nothing.

    Args:
        search: words or parts of words in the name, the description, the tags or the text of
            the newest or a labelled version.
        label: on a version of it.
        tags: names of tags that it has, as ``NAME=VALUE`` with their values.
        domain: the folder that it lies in, or in one below it.
        author: who made a version of it.
        includes: a prompt that stands in its newest or in a labelled version.
        retired: with those whose versions are all retired, too.
    """

    search: str = ""
    label: str | None = None
    tags: tuple[str, ...] = ()
    domain: str | None = None
    author: str | None = None
    includes: str | None = None
    retired: bool = False


class Content(NamedTuple):
    """All that makes a version this version.

    Attributes:
        composed: the template with what it includes in its place; None when there is none.
        variables: of the composed template, with their declarations.
    """

    composed: Template | None
    includes: tuple[Include, ...]
    variables: tuple[Variable, ...]
    notes: tuple[Note, ...]
    digest: str


def content(new: NewPromptVersion, pieces: Mapping[str, PromptVersion]) -> Content:
    """What a new version holds; ``pieces`` are what it includes, by what its template says.

    Raises:
        Invalid: two declarations of a variable do not agree, or there are too many variables.
        TooLarge: it takes more than a million bytes.
    """
    texts = {said: str(piece.whole) for said, piece in pieces.items()}
    _refuse_large(templates.size(new.template, texts))
    composed = templates.compose(new.template, texts) if pieces else None
    whole = composed or new.template
    found = variables(new, whole, pieces.values())
    includes = tuple(
        Include(written=said, version=piece.ref, digest=piece.digest)
        for said, piece in pieces.items()
    )
    return Content(
        composed=composed,
        includes=includes,
        variables=found,
        notes=notes.notes(new, whole, found),
        digest=identity.prompt_digest(
            kind=new.kind,
            template=identity.as_json(whole),
            variables=[identity.without_defaults(one) for one in found],
            parameters=new.parameters,
            syntax=new.syntax,
            examples=[one.model_dump(mode="json") for one in new.examples],
            includes=includes,
        ),
    )


def variables(
    new: NewPromptVersion, composed: Template, pieces: Iterable[PromptVersion] = ()
) -> tuple[Variable, ...]:
    """The ``{{ variables }}`` of a composed template in order of appearance, and then those
    that the version declares and does not use; each as it is declared.

    A version's own declaration goes before those of what it includes.

    Raises:
        Invalid: two versions that it includes declare a variable otherwise, and it does not
            say which holds; or there are more than 1,000.
    """
    own = {one.name: Variable(**one.model_dump()) for one in new.variables}
    known = _inherited(pieces, own) | own
    names = dict.fromkeys((*templates.variables(composed), *own))
    _refuse_many(len(names))
    return tuple(known.get(name) or Variable(name=name) for name in names)


def _inherited(pieces: Iterable[PromptVersion], own: dict[str, Variable]) -> dict[str, Variable]:
    found: dict[str, Variable] = {}
    for piece in pieces:
        for one in piece.variables:
            if one.type is None or one.name in own:
                continue
            declared = one.model_copy(update={"declared_in": one.declared_in or piece.ref})
            other = found.setdefault(one.name, declared)
            if _takes(other) != _takes(declared):
                raise Invalid(
                    f"{other.declared_in} and {declared.declared_in} do not declare the variable "
                    f"{one.name!r} alike; declare it in this version to say which holds.",
                    field="variables",
                    value=one.name,
                )
    return found


def _refuse_many(variables: int) -> None:
    if variables > templates.VARIABLES_MAX:
        raise Invalid(
            f"The version has {variables:,} variables with those of what it includes; "
            f"{templates.VARIABLES_MAX:,} are the most. Pass what is many as one variable of type "
            "array or object.",
            field="template",
            limit=templates.VARIABLES_MAX,
        )


def _takes(variable: Variable) -> tuple[object, ...]:
    return variable.type, variable.required, variable.default


def _refuse_large(size: int) -> None:
    if size > templates.BYTES_MAX:
        raise TooLarge(
            f"The template takes {size:,} bytes in UTF-8 with what it includes; "
            f"{templates.BYTES_MAX:,} are the most. Make it shorter, or pass what is long as a "
            "variable.",
            field="template",
            limit_bytes=templates.BYTES_MAX,
        )


def declarations(version: PromptVersion) -> tuple[Declaration, ...]:
    """The variables that a version declares itself, as it does."""
    return tuple(
        Declaration.model_validate(one.model_dump(exclude={"declared_in"}))
        for one in version.variables
        if one.type is not None and one.declared_in is None
    )


def item(prompt: Prompt, version: PromptVersion) -> PromptItem:
    """A version as it goes to another place; the newest one takes along what is said of the
    whole prompt."""
    newest = version.number == prompt.latest
    return PromptItem(
        origin=version.origin
        or Origin(place=str(version.ref), author=version.author, at=version.created_at, tags={}),
        number=version.number,
        version=NewPromptVersion(
            name=version.name,
            template=version.template,
            syntax=version.syntax,
            variables=declarations(version),
            examples=version.examples,
            parameters=version.parameters,
            message=version.message,
            description=(prompt.description or None) if newest else None,
            tags=(prompt.tags or None) if newest else None,
            labels=tuple(label for label in version.labels if label != LATEST),
        ),
        composed=version.composed,
        pins=version.includes,
        digest=version.digest,
    )


def repinned(template: Template, newest: dict[str, int]) -> Template:
    """A template that names these numbers where it names another version of these prompts
    by its number."""
    pieces = {
        one.text: f"{one.ref.name}@{newest[one.ref.name]}"
        for one in templates.includes(template)
        if one.ref.name in newest and one.text.rpartition("@")[2].isdigit()
    }
    return templates.rewritten(template, pieces)


def domain_of(name: str) -> str:
    """The folders of a prompt's name; empty when it is in none."""
    return name.rpartition("/")[0]


def labels_of(number: int, labels: dict[str, int], latest: int) -> tuple[str, ...]:
    """The labels that name a version now; ``latest`` first, the others by name."""
    named = sorted(label for label, at in labels.items() if at == number)
    return (LATEST, *named) if number == latest else tuple(named)


def may_be_parts(search: str) -> bool:
    """Whether a search may mean parts of words and misspelt names, beside whole words: not when
    it is short, for nearly all texts hold two letters side by side; and not when it says by
    ``-word`` or quotes what it means."""
    return len(search) >= PART_LENGTH_MIN and not any(map(_deliberate, _sought.findall(search)))


def refuse_search_for_nothing(search: str) -> None:
    """Raise Invalid for a search that says only what to leave out."""
    if search and all(word.startswith("-") for word in _sought.findall(search)):
        raise Invalid(
            f"The search {search!r} says only what to leave out; put before it a word that is "
            "to be found.",
            field="search",
            value=search,
        )


def _deliberate(word: str) -> bool:
    return word.startswith(("-", '"'))


def protecting(name: str, protections: Iterable[ProtectedLabel]) -> ProtectedLabel | None:
    """The narrowest of a label's protections that holds for the prompt ``name``."""
    holding = [one for one in protections if within(name, one.domain)]
    return max(holding, key=lambda one: len(one.domain), default=None)


def within(name: str, domain: str) -> bool:
    """Whether a prompt lies in a domain; all lie in the empty one."""
    return not domain or name.startswith(f"{domain}/")


def where(label: str, domain: str) -> str:
    """A protection as people name it: ``production``, or ``production in support``."""
    return f"{label} in {domain}" if domain else label
