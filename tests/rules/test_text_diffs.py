"""Two texts, line by line and word by word: nothing is lost, and it ends in time."""

import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from twinline.diffs import matching, texts
from twinline.diffs.unified import CONTEXT, unified
from twinline.language.records import Hunk, TextDiff

MILLION = 1_000_000


def old_of(diff: TextDiff) -> str:
    return _side(diff, "insert")


def new_of(diff: TextDiff) -> str:
    return _side(diff, "delete")


def _side(diff: TextDiff, without: str) -> str:
    lines = (line for hunk in diff.hunks for line in hunk.lines)
    return "".join(part.text for line in lines for part in line.parts if part.op != without)


def apply(diff: TextDiff, old: str) -> str:
    """The new text, made of the old one by taking what the diff says stays."""
    made, place = "", 0
    for part in (part for hunk in diff.hunks for line in hunk.lines for part in line.parts):
        if part.op == "insert":
            made += part.text
            continue
        assert old.startswith(part.text, place)
        place += len(part.text)
        made += part.text if part.op == "equal" else ""
    assert place == len(old)
    return made


SAID = st.lists(
    st.sampled_from(
        [*"ab \n\n.{}", "{{ x }}", "{{y}}", "alpha", "beta", "1.5", "é", "\r", "\u202e"]
    ),
    max_size=40,
).map("".join)
edited = st.tuples(SAID | st.text(), SAID | st.text())


@given(edited)
def test_a_diff_leads_from_either_text_to_the_other(pair: tuple[str, str]) -> None:
    old, new = pair
    assert apply(texts.compare(old, new), old) == new
    assert apply(texts.compare(new, old), new) == old


@given(edited)
def test_lines_are_numbered_without_a_gap_on_both_sides(pair: tuple[str, str]) -> None:
    lines = [line for hunk in texts.compare(*pair).hunks for line in hunk.lines]
    for numbers, text in (
        ([one.old for one in lines], pair[0]),
        ([one.new for one in lines], pair[1]),
    ):
        there = [number for number in numbers if number is not None]
        assert there == list(range(1, len(matching.lines_of(text)) + 1))


@given(edited)
def test_hunks_take_turns_and_equal_ones_hold_no_change(pair: tuple[str, str]) -> None:
    found = texts.compare(*pair)
    kinds = [hunk.op for hunk in found.hunks]
    assert all(one != other for one, other in pairwise(kinds))
    assert all(hunk.op == "equal" for hunk in found.hunks) == (pair[0] == pair[1])
    for hunk in found.hunks:
        ops = {line.op for line in hunk.lines}
        assert (ops == {"equal"}) == (hunk.op == "equal")


@given(st.text())
def test_words_put_together_are_the_text(text: str) -> None:
    assert "".join(matching.words_of(text)) == text
    assert "".join(matching.lines_of(text)) == text


@given(SAID, SAID, st.integers(0, 3))
def test_context_leaves_out_only_equal_lines_and_counts_them(
    old: str, new: str, context: int
) -> None:
    whole = texts.compare(old, new)
    cut = texts.around(whole, context)
    assert _changes(cut) == _changes(whole)
    lines = [line for hunk in whole.hunks for line in hunk.lines]
    kept = [line for hunk in cut.hunks for line in hunk.lines]
    assert len(lines) - len(kept) == sum(hunk.left_out for hunk in cut.hunks)
    assert [line for line in lines if line in kept] == kept


FEW = st.lists(st.sampled_from("abc"), max_size=30)


@given(FEW, FEW)
@example(list("abcdefghijklmno"), list("xbcdefghijklmnoy"))
@example(list("abcdefgh"), list("abcxdefgh"))
def test_a_unified_diff_leads_from_the_old_lines_to_the_new(old: list[str], new: list[str]) -> None:
    told = list(unified(old, new, ("old", "new")))
    assert told[:2] == ([] if old == new else ["--- old", "+++ new"])
    made, place = [], 0
    for line in told[2:]:
        if line.startswith("@@"):
            start, length = _numbers(line)
            begin = start - (length > 0)
            made += old[place:begin]
            place = begin
        else:
            assert line[0] == "+" or old[place] == line[1:]
            place += line[0] != "+"
            made += [line[1:]] if line[0] != "-" else []
    assert made + old[place:] == new
    counted = Counter(line[0] for line in told[2:])
    assert counted[" "] <= 2 * CONTEXT * (counted["-"] + counted["+"])


def _numbers(heading: str) -> tuple[int, int]:
    """Where in the old lines a hunk begins, and how many of them it holds."""
    start, _, length = heading.split()[1].removeprefix("-").partition(",")
    return int(start), int(length or 1)


