"""``twinline evaluate worker``: a runner around a command or a Python function."""

import importlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.markup import escape

from twinline.cli.output import err, plural, short
from twinline.cli.session import client, server
from twinline.client.runner import Score, Told
from twinline.language.errors import Invalid, TwinlineError
from twinline.language.records import PendingEvaluation, SuiteResult

_STYLE = {"recorded": "green", "failed": "red", "lost": "yellow", "away": "yellow"}
STDERR_CHARACTERS = 1500


def worker(
    context: typer.Context,
    suite: Annotated[list[str], typer.Option(help="A suite that can be run here; repeated.")],
    command: Annotated[
        str | None,
        typer.Option(help="A command: gets the pending evaluation, prints the result, as JSON."),
    ] = None,
    call: Annotated[
        str | None, typer.Option(help="A function, as module:function, in its place.")
    ] = None,
    once: Annotated[
        bool, typer.Option("--until-empty", help="End as soon as nothing waits.")
    ] = False,
    lease: Annotated[
        int, typer.Option(help="Seconds that a runner which died holds up its evaluation.")
    ] = 60,
    poll: Annotated[float, typer.Option(help="Seconds until asking again when nothing waits.")] = 2,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds that the command may take; default: any.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Which runner it is; default: host and process.")
    ] = None,
) -> None:
    """Run suites for what waits, one after the other, until Ctrl-C or SIGTERM.

    The command finds TWINLINE_SUITE and TWINLINE_SUBJECT in its environment and the pending
    evaluation as JSON on its standard input; a function is called with it. Both find the
    server as TWINLINE_URL and TWINLINE_API_KEY in the environment. The last line that the
    command prints is the result, as {"passed": 9, "failed": 1, "score": 0.9, "cases": [{"id":
    "refund-17", "passed": true}]}; a function returns it. Another exit code than 0 is a failure,
    which tells the end of its standard error. At a signal, what is being run is brought to its
    end first.
    """
    if (command is None) == (call is None):
        raise Invalid(f"--command is {command!r} and --call is {call!r}: give one of them.")
    given = server(context)
    os.environ |= {
        "TWINLINE_URL": given.settings.server_url,
        "TWINLINE_API_KEY": given.key or "",
    }
    score = _function(call) if call is not None else _commanded(command or "", timeout)
    with _stopped_by_signals() as stop:
        taken = client(context).evaluations.work(
            suite,
            score,
            lease_seconds=lease,
            poll_seconds=poll,
            runner=name,
            stop=stop,
            until_empty=once,
            told=_say,
        )
    err.print(f"Ran {plural(taken, 'evaluation')}.", highlight=False)


def _function(name: str) -> Score:
    """The function that ``module:function`` names; modules in the working folder count."""
    module, _, attribute = name.partition(":")
    sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise Invalid(f"--call {name!r} names no function: {error}", field="--call") from error
    if not callable(found):
        raise Invalid(f"--call {name!r} names no function.", field="--call", value=name)
    function: Callable[[PendingEvaluation], object] = found
    return lambda pending: SuiteResult.model_validate(function(pending))


def _commanded(command: str, timeout: float | None) -> Score:
    """Runs a command for each evaluation."""
    words = _words(command)

    def score(pending: PendingEvaluation) -> SuiteResult:
        about = {"TWINLINE_SUITE": pending.suite, "TWINLINE_SUBJECT": str(pending.subject)}
        return _result(_output(words, pending, os.environ | about, timeout))

    return score


def _words(command: str) -> list[str]:
    """A command's words, when it can be run: else everything that waits would fail of it.

    Raises:
        Invalid: a quote does not end, or there is no such program.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise Invalid(
            f"--command {command!r} cannot be read: {error}.", field="--command", value=command
        ) from error
    if not words or shutil.which(words[0]) is None:
        raise Invalid(
            f"--command {command!r} names no program that can be run here. Give the path of one, "
            "or a name on PATH.",
            field="--command",
            value=command,
        )
    return words


def _output(
    words: list[str], pending: PendingEvaluation, variables: dict[str, str], timeout: float | None
) -> str:
    """What a command prints for an evaluation. It runs in a group of its own, so that Ctrl-C
    reaches us alone, and so that nothing of it goes on when it is ended before its time."""
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=variables,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            printed, said = process.communicate(pending.model_dump_json(), timeout)
        except BaseException:  # the timeout, or the second signal
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode != 0:
        tail = said.strip()[-STDERR_CHARACTERS:]
        raise TwinlineError(f"{words[0]} ended with {process.returncode}: {tail}")
    return printed


def _result(printed: str) -> SuiteResult:
    last = printed.strip().rpartition("\n")[2]
    try:
        return SuiteResult.model_validate_json(last)
    except ValidationError as error:
        why = "; ".join(f"{item['loc']}: {item['msg']}" for item in error.errors()[:3])
        raise Invalid(
            f"the last line that it printed is no result: {last[:200]!r} ({why})"
        ) from error


@contextmanager
def _stopped_by_signals() -> Generator[threading.Event]:
    """An event that SIGINT and SIGTERM set; the second signal ends the program at once."""
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        err.print("Stopping after what is being run; once more stops at once.", style="dim")

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(told: Told) -> None:
    about = f"{told.pending.suite} {short(told.pending.subject)}: " if told.pending else ""
    what = told.evaluation.verdict if told.evaluation else told.what
    score = told.evaluation.score if told.evaluation else None
    said = f"{what}{'' if score is None else f' with {score:.4g}'} {told.why}".strip()
    style = _STYLE.get(told.what, "dim")
    err.print(f"{escape(about)}[{style}]{escape(said)}[/]", highlight=False)
