"""``--watch``: ask again and again, and show the newest answer in place."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import zip_longest
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.text import Text
from typer.core import TyperCommand

from twinline.cli.output import err, out
from twinline.cli.terminal import Terminal
from twinline.language.errors import Invalid, Unavailable

EVERY_SECONDS = 2.0
SECONDS_MIN, SECONDS_MAX = 0.2, 86_400.0
_DRAWN_EACH_SECOND = 4

Watch = Annotated[
    float | None,
    typer.Option(
        "--watch",
        metavar="[SECONDS]",
        help=f"Ask again every so many seconds (default {EVERY_SECONDS:g}) until Ctrl-C.",
    ),
]
"""How often to ask, in seconds; None: once. For commands of the class `Watched`."""


class Watched(TyperCommand):
    """A command whose ``--watch`` may stand without a number."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # pyright: ignore[reportIncompatibleMethodOverride] -- typer's own context class
        """Give ``--watch`` its number."""
        return super().parse_args(ctx, numbered(args))


def numbered(words: list[str]) -> list[str]:
    """The words with a number after each ``--watch`` that has none."""
    given: list[str] = []
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        given.append(word)
        if word == "--watch" and not _is_number(following):
            given.append(f"{EVERY_SECONDS:g}")
    return given


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


class View:
    """The last answer, and its age while the server keeps from giving a newer one."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._seen = Text()
        self._at = 0.0
        self.trouble: str | None = None

    def ask(self) -> None:
        """Look once more; a server that is away leaves the last answer."""
        try:
            with out.capture() as printed:
                self._look()
        except Unavailable as error:
            self.trouble = error.detail
        else:
            self._seen = Text.from_ansi(printed.get())
            self._at, self.trouble = time.monotonic(), None

    def __rich__(self) -> RenderableType:
        if self.trouble is None:
            return self._seen
        age = time.monotonic() - self._at
        said = f"This is {age:,.0f} s old, and asked for again: {self.trouble}"
        return Group(self._seen, Text(said, style="bold yellow"))


def watch(
    seconds: float | None,
    look: Callable[[], None],
    *,
    plain: bool,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Let ``look`` print what there is: once, or every so many seconds until Ctrl-C, which is
    a good end.

    In a terminal the newest stands where the one before was; elsewhere, and when ``plain``,
    one follows the other. A server that goes away is waited for; one that is away at first
    is an error.

    Raises:
        Invalid: ``seconds`` is below 0.2.
    """
    if seconds is None:
        look()
        return
    if not SECONDS_MIN <= seconds <= SECONDS_MAX:
        raise Invalid(
            f"--watch {seconds:g} is out of range; give {SECONDS_MIN:g} to {SECONDS_MAX:g} "
            "seconds.",
            field="--watch",
            value=seconds,
        )
    with suppress(KeyboardInterrupt):
        if out.is_terminal and not plain:
            _in_place(seconds, look, wait)
        else:
            _in_turn(seconds, look, wait)


def _in_place(seconds: float, look: Callable[[], None], wait: Callable[[float], None]) -> None:
    view = View(look)
    view.ask()
    if view.trouble is not None:
        raise Unavailable(view.trouble)
    # On a console of its own: what is printed on one with a live place is drawn around it.
    drawn_on = Terminal(force_terminal=True)
    with Live(
        view,
        console=drawn_on,
        refresh_per_second=_DRAWN_EACH_SECOND,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as place:
        while True:
            wait(seconds)
            view.ask()
            place.refresh()


def _in_turn(seconds: float, look: Callable[[], None], wait: Callable[[float], None]) -> None:
    look()
    trouble: str | None = None
    while True:
        sys.stdout.flush()
        wait(seconds)
        try:
            look()
        except Unavailable as error:
            if trouble is None:
                err.print(f"Asking again: {escape(error.detail)}", style="yellow")
            trouble = error.detail
        else:
            trouble = None
