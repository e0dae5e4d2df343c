"""``twinline mlflow``: the mirror of MLflow, and what happened there."""

import time
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.console import Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from twinline.cli import mlflow_backfill, mlflow_changes, mlflow_links
from twinline.cli.output import UNKNOWN, AsCsv, AsJson, err, plural, show, show_list, table_of
from twinline.cli.session import client
from twinline.cli.watching import Watch, Watched, watch
from twinline.client.mirror import Mirror
from twinline.language.records import (
    InstalledHook,
    InstalledHooks,
    MirrorAlias,
    MirrorDrift,
    MirrorKind,
    MirrorPlace,
    MirrorStatus,
    MirrorTag,
)

app = typer.Typer(
    help="MLflow: its mirror, what happened there, its traces, aliases that go with slots.",
    no_args_is_help=True,
)
hooks = typer.Typer(help="Webhooks by which MLflow tells of changes.", no_args_is_help=True)
app.add_typer(hooks, name="hooks")

LOOK_SECONDS = 0.5
_NO_DRIFT = "Nothing that was read from MLflow is gone from there, or other than it was."
_MODEL: MirrorKind = "model"
_PROMPT: MirrorKind = "prompt"
ServerOption = Annotated[str | None, typer.Option(help="One MLflow server; default: all.")]


@app.command("sync")
def sync(
    context: typer.Context,
    full: Annotated[
        bool, typer.Option("--full", help="Compare every version, not only what moved.")
    ] = False,
    server: ServerOption = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Return when it is done.")] = True,
    as_json: AsJson = False,
) -> None:
    """Look through MLflow now, and show how far that is.

    The server does it: Ctrl-C stops watching, and a sync that was interrupted by a stop of
    the server goes on where it was.
    """
    mirror = client(context).mirror
    before = _swept(mirror.status(), full)
    found = mirror.sync(server, full=full)
    if wait:
        found = _watch(mirror, server, before, full)
    show(found, as_json, lambda: _standing(found))


@app.command("status", cls=Watched)
def status(context: typer.Context, again: Watch = None, as_json: AsJson = False) -> None:
    """Show how far the mirror is behind each MLflow server."""
    mirror = client(context).mirror

    def look() -> None:
        found = mirror.status()
        show(found, as_json, lambda: _standing(found))

    watch(again, look, plain=as_json)


@app.command("drift")
def drift(context: typer.Context, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List what MLflow no longer has as the catalog knows it."""
    show_list(client(context).mirror.drift(), as_json, _drift, _NO_DRIFT, as_csv=as_csv)


@app.command("history")
def history(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The model's name in the catalog, as eu/churn.")],
    tags: Annotated[bool, typer.Option("--tags", help="Tags instead of aliases.")] = False,
    prompt: Annotated[
        bool, typer.Option("--prompt", help="It is a prompt, as mlflow/answer.")
    ] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Where a model's aliases were in MLflow, from when until when; the newest first.

    Who moved one is known where MLflow runs with Twinline's outbox.
    """
    mirror, kind = client(context).mirror, _PROMPT if prompt else _MODEL
    if tags:
        show_list(
            mirror.tags(name, kind), as_json, _tags, "It has had no tag in MLflow.", as_csv=as_csv
        )
    else:
        show_list(
            mirror.aliases(name, kind),
            as_json,
            _aliases,
            "It has had no alias in MLflow.",
            as_csv=as_csv,
        )


@hooks.command("install")
def install(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="Where the MLflow server reaches this Twinline.")],
    server: Annotated[str, typer.Option(help="The MLflow server.")] = "default",
    as_json: AsJson = False,
) -> None:
    """Have MLflow tell of changes at once; doing it again changes nothing.

    MLflow sends webhooks to https and public addresses only, unless its server runs with
    MLFLOW_WEBHOOK_ALLOWED_SCHEMES=http,https and MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS=true. With
    several workers it needs MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY.
    """
    made = client(context).mirror.install_hooks(url, server)
    show(made, as_json, lambda: _installed(made))


# In the order in which help lists them: as somebody comes to need them.
app.command("backfill")(mlflow_backfill.backfill)
app.command("link")(mlflow_links.link)
app.command("links")(mlflow_links.links)
app.command("unlink")(mlflow_links.unlink)
app.command("moves")(mlflow_links.moves)
app.command("proposals")(mlflow_links.proposals)
app.command("accept")(mlflow_links.accept)
app.command("decline")(mlflow_links.decline)
app.command("changes")(mlflow_changes.changes)


