"""``twinline tail``: inferences as they arrive."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated

import typer
from rich.markup import escape
from rich.text import Text

from twinline.cli import completion
from twinline.cli.output import UNKNOWN, AsJson, err, number, out, short
from twinline.cli.session import client
from twinline.cli.slots import SlotOption, whole
from twinline.language.errors import Unavailable
from twinline.language.records import Arrivals, Inference, Status

ASK_SECONDS = 1.0
Ask = Callable[[str | None], Arrivals]


def tail(
    context: typer.Context,
    slot: SlotOption = None,
    environment: Annotated[
        str | None, typer.Option(autocompletion=completion.environments, help="Only there.")
    ] = None,
    status: Annotated[
        Status | None,
        typer.Option(help="Only what has it when it arrives; a later outcome shows nothing."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Only of it, as models:/gpt-4o/1.")] = None,
    prompt: Annotated[
        str | None, typer.Option(help="Only of it, as prompts:/support/answer/2.")
    ] = None,
    last: Annotated[
        int, typer.Option(min=0, max=500, help="Begin with so many that are here.")
    ] = 10,
    late: Annotated[
        int, typer.Option(min=1, help="Seconds after it was made that one may still come.")
    ] = 3600,
    as_json: AsJson = False,
) -> None:
    """Show inferences as they arrive, each once, until Ctrl-C.

    A server that goes away is waited for, and what arrived meanwhile is shown then. With
    --json each is one line. Outcomes that are told after an inference are not followed: its
    status is judged once, so --status is for inferences that arrive with one.
    """
    api = client(context).inferences
    only = whole(context, slot, environment) if slot else None

    def ask(cursor: str | None) -> Arrivals:
        return api.arrivals(
            cursor,
            nodes=tuple(node for node in (model, prompt) if node),
            slot=only,
            environment=environment,
            status=status,
            last=last,
            late_seconds=late,
        )

    with suppress(KeyboardInterrupt):
        follow(ask, _print_json if as_json else show_line)


def follow(
    ask: Ask, tell: Callable[[Inference], None], wait: Callable[[float], None] = time.sleep
) -> None:
    """Tell what arrives, for ever; a server that goes away is asked again where it was.

    Raises:
        Unavailable: the server is away at first.
    """
    found = ask(None)
    while True:
        for one in found.items:
            tell(one)
        sys.stdout.flush()
        if not found.more:
            wait(ASK_SECONDS)
        found = _patiently(ask, found.next, wait)


def _patiently(ask: Ask, cursor: str, wait: Callable[[float], None]) -> Arrivals:
    told = False
    while True:
        try:
            return ask(cursor)
        except Unavailable as error:
            if not told:
                err.print(f"Asking again: {escape(error.detail)}", style="yellow")
            told = True
            wait(ASK_SECONDS)


def _print_json(one: Inference) -> None:
    print(one.model_dump_json())


def show_line(one: Inference) -> None:
    """Print one for people, on one line."""
    measured = one.measured
    bad = measured.status == "error"
    out.print(
        Text.assemble(
            (f"{one.at:%H:%M:%S} ", "dim"),
            (f"{measured.status or UNKNOWN:5} ", "bold red" if bad else "green"),
            one.slot.short if one.slot else "(no slot)",
            (f" {one.arm}" if one.arm else "", "cyan"),
            f" {short(one.bundle)}",
            f" {number(measured.latency_ms, ' ms')}",
            f" {one.decision}" if one.decision else "",
            (f" {one.id}", "dim"),
        ),
        soft_wrap=True,
    )
