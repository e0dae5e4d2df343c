"""Versions sort as semver.org 2.0.0 says, and ranges hold what lies in them."""

from itertools import combinations

import pytest

from twinline.routing.compiler import VERSIONS_KEPT, compile
from twinline.routing.conditions import Leaf
from twinline.routing.semver import LENGTH_MAX, key, parse_range

# Section 11, its own example among them; each is less than the next.
PRECEDENCE = [
    "0.0.0-0",
    "0.0.0",
    "0.0.1",
    "0.9.99",
    "1.0.0-0",
    "1.0.0-9",
    "1.0.0-10",
    "1.0.0--",
    "1.0.0-0a",
    "1.0.0-Alpha",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.1.0",
    "1.0.0-alpha.beta",
    "1.0.0-alpha-1",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1-rc.1",
    "1.0.1",
    "1.2.0",
    "1.10.0",
    "2.0.0",
    "2.1.0",
    "2.1.1",
    "10.0.0",
    "999999999.0.0",
]

REFUSED = {
    "empty": "",
    "one-number": "1",
    "two-numbers": "1.2",
    "four-numbers": "1.2.3.4",
    "leading-v": "v1.2.3",
    "leading-zero-of-major": "01.2.3",
    "leading-zero-of-minor": "1.02.3",
    "leading-zero-of-patch": "1.2.03",
    "negative": "-1.2.3",
    "space-before": " 1.2.3",
    "line-feed-after": "1.2.3\n",
    "digits-of-another-script": "1.2.٣",
    "superscript": "1.2.²",
    "letters": "a.b.c",
    "wildcard": "1.2.x",
    "empty-pre-release": "1.2.3-",
    "empty-label": "1.2.3-a..b",
    "label-ends-in-a-dot": "1.2.3-a.",
    "underscore-in-a-label": "1.2.3-a_b",
    "letter-of-another-script-in-a-label": "1.2.3-é",
    "digit-of-another-script-in-a-label": "1.2.3-٣",
    # Section 9: "Numeric identifiers MUST NOT include leading zeroes."
    "leading-zero-of-a-numeric-label": "1.2.3-01",
    "leading-zero-of-a-later-label": "1.2.3-rc.00",
    "empty-build": "1.2.3+",
    # Section 10: "Identifiers MUST NOT be empty."
    "empty-label-of-a-build": "1.2.3+a..b",
    "build-is-a-dot": "1.2.3+.",
    "two-builds": "1.2.3+a+b",
    "ten-digits": "1234567890.0.0",
    "too-long": "1.2.3+" + "a" * 200,
    "a-megabyte": "1.2.3-" + "9" * 1_000_000,
}

HOLDS = {
    "bare-is-equal": ("1.2.3", "1.2.3", True),
    "bare-is-not-above": ("1.2.3", "1.2.4", False),
    "equal": ("=1.2.3", "1.2.3", True),
    "equal-but-a-pre-release": ("=1.2.3", "1.2.3-rc.1", False),
    "build-does-not-count": ("=1.2.3+linux", "1.2.3+mac.7", True),
    "at-least-edge": (">=2.1.0", "2.1.0", True),
    "at-least-below": (">=2.1.0", "2.0.999", False),
    "at-least-pre-release-of-the-edge": (">=2.1.0", "2.1.0-rc.1", False),
    "above-edge": (">2.1.0", "2.1.0", False),
    "above": (">2.1.0", "2.1.1-0", True),
    "at-most-edge": ("<=2.1.0", "2.1.0", True),
    "at-most-above": ("<=2.1.0", "2.1.1", False),
    "below-edge": ("<3.0.0", "3.0.0", False),
    # By precedence alone; no exception for pre-releases as npm makes it.
    "below-pre-release-of-the-edge": ("<3.0.0", "3.0.0-alpha", True),
    "both-hold": (">=2.1.0 <3.0.0", "2.10.0", True),
    "second-fails": (">=2.1.0 <3.0.0", "3.0.1", False),
    "first-fails": (">=2.1.0 <3.0.0", "2.0.9", False),
    "three-comparators": (">=1.0.0 <2.0.0 <1.5.0", "1.6.0", False),
    "nothing-can-hold": (">2.0.0 <1.0.0", "1.5.0", False),
    "spaces-around": ("  >=1.0.0\t<2.0.0  ", "1.0.0", True),
}

NO_RANGES = {
    "empty": "",
    "spaces": "  ",
    "no-version": ">=",
    "space-after-the-sign": ">= 1.0.0",
    "two-signs": ">>1.0.0",
    "another-sign": "~1.0.0",
    "caret": "^1.0.0",
    "not-equal": "!=1.0.0",
    "wildcard": "1.x",
    "two-numbers": ">=1.0",
    "comma": ">=1.0.0,<2.0.0",
    "alternatives": "1.0.0 || 2.0.0",
    "hyphen": "1.0.0 - 2.0.0",
    "second-is-bad": ">=1.0.0 <2",
}


def test_versions_sort_as_section_11_says() -> None:
    keys = [key(version) for version in PRECEDENCE]
    assert None not in keys
    for (lower, less), (higher, more) in combinations(zip(PRECEDENCE, keys, strict=True), 2):
        assert less < more, f"{lower} < {higher}"  # pyright: ignore[reportOperatorIssue] -- none is None


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_is_no_semantic_version_has_no_key(text: str) -> None:
    assert key(text) is None


@pytest.mark.parametrize("build", ["+1", "+linux.x86-64", "+001", "+-"])
def test_the_build_does_not_count(build: str) -> None:
    assert key("1.2.3") == key(f"1.2.3{build}") is not None
    assert key("1.2.3-rc.1") == key(f"1.2.3-rc.1{build}") is not None


@pytest.mark.parametrize(("range", "version", "held"), HOLDS.values(), ids=HOLDS)
def test_a_range_holds_what_all_its_comparators_hold(range: str, version: str, held: bool) -> None:
    found = key(version)
    assert found is not None
    assert parse_range(range)(found) is held


@pytest.mark.parametrize("text", NO_RANGES.values(), ids=NO_RANGES)
def test_what_is_no_range_is_refused_with_an_example_of_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"is like '>=2\.1\.0"):
        parse_range(text)


def test_many_versions_are_told_apart_whatever_is_remembered() -> None:
    inside = compile(Leaf(attr="app", op="semver", value=">=1.0.0 <1.0.1500"))
    asked = [f"1.0.{number}" for number in range(3 * VERSIONS_KEPT)] * 2
    assert [inside({"app": text}, []) for text in asked] == [
        int(text.split(".")[2]) < 1500 for text in asked
    ]
    assert inside({"app": "1.0.0+" + "a" * LENGTH_MAX}, []) is None
