"""What a transaction leaves for its end is done once for each turn, in the order of turns."""

from unittest.mock import Mock

import pytest

from twinline.db.session import Writing


def test_each_turn_is_taken_once_with_all_that_was_left_for_it() -> None:
    done: list[tuple[str, list[str]]] = []

    def early(_: Writing, items: list[str]) -> None:
        done.append(("early", items))

    def late(_: Writing, items: list[str]) -> None:
        done.append(("late", items))

    tx = Writing(Mock(), "somebody")
    for step, item, turn in ((late, "a", 1), (early, "b", 0), (late, "c", 1)):
        tx.before_commit(step, item, turn=(turn, ""))
    tx.finish()
    assert done == [("early", ["b"]), ("late", ["a", "c"])]


def test_a_turn_belongs_to_one_step() -> None:
    tx = Writing(Mock(), "somebody")
    tx.before_commit(lambda _, __: None, "a", turn=(0, ""))
    with pytest.raises(AssertionError, match="belongs to another step"):
        tx.before_commit(lambda _, __: None, "b", turn=(0, ""))
