"""Whatever is drawn can be read: valid, within its bounds, nothing on top of anything else,
and nothing that people wrote is more than text."""

from itertools import combinations, pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pictures.svg import Picture, Rect, points, rect, texts, title, within, words
from tests.pictures.walks import HOSTILE, catalog, hostile, looping, walk, walks
from twinline.language.records import Lineage
from twinline.pictures import lineage_svg

TAGS = {"svg", "title", "desc", "style", "rect", "g", "path", "text", "a"}
ATTRIBUTES = {
    "class", "role", "aria-label", "aria-hidden", "width", "height", "viewBox", "x", "y", "rx",
    "d", "fill", "font-size", "text-anchor", "stroke-dasharray", "id", "href",
    "data-at", "data-ends",
}  # fmt: skip

any_walk = walks() | st.sampled_from([hostile(), looping(), catalog(4, 8)])


def edges_of(picture: Picture) -> list[tuple[str, list[tuple[float, float]]]]:
    """Each line with its title, and its points."""
    return [
        (title(edge), points(line.attrib["d"]))
        for edge in picture.find("edge")
        for line in within(edge, "path")
        if line.get("class") == "line"
    ]


@given(any_walk)
def test_it_is_valid_and_only_what_we_draw(lineage: Lineage) -> None:
    picture = Picture.read(lineage_svg(lineage, address=lambda ref: f"/nodes?ref={ref}"))
    assert picture.tags <= TAGS
    assert {name for one in picture.root.iter() for name in one.attrib} <= ATTRIBUTES


@given(any_walk)
def test_no_card_lies_on_another_and_all_is_within_bounds(lineage: Lineage) -> None:
    picture = Picture.read(lineage_svg(lineage))
    for one, other in combinations(picture.cards, 2):
        assert not one.meets(other)
    for card in picture.cards:
        assert picture.bounds.holds(card)
    for _, line in edges_of(picture):
        for x, y in line:
            assert picture.bounds.holds(Rect(x, y, x, y))
    for stub in picture.find("stub"):
        assert picture.bounds.holds(rect(stub))
    for said, room in texts(picture.root):
        assert picture.bounds.holds(room), said


@given(any_walk)
def test_every_edge_ends_at_borders_of_cards(lineage: Lineage) -> None:
    picture = Picture.read(lineage_svg(lineage))
    labels = [rect(stub) for stub in picture.find("stub")]
    for said, line in edges_of(picture):
        ends = [line[0], line[-1]]
        if any(label.left <= line[-1][0] <= label.right and
               label.top < line[-1][1] < label.bottom for label in labels):  # fmt: skip
            ends.pop()
        for x, y in ends:
            at = [card for card in picture.cards if x in (card.left, card.right)]
            assert any(card.top < y < card.bottom for card in at), said


@given(any_walk)
def test_no_text_leaves_its_card(lineage: Lineage) -> None:
    picture = Picture.read(lineage_svg(lineage))
    for group in picture.find("of", "g"):
        (card,) = (rect(one) for one in within(group, "rect"))
        said = texts(group)
        for text, room in said:
            assert card.holds(room), text
        for (one, room), (other, beside) in combinations(said, 2):
            assert not room.meets(beside), (one, other)


@given(any_walk)
def test_every_thing_is_on_a_row_or_in_a_number(lineage: Lineage) -> None:
    picture = Picture.read(lineage_svg(lineage, address=str))
    headings = [one.split(" · ") for one in words(picture.root) if " · " in one]
    counts = [int(count) for _, count in headings if count.isdigit()]
    assert sum(counts) == len(lineage.nodes)
    assert sum(1 for one in picture.root.iter() if "id" in one.attrib) <= len(lineage.nodes)
    assert len(picture.find("root", "a")) == 1


@given(any_walk, st.randoms(use_true_random=False))
def test_the_same_walk_is_the_same_bytes_in_any_order(lineage: Lineage, chance: Random) -> None:
    nodes, edges = list(lineage.nodes), list(lineage.edges)
    chance.shuffle(nodes)
    chance.shuffle(edges)
    shuffled = lineage.model_copy(update={"nodes": tuple(nodes), "edges": tuple(edges)})
    assert lineage_svg(shuffled) == lineage_svg(lineage)


def test_every_hostile_name_is_there_as_text() -> None:
    drawn = lineage_svg(hostile())
    picture = Picture.read(drawn)
    assert "<script" not in drawn
    assert "\u202e" not in drawn
    told = "\n".join(title(one) for one in picture.root.iter())
    for name in HOSTILE[:7]:
        assert f"models:/{name}/1" in told
    assert "x⟨U+202E⟩gnp.exe" in told


@pytest.mark.parametrize("where", ["javascript:alert(1)", '"><script>', "/a?b=1&c=<d>"])
def test_an_address_is_an_attribute_s_text(where: str) -> None:
    picture = Picture.read(lineage_svg(catalog(1, 1), address=lambda _: where))
    links = within(picture.root, "a")
    assert links
    assert {link.attrib["href"] for link in links} == {where}


def test_a_picture_without_addresses_may_stand_twice_in_a_document() -> None:
    lineage = catalog(2, 2)
    assert " id=" in lineage_svg(lineage, address=str)
    assert " id=" not in lineage_svg(lineage)


def test_a_large_walk_is_closed_but_for_what_is_near() -> None:
    lineage = catalog(12, 9)
    assert len(lineage.nodes) > 400
    picture = Picture.read(lineage_svg(lineage, address=str))
    assert len(picture.find("root", "a")) == 1
    assert len(picture.cards) < 120
    assert sum(1 for one in picture.root.iter() if "id" in one.attrib) <= 48


def test_many_siblings_are_a_number() -> None:
    edges = [
        (f"prompts:/support/answer/{number}", f"bundles:/{number:064x}", "prompt_of")
        for number in range(1, 105)
    ]
    root = "models:/gpt-4o/1"
    lineage = walk(root, [*edges, *((root, bundle, "model_of") for _, bundle, _ in edges)])
    picture = Picture.read(lineage_svg(lineage))
    assert "+ 97 more" in words(picture.root)
    _, *rows = within(picture.find("bundle", "g")[0], "g")
    assert len(rows) == 8


def test_of_many_siblings_those_nearest_to_the_root_are_shown() -> None:
    """Not the newest: the root is the oldest of thirty."""
    versions = [f"prompts:/support/answer/{number}" for number in range(1, 31)]
    edges = [(one, other, "derived") for one, other in pairwise(versions)]
    said = words(Picture.read(lineage_svg(walk(versions[0], edges))).find("of", "g")[0])
    shown = [one for one in said if one.startswith(("v", "+"))]
    assert shown == ["v7", "v6", "v5", "v4", "v3", "v2", "v1", "+ 23 more"]
