"""Deploy, look at what is live, and roll back."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from twinline.cli import completion, times
from twinline.cli.output import (
    AsCsv,
    AsJson,
    err,
    facts,
    number,
    out,
    percent,
    plural,
    short,
    show,
    show_list,
    table_of,
)
from twinline.cli.session import client, read_json, read_text, server
from twinline.cli.watching import Watch, watch
from twinline.client import Client
from twinline.language.errors import Invalid, NotFound
from twinline.language.records import (
    Deployment,
    LiveAt,
    PairPreflight,
    RollbackPreview,
    Side,
    SideChange,
    Slot,
)
from twinline.language.refs import ModelVersionRef, PromptVersionRef


def whole(context: typer.Context, slot: str, environment: str | None = None) -> str:
    """A slot with its environment: its own, or else this one, or else the profile's."""
    if "@" in slot:
        return slot
    found = environment or server(context).settings.environment
    return f"{slot}@{found}" if found else slot


def _given(context: typer.Context, slot: str | None) -> str | None:
    """A slot as an argument of a command."""
    if slot is None or context.resilient_parsing:  # a shell's Tab must not stumble over a file
        return slot
    return whole(context, slot)


SlotArgument = Annotated[
    str,
    typer.Argument(
        callback=_given,
        autocompletion=completion.slots,
        help="ROUTE@ENVIRONMENT, as support@production; a ROUTE is in the profile's environment.",
    ),
]
OnlySlot = Annotated[
    str | None,
    typer.Argument(
        callback=_given,
        autocompletion=completion.slots,
        help="Only there: ROUTE@ENVIRONMENT; a ROUTE is in the profile's environment.",
    ),
]
SlotOption = Annotated[
    str | None,
    typer.Option(
        autocompletion=completion.slots,
        help="Only there: ROUTE@ENVIRONMENT; a ROUTE is in that of --environment or the profile.",
    ),
]
"""For commands that have ``--environment``, too; `whole` puts them together."""
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; kept in the history.")]
VERDICT_STYLE = {
    "proven": "bold green",
    "evaluated": "green",
    "untested": "bold yellow",
    "blocked": "bold red",
}


