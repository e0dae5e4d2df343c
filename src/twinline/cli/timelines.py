"""Look back: a slot's timeline, what changed, what is to blame, and what diverges."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from twinline.cli import times
from twinline.cli.output import (
    UNKNOWN,
    AsCsv,
    AsJson,
    number,
    percent,
    plural,
    short,
    show,
    show_list,
    table_of,
)
from twinline.cli.session import client
from twinline.cli.slots import SlotArgument
from twinline.language.records import (
    Blame,
    Changes,
    Divergence,
    Divergences,
    ModelDifference,
    RankedChange,
    Service,
    Standing,
    Suspect,
    TimelineEntry,
    ValueChange,
)


def timeline(
    context: typer.Context, slot: SlotArgument, as_json: AsJson = False, as_csv: AsCsv = False
) -> None:
    """A slot's deployments with what each changed, how long it was live, what it served."""
    show_list(
        client(context).slots.timeline(slot),
        as_json,
        lambda found: table_of(
            ("nr#", "at", "by", "changed", "live for", "requests#", "errors#", "p95#", "why"),
            (_entry(one) for one in found),
        ),
        "Nothing was ever deployed here.",
        as_csv=as_csv,
    )


def changes(
    context: typer.Context,
    slot: SlotArgument,
    since: Annotated[str, typer.Option("--from", help=f"When it was still well. {times.HELP}")],
    until: Annotated[str, typer.Option("--to", help="When it was strange.")] = "now",
    as_json: AsJson = False,
) -> None:
    """Everything that changed in and around a slot between two moments, ranked."""
    begin, end = times.moment(since, "--from"), times.moment_or_none(_unless_now(until), "--to")
    found = client(context).slots.changes(slot, since=begin, until=end)
    show(found, as_json, lambda: changes_of(found))


def blame(
    context: typer.Context,
    slot: SlotArgument,
    at: Annotated[str, typer.Option("--at", help=f"When a metric moved. {times.HELP}")] = "now",
    as_json: AsJson = False,
) -> None:
    """What changed last before a moment, on each side of a slot."""
    found = client(context).slots.blame(slot, at=times.moment_or_none(_unless_now(at), "--at"))
    show(found, as_json, lambda: blame_of(found))


