"""What a picture says, in shapes and words, to people who see it and to those who do not."""

import re
from datetime import UTC, datetime

import pytest

from tests.pictures.svg import Picture, title, within, words
from tests.pictures.walks import walk
from twinline.pictures import lineage_svg, style_sheet
from twinline.pictures.style import DARK, KINDS, LIGHT

MODEL, PROMPT, BUNDLE = "models:/gpt-4o/1", "prompts:/support/answer/2", f"bundles:/{'3f9a' * 16}"
DEPLOYMENT, SLOT = "deployments:/support@production/1", "routes:/support@production"
STORY = [
    ("datasets:/tickets/5e1f0a7c", "runs:/9d2c67", "trained"),
    ("runs:/9d2c67", MODEL, "made"),
    (MODEL, BUNDLE, "model_of"),
    (PROMPT, BUNDLE, "prompt_of"),
    ("prompts:/support/answer/1", PROMPT, "derived"),
    (BUNDLE, "evaluations:/41", "evaluated"),
    (BUNDLE, DEPLOYMENT, "deployed_as"),
    (DEPLOYMENT, SLOT, "live_in"),
    (SLOT, "nodes:/report/weekly", "feeds"),
    ("nodes:/vector-index/tickets", "datasets:/tickets/5e1f0a7c", "feeds"),
]


@pytest.fixture
def picture() -> Picture:
    facts = {MODEL: {"pinned": False}, PROMPT: {"withdrawn": "recalled"}}
    facts["prompts:/support/answer/1"] = {"withdrawn": "retired"}
    return Picture.read(lineage_svg(walk(BUNDLE, STORY, facts)))


def row(picture: Picture, ref: str) -> str:
    """A thing's row as text: its words, its shapes and its title."""
    (found,) = (one for one in picture.root.iter() if title(one).startswith(f"{ref}, "))
    shapes = [one.get("class", "") for one in within(found, "path")]
    return " | ".join([*words(found), *shapes, title(found)])


def test_the_story_is_read_from_left_to_right(picture: Picture) -> None:
    headings = [one for one in words(picture.root) if re.search(r" · \d+$", one)]
    assert headings == [
        "Your own · 1", "Datasets · 1", "Runs · 1", "Model versions · 1", "Prompt versions · 2",
        "Bundles · 1", "Evaluations · 1", "Deployments · 1", "Slots · 1", "Your own · 1",
    ]  # fmt: skip
    names = [words(card)[1] for card in picture.find("of", "g")]
    assert names[1:6] == [
        "tickets",
        "gpt-4o",
        "gpt-4o",
        "support/answer",
        "support/answer + gpt-4o",
    ]


@pytest.mark.parametrize(
    ("ref", "word", "shape"),
    [
        (MODEL, "unpinned", "shape"),
        (PROMPT, "recalled", "shape bad"),
        ("prompts:/support/answer/1", "retired", "shape"),
        (DEPLOYMENT, "live", "dot"),
    ],
)
def test_a_mark_is_a_shape_and_a_word(picture: Picture, ref: str, word: str, shape: str) -> None:
    told = row(picture, ref).split(" | ")
    assert word in told
    assert shape in told
    assert f", {word}, " in told[-1]


def test_what_is_not_marked_says_when_it_was_made(picture: Picture) -> None:
    assert "2026-09-01" in row(picture, "runs:/9d2c67")


def test_the_thing_asked_for_stands_out(picture: Picture) -> None:
    (root,) = picture.find("root", "g")
    assert title(root) == f"{BUNDLE}, bundle, created 2026-09-01 12:00Z, asked for"
    (card,) = picture.find("asked", "g")
    assert root in list(card)


def test_sides_are_said(picture: Picture) -> None:
    assert "2 hops upstream" in row(picture, "runs:/9d2c67")
    assert "1 hop downstream" in row(picture, DEPLOYMENT)


def test_edges_say_their_kind_by_title_and_dashes(picture: Picture) -> None:
    told = {
        title(edge): next(one.get("stroke-dasharray") for one in within(edge, "path"))
        for edge in picture.find("edge")
    }
    assert len(told) == len(STORY)
    made = f"prompt_of: {PROMPT} → {BUNDLE}, since 2026-09-01 12:00Z"
    kinds = {said.partition(":")[0]: dashes for said, dashes in told.items()}
    assert made in told
    assert kinds["made"] is kinds["prompt_of"] is None
    assert len({kinds[one] for one in ("made", "derived", "evaluated", "live_in", "feeds")}) == 5
    legend = words(picture.root)[-5:]
    assert legend == [
        "trained, made, model_of, prompt_of", "derived", "evaluated", "deployed_as, live_in",
        "feeds",
    ]  # fmt: skip


def test_an_edge_to_the_left_has_a_number_at_both_ends() -> None:
    feedback = [(SLOT, "nodes:/report/weekly", "feeds"), ("nodes:/report/weekly", MODEL, "tuned")]
    picture = Picture.read(lineage_svg(walk(MODEL, [*STORY[2:8], *feedback])))
    ends = [edge for edge in picture.find("edge") if title(edge).startswith("tuned: ")]
    assert [words(end) for end in ends] == [["1"], ["1"]]


def test_as_of_and_what_is_left_out_are_in_the_caption() -> None:
    at = datetime(2026, 11, 17, 14, 2, tzinfo=UTC)
    lineage = walk(BUNDLE, STORY, as_of=at, left_out=7, why_left_out="7 of other kinds")
    said = words(Picture.read(lineage_svg(lineage)).root)
    assert said[:3] == [
        f"Lineage of {BUNDLE}",
        "Upstream and downstream, as of 2026-11-17 14:02Z",
        "Left out: 7 of other kinds",
    ]


