"""Stop a slot, a bundle or everything by one command, and let it go on."""

from typing import Annotated

import typer
from rich.text import Text

from twinline.cli.output import AsCsv, AsJson, facts, show, show_list, table_of
from twinline.cli.session import client
from twinline.cli.slots import Reason, whole
from twinline.language.records import Kill
from twinline.language.refs import BundleRef, SlotRef

EVERYTHING = "everything"


def kill(
    context: typer.Context,
    subject: Annotated[
        str,
        typer.Argument(
            help="ROUTE@ENVIRONMENT (a ROUTE is in the profile's environment), bundles:/DIGEST, "
            "or `everything`."
        ),
    ],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Stop something now. It needs no approval; who and why is kept.

    A killed slot serves nothing; a killed bundle gives way to its policies' fallback.
    """
    api = client(context).kills
    if subject == EVERYTHING:
        thrown = api.everything(reason)
    elif subject.startswith("bundles:/"):
        thrown = api.bundle(subject, reason)
    else:
        thrown = api.slot(whole(context, subject), reason)
    show(thrown, as_json, lambda: _facts(thrown))


def lift(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="The kill switch, as `twinline kills` lists it.")],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Let what was stopped go on."""
    lifted = client(context).kills.lift(number, reason)
    show(lifted, as_json, lambda: _facts(lifted))


def list_kills(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Lifted ones too.")] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List what is stopped."""
    found = (one for one in client(context).kills.list() if every or one.lifted_at is None)
    show_list(
        found,
        as_json,
        lambda kills: table_of(
            ("nr#", "what", "by", "since", "why", *(("lifted", "by", "because") if every else ())),
            (_row(one, every) for one in kills),
        ),
        "Nothing is stopped.",
        as_csv=as_csv,
    )


def _row(kill: Kill, every: bool) -> tuple[object, ...]:
    lifted = (kill.lifted_at, kill.lifted_by, kill.lifted_reason) if every else ()
    return kill.number, _subject(kill), kill.actor, kill.at, kill.reason, *lifted


def _subject(kill: Kill) -> str:
    match kill.subject:
        case SlotRef():
            return kill.subject.short
        case BundleRef():
            return f"bundles:/{kill.subject.digest[:12]}"
        case _:
            return kill.subject


def _facts(kill: Kill) -> object:
    lifted = kill.lifted_at is not None
    state = Text("lifted", style="green") if lifted else Text("stopped", style="bold red")
    return facts(
        (
            ("kill", str(kill.number)),
            ("what", kill.subject),
            ("state", state),
            ("by", kill.actor),
            ("since", kill.at),
            ("why", kill.reason),
            ("lifted by", kill.lifted_by),
            ("lifted because", kill.lifted_reason),
        )
    )
