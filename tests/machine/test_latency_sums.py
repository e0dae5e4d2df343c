"""Latency counts in the database add up as numbers do."""

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from twinline.db.session import Database

BUCKETS = 217
SUM = text(
    "select latency_sum(array(select jsonb_array_elements_text(one.value)::bigint))"
    " from jsonb_array_elements(cast(:rows as jsonb)) one"
)
# Few counts of a row are other than zero; of what is corrected, some are negative.
COUNTS = st.dictionaries(st.integers(0, BUCKETS - 1), st.integers(-5, 2**40), max_size=8)
ROWS = st.lists(st.one_of(st.none(), COUNTS), min_size=1, max_size=6)


@given(ROWS)
def test_rows_add_up_bucket_by_bucket_and_a_row_without_any_counts_nothing(
    shared_database: Database, rows: list[dict[int, int] | None]
) -> None:
    whole = [[] if row is None else [row.get(place, 0) for place in range(BUCKETS)] for row in rows]
    some = [row for row in whole if row]
    expected = [sum(counts) for counts in zip(*some, strict=True)]
    with shared_database.reading() as tx:
        assert tx.value(SUM, {"rows": str(whole)}) == expected
