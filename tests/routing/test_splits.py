"""A split covers every bucket once, and a ramp moves as few of them as it can."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.routing.documents import A, arm_documents, document, rule, split, split_document
from twinline.language.errors import Invalid
from twinline.routing.buckets import BUCKETS
from twinline.routing.policy import read_policy
from twinline.routing.splits import Move, Split, moves, ramp

TWO = split(control=[[0, 95_000]], canary=[[95_000, 100_000]])
THREE = split(one=[[0, 50_000]], two=[[50_000, 80_000]], three=[[80_000, 100_000]])


def sizes(found: Split) -> dict[str, int]:
    """How many buckets each arm owns."""
    return {arm.name: arm.size for arm in found.arms}


def owners(found: Split) -> bytes:
    """The number of the arm that owns each bucket."""
    owned = bytearray([255] * BUCKETS)
    for number, arm in enumerate(found.arms):
        for start, end in arm.ranges:
            owned[start:end] = bytes([number]) * (end - start)
    return bytes(owned)


def counted(before: Split, after: Split) -> dict[tuple[str, str], int]:
    """How many buckets went from which arm to which, bucket by bucket."""
    pairs = int.from_bytes(owners(before)) << 4 | int.from_bytes(owners(after))
    both = pairs.to_bytes(BUCKETS + 1)
    names = [arm.name for arm in before.arms]
    found = {
        (donor, receiver): both.count(bytes([number << 4 | other]))
        for number, donor in enumerate(names)
        for other, receiver in enumerate(names)
        if number != other
    }
    return {pair: count for pair, count in found.items() if count}


def told(moved: tuple[Move, ...]) -> dict[tuple[str, str], int]:
    """What the moves say, in the same form."""
    return {(move.donor, move.receiver): move.buckets for move in moved}


# --- ramps ------------------------------------------------------------------------------


def test_from_5_to_20_per_cent_moves_exactly_15_000_buckets() -> None:
    after, moved = ramp(TWO, "canary", 0.20)
    assert moved == (Move("control", "canary", 15_000),)
    assert sizes(after) == {"control": 80_000, "canary": 20_000}
    assert counted(TWO, after) == {("control", "canary"): 15_000}
    assert [arm.ranges for arm in after.arms] == [((0, 80_000),), ((80_000, 100_000),)]


def test_down_again_moves_the_same_number_back() -> None:
    up, _ = ramp(TWO, "canary", 0.20)
    down, moved = ramp(up, "canary", 0.05)
    assert moved == (Move("canary", "control", 15_000),)
    assert sizes(down) == sizes(TWO)


RAMPS: dict[str, tuple[Split, str, float, str | None, dict[str, int], list[Move]]] = {
    "to-nothing": (TWO, "canary", 0, None, {"control": 100_000, "canary": 0},
                   [Move("canary", "control", 5_000)]),
    "to-everything": (TWO, "canary", 1, None, {"control": 0, "canary": 100_000},
                      [Move("control", "canary", 95_000)]),
    "to-what-it-is": (TWO, "canary", 0.05, None, {"control": 95_000, "canary": 5_000}, []),
    "by-one-bucket": (TWO, "canary", 0.05001, None, {"control": 94_999, "canary": 5_001},
                      [Move("control", "canary", 1)]),
    "to-a-fraction-of-a-bucket": (TWO, "canary", 0.0500049, None,
                                  {"control": 95_000, "canary": 5_000}, []),
    "in-proportion": (THREE, "three", 0.36, None, {"one": 40_000, "two": 24_000, "three": 36_000},
                      [Move("one", "three", 10_000), Move("two", "three", 6_000)]),
    "in-proportion-down": (THREE, "three", 0.12, None,
                           {"one": 55_000, "two": 33_000, "three": 12_000},
                           [Move("three", "one", 5_000), Move("three", "two", 3_000)]),
    # 5/8 and 3/8 of one bucket: the larger remainder has it.
    "one-bucket-in-proportion": (THREE, "three", 0.20001, None,
                                 {"one": 49_999, "two": 30_000, "three": 20_001},
                                 [Move("one", "three", 1)]),
    "from-a-donor": (THREE, "three", 0.36, "two", {"one": 50_000, "two": 14_000, "three": 36_000},
                     [Move("two", "three", 16_000)]),
    "down-to-a-donor": (THREE, "one", 0.25, "three", {"one": 25_000, "two": 30_000,
                                                 "three": 45_000},
                        [Move("one", "three", 25_000)]),
    "all-that-a-donor-has": (THREE, "one", 0.80, "two", {"one": 80_000, "two": 0, "three": 20_000},
                             [Move("two", "one", 30_000)]),
    "everything-from-several": (THREE, "two", 1, None, {"one": 0, "two": 100_000, "three": 0},
                                [Move("one", "two", 50_000), Move("three", "two", 20_000)]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("before", "arm", "share", "donor", "expected", "moved"), RAMPS.values(), ids=RAMPS
)
def test_a_ramp_ends_at_its_share(
    before: Split, arm: str, share: float, donor: str | None, expected: Any, moved: list[Move]
) -> None:
    after, found = ramp(before, arm, share, donor)
    assert sizes(after) == expected
    assert list(found) == moved
    assert set(moves(before, after)) == set(found)
    assert counted(before, after) == told(found)


def test_arms_that_have_nothing_share_alike_what_an_arm_gives_up() -> None:
    before = split(one=[[0, 100_000]], two=[], three=[], four=[])
    after, moved = ramp(before, "one", 0.1)
    assert sizes(after) == {"one": 10_000, "two": 30_000, "three": 30_000, "four": 30_000}
    assert told(moved) == {("one", name): 30_000 for name in ("two", "three", "four")}


def test_what_is_left_over_goes_to_the_first_of_equals() -> None:
    before = split(one=[[0, 100_000]], two=[], three=[], four=[])
    after, _ = ramp(before, "one", 1 - 2 / BUCKETS)
    assert sizes(after) == {"one": 99_998, "two": 1, "three": 1, "four": 0}


def test_a_ramp_there_and_back_puts_every_unit_where_it_was() -> None:
    before = split(one=[[0, 100_000]], two=[])
    there, _ = ramp(before, "two", 0.3)
    back, _ = ramp(there, "two", 0)
    assert owners(back) == owners(before)
    assert back == before


def test_a_ramp_keeps_salt_bundles_names_and_order() -> None:
    after, _ = ramp(THREE, "two", 0.9)
    assert after.salt == THREE.salt
    assert [(arm.name, arm.bundle) for arm in after.arms] == [
        (arm.name, arm.bundle) for arm in THREE.arms
    ]


def test_ranges_that_meet_become_one() -> None:
    scattered = split(one=[[0, 10], [20, 30], [10, 20]], two=[[30, 100_000]])
    after, moved = ramp(scattered, "one", 0.0003)
    assert moved == ()
    assert after.arm("one").ranges == ((0, 30),)


def _random_split(rng: random.Random) -> Split:
    names = [f"arm{number}" for number in range(rng.randint(2, 6))]
    cuts = sorted(rng.sample(range(1, BUCKETS), rng.randint(0, 30)))
    owned: dict[str, list[list[int]]] = {name: [] for name in names}
    pieces = list(zip([0, *cuts], [*cuts, BUCKETS], strict=True))
    rng.shuffle(pieces)
    for piece in pieces:
        owned[rng.choice(names)].append(list(piece))
    return split(**owned)


@pytest.mark.parametrize("seed", range(10))
def test_any_ramp_moves_the_minimum_and_keeps_every_bucket(seed: int) -> None:
    """A thousand in all; each goes on from where the one before ended."""
    rng = random.Random(seed)
    now = _random_split(rng)
    for _ in range(100):
        if rng.random() < 0.2:
            now = _random_split(rng)
        names = [arm.name for arm in now.arms]
        arm, *others = rng.sample(names, len(names))
        donor = rng.choice([None, None, *others])
        givers = {name: now.arm(name).size for name in names if name in (donor or others)}
        most = now.arm(arm).size + sum(givers.values())
        wanted = rng.choice([0, most, rng.randint(0, most), rng.randint(0, most)])
        after, moved = ramp(now, arm, wanted / BUCKETS, donor)

        difference = wanted - now.arm(arm).size
        assert after.arm(arm).size == wanted
        assert sum(move.buckets for move in moved) == abs(difference)
        assert counted(now, after) == told(moves(now, after)) == told(moved)
        for move in moved:
            gaining, losing = (move.receiver, move.donor)[:: 1 if difference > 0 else -1]
            assert gaining == arm
            assert losing in givers
            fair = abs(difference) * givers[losing] / (sum(givers.values()) or 1)
            assert abs(move.buckets - fair) < 1 or not sum(givers.values())
        assert sum(sizes(after).values()) == BUCKETS
        assert 255 not in owners(after)
        assert Split.model_validate(after.model_dump(mode="json")) == after
        now = after


def test_thousands_of_ramps_of_many_arms_are_still_a_document() -> None:
    """Ranges do not crumble: an arm never has more of them than a document may hold."""
    rng = random.Random(3)
    tenth = BUCKETS // 10
    now = Split.model_validate(
        {
            "salt": "salt",
            "arms": [
                {"name": f"arm{start}", "bundle": str(A), "ranges": [[start, start + tenth]]}
                for start in range(0, BUCKETS, tenth)
            ],
        }
    )
    for _ in range(3_000):
        now, _ = ramp(now, rng.choice(now.arms).name, rng.random())
    assert Split.model_validate(now.model_dump(mode="json")) == now
    assert sum(sizes(now).values()) == BUCKETS


REFUSED_RAMPS: dict[str, tuple[Split, str, float, str | None, str]] = {
    "negative": (TWO, "canary", -0.01, None, "A share is in [0, 1]; this is -0.01."),
    "above-one": (TWO, "canary", 1.01, None, "A share is in [0, 1]; this is 1.01."),
    "per-cent": (TWO, "canary", 20, None, "A share is in [0, 1]; this is 20."),
    "nan": (TWO, "canary", float("nan"), None, "A share is in [0, 1]; this is nan."),
    "infinity": (TWO, "canary", float("inf"), None, "A share is in [0, 1]"),
    "no-such-arm": (TWO, "canry", 0.2, None, "no arm 'canry'; it has control, canary."),
    "no-such-donor": (TWO, "canary", 0.2, "x", "no arm 'x'; it has control, canary."),
    "its-own-donor": (TWO, "canary", 0.2, "canary", "A ramp needs another arm to take from."),
    "only-arm": (split(one=[[0, 100_000]]), "one", 0.5, None, "A ramp needs another arm"),
    "donor-without-enough": (
        THREE, "one", 0.80001, "two", "two can give 30,000 buckets, not 30,001; take a smaller",
    ),
    "donor-without-any": (
        split(one=[[0, 100_000]], two=[], three=[]), "two", 0.1, "three",
        "three can give 0 buckets, not 10,000",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("before", "arm", "share", "donor", "problem"), REFUSED_RAMPS.values(), ids=REFUSED_RAMPS
)
def test_a_ramp_that_cannot_be_is_refused(
    before: Split, arm: str, share: float, donor: str | None, problem: str
) -> None:
    with pytest.raises(Invalid) as refused:
        ramp(before, arm, share, donor)
    assert problem in refused.value.detail


# --- moves ------------------------------------------------------------------------------


def test_a_move_says_what_goes_where() -> None:
    said = "15,000 of 100,000 buckets: control -> canary"
    assert str(Move("control", "canary", 15_000)) == said


def test_nothing_moves_between_a_split_and_itself() -> None:
    assert moves(THREE, THREE) == ()


def test_moves_between_any_two_splits_are_counted() -> None:
    before = split(one=[[0, 10], [20, 100_000]], two=[[10, 20]])
    after = split(one=[[5, 15]], two=[[0, 5], [15, 100_000]])
    assert told(moves(before, after)) == counted(before, after)
    assert told(moves(before, after)) == {("one", "two"): 5 + 99_980, ("two", "one"): 5}


# --- documents --------------------------------------------------------------------------


@given(arm_documents(), st.text(st.characters(codec="utf-8"), min_size=1, max_size=100))
def test_arms_that_cover_every_bucket_once_are_taken(arms: list[dict[str, Any]], salt: str) -> None:
    read = Split.model_validate({"salt": salt, "arms": arms})
    assert sum(arm.size for arm in read.arms) == BUCKETS
    assert read.model_dump(mode="json") == {"salt": salt, "arms": arms}


def _arms(**members: Any) -> dict[str, Any]:
    return {"name": "a", "bundle": str(A), "ranges": [[0, 100_000]]} | members


SPLIT = "rules.0.serve.split: Value error, "
ARM = "rules.0.serve.split.arms.0"
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "overlap": (
        split_document(a=[[0, 60_000]], b=[[50_000, 100_000]]),
        SPLIT + "buckets 50000 to 59999 belong to 'b' and another arm",
    ),
    "overlap-inside": (
        split_document(a=[[0, 100_000]], b=[[10, 20]]),
        SPLIT + "buckets 10 to 19 belong to 'b' and another arm",
    ),
    "overlap-of-one-bucket": (
        split_document(a=[[0, 50_001]], b=[[50_000, 100_000]]),
        SPLIT + "buckets 50000 to 50000 belong to 'b' and another arm",
    ),
    "overlap-within-an-arm": (
        split_document(a=[[0, 100_000], [0, 100_000]]),
        SPLIT + "buckets 0 to 99999 belong to 'a' and another",
    ),
    "gap": (
        split_document(a=[[0, 40_000]], b=[[50_000, 100_000]]),
        SPLIT + "buckets 40000 to 49999 belong to no arm",
    ),
    "gap-of-one-bucket": (
        split_document(a=[[0, 49_999]], b=[[50_000, 100_000]]),
        SPLIT + "buckets 49999 to 49999 belong to no arm",
    ),
    "gap-at-the-start": (
        split_document(a=[[1, 100_000]]),
        SPLIT + "buckets 0 to 0 belong to no arm",
    ),
    "gap-at-the-end": (
        split_document(a=[[0, 99_999]]),
        SPLIT + "buckets 99999 to 99999 belong to no arm",
    ),
    "nothing-at-all": (split_document(a=[]), SPLIT + "buckets 0 to 99999 belong to no arm"),
    "empty-range": (
        split_document(a=[[0, 0], [0, 100_000]]),
        SPLIT + "the range [0, 0] of 'a' is empty",
    ),
    "range-backwards": (
        split_document(a=[[100_000, 0]]),
        SPLIT + "the range [100000, 0] of 'a' is empty",
    ),
    "name-twice": (
        {"salt": "s", "arms": [_arms(), _arms(ranges=[])]},
        SPLIT + "the arm 'a' is there twice",
    ),
    "no-arms": ({"salt": "s", "arms": []}, "rules.0.serve.split.arms: Tuple should have at least"),
    "many-arms": (
        {"salt": "s", "arms": [_arms(name=f"a{number}") for number in range(51)]},
        "rules.0.serve.split.arms: Tuple should have at most 50",
    ),
    "many-ranges": (
        {"salt": "s", "arms": [_arms(ranges=[[at, at + 1] for at in range(1001)])]},
        ARM + ".ranges: Tuple should have at most 1000",
    ),
    "salt-missing": ({"arms": [_arms()]}, "rules.0.serve.split.salt: Field required"),
    "salt-empty": ({"salt": "", "arms": [_arms()]}, "rules.0.serve.split.salt: String should"),
    "salt-long": ({"salt": "s" * 101, "arms": [_arms()]}, "rules.0.serve.split.salt: String"),
    "name-digits": ({"salt": "s", "arms": [_arms(name="7")]}, ARM + ".name: String should match"),
    "bundle-missing": (
        {"salt": "s", "arms": [{"name": "a", "ranges": [[0, 100_000]]}]},
        ARM + ".bundle: Field required",
    ),
    "ranges-missing": (
        {"salt": "s", "arms": [{"name": "a", "bundle": str(A)}]},
        ARM + ".ranges: Field required",
    ),
    "share-instead": ({"salt": "s", "arms": [_arms(share=0.5)]}, ARM + ".share: Extra inputs"),
    "bound-below": (
        {"salt": "s", "arms": [_arms(ranges=[[-1, 100_000]])]},
        ARM + ".ranges.0.0: Input should be greater than or equal to 0",
    ),
    "bound-above": (
        {"salt": "s", "arms": [_arms(ranges=[[0, 100_001]])]},
        ARM + ".ranges.0.1: Input should be less than or equal to 100000",
    ),
    "second-bound-of-the-second-range": (
        {"salt": "s", "arms": [_arms(ranges=[[0, 50_000], [50_000, 100_001]])]},
        ARM + ".ranges.1.1: Input should be less than or equal to 100000",
    ),
    "bound-is-text": (
        {"salt": "s", "arms": [_arms(ranges=[[0, "100000"]])]},
        ARM + ".ranges.0.1: Input should be a valid integer",
    ),
    "bound-is-a-float": (
        {"salt": "s", "arms": [_arms(ranges=[[0, 100_000.0]])]},
        ARM + ".ranges.0.1: Input should be a valid integer",
    ),
    "bound-is-true": (
        {"salt": "s", "arms": [_arms(ranges=[[0, True]])]},
        ARM + ".ranges.0.1: Input should be a valid integer",
    ),
    "range-of-one": ({"salt": "s", "arms": [_arms(ranges=[[0]])]}, ARM + ".ranges.0.1: Field req"),
    "range-of-three": ({"salt": "s", "arms": [_arms(ranges=[[0, 1, 2]])]}, ARM + ".ranges.0: "),
}


@pytest.mark.parametrize(("found", "problem"), REFUSED.values(), ids=REFUSED)
def test_arms_that_do_not_cover_every_bucket_once_are_refused(
    found: dict[str, Any], problem: str
) -> None:
    with pytest.raises(Invalid) as refused:
        read_policy(document(rule("r", found), unit={"by": ["user"]}))
    assert problem in refused.value.detail