def test_now_is_said_too(picture: Picture) -> None:
    assert words(picture.root)[1] == "Upstream and downstream, as it is now"


def test_what_has_no_name_is_told_by_what_it_belongs_to() -> None:
    edges = [
        *STORY,
        (PROMPT, "evaluations:/42", "evaluated"),
        (PROMPT, "evaluations:/43", "evaluated"),
    ]
    picture = Picture.read(lineage_svg(walk(PROMPT, edges)))
    cards = [words(card) for card in picture.find("of", "g")]
    names = {card[1]: [one for one in card[2:] if " " in one] for card in cards if card[0] == "E"}
    assert names == {
        "of 3f9a3f9a3f9a": ["evaluation 41"],
        "of support/answer": ["evaluation 43", "evaluation 42"],
    }


def test_a_thing_alone_is_a_picture() -> None:
    picture = Picture.read(lineage_svg(walk(PROMPT, [])))
    assert words(picture.root)[2:] == [
        "Prompt versions · 1", "P", "support/answer", "v2", "2026-09-01",
    ]  # fmt: skip


def test_nothing_is_a_picture() -> None:
    """Of kinds that a walk has none of."""
    lineage = walk(PROMPT, [], nodes=(), left_out=1, why_left_out="1 of other kinds")
    assert "Left out: 1 of other kinds" in words(Picture.read(lineage_svg(lineage)).root)


def test_without_links_it_is_an_image_with_its_story(picture: Picture) -> None:
    assert picture.root.get("role") == "img"
    assert title(picture.root) == picture.root.get("aria-label") == f"Lineage of {BUNDLE}"
    (description,) = within(picture.root, "desc")
    assert description.text == (
        "Upstream and downstream, as it is now. Your own: 1, Datasets: 1, Runs: 1, "
        "Model versions: 1, Prompt versions: 2, Bundles: 1, Evaluations: 1, Deployments: 1, "
        "Slots: 1, Your own: 1. prompts:/support/answer/1 is retired; "
        "prompts:/support/answer/2 is recalled"
    )


def test_with_links_it_is_a_group_of_them_in_reading_order() -> None:
    drawn = lineage_svg(walk(BUNDLE, STORY), address=lambda ref: f"/nodes?ref={ref}")
    picture = Picture.read(drawn)
    assert picture.root.get("role") == "group"
    links = within(picture.root, "a")
    assert [link.get("aria-label", "").partition(":")[0] for link in links] == [
        "nodes", "datasets", "runs", "models", "prompts", "prompts", "bundles", "evaluations",
        "deployments", "routes", "nodes",
    ]  # fmt: skip
    assert all(link.get("href") == f"/nodes?ref={link.get('id')}" for link in links)


def test_a_thing_without_an_address_is_no_link() -> None:
    drawn = lineage_svg(walk(BUNDLE, STORY), address=lambda ref: "/b" if ref == BUNDLE else None)
    assert len(within(Picture.read(drawn).root, "a")) == 1


def test_a_page_may_have_the_style_sheet_elsewhere() -> None:
    drawn = lineage_svg(walk(BUNDLE, STORY), styled=False)
    assert "<style" not in drawn
    assert "style=" not in drawn
    assert lineage_svg(walk(BUNDLE, STORY)).count(style_sheet()) == 1


# --- colours ----------------------------------------------------------------------------

GROUNDS = ("ground", "up-tint", "down-tint")
TEXT_ON = {
    "text": (*GROUNDS, "lane"),
    "quiet": (*GROUNDS, "lane"),
    "good": GROUNDS,
    "bad": GROUNDS,
    "ground": ("text",),  # of the row asked for
}
LINES_ON = dict.fromkeys(("up", "down", "aside", *KINDS), ("ground", "lane"))


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_computed_as_it_is_defined() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_text_has_contrast_wherever_it_stands(colours: dict[str, str]) -> None:
    for text, grounds in TEXT_ON.items():
        for ground in grounds:
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for kind in KINDS:
        assert contrast(colours["badge-text"], colours[kind]) >= 4.5, kind


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_lines_have_contrast_to_what_they_cross(colours: dict[str, str]) -> None:
    for line, grounds in LINES_ON.items():
        for ground in grounds:
            assert contrast(colours[line], colours[ground]) >= 3, (line, ground)


def test_text_has_no_colours_but_those_looked_at() -> None:
    """A class that gives text another colour needs its contrast above."""
    fills = re.findall(r"([^{}]+)\{[^}]*?fill:var\(--([a-z-]+)\)", style_sheet())
    drawn = lineage_svg(walk(BUNDLE, STORY, {MODEL: {"withdrawn": "recalled"}}))
    of_text = {name for one in re.findall(r'<text class="([^"]+)"', drawn) for name in one.split()}
    assert of_text <= {"strong", "quiet", "letter", "bad", "good", "gone"}
    for selector, colour in fills:
        if of_text & set(re.findall(r"[a-z-]+", selector)):
            assert colour in {*TEXT_ON, "badge-text"}, selector


def test_both_schemes_have_every_colour() -> None:
    assert LIGHT.keys() == DARK.keys()
    used = set(re.findall(r"var\(--([a-z-]+)\)", style_sheet()))
    assert used == set(LIGHT)
