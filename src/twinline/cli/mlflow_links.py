"""``twinline mlflow link``: aliases in MLflow that go with slots, and what others did to them."""

from collections.abc import Sequence
from typing import Annotated, Literal

import typer
from rich.console import RenderableType
from rich.text import Text

from twinline.cli.output import AsCsv, AsJson, facts, show, show_list, table_of
from twinline.cli.session import client
from twinline.cli.slots import OnlySlot, Reason, SlotArgument, facts_of
from twinline.client import Client
from twinline.language.errors import NotFound
from twinline.language.records import AliasLink, ForeignMove, ForeignMoves

NumberArgument = Annotated[
    int, typer.Argument(help="The proposal, as `twinline mlflow proposals` says.")
]
_STATE_STYLE = {
    "in_sync": "green",
    "pending": "yellow",
    "drifted": "bold yellow",
    "error": "bold red",
    "no_alias": "dim",
}


def link(
    context: typer.Context,
    slot: SlotArgument,
    alias: Annotated[str, typer.Argument(help="The alias in MLflow, as production.")],
    foreign: Annotated[
        Literal["alert", "revert", "propose", "deploy"],
        typer.Option(help="What happens when somebody moves the alias in MLflow."),
    ] = "alert",
    writes: Annotated[
        bool,
        typer.Option("--writes/--no-writes", help="The alias follows what is live in the slot."),
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Have an alias in MLflow go with a slot: it names the model version that is live.

    A move that somebody makes in MLflow is only shown (alert), put back (revert), proposed
    here for a person to accept (propose), or deployed here at once (deploy).
    """
    how: ForeignMoves = foreign
    made = client(context).mlflow_links.link(slot, alias, writes=writes, foreign=how)
    show(made, as_json, lambda: _facts(made))


def links(
    context: typer.Context,
    slot: OnlySlot = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Slots that an alias in MLflow goes with, and whether they agree."""
    api = client(context).mlflow_links
    if slot is not None:
        found = api.get(slot)
        show(found, as_json, lambda: _facts(found), as_csv=as_csv)
        return
    show_list(
        api.list(),
        as_json,
        lambda links: table_of(
            ("slot", "alias", "state", "live", "in MLflow", "writes", "foreign", "why"),
            (_row(one) for one in links),
        ),
        "No slot is linked. `twinline mlflow link ROUTE@ENVIRONMENT ALIAS` links one.",
        as_csv=as_csv,
    )


def unlink(context: typer.Context, slot: SlotArgument, as_json: AsJson = False) -> None:
    """Let a slot and its alias go their own ways; the alias stays where it is in MLflow."""
    ended = client(context).mlflow_links.unlink(slot)
    show(ended, as_json, lambda: Text(f"{slot} is linked no more."))


def moves(
    context: typer.Context, slot: SlotArgument, as_json: AsJson = False, as_csv: AsCsv = False
) -> None:
    """What others did to the alias of a slot, and what came of it; the newest first."""
    show_list(
        client(context).mlflow_links.moves(slot),
        as_json,
        _moves_of,
        "Nobody else has moved the alias.",
        as_csv=as_csv,
    )


def proposals(
    context: typer.Context,
    slot: OnlySlot = None,
    every: Annotated[bool, typer.Option("--all", help="Decided ones too.")] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Versions that others gave the alias in MLflow and that wait to be deployed here."""
    show_list(
        client(context).mlflow_links.proposals(slot, waiting=not every),
        as_json,
        _moves_of,
        "Nothing is proposed.",
        as_csv=as_csv,
    )


def accept(
    context: typer.Context,
    number: NumberArgument,
    reason: Reason,
    expect: Annotated[
        int | None,
        typer.Option(help="Deploy over this deployment; default: the one it was proposed for."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Deploy what is proposed, in your name, with the same prompt and parameters.

    A stale proposal, for a slot where another deployment is live by now, needs --expect.
    """
    api = client(context)
    expected = _proposal(api, number).live if expect is None else expect
    made = api.mlflow_links.accept(number, reason=reason, expected=expected)
    show(made, as_json, lambda: facts_of(made))


def decline(
    context: typer.Context, number: NumberArgument, reason: Reason, as_json: AsJson = False
) -> None:
    """Stay with what is live; a link that writes puts the alias back."""
    declined = client(context).mlflow_links.decline(number, reason=reason)
    show(declined, as_json, lambda: Text(f"Proposal {number} is declined."))


def _proposal(api: Client, number: int) -> ForeignMove:
    every = api.mlflow_links.proposals(waiting=False)
    found = next((one for one in every if one.number == number), None)
    if found is None:
        raise NotFound(f"There is no proposal {number}; `twinline mlflow proposals` lists them.")
    return found


def _facts(link: AliasLink) -> RenderableType:
    return facts(
        (
            ("slot", link.slot.short),
            ("alias", link.alias),
            ("state", _state(link)),
            ("why", link.why),
            ("live", link.live),
            ("in MLflow", link.seen),
            ("looked at", link.looked_at),
            ("written", link.written),
            ("written at", link.written_at),
            ("pending since", link.pending_since),
            ("failed tries", link.tries or None),
            ("proposal", link.proposal),
            ("writes", link.writes),
            ("foreign moves", link.foreign),
            ("by", link.actor),
            ("since", link.at),
        )
    )


def _row(link: AliasLink) -> tuple[object, ...]:
    return (
        link.slot.short,
        link.alias,
        _state(link),
        link.live,
        link.seen,
        link.writes,
        link.foreign,
        link.why,
    )


def _state(link: AliasLink) -> Text:
    return Text(link.state.replace("_", " "), style=_STATE_STYLE[link.state])


def _moves_of(moves: Sequence[ForeignMove]) -> RenderableType:
    return table_of(
        ("nr#", "slot", "model", "from#", "to#", "found", "outcome", "by", "why"),
        (
            (
                one.number,
                one.slot.short,
                one.model,
                one.before,
                one.after,
                one.found_at,
                f"{one.outcome}, stale" if one.stale else one.outcome,
                one.decided_by,
                one.why,
            )
            for one in moves
        ),
    )
