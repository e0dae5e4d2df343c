"""Where scenes are played: the servers, and a command line that types what people would."""

import io
import shlex
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from rich.text import Text
from typer.core import TyperGroup

from twinline.cli.demo import catalog
from twinline.cli.demo.progress import bar
from twinline.cli.demo.tickets import tickets
from twinline.cli.demo.trained import TrainedVersion
from twinline.cli.next_steps import Typed, tell
from twinline.cli.output import out
from twinline.cli.root import command_line
from twinline.client import Client
from twinline.language.errors import TwinlineError
from twinline.language.records import Resolution
from twinline.language.refs import SlotRef

Seen = TypeVar("Seen")

PATIENCE_SECONDS = 30.0
"""How long a scene waits for what another process does by itself."""


class Stage:
    """A server with trained model versions, their prompts and a suite; nothing is live yet.

    Commands run as they are typed, in this process, by the command line itself: what a
    scene shows is what people get.

    Args:
        url: the Twinline server's.
        key: an admin's.
        client: with that key.
        mlflow_url: where the models are registered.
        folder: where files of the demo go.
        trained: the versions of the model by which requests are answered.
        share: of the requests that a scene wants, how many there are; in (0, 1].
    """

    def __init__(
        self,
        url: str,
        key: str,
        client: Client,
        *,
        mlflow_url: str,
        folder: Path,
        trained: tuple[TrainedVersion, ...],
        share: float = 1.0,
    ) -> None:
        self.url, self.key, self.client = url, key, client
        self.mlflow_url, self.folder = mlflow_url, folder
        self.models = {version.ref: version for version in trained}
        self._share = share

    @cached_property
    def _commands(self) -> TyperGroup:
        return command_line()

    def types(self, command: str) -> None:
        """Show a command as a person would type it, and run it.

        Args:
            command: without the program's name, quoted as in a shell.

        Raises:
            TwinlineError: it was refused, or did not end with 0.
        """
        self._shows(f"twinline {command}")
        code = self._run(command)
        if code:
            raise TwinlineError(f"`twinline {command}` ended with {code}.")

    def is_refused(self, kind: type[TwinlineError], command: str) -> None:
        """Show a command, run it, and show how it is refused.

        Raises:
            TwinlineError: it was not refused, or for another reason.
        """
        self._shows(f"twinline {command}")
        try:
            self._run(command)
        except kind as refused:
            with redirect_stderr(io.StringIO()) as said:
                tell(refused, Typed.read(shlex.split(command), self._commands))
            out.print(Text(said.getvalue()), end="", soft_wrap=True)
        else:
            raise TwinlineError(f"`twinline {command}` was not refused, as it should be.")

    def fetches(self, path: str) -> None:
        """Show how an application without a client of ours reads, and what it gets."""
        self._shows(f"curl -H \"X-API-Key: $TWINLINE_API_KEY\" '{self.url}{path}'")
        out.print_json(catalog.fetched(f"{self.url}{path}", self.key))

    def tells(self, words: str) -> None:
        """Say what happens elsewhere, or what to look at."""
        out.print(Text(words, style="italic"))

    def requires(self, holds: bool, otherwise: str) -> None:
        """End the demo unless something holds.

        Raises:
            TwinlineError: it does not; with the words for that.
        """
        if not holds:
            raise TwinlineError(f"The demo did not go as it should: {otherwise}")

    def waits_for(self, look: Callable[[], Seen], wanted: Callable[[Seen], bool]) -> Seen:
        """Look until what is seen is as wanted.

        Raises:
            TwinlineError: it is not after 30 s; with what was seen last.
        """
        end = time.monotonic() + PATIENCE_SECONDS
        while not wanted(seen := look()):
            self.requires(time.monotonic() < end, f"after {PATIENCE_SECONDS:.0f} s it is {seen}")
            time.sleep(0.1)
        return seen

    def answers(self, slot: SlotRef, count: int, words: str) -> list[Resolution]:
        """Let customers write, and answer them by what is live."""
        count = max(round(count * self._share), 10)
        with bar(f"{count:,} requests, {words}", count) as step:
            asked = catalog.Asked(slot, count, lambda: step(slot.short))
            return catalog.answer(self.client, asked, self.models, tickets())

    def _shows(self, line: str) -> None:
        out.print()
        out.print(Text(f"$ {line}", style="bold cyan"), soft_wrap=True)

    def _run(self, command: str) -> int:
        """The exit code; what is said about mistakes is printed in its place."""
        server = ("--url", self.url, "--api-key", self.key)
        words = [*server, *shlex.split(command)]
        with redirect_stderr(out.file):  # pyright: ignore[reportArgumentType] -- text, as that is
            return self._commands.main(words, prog_name="twinline", standalone_mode=False) or 0


@contextmanager
def silence() -> Generator[None]:
    """Let nothing that is printed be seen."""
    with redirect_stdout(io.StringIO()):
        yield