def _changes(diff: TextDiff) -> list[Hunk]:
    return [hunk for hunk in diff.hunks if hunk.op == "change"]


SPANS = {
    "a-variable": ("Ask {{ a }}.", "Ask {{ b }}.", "Ask [-{{ a }}-]{+{{ b }}+}."),
    "an-include": ("{{> a/b@3 }}!", "{{> a/b@4 }}!", "[-{{> a/b@3 }}-]{+{{> a/b@4 }}+}!"),
    "words-side-by-side": ("be very calm", "be quite loud", "be [-very calm-]{+quite loud+}"),
    "a-mark-alone": ("Well done", "Well, done", "Well{+,+} done"),
    "whole-numbers": ("use 1.5 now", "use 1.7 now", "use [-1.5-]{+1.7+} now"),
    "an-apostrophe": ("I don't", "I don’t", "I [-don't-]{+don’t+}"),
}
MARKS = {"equal": "{}", "delete": "[-{}-]", "insert": "{{+{}+}}"}


@pytest.mark.parametrize(("old", "new", "marked"), SPANS.values(), ids=SPANS)
def test_the_words_that_changed(old: str, new: str, marked: str) -> None:
    found = matching.spans(old, new)
    assert "".join(MARKS[span.op].format(span.text) for span in found) == marked


def test_a_changed_line_is_paired_with_the_line_that_it_was() -> None:
    old = "You are helpful.\nAnswer in one sentence.\nBe kind.\n"
    new = "You are helpful.\nNever guess.\nAnswer in two sentences.\nBe kind.\n"
    lines = [line for hunk in texts.compare(old, new).hunks for line in hunk.lines]
    assert [(one.op, one.old, one.new) for one in lines] == [
        ("equal", 1, 1),
        ("insert", None, 2),
        ("change", 2, 3),
        ("equal", 3, 4),
    ]


def test_examples_that_repeat_themselves_give_only_what_changed() -> None:
    """difflib calls thousands of characters changed here."""
    shots = [f"Q: What is {n}?\nA: It is {n % 7}.\n\n" for n in range(400)]
    new = "".join([*shots[:200], "Q: What is new?\nA: This.\n\n", *shots[200:]])
    changed = _changes(texts.compare("".join(shots), new))
    assert (
        sum(len(part.text) for hunk in changed for line in hunk.lines for part in line.parts) < 40
    )


_dice = random.Random(1)
_vocabulary = ["alpha", "beta", "gamma", "delta", "{{", "x", "}}", "{{name}}", ",", ".", "12.5"]


def _sentences(count: int, words: int = 8) -> str:
    return "".join(" ".join(_dice.choices(_vocabulary, k=words)) + "\n" for _ in range(count))


def _islands(count: int) -> str:
    return "".join(f"{_sentences(44, 60)}island {n}\n" for n in range(count))


HEAVY = {
    "a-few-edits": (_sentences(19_000), None),
    "nothing-in-common": (_sentences(19_000), _sentences(19_000)),
    "one-line": (_sentences(1, 180_000), _sentences(1, 180_000)),
    "one-word": ("x" * MILLION, "y" * MILLION),
    "braces-never-closed": ("{" * MILLION, "{{" * (MILLION // 2) + "x"),
    "a-line-each-letter": ("a\n" * (MILLION // 2), "b\n" * (MILLION // 2)),
    "many-short-lines-mixed": (
        "\n".join(_dice.choices("ab", k=MILLION // 2)),
        "\n".join(_dice.choices("ab", k=MILLION // 2)),
    ),
    "spaces": (" " * MILLION + "x", " " * MILLION + "yx"),
    "a-hundred-runs": (_islands(60), _islands(60)),
}


@pytest.mark.parametrize(("old", "new"), HEAVY.values(), ids=HEAVY)
def test_a_million_characters_are_compared_and_nothing_is_lost(old: str, new: str | None) -> None:
    if new is None:
        new = old.replace("alpha beta", "alpha, beta", 30)
    found = texts.compare(old, new)  # without the bounds: hours, or all memory
    assert (old_of(found), new_of(found)) == (old, new)


def test_too_many_words_in_one_place_are_said_to_be_too_different() -> None:
    half = texts.WORDS_MAX // 4
    near, far = " ".join(["old"] * (half - 10)), " ".join(["old"] * (half + 10))
    for text, note in ((near, None), (far, texts.TOO_DIFFERENT)):
        (hunk,) = texts.compare(text, text + " new").hunks
        assert hunk.note == note
        assert [line.op for line in hunk.lines] == (
            ["change"] if note is None else ["delete", "insert"]
        )
