"""What a slot had before: the undo stack of a side, and the traffic of a bundle."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from twinline.language.records import DeploymentKind
from twinline.language.refs import BundleRef
from twinline.routing.policy import Policy

Value = TypeVar("Value", bound=Hashable)


@dataclass(frozen=True)
class Step(Generic[Value]):
    """What one side was under a deployment."""

    number: int
    kind: DeploymentKind
    value: Value


@dataclass(frozen=True)
class Frame(Generic[Value]):
    """A value on the undo stack, and the deployment that brought it in."""

    value: Value
    since: int


def undo_stack(history: Iterable[Step[Value]]) -> tuple[Frame[Value], ...]:
    """The values that a side could go back through, the current one last.

    A deploy that changes the side pushes its value. Anything that goes back pops: down
    to its value where that is on the stack, else its value takes the top's place. So
    going back twice goes further back; it never toggles between two deployments.
    """
    stack: list[Frame[Value]] = []
    for step in history:
        if step.kind != "deploy":
            _pop_to(stack, step.value)
        if not stack or stack[-1].value != step.value:
            stack.append(Frame(step.value, step.number))
    return tuple(stack)


def had(policies: Iterable[Policy], bundle: BundleRef, buckets: int) -> bool:
    """Whether one of these policies served a bundle to everybody else, as its default, or
    gave it an arm of at least so many buckets."""
    return any(
        policy.default.bundle == bundle
        or any(
            arm.bundle == bundle and arm.size >= buckets
            for _, split in policy.splits()
            for arm in split.arms
        )
        for policy in policies
    )


def _pop_to(stack: list[Frame[Value]], value: Value) -> None:
    below = [frame.value for frame in stack]
    keep = len(below) - below[::-1].index(value) if value in below else len(below) - 1
    del stack[max(keep, 0) :]
