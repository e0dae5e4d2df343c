"""``twinline mlflow changes``: what happened in an MLflow registry."""

import json
from typing import Annotated

import typer

from twinline.cli.output import UNKNOWN, AsCsv, AsJson, show_list, table_of
from twinline.cli.session import client
from twinline.language.records import Json, MlflowChange

_SHOWN_MAX = 60
_NONE = "No change was told. Start MLflow with `--registry-store-uri twinline+DIALECT://...`."
_KEY = ("name", "version", "alias", "key")


def changes(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="Only of this registered model or prompt.")
    ] = None,
    server: Annotated[str, typer.Option(help="The MLflow server's name here.")] = "default",
    after: Annotated[int, typer.Option(min=0, help="Only changes with a number above it.")] = 0,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Every change in an MLflow registry that Twinline's outbox told: old and new, and by whom."""
    show_list(
        client(context).mlflow_changes.list(server, name=name, after=after),
        as_json,
        lambda found: table_of(
            ("nr#", "at", "by", "what", "of", "before", "after"), (_row(one) for one in found)
        ),
        _NONE
        if name is None
        else f"No change of {name!r} was told; without a name, all are shown.",
        as_csv=as_csv,
    )


def _row(change: MlflowChange) -> tuple[object, ...]:
    what = f"{change.action} {change.entity.replace('_', ' ')}"
    of = "/".join(str(change.key[part]) for part in _KEY if part in change.key)
    by = change.actor
    return (change.number, change.at, by, what, of, _values(change.before), _values(change.after))


def _values(values: Json | None) -> str:
    if values is None:
        return UNKNOWN
    said = json.dumps({name: value for name, value in values.items() if value is not None})
    return said if len(said) <= _SHOWN_MAX else f"{said[:_SHOWN_MAX]}..."
