"""Count, list and foresee what a version touches."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from twinline.cli import times
from twinline.cli.explain import requests
from twinline.cli.lineage import NodeArgument
from twinline.cli.output import (
    AsJson,
    csv_lines,
    facts,
    number,
    percent,
    plural,
    show,
    show_list,
    table_of,
)
from twinline.cli.session import client
from twinline.cli.slots import SlotOption, whole
from twinline.client.lineage import LineageGraph
from twinline.language.errors import Invalid
from twinline.language.records import (
    Impact,
    Ownership,
    Prospect,
    RequestFilter,
    SlotImpact,
    Tally,
)
from twinline.language.refs import SlotRef


def impact(
    context: typer.Context,
    node: NodeArgument,
    list_requests: Annotated[
        bool, typer.Option("--list", help="List the requests instead of counting them.")
    ] = False,
    list_decisions: Annotated[
        bool, typer.Option("--decisions", help="List the decisions, each once.")
    ] = False,
    csv: Annotated[
        Path | None,
        typer.Option(
            help="Write every request, or with --decisions every decision, to this file as CSV; "
            "- prints it."
        ),
    ] = None,
    begin: Annotated[str | None, typer.Option("--from", help=f"Since when. {times.HELP}")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Until when.")] = None,
    environment: Annotated[str | None, typer.Option(help="Only there.")] = None,
    slot: SlotOption = None,
    status: Annotated[
        Literal["ok", "error"] | None, typer.Option(help="Of lists: only such.")
    ] = None,
    score_min: Annotated[float | None, typer.Option(help="Of lists: at least.")] = None,
    score_max: Annotated[float | None, typer.Option(help="Of lists: at most.")] = None,
    as_json: AsJson = False,
) -> None:
    """Everything that a version touched: requests, decisions, slots, days, arms; where it is
    live now, and whom to tell."""
    if list_requests and (list_decisions or csv is not None):
        other = "--decisions" if list_decisions else "--csv"
        raise Invalid(f"--list and {other} were given; give one of them.", field="--list")
    wanted = RequestFilter(
        environment=environment,
        slot=SlotRef.parse(whole(context, slot, environment)) if slot else None,
        begin=times.moment_or_none(begin, "--from"),
        end=times.moment_or_none(end, "--to"),
        status=status,
        score_min=score_min,
        score_max=score_max,
    )
    graph = client(context).lineage
    if csv is not None:
        chunks = _decision_lines(graph, node, wanted) if list_decisions else graph.csv(node, wanted)
        _write(chunks, csv)
    elif list_requests:
        show_list(graph.affected(node, wanted), as_json, requests, "No requests.")
    elif list_decisions:
        _decisions(graph, node, wanted, as_json)
    else:
        found = graph.impact(node, wanted)
        show(found, as_json, lambda: impact_of(found))


def prospect(
    context: typer.Context,
    change: Annotated[
        Literal["label", "version", "retirement"],
        typer.Argument(help="A label or alias moves, a new version comes, or it is retired."),
    ],
    node: NodeArgument,
    as_json: AsJson = False,
) -> None:
    """What a change would touch that nobody has made yet."""
    found = client(context).lineage.prospect(change, node)
    show(found, as_json, lambda: prospect_of(found))


def own(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(help="A slot (ROUTE@ENVIRONMENT) or a route.")],
    owner: Annotated[str, typer.Argument(help="Whom to tell: a team, a person.")],
    contact: Annotated[str, typer.Option(help="Where: a channel, an address.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say whom to tell about a slot, or about a route in whatever environment."""
    found = client(context).lineage.own(subject, owner, contact)
    show(found, as_json, lambda: owners_of((found,)))


def _decisions(graph: LineageGraph, node: str, wanted: RequestFilter, as_json: bool) -> None:
    show_list(
        graph.decisions(node, wanted),
        as_json,
        lambda found: table_of(
            ("decision", "requests#", "first", "last"),
            ((one.decision, one.requests, one.first_at, one.last_at) for one in found),
        ),
        "No decisions.",
    )


def _decision_lines(graph: LineageGraph, node: str, wanted: RequestFilter) -> Iterator[bytes]:
    return (one.encode() for one in csv_lines(graph.decisions(node, wanted)))


def _write(chunks: Iterator[bytes], path: Path) -> None:
    """As it comes, so that any number of requests fits into memory."""
    if str(path) == "-":
        sys.stdout.buffer.writelines(chunks)
        return
    first = next(chunks, b"")  # what is wrong with the question leaves the file as it is
    try:
        with path.open("wb") as file:
            file.write(first)
            file.writelines(chunks)
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error}", field="--csv") from error


def impact_of(found: Impact) -> Group:
    """Counts for people: in all, by slot, by arm, by day, and whom to tell."""
    live = ", ".join(slot.short for slot in found.live) or "nowhere"
    drawn: list[RenderableType] = [
        Text.assemble((found.root, "bold"), ("  live now: ", "dim"), live)
    ]
    if found.begin or found.end:
        window = f"{found.begin or 'the beginning'} to {found.end or 'now'}, in whole hours"
        drawn.append(Text(window, style="dim"))
    drawn += [_service(found.service), Text(), slots_of(found.slots)]
    if found.arms:
        arms = (
            (one.slot.short, one.rule, one.arm, one.service.requests, _errors(one.service))
            for one in found.arms
        )
        drawn += [Text(), table_of(("slot", "rule", "arm", "requests#", "errors#"), arms)]
    days = ((f"{day.day:%Y-%m-%d}", day.requests, day.errors) for day in found.days)
    drawn += [Text(), table_of(("day", "requests#", "errors#"), days)]
    if found.owners:
        drawn += [Text(), owners_of(found.owners)]
    return Group(*drawn)


def slots_of(found: tuple[SlotImpact, ...]) -> Table:
    """What was served in each slot."""
    return table_of(
        ("slot", "live now", "requests#", "errors#", "cost#", "score#", "last"),
        (
            (
                one.slot.short if one.slot else "(no slot)",
                one.live,
                one.service.requests,
                _errors(one.service),
                _dollars(one.service.cost_usd),
                number(one.service.score),
                one.service.last_at,
            )
            for one in found
        ),
    )


def _errors(service: Tally) -> str:
    return percent(service.errors, service.requests)


def prospect_of(found: Prospect) -> Group:
    """What a change would touch, for people."""
    drawn: list[RenderableType] = [
        Text.assemble((found.root, "bold"), f"  {found.change}"),
        slots_of(found.live) if found.live else Text("Live nowhere.", style="dim"),
    ]
    if found.back:
        back = ", ".join(slot.short for slot in found.back)
        drawn.append(Text(f"Could be rolled back to in: {back}", style="yellow"))
    drawn.append(Text(f"{plural(len(found.bundles), 'bundle')} built on it.", style="dim"))
    drawn += [Text(f"· {note}") for note in found.notes]
    if found.owners:
        drawn.append(owners_of(found.owners))
    return Group(*drawn)


def owners_of(found: tuple[Ownership, ...]) -> Table:
    """Whom to tell."""
    return table_of(
        ("tell", "about", "where"), ((one.owner, one.subject, one.contact) for one in found)
    )


def _service(service: Tally) -> Table:
    return facts(
        (
            ("requests", service.requests),
            ("errors", f"{service.errors:,} ({percent(service.errors, service.requests)})"),
            ("with a decision", service.decision_requests),
            ("score", number(service.score)),
            ("cost", _dollars(service.cost_usd)),
            ("first seen", service.first_at),
            ("last seen", service.last_at),
        )
    )


def _dollars(amount: float) -> str | None:
    return f"${amount:,.4f}" if amount else None
