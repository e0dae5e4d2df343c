"""Ids are UUIDv7 (RFC 9562, section 5.7) and carry the time at which they were made."""

import time
from datetime import UTC, datetime, timedelta, timezone
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import instants, uuid7s
from twinline.language.ids import EPOCH, first_id, id_beside, made_at, new_id, random_hex

MS = timedelta(milliseconds=1)


def _to_the_ms(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


@given(instants())
def test_an_id_is_a_uuid_of_version_7(at: datetime) -> None:
    for id in (new_id(at), first_id(at)):
        assert id.version == 7
        assert id.variant == RFC_4122


@given(instants())
def test_the_time_comes_back_to_the_millisecond(at: datetime) -> None:
    assert made_at(new_id(at)) == _to_the_ms(at)
    assert made_at(first_id(at)) == _to_the_ms(at)
    assert made_at(new_id(at)).tzinfo is UTC


@given(instants(), st.integers(1, 10**12))
def test_later_ids_are_greater(at: datetime, later_ms: int) -> None:
    later = min(at + min(later_ms * MS, datetime.max.replace(tzinfo=UTC) - at), _last_instant())
    if _to_the_ms(later) > _to_the_ms(at):
        assert new_id(at) < new_id(later)


@given(instants())
def test_the_first_id_is_a_lower_bound_of_its_millisecond(at: datetime) -> None:
    assert first_id(at) <= new_id(at)
    if at >= EPOCH + MS:
        assert new_id(at - MS) < first_id(at)


@given(uuid7s())
def test_the_first_id_is_the_lowest_of_all_with_its_time(id: UUID) -> None:
    ms = id.int >> 80
    if ms < 253_402_300_800_000:  # the year 10000, which datetime has not
        assert first_id(EPOCH + ms * MS) <= id


@given(uuid7s(), st.text(min_size=1), st.text(min_size=1))
def test_an_id_beside_another_follows_from_it_and_a_name(id: UUID, name: str, other: str) -> None:
    beside = id_beside(id, name)
    assert beside == id_beside(id, name)
    assert (beside.version, beside.variant) == (7, RFC_4122)
    assert beside.int >> 80 == id.int >> 80
    assert beside != id
    assert (id_beside(id, other) == beside) == (other == name)


def test_every_uuid7_has_a_time() -> None:
    """A caller chooses its ids, and 48 bits reach to the year 10889, where datetime has ended."""
    assert made_at(UUID("ffffffff-ffff-7fff-bfff-ffffffffffff")) == _last_instant()


def test_an_id_without_a_time_is_of_now() -> None:
    before = time.time_ns() // 1_000_000
    id = new_id()
    after = time.time_ns() // 1_000_000
    assert before <= id.int >> 80 <= after


def test_ids_of_one_millisecond_differ() -> None:
    at = datetime(2026, 7, 1, tzinfo=UTC)
    assert len({new_id(at) for _ in range(1000)}) == 1000


def test_the_random_bits_are_all_used() -> None:
    """74 bits: over many ids each is seen as 0 and as 1, and the other 54 never move."""
    at = datetime(2026, 7, 1, tzinfo=UTC)
    ones, zeros = 0, 0
    for _ in range(200):
        ones, zeros = ones | new_id(at).int, zeros | ~new_id(at).int
    assert (ones & zeros).bit_count() == 74


def test_the_time_is_the_same_moment_in_every_zone() -> None:
    at = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert first_id(at) == first_id(datetime(2026, 7, 1, 10, tzinfo=UTC))


def test_the_example_of_the_rfc() -> None:
    """RFC 9562, appendix A.6."""
    at = made_at(UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"))
    assert at == datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)


def _last_instant() -> datetime:
    return datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)


def test_random_hex_is_as_long_as_it_says_and_never_twice_the_same() -> None:
    made = {random_hex(64) for _ in range(5_000)}
    assert len(made) == 5_000
    assert {len(one) for one in made} == {16}
    assert all(set(one) <= set("0123456789abcdef") for one in made)