def divergences(
    context: typer.Context,
    environment: Annotated[str | None, typer.Option(help="Only this environment.")] = None,
    since: Annotated[str, typer.Option(help=f"From when on. {times.HELP}")] = "1d",
    hours: Annotated[float, typer.Option(help="Name slots that nobody asked for so long.")] = 24,
    grace: Annotated[
        float, typer.Option(help="Seconds for which what was replaced may still be named.")
    ] = 60,
    limit: Annotated[int, typer.Option(help="Lines shown.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Requests that were not served as declared, and slots that nobody asks."""
    found = client(context).divergences(
        environment,
        since=times.moment(since, "--since"),
        hours=hours,
        grace_seconds=grace,
        limit=limit,
    )
    show(found, as_json, lambda: divergences_of(found))


def changes_of(found: Changes) -> Group:
    """What changed between two moments, for people: the likely first."""
    parts: list[RenderableType] = [
        Text(f"{found.slot.short} from {_minute(found.since)} to {_minute(found.until)}"),
        _standings(found.before, found.after),
    ]
    if found.ranked:
        parts += [Text(), _ranked(found.ranked)]
    else:
        parts += [Text(), Text("Nothing changed that is known here.", style="dim")]
    if found.prompt and found.prompt.lines:
        parts += [Text(), *(_line(line) for line in found.prompt.lines)]
    values = [*found.parameters, *(_of_model(found.model) if found.model else ())]
    if values:
        columns = ("value", "before", "after")
        parts += [Text(), table_of(columns, ((v.name, v.before, v.after) for v in values))]
    if found.left_out:
        parts.append(Text(found.left_out, style="yellow"))
    return Group(*parts)


def blame_of(found: Blame) -> Group:
    """The suspects before a moment, for people."""
    parts: list[RenderableType] = [
        Text(f"{found.slot.short} at {_minute(found.at)} was at deployment {found.live.number}"),
        table_of(
            ("side", "before", "what", "by", "why", "errors#", "p95#", "score#"),
            (_suspect(one) for one in found.suspects),
        ),
    ]
    if found.left_out:
        parts.append(Text(f"Not looked at: {found.left_out}", style="yellow"))
    return Group(*parts)


def divergences_of(found: Divergences) -> Group:
    """What diverges, for people."""
    if not found.items:
        return Group(Text(f"All as declared since {_minute(found.since)}.", style="green"))
    counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(found.counts.items()))
    table = table_of(
        ("slot", "kind", "nr#", "bundle", "requests#", "off by", "last", "what"),
        (_divergence(one) for one in found.items),
    )
    more = f"{plural(found.left_out, 'more line')}; see --limit." if found.left_out else ""
    return Group(Text(counts), table, *([Text(more, style="yellow")] if more else []))


def _entry(one: TimelineEntry) -> tuple[object, ...]:
    made, served = one.deployment, one.service
    return (
        made.number,
        made.at,
        made.actor,
        one.changed.summary,
        "is live" if one.live_seconds is None else lasting(one.live_seconds),
        served.requests,
        percent(served.errors, served.requests),
        number(served.latency_ms and served.latency_ms.p95, " ms"),
        made.reason,
    )


def _ranked(changes: Iterable[RankedChange]) -> Table:
    return table_of(
        ("side", "at", "what", "traffic#", "by", "why"),
        ((one.side, one.at, one.what, _share(one), one.who, one.why or UNKNOWN) for one in changes),
    )


def _share(change: RankedChange) -> str:
    if not change.reaches:
        return "none"
    return UNKNOWN if change.share is None else f"{change.share:.1%}"


def _standings(before: Standing | None, after: Standing | None) -> Table:
    ends = ("before", before), ("after", after)
    columns = ("", "nr#", "prompt", "model", "requests#", "errors#", "p95#", "cost#", "score#")
    return table_of(columns, (_standing(name, one) for name, one in ends))


def _standing(name: str, one: Standing | None) -> tuple[object, ...]:
    if one is None:
        return (name, *[None] * 8)
    live = one.deployment
    cost = one.cost_per_request
    return (
        name,
        live.number,
        f"{live.prompt.name}/{live.prompt.number}",
        f"{live.model.name}/{live.model.number}",
        one.service.requests,
        *_measures(one.service),
        UNKNOWN if cost is None else f"${cost:,.4g}",
        number(one.service.score),
    )


def _measures(served: Service) -> tuple[str, str]:
    p95 = number(served.latency_ms and served.latency_ms.p95, " ms")
    return percent(served.errors, served.requests), p95


def _suspect(one: Suspect) -> tuple[object, ...]:
    was, now = one.service_before, one.service_after
    change = one.change
    return (
        change.side,
        lasting(one.seconds_before),
        change.what,
        change.who,
        change.why or UNKNOWN,
        *(_two(*pair) for pair in zip(_three(was), _three(now), strict=True)),
    )


def _three(served: Service | None) -> tuple[str, str, str]:
    return (*_measures(served), number(served.score)) if served else (UNKNOWN, UNKNOWN, UNKNOWN)


def _two(was: str, now: str) -> str:
    return UNKNOWN if was == now == UNKNOWN else f"{was} -> {now}"


def _divergence(one: Divergence) -> tuple[object, ...]:
    return (
        one.slot.short,
        one.kind,
        one.deployment.number if one.deployment else None,
        short(one.bundle) if one.bundle else None,
        one.requests,
        UNKNOWN if one.off_seconds is None else lasting(one.off_seconds),
        one.last_at,
        one.detail,
    )


def _of_model(model: ModelDifference) -> tuple[ValueChange, ...]:
    return (*model.facts, *model.params, *model.metrics, *model.datasets)


def _line(line: str) -> Text:
    style = {"+": "green", "-": "red", "@": "dim"}.get(line[:1], "")
    return Text(line, style=style)


def _unless_now(text: str) -> str | None:
    """None for now, so that the server's own clock says when that is."""
    return None if text == "now" else text


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%MZ}"


def lasting(seconds: float) -> str:
    """How long something lasted, in its two largest units: ``3d 4h``, ``12m 5s``."""
    left, parts = round(seconds), list[str]()
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0s"
