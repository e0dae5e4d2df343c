"""Find what a new version includes, and pin it."""

from collections.abc import Callable, Mapping

from twinline.db.session import Reading
from twinline.language import templates
from twinline.language.errors import Invalid, NotFound
from twinline.language.records import NewPromptVersion, PromptVersion
from twinline.language.refs import PromptLabelRef, PromptVersionRef
from twinline.language.templates import Written
from twinline.prompts import inclusion_store
from twinline.prompts.inclusion_store import DEEP

Read = Callable[[Reading, PromptVersionRef | PromptLabelRef], PromptVersion]


def pieces(tx: Reading, new: NewPromptVersion, read: Read) -> dict[str, PromptVersion]:
    """The versions that a new one includes, each found by ``read``, by what its template says.

    Raises:
        NotFound: one does not exist; the message names the nearest that do.
        Invalid: one is a chat, includes the new version's prompt, or is too deep; or there
            are more than 100.
    """
    written = () if new.syntax == "jinja2" else templates.includes(new.template)
    _refuse_many(len(written))
    found = {one.text: _piece(tx, one, read) for one in written}
    if found:
        _refuse_depth_and_cycle(tx, new.name, found)
    return found


def _refuse_many(includes: int) -> None:
    if includes > templates.INCLUDES_MAX:
        raise Invalid(
            f"The template has {includes:,} different includes; {templates.INCLUDES_MAX} are the "
            "most. Put some of them together in a prompt of their own, and include that.",
            field="template",
            limit=templates.INCLUDES_MAX,
        )


def _piece(tx: Reading, one: Written, read: Read) -> PromptVersion:
    said = f"{{{{> {one.text} }}}}"
    try:
        found = read(tx, one.ref)
    except NotFound as error:
        raise NotFound(f"{said}: {error.detail}", **error.fields) from error
    if found.kind == "chat" or found.syntax == "jinja2":
        what = "a chat" if found.kind == "chat" else "written in jinja2"
        raise Invalid(
            f"{said}: {found.ref} is {what}; only texts with {{{{ variables }}}} can be included.",
            field="template",
            value=one.text,
        )
    return found


def _refuse_depth_and_cycle(tx: Reading, name: str, found: Mapping[str, PromptVersion]) -> None:
    roots = list(dict.fromkeys(piece.ref for piece in found.values()))
    below = inclusion_store.includes(tx, roots)
    via = {one.version: one.via for one in below}
    for ref in (*roots, *via):
        if ref.name == name:
            raise _cycle(name, ref, via)
    depth = max((one.depth for one in below), default=0) + 1
    if depth > DEEP:
        raise Invalid(
            f"{name} would hold {depth} prompts one within the other, more than {DEEP}. Include "
            "one of the deeper ones directly.",
            field="template",
            depth=depth,
        )


def _cycle(
    name: str, end: PromptVersionRef, via: Mapping[PromptVersionRef, PromptVersionRef]
) -> Invalid:
    way = [end]
    while way[-1] in via:
        way.append(via[way[-1]])
    path = [name, *(f"{ref.name}@{ref.number}" for ref in reversed(way))]
    return Invalid(
        f"{name} would include itself: {' > '.join(path)}. Take what both need into a prompt of "
        "its own.",
        field="template",
        path=path,
    )
