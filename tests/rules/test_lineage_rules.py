"""A walk is never cut silently: what is left out is counted and said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinline.lineage.rules import Found, cut, why_left_out

CUTS = {
    "nothing": ("", 3, "", 0),
    "fewer-than-the-limit": ("ab", 3, "ab", 0),
    "exactly-the-limit": ("abc", 3, "abc", 0),
    "one-more": ("abcd", 3, "abc", 1),
    "many-more": ("abcdefgh", 3, "abc", 5),
    "limit-0": ("ab", 0, "", 2),
}

REASONS = {
    "everything-shown": ((0, 0, 0, None), None),
    "beyond-the-limit": ((4, 0, 0, None), "4 beyond the limit of 10 nodes"),
    "beyond-the-depth": ((0, 2, 0, None), "2 or more deeper than 3 hops"),
    "other-kinds": ((0, 0, 1_000, None), "1,000 of other kinds"),
    "too-many": ((0, 0, 0, 5_000), "what is behind the first 5,000 nodes of a direction"),
    "beyond-both": (
        (4, 2, 0, None),
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
    counts: tuple[int, int, int, int | None], words: str | None
) -> None:
    over_limit, deeper, other_kinds, visited_most = counts
    said = why_left_out(
        over_limit=over_limit,
        limit=10,
        deeper=deeper,
        hops="3 hops",
        other_kinds=other_kinds,
        visited_most=visited_most,
    )
    assert said == words


def test_a_node_counts_where_it_was_met_first() -> None:
    found = Found()
    found = found.with_level(0, {1}, beyond=False).with_level(-1, {2, 3}, beyond=False)
    found = found.with_level(-2, {4}, beyond=True).with_level(0, {1}, beyond=False)
    found = found.with_level(1, {3, 4, 5}, beyond=False).with_level(2, {2, 6}, beyond=True)
    assert found.depths == {1: 0, 2: -1, 3: -1, 4: 1, 5: 1}
    assert (found.deeper, found.nearest) == (frozenset({6}), [1, 2, 3, 4, 5])
