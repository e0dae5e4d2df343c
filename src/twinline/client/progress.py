"""How far a long list or table is, while it is read."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from twinline.client.libraries import load

Item = TypeVar("Item")
Progress = bool | Callable[[int], None]
"""True shows a line in the terminal or notebook; a function is told the rows so far."""

_EVERY = 500
"""Rows between two tellings: a page at most."""


def counted(items: Iterable[Item], progress: Progress = True) -> Iterator[Item]:
    """The same items, while it is told how many there were so far, at last how many in all::

        for request in counted(client.lineage.affected("prompts:/support/answer/5")):
            ...

    Raises:
        ImportError: a line is wanted and rich is not installed.
    """
    with telling(progress) as tell:
        count = 0
        for count, item in enumerate(items, 1):
            if count % _EVERY == 0:
                tell(count)
            yield item
        tell(count)


@contextmanager
def telling(progress: Progress) -> Generator[Callable[[int], None]]:
    """What to tell the rows so far.

    Raises:
        ImportError: a line is wanted and rich is not installed.
    """
    if callable(progress):
        yield progress
    elif not progress:
        yield lambda _rows: None
    else:
        rich = load("rich.progress")
        columns = (rich.SpinnerColumn(), "{task.completed:,} rows", rich.TimeElapsedColumn())
        with rich.Progress(*columns) as line:
            task = line.add_task("", total=None)
            yield lambda rows: line.update(task, completed=rows)
