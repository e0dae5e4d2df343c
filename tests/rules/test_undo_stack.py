"""The undo stack of one side of a slot, as a specification.

A history is written as the values of one side, oldest first: ``A B`` are deployments of
A and of B; ``<A`` is a rollback to A, ``!A`` a recall and ``?A`` a guard's way back.
The stack is written as value and the deployment that brought it in, current one last.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinline.deployments.rules import Frame, Step, undo_stack
from twinline.language.records import DeploymentKind

MARKS: dict[str, DeploymentKind] = {"<": "rollback", "!": "recall", "?": "guard"}

CASES = {
    "nothing-deployed": ("", ""),
    "first-deploy-is-all-there-is": ("A", "A1"),
    "deploy-pushes-what-changed": ("A B", "A1 B2"),
    "deploy-of-the-same-pushes-nothing": ("A A", "A1"),
    "change-of-the-other-side-pushes-nothing": ("A B B B C", "A1 B2 C5"),
    "rollback-pops": ("A B <A", "A1"),
    "rollback-pops-one-of-many": ("A B C <B", "A1 B2"),
    "rolling-back-twice-goes-further": ("A B C <B <A", "A1"),
    "rolling-back-never-toggles": ("A B <A", "A1"),
    "what-was-popped-can-be-deployed-again": ("A B <A B", "A1 B4"),
    "and-rolled-back-again": ("A B <A B <A", "A1"),
    "deploy-after-a-rollback-pushes-on-what-is-left": ("A B C <B D", "A1 B2 D5"),
    "rollback-after-that-skips-what-was-taken-out": ("A B C <B D <B", "A1 B2"),
    "rollback-of-the-other-side-pops-nothing": ("A B <B", "A1 B2"),
    "rollback-to-a-named-version-pops-down-to-it": ("A B C D <A", "A1"),
    "rollback-to-a-named-version-in-the-middle": ("A B C D <B", "A1 B2"),
    "rollback-to-a-version-never-seen-takes-the-top-s-place": ("A B <X", "A1 X3"),
    "rollback-from-there-goes-on-below": ("A B <X <A", "A1"),
    "rollback-to-a-version-never-seen-over-the-only-one": ("A <X", "X2"),
    "rollback-to-a-version-taken-out-takes-the-top-s-place": ("A B C <B <C", "A1 C5"),
    "redeploy-of-an-old-version-is-a-change": ("A B A", "A1 B2 A3"),
    "rollback-of-a-redeploy-goes-to-what-it-replaced": ("A B A <B", "A1 B2"),
    "rollback-to-a-version-that-is-there-twice-takes-the-nearer": ("A B A C <A", "A1 B2 A3"),
    "rollback-of-the-only-one-to-itself": ("A <A", "A1"),
    "recall-pops": ("A B !A", "A1"),
    "guard-pops": ("A B ?A", "A1"),
    "ways-back-of-every-kind-go-further": ("A B C D <C !B ?A", "A1"),
    "recall-to-a-version-never-seen": ("A B !X", "A1 X3"),
    "history-that-begins-with-a-way-back": ("<A B", "A1 B2"),
}


def read_history(text: str) -> list[Step[str]]:
    return [
        Step(number, MARKS.get(word[0], "deploy"), word[-1])
        for number, word in enumerate(text.split(), start=1)
    ]


@pytest.mark.parametrize(("history", "stack"), CASES.values(), ids=CASES)
def test_the_stack_after(history: str, stack: str) -> None:
    found = undo_stack(read_history(history))
    assert " ".join(f"{frame.value}{frame.since}" for frame in found) == stack


# --- an implementation of its own, to compare with --------------------------------------


@dataclass(frozen=True)
class Cell:
    """A value that came in over another one: a linked list, never changed."""

    value: str
    since: int
    below: "Cell | None"


def reference(history: Iterable[Step[str]]) -> tuple[Frame[str], ...]:
    """The stack as pointers: each deployment points at the cell that it made current."""
    current: Cell | None = None
    for step in history:
        if current is not None and step.value == current.value:
            continue
        if step.kind == "deploy" or current is None:
            current = Cell(step.value, step.number, current)
            continue
        found = _find(current, step.value)
        current = found or Cell(step.value, step.number, current.below)
    return tuple(reversed([Frame(cell.value, cell.since) for cell in _cells(current)]))


def _find(cell: Cell | None, value: str) -> Cell | None:
    return next((one for one in _cells(cell) if one.value == value), None)


def _cells(cell: Cell | None) -> Iterable[Cell]:
    while cell is not None:
        yield cell
        cell = cell.below


kinds = st.sampled_from(["deploy", "deploy", "rollback", "recall", "guard"])
moves = st.lists(st.tuples(kinds, st.sampled_from("ABCDE")), max_size=30)


def numbered(moves: Iterable[tuple[DeploymentKind, str]]) -> list[Step[str]]:
    return [Step(number, kind, value) for number, (kind, value) in enumerate(moves, start=1)]


@given(moves)
def test_the_reference_agrees_on_every_history(moves: list[tuple[DeploymentKind, str]]) -> None:
    history = numbered(moves)
    assert undo_stack(history) == reference(history)


@given(moves)
def test_the_current_value_is_the_newest_deployment_s(
    moves: list[tuple[DeploymentKind, str]],
) -> None:
    history = numbered(moves)
    stack = undo_stack(history)
    assert [frame.value for frame in stack[-1:]] == [step.value for step in history[-1:]]


@given(moves)
def test_every_frame_names_the_deployment_that_brought_it_in(
    moves: list[tuple[DeploymentKind, str]],
) -> None:
    history = numbered(moves)
    stack = undo_stack(history)
    since = [frame.since for frame in stack]
    assert since == sorted(set(since))
    assert all(history[frame.since - 1].value == frame.value for frame in stack)


@given(moves)
def test_going_back_always_changes_something(moves: list[tuple[DeploymentKind, str]]) -> None:
    stack = undo_stack(numbered(moves))
    assert all(one.value != next.value for one, next in pairwise(stack))


@given(st.lists(st.integers(), min_size=1, max_size=20, unique=True), st.data())
def test_n_undos_of_n_deploys_give_the_first(values: list[int], data: st.DataObject) -> None:
    history = [Step(number, "deploy", value) for number, value in enumerate(values, start=1)]
    for expected in reversed(values[:-1]):
        kind = data.draw(st.sampled_from(sorted(MARKS.values())))
        previous = undo_stack(history)[-2]
        assert previous.value == expected
        history.append(Step(len(history) + 1, kind, previous.value))
    assert undo_stack(history) == (Frame(values[0], 1),)


@given(st.lists(st.booleans(), max_size=40))
def test_an_undo_never_returns_a_value_that_was_taken_out(undos: list[bool]) -> None:
    """Each deploy brings a value of its own; True goes back, where there is a way back."""
    history: list[Step[int]] = []
    taken_out: set[int] = set()
    for undo in undos:
        number, stack = len(history) + 1, undo_stack(history)
        if undo and len(stack) > 1:
            taken_out.add(stack[-1].value)
            assert stack[-2].value not in taken_out
            history.append(Step(number, "rollback", stack[-2].value))
        else:
            history.append(Step(number, "deploy", number))
    assert not taken_out & {frame.value for frame in undo_stack(history)}


@given(moves)
def test_what_one_deployment_brought_in_and_another_took_out_stays_out(
    moves: list[tuple[DeploymentKind, str]],
) -> None:
    """Whatever the history: once its frame has left the stack, it never comes back."""
    history, gone, before = numbered(moves), set[int](), set[int]()
    for length in range(1, len(history) + 1):
        now = {frame.since for frame in undo_stack(history[:length])}
        assert not now & gone
        gone |= before - now
        before = now


@given(moves, st.sampled_from("ABCDE"))
def test_an_undo_right_after_a_deploy_is_as_if_it_had_not_been(
    moves: list[tuple[DeploymentKind, str]], value: str
) -> None:
    before = undo_stack(numbered(moves))
    if before and before[-1].value != value:
        undone = numbered([*moves, ("deploy", value), ("rollback", before[-1].value)])
        assert undo_stack(undone) == before