Times = dict[tuple[str, str], object]


def _swept(found: MirrorStatus, full: bool) -> Times:
    return {
        (place.server, place.workspace): place.fully_swept_at if full else place.swept_at
        for place in found.places
    }


def _watch(mirror: Mirror, server: str | None, before: Times, full: bool) -> MirrorStatus:
    """Show progress until every place was swept since, and nothing is left to read."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        bar = progress.add_task("reading MLflow", total=None)
        while True:
            found = mirror.status()
            places = [place for place in found.places if server in (None, place.server)]
            names = sum(max(place.series, place.swept_names) for place in places)
            waiting = sum(place.waiting - place.stuck for place in places)
            progress.update(bar, total=max(names, waiting), completed=max(names - waiting, 0))
            _refuse_trouble(places)
            now = _swept(found, full)
            swept = all(now[key] != before.get(key) for key in _keys(places))
            if places and swept and waiting == 0:
                return found
            time.sleep(LOOK_SECONDS)


def _keys(places: Iterable[MirrorPlace]) -> list[tuple[str, str]]:
    return [(place.server, place.workspace) for place in places]


def _refuse_trouble(places: Iterable[MirrorPlace]) -> None:
    for place in places:
        if place.trouble is not None:
            err.print(f"[bold red]{place.server}:[/] ", Text(place.trouble))
            err.print("It goes on by itself when MLflow answers again.")
            raise typer.Exit(6)


def _standing(found: MirrorStatus) -> Group:
    if not found.places:
        said = "No MLflow server is mirrored. Start the server with TWINLINE_MLFLOW_URL."
        return Group(Text(said, style="dim"))
    refused = ", ".join(f"{count} {reason}" for reason, count in sorted(found.refused.items()))
    lines = [Text(f"{plural(found.inbox, 'delivery')} waiting", style="dim")] if found.inbox else []
    lines += [Text(f"refused deliveries: {refused}", style="yellow")] if refused else []
    lines += [
        Text(f"{place.server}: {place.trouble}", style="red")
        for place in found.places
        if place.trouble
    ]
    lines += [
        Text(f"not kept, tried {plural(one.tries, 'time')}: {one.trouble}", style="yellow")
        for one in found.stuck
    ]
    return Group(
        table_of(
            (
                "server",
                "workspace",
                "names#",
                "versions#",
                "to read#",
                "drift#",
                "behind#",
                "swept",
            ),
            (_row(place) for place in found.places),
        ),
        *lines,
    )


def _row(place: MirrorPlace) -> tuple[object, ...]:
    sweeping = f"{place.sweeping} sweep, {place.swept_names:,} names" if place.sweeping else None
    return (
        place.server,
        place.workspace,
        place.series,
        place.versions,
        place.waiting,
        place.drift,
        UNKNOWN if place.behind_seconds is None else f"{place.behind_seconds:,.0f} s",
        sweeping or place.swept_at,
    )


def _drift(found: Iterable[MirrorDrift]) -> Table:
    return table_of(
        ("what", "in MLflow", "happened", "is now", "live", "found"),
        (
            (
                f"{one.what}s:/{one.catalog_name}",
                f"{one.name} {one.number or ''}".strip(),
                Text(one.kind, style="bold yellow"),
                (one.after or {}).get("catalog_name"),
                Text("yes", style="bold red") if one.live else Text("no", style="dim"),
                one.found_at,
            )
            for one in found
        ),
    )


def _aliases(found: Iterable[MirrorAlias]) -> Table:
    return table_of(
        ("alias", "version#", "since", "until", "by"),
        ((one.alias, one.number, one.since, one.until, one.actor) for one in found),
    )


def _tags(found: Iterable[MirrorTag]) -> Table:
    return table_of(
        ("tag", "version#", "value", "since", "until", "by"),
        ((one.key, one.number, one.value, one.since, one.until, one.actor) for one in found),
    )


def _installed(made: InstalledHooks) -> Group:
    note = Text("What happens within the next minute is found by a sweep after it.", "dim")
    return Group(
        table_of(("server", "workspace", "tells", ""), (_hook(hook) for hook in made.items)),
        note,
    )


def _hook(hook: InstalledHook) -> tuple[str, ...]:
    return (hook.server, hook.workspace, hook.url, "made" if hook.made else "brought up to date")
