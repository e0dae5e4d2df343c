"""The order in which the versions of an import are made, and what is refused before that."""

from collections.abc import Mapping, Sequence

import pytest

from twinline.language.errors import Invalid
from twinline.language.import_order import NAMED_MAX, arranged, refuse_labels_on_two
from twinline.language.records import PromptItem
from twinline.language.templates import INCLUDES_MAX


def _item(said: str, *includes: str, place: str = "x", **version: object) -> PromptItem:
    """``name@number``, or ``name`` without one, that includes these."""
    name, _, number = said.partition("@")
    template = " ".join(f"{{{{> {one} }}}}" for one in includes) or "text"
    return PromptItem.model_validate(
        {
            "origin": {"place": place},
            "number": int(number) if number else None,
            "version": {"name": name, "template": template, **version},
        }
    )


def _pinned(item: PromptItem, pins: Mapping[str, str]) -> PromptItem:
    said = [
        {"written": written, "version": version, "digest": "0" * 64}
        for written, version in pins.items()
    ]
    return PromptItem.model_validate({**item.model_dump(), "pins": said})


LABELLED = _item("b@1", labels=["live"])


@pytest.mark.parametrize(
    ("items", "labels", "places"),
    [
        pytest.param([_item("a"), _item("b")], False, (0, 1), id="as-given"),
        pytest.param([_item("a@2"), _item("a@1"), _item("a")], False, (2, 1, 0), id="by-number"),
        pytest.param([_item("a"), _item("a")], False, (0, 1), id="as-given-without-numbers"),
        pytest.param([_item("a", "b@1"), _item("b@1")], False, (1, 0), id="included-first"),
        pytest.param([_item("a", "b@9"), _item("b@1")], False, (0, 1), id="what-is-not-there"),
        pytest.param(
            [_item("a", "b@latest"), _item("b@2"), _item("b@1")], False, (2, 1, 0), id="latest"
        ),
        pytest.param([_item("a", "b@live"), LABELLED], True, (1, 0), id="a-label-that-moves"),
        pytest.param([_item("a", "b@live"), LABELLED], False, (0, 1), id="a-label-that-stays"),
        pytest.param(
            [_pinned(_item("a", "b@live"), {"b@live": "prompts:/b/1"}), LABELLED],
            False,
            (1, 0),
            id="a-label-that-is-pinned",
        ),
        pytest.param([_item("a", "b"), _item("b")], True, (0, 1), id="no-version-is-said"),
        pytest.param(
            [_item("a", "b@1", syntax="jinja2"), _item("b@1")], False, (0, 1), id="jinja2"
        ),
        pytest.param(
            [
                _item("d", "b@1", "c@1"),
                _item("b@1", "a@1"),
                _item("c@1", "a@1"),
                _item("a@1"),
            ],
            False,
            (3, 1, 2, 0),
            id="by-two-ways",
        ),
        pytest.param(
            [_item("a", "b@1"), _item("b@1"), _item("b@1")], False, (1, 2, 0), id="one-number-twice"
        ),
    ],
)
def test_what_is_waited_for_is_first(
    items: Sequence[PromptItem], labels: bool, places: tuple[int, ...]
) -> None:
    assert arranged(items, labels=labels) == (places, {})


@pytest.mark.parametrize(
    ("items", "labels", "places", "refused"),
    [
        pytest.param([_item("a@1", "a@1")], False, (), {0: "a@1 > a@1"}, id="itself"),
        pytest.param(
            [_item("c", "a@1"), _item("a@1", "b@1"), _item("b@1", "a@1"), _item("d")],
            False,
            (0, 3),
            dict.fromkeys((1, 2), "a@1 > b@1 > a@1"),
            id="what-includes-a-circle-is-left-to-find-that",
        ),
        pytest.param(
            [_item("a@1", "b@1"), _item("b@1", "a@2"), _item("a@2")],
            False,
            (),
            dict.fromkeys((0, 1, 2), "a@1 > b@1 > a@2 > a@1"),
            id="by-the-series",
        ),
        pytest.param(
            [_item("a", "b@live", labels=["live"]), _item("b", "a@live", labels=["live"])],
            True,
            (),
            dict.fromkeys((0, 1), "a > b > a"),
            id="by-labels-that-move",
        ),
        pytest.param(
            [_item("a", "b@live", labels=["live"]), _item("b", "a@live", labels=["live"])],
            False,
            (0, 1),
            {},
            id="not-by-labels-that-stay",
        ),
        pytest.param(
            [_item("a@1", "b@1"), _item("b@1", "a@1", "c@1"), _item("c@1", "b@1")],
            False,
            (),
            dict.fromkeys((0, 1, 2), "a@1 > b@1 > a@1"),
            id="two-circles-that-meet",
        ),
        pytest.param(
            [
                _item("a@1", "b@1"),
                _item("b@1", "a@1"),
                _item("c@1", "d@1"),
                _item("d@1", "c@1", "a@1"),
            ],
            False,
            (),
            dict.fromkeys((0, 1), "a@1 > b@1 > a@1") | dict.fromkeys((2, 3), "c@1 > d@1 > c@1"),
            id="two-circles-apart",
        ),
    ],
)
def test_circles_are_refused_with_a_way_round(
    items: Sequence[PromptItem], labels: bool, places: tuple[int, ...], refused: Mapping[int, str]
) -> None:
    said = {place: f"It would come before itself: {way}." for place, way in refused.items()}
    assert arranged(items, labels=labels) == (places, said)


def test_a_long_way_round_is_cut_and_every_circle_of_many_found() -> None:
    ring = [_item(f"p{at}@1", f"p{(at + 1) % 2000}@1") for at in range(2000)]
    places, refused = arranged(ring, labels=False)
    assert (places, len(refused)) == ((), 2000)
    assert refused[7].count(" > ") == NAMED_MAX
    assert refused[7].endswith("p10@1 > 1,989 more > p0@1.")
    pairs = [_item(f"p{at}@1", f"p{at ^ 1}@1") for at in range(2000)]
    places, refused = arranged(pairs, labels=False)
    assert (places, len(refused)) == ((), 2000)
    assert refused[1999] == "It would come before itself: p1998@1 > p1999@1 > p1998@1."


def test_more_includes_than_one_may_have_are_not_looked_at() -> None:
    many = [f"b@{number}" for number in range(1, INCLUDES_MAX + 2)]
    series = [_item(said) for said in many]
    assert arranged([_item("a", *many), *series], labels=False).places[0] == 0
    assert arranged([_item("a", *many[1:]), *series], labels=False).places[-2:] == (101, 0)


@pytest.mark.parametrize(
    "items",
    [
        pytest.param(
            [_item("a@1", labels=["live"]), _item("a@2", labels=["live"])], id="two-of-one-place"
        ),
        pytest.param([LABELLED, LABELLED], id="one-twice"),
    ],
)
def test_a_label_on_two_is_refused(items: Sequence[PromptItem]) -> None:
    with pytest.raises(Invalid, match=r"'live' is on .@1 \(x\) and on .@. \(x\); leave it on one"):
        refuse_labels_on_two(items)


def test_a_label_that_one_version_has_twice_is_on_one() -> None:
    items = [_item("a", labels=["live", "live"]), _item("b", labels=["live"])]
    refuse_labels_on_two(items)