def deploy(
    context: typer.Context,
    slot: SlotArgument,
    reason: Reason,
    bundle: Annotated[str | None, typer.Option(help="A bundle, as bundles:/3f9a1c22b1d0.")] = None,
    policy: Annotated[
        Path | None, typer.Option(help="A policy as JSON in a file; - for stdin.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="With --prompt: pair and deploy.")] = None,
    prompt: Annotated[str | None, typer.Option(help="With --model: pair and deploy.")] = None,
    expect: Annotated[
        int | None,
        typer.Option(help="Deploy only over this deployment; default: what is live now."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a bundle live in a slot, by its digest or by its two sides, or a policy."""
    api = client(context)
    document = read_json(read_text(policy), str(policy)) if policy else None
    if bundle is None and document is None:
        if model is None or prompt is None:
            found = "the model" if model else "the prompt" if prompt else "nothing"
            raise Invalid(
                f"Of what should be live {found} was given; give --bundle BUNDLE, or --model "
                "MODEL and --prompt PROMPT, or --policy FILE."
            )
        bundle = str(api.bundles.pair(model, prompt).ref)
    expected = live_number(api, slot) if expect is None else expect
    made = api.slots.deploy(slot, bundle, policy=document, reason=reason, expected=expected)
    show(made, as_json, lambda: facts_of(made))


def live(
    context: typer.Context,
    slot: Annotated[
        str | None,
        typer.Argument(
            autocompletion=completion.slots,
            help="ROUTE@ENVIRONMENT, or an ENVIRONMENT; all without. Where an environment is "
            "said, by --environment or the profile, a ROUTE is in it.",
        ),
    ] = None,
    at: Annotated[str | None, typer.Option(help=f"What was live then. {times.HELP}")] = None,
    environment: Annotated[
        str | None,
        typer.Option(autocompletion=completion.environments, help="Only this environment."),
    ] = None,
    again: Watch = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """What is live now, or what was live at a time: in a slot, or in all of an environment."""
    api = client(context)
    moment = times.moment_or_none(at, "--at")
    said = environment or server(context).settings.environment
    one = slot if slot is None or slot == said else whole(context, slot, environment)

    def look() -> None:
        _show_live(api, one, moment, environment, as_json, as_csv)

    watch(again, look, plain=as_json or as_csv)


def _show_live(
    api: Client,
    slot: str | None,
    moment: datetime | None,
    environment: str | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    all_of = environment if slot is None else slot if "@" not in slot else None
    if moment and slot is None and environment is None:
        raise Invalid("--at needs a slot or an environment.")
    if all_of and (moment or slot):
        found_at = api.environments.live(all_of, at=moment)
        if as_csv:  # a line for each slot, as without a moment
            nothing = found_at.note or "Nothing was live."
            show_list(found_at.slots, as_json, slots_table, nothing, as_csv=as_csv)
        else:
            show(found_at, as_json, lambda: _live_at(found_at))
        return
    if slot is None:
        show_list(
            api.slots.list(environment),
            as_json,
            slots_table,
            "No slots yet. `twinline deploy ROUTE@ENVIRONMENT ...` makes something live.",
            as_csv=as_csv,
        )
        return
    found = api.slots.get(slot, at=moment)
    show(found, as_json, lambda: _live_in(found), as_csv=as_csv)


def _live_in(found: Slot) -> object:
    return facts_of(found.live) if found.live else Text("Nothing is live.")


def _live_at(found: LiveAt) -> RenderableType:
    note = [Text(found.note, style="dim")] if found.note else []
    return Group(*([slots_table(found.slots)] if found.slots else []), *note)


def history(
    context: typer.Context, slot: SlotArgument, as_json: AsJson = False, as_csv: AsCsv = False
) -> None:
    """A slot's deployments: what, who, when and why; the newest first."""
    show_list(
        client(context).slots.history(slot),
        as_json,
        lambda found: table_of(
            ("nr#", "kind", "prompt", "model", "undoes#", "by", "at", "reason"),
            (
                (
                    one.number,
                    one.kind,
                    _version(one.prompt),
                    _version(one.model),
                    one.undoes,
                    one.actor,
                    one.at,
                    one.reason,
                )
                for one in found
            ),
        ),
        "Nothing was ever deployed here.",
        as_csv=as_csv,
    )


def roll_back(
    context: typer.Context,
    slot: SlotArgument,
    side: Annotated[Literal["prompt", "model", "both"], typer.Option(help="Which side goes back.")],
    reason: Annotated[str | None, typer.Option("--reason", "-r", help="Why.")] = None,
    to: Annotated[
        str | None, typer.Option(help="A version of that side; default: the previous one.")
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Only show what it would do.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    accept_untested: Annotated[
        bool, typer.Option("--accept-untested", help="Go on without evidence about the pair.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put one side of a slot back, or both, after showing what is known about the result."""
    api = client(context)
    chosen: Side = side
    foreseen = api.slots.preview_rollback(slot, chosen, to=to)
    if preview:
        show(foreseen, as_json, lambda: preview_of(foreseen))
        return
    if reason is None:
        raise Invalid("A rollback needs --reason.")
    if not as_json:
        out.print(preview_of(foreseen))
    if not yes and not typer.confirm(f"Roll back {slot}?", default=False, err=True):
        err.print("Nothing was changed.")
        raise typer.Exit(1)
    made = api.slots.roll_back(
        slot,
        chosen,
        reason=reason,
        expected=foreseen.live.number,
        to=to,
        accept_untested=accept_untested,
    )
    show(made, as_json, lambda: facts_of(made))


def preview_of(foreseen: RollbackPreview) -> Group:
    """What a rollback would do, for people."""
    changes = table_of(
        ("side", "goes", "comes back", "came in with"),
        (
            (change.side, change.taken_out, _coming(change), f"deployment {change.undoes}")
            for change in foreseen.changes
        ),
    )
    skipped = tuple(
        Text(f"passed over {one.version}: {one.why}", style="yellow")
        for change in foreseen.changes
        for one in change.skipped
    )
    moved = Text(
        f"{foreseen.slot.short} is at deployment {foreseen.live.number}; "
        f"{plural(foreseen.requests_last_hour, 'request')} in the last hour.",
        style="dim",
    )
    return Group(moved, changes, *skipped, *(_pair(pair) for pair in foreseen.pairs))


def _coming(change: SideChange) -> str:
    return f"{change.put_back}{'' if change.was_live else ' (never live here)'}"


def _pair(pair: PairPreflight) -> Group:
    served = pair.served_here
    verdict = Text.assemble((pair.verdict, VERDICT_STYLE[pair.verdict]), f": {pair.why}")
    return Group(
        Text(),
        facts(
            (
                ("would be live", short(pair.bundle)),
                ("model", pair.model),
                ("prompt", pair.prompt),
                ("parameters", pair.parameters),
                ("verdict", verdict),
                ("errors here", percent(served.errors, served.requests)),
                ("p95 here", number(served.latency_ms and served.latency_ms.p95, " ms")),
                ("score here", number(served.score)),
                ("last served", served.last_at),
                ("pairing", pair.pairing),
                *(("not passed", Text(str(one), style="yellow")) for one in pair.missing),
            )
        ),
    )


def live_number(api: Client, slot: str) -> int:
    """The number of the live deployment, 0 for none."""
    try:
        live = api.slots.get(slot).live
    except NotFound:
        return 0
    return live.number if live else 0


def slots_table(slots: Sequence[Slot]) -> Table:
    """What is live in each slot, for people."""

    def row(slot: Slot) -> tuple[object, ...]:
        if slot.live is None:
            return (slot.ref.short, *[None] * 5)
        live = slot.live
        sides = _version(live.prompt), _version(live.model)
        return (slot.ref.short, live.number, *sides, live.actor, live.at)

    columns = ("slot", "nr#", "prompt", "model", "by", "since")
    return table_of(columns, (row(one) for one in slots))


def _version(ref: PromptVersionRef | ModelVersionRef) -> str:
    """A version in a column that says already what it is a version of."""
    return f"{ref.name}/{ref.number}"


def facts_of(deployment: Deployment) -> object:
    """A deployment, for people."""
    return facts(
        (
            ("deployment", deployment.ref),
            ("kind", deployment.kind),
            ("prompt", deployment.prompt),
            ("model", deployment.model),
            ("bundle", deployment.bundle),
            ("undoes", f"deployment {deployment.undoes}" if deployment.undoes else None),
            ("by", deployment.actor),
            ("at", deployment.at),
            ("reason", deployment.reason),
        )
    )
