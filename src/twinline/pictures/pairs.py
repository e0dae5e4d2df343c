"""What a bundle's picture shows: its two sides, and the bundle that they make."""

import json
from collections.abc import Iterator

from twinline.language.records import Bundle
from twinline.language.refs import ModelVersionRef, PromptVersionRef
from twinline.pictures.cards import Board, Card, End, Link, Row
from twinline.pictures.text import day, minute


def board(bundle: Bundle) -> Board:
    """What the picture of a bundle shows; of an unresolved one the words that were sent."""
    sides = list(_sides(bundle))
    made = minute(bundle.created_at)
    row = Row(
        ref=str(bundle.ref),
        label=bundle.digest[:12],
        title=f"{bundle.ref}, bundle, created {made}",
        tone="root",
        marks=("unpinned",) if bundle.pinned is False else (),
        note=day(bundle.created_at),
    )
    whole = Card("bundle", 1 if sides else 0, _name(bundle), str(bundle.ref), (row,), "1")
    captions = (f"Made {made}", *_captions(bundle))
    return Board(
        title=f"Bundle {bundle.digest[:12]}",
        description=". ".join([*captions, *(card.title for card in sides)]),
        captions=captions,
        headings=("The pair", "Bundle") if sides else ("Bundle",),
        cards=(*sides, whole),
        links=tuple(
            Link(End(place, 0), End(len(sides), 0), f"{side.kind}_of", "upstream", side.title)
            for place, side in enumerate(sides)
        ),
    )


def _name(bundle: Bundle) -> str:
    sides = [side.name for side in (bundle.prompt, bundle.model) if side]
    return " + ".join(sides) or bundle.kind


def _sides(bundle: Bundle) -> Iterator[Card]:
    if bundle.model:
        yield _side("model", bundle.model)
    if bundle.prompt:
        yield _side("prompt", bundle.prompt)


def _side(kind: str, ref: ModelVersionRef | PromptVersionRef) -> Card:
    row = Row(str(ref), f"v{ref.number}", f"{ref}, {kind}", "upstream")
    return Card(kind, 0, ref.name, str(ref), (row,), "1")


def _captions(bundle: Bundle) -> Iterator[str]:
    if bundle.parameters:
        yield f"Parameters {_json(bundle.parameters)}"
    if bundle.words:
        yield f"Sent as {_json(bundle.words)}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
