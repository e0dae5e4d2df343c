"""Keeping what owns locks and files in order while the process forks."""

import os
from threading import Lock
from typing import Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """Something that a forked child must not share with its parent."""

    def hold_for_fork(self) -> None:
        """Come to rest, in the parent, before the fork."""
        ...

    def resume_after_fork(self) -> None:
        """Go on, in the parent."""
        ...

    def begin_after_fork(self) -> None:
        """Begin anew, in the child."""
        ...


class _Forks:
    def __init__(self) -> None:
        self._watched: WeakSet[Forkable] = WeakSet()
        self._held: list[Forkable] = []
        # Held from before a fork until after it: nothing is added and no other thread forks.
        self._lock = Lock()

    def watch(self, forkable: Forkable) -> None:
        with self._lock:
            self._watched.add(forkable)

    def before(self) -> None:
        self._lock.acquire()
        self._held = list(self._watched)
        for forkable in self._held:
            forkable.hold_for_fork()

    def in_parent(self) -> None:
        for forkable in self._held:
            forkable.resume_after_fork()
        self._held = []
        self._lock.release()

    def in_child(self) -> None:
        for forkable in self._held:
            forkable.begin_after_fork()
        self._held = []
        self._lock = Lock()


_forks = _Forks()
os.register_at_fork(
    before=_forks.before,
    after_in_parent=_forks.in_parent,
    after_in_child=_forks.in_child,
)


def watch(forkable: Forkable) -> None:
    """Have it told of every fork from now on, as long as it lives."""
    _forks.watch(forkable)
