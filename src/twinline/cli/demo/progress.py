"""Lines of progress, for what takes longer than people like to look at nothing."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Step = Callable[[str], None]


@contextmanager
def bar(title: str, steps: int) -> Generator[Step]:
    """One line of progress; each call of what is yielded is a step, told in words.

    It stays where standard output went at its beginning, wherever that goes meanwhile.
    """
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(file=sys.stdout),
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with progress:
        task = progress.add_task(title, total=steps)

        def step(words: str) -> None:
            progress.update(task, advance=1, description=f"{title}: {words}")

        yield step
        progress.update(task, completed=steps, description=title)
