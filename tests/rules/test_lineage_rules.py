"""A walk is never cut silently: what is left out is counted and said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinline.lineage.rules import cut, why_left_out

CUTS = {
    "nothing": ("", 3, "", 0),
    "fewer-than-the-limit": ("ab", 3, "ab", 0),
    "exactly-the-limit": ("abc", 3, "abc", 0),
    "one-more": ("abcd", 3, "abc", 1),
    "many-more": ("abcdefgh", 3, "abc", 5),
    "limit-0": ("ab", 0, "", 2),
}

REASONS = {
    "everything-shown": ((0, 10, 0, 3), None),
    "beyond-the-limit": ((4, 10, 0, 3), "4 beyond the limit of 10 nodes"),
    "beyond-the-depth": ((0, 10, 2, 3), "2 or more deeper than 3 hops"),
    "beyond-both": (
        (4, 10, 2, 3),
        "4 beyond the limit of 10 nodes and 2 or more deeper than 3 hops",
    ),
}


@pytest.mark.parametrize(("items", "limit", "shown", "left_out"), CUTS.values(), ids=CUTS)
def test_a_walk_is_cut_at_its_limit_with(items: str, limit: int, shown: str, left_out: int) -> None:
    assert cut(items, limit) == (shown, left_out)


@given(st.lists(st.integers()), st.integers(0, 20))
def test_shown_and_left_out_are_all(items: list[int], limit: int) -> None:
    shown, left_out = cut(items, limit)
    assert list(shown) == items[: len(shown)]
    assert len(shown) <= limit
    assert len(shown) + left_out == len(items)


@pytest.mark.parametrize(("counts", "words"), REASONS.values(), ids=REASONS)
def test_what_is_left_out_is_said_in_words(
    counts: tuple[int, int, int, int], words: str | None
) -> None:
    assert why_left_out(*counts) == words
