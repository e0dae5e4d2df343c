"""A bundle's picture: its two sides, and what they make."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.pictures.svg import Picture, title, within, words
from twinline.language.records import Bundle
from twinline.language.refs import BundleRef, ModelVersionRef, PromptVersionRef
from twinline.pictures import bundle_svg

DIGEST = "3f9a" * 16


def bundle(**more: Any) -> Bundle:
    known = {
        "ref": BundleRef(DIGEST), "digest": DIGEST, "kind": "pair", "pinned": True,
        "model": ModelVersionRef("gpt-4o", 1), "prompt": PromptVersionRef("support/answer", 7),
        "parameters": {}, "words": None, "created_at": datetime(2026, 9, 1, 12, tzinfo=UTC),
    }  # fmt: skip
    return Bundle.model_validate(known | more)


def test_both_sides_lead_to_the_bundle() -> None:
    picture = Picture.read(bundle_svg(bundle()))
    assert [words(card)[:3] for card in picture.find("of", "g")] == [
        ["M", "gpt-4o", "v1"],
        ["P", "support/answer", "v7"],
        ["B", "support/answer + gpt-4o", DIGEST[:12]],
    ]
    assert len(picture.find("edge")) == 2
    assert title(picture.root) == f"Bundle {DIGEST[:12]}"


def test_an_unpinned_bundle_says_so() -> None:
    picture = Picture.read(bundle_svg(bundle(pinned=False)))
    assert "unpinned" in words(picture.find("root", "g")[0])


def test_parameters_are_said() -> None:
    parameters = {"temperature": 0.2, "stop": ["</g>"]}
    said = words(Picture.read(bundle_svg(bundle(parameters=parameters))).root)
    assert said[1:3] == [
        "Made 2026-09-01 12:00Z",
        'Parameters {"stop": ["</g>"], "temperature": 0.2}',
    ]


def test_an_unresolved_bundle_is_told_in_its_words() -> None:
    sent = {"prompt": "<script>", "model": "gpt-9"}
    lost = bundle(kind="unresolved", model=None, prompt=None, pinned=None, words=sent)
    picture = Picture.read(bundle_svg(lost))
    assert len(picture.cards) == 1
    assert "unresolved" in words(picture.root)
    assert 'Sent as {"model": "gpt-9", "prompt": "<script>"}' in words(picture.root)


@pytest.mark.parametrize("link", [True, False])
def test_sides_are_links_where_there_are_addresses(link: bool) -> None:
    drawn = bundle_svg(bundle(), address=(lambda ref: f"/{ref}") if link else None)
    assert len(within(Picture.read(drawn).root, "a")) == (3 if link else 0)
