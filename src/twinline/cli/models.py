"""``twinline models``: versions from MLflow or by hand, and what made them."""

from typing import Annotated

import typer

from twinline.cli import model_names
from twinline.cli.output import AsCsv, AsJson, facts, model, number, show, show_list, table_of
from twinline.cli.session import client
from twinline.language.errors import Invalid
from twinline.language.records import ModelVersion, NewModelVersion

app = typer.Typer(help="Models: versions from MLflow or by hand.", no_args_is_help=True)
app.add_typer(model_names.app, name="names")
Name = Annotated[str, typer.Argument(help="The registered model.")]


@app.command("import")
def import_from_mlflow(
    context: typer.Context,
    name: Name,
    version: Annotated[int | None, typer.Option(help="Its number in MLflow.")] = None,
    alias: Annotated[str | None, typer.Option(help="An alias in MLflow, as champion.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read a version from the server's MLflow, with its run and datasets."""
    made = client(context).models.import_from_mlflow(name, number=version, alias=alias)
    show(made, as_json, lambda: _facts(made))


@app.command("register")
def register(
    context: typer.Context,
    name: Name,
    source_uri: Annotated[str, typer.Argument(help="Where it is, as openai:/gpt-4o-2024-08-06.")],
    unpinned: Annotated[
        bool, typer.Option("--unpinned", help="The provider may change what answers to it.")
    ] = False,
    param: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, repeated.")] = None,
    as_json: AsJson = False,
) -> None:
    """Register a version by hand, say of a hosted provider's model."""
    new = NewModelVersion(
        name=name,
        source_uri=source_uri,
        pinned=not unpinned,
        params=dict(_pair(text) for text in param or ()),
    )
    made = client(context).models.register(new)
    show(made, as_json, lambda: _facts(made))


@app.command("list")
def list_models(context: typer.Context, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List models."""
    show_list(
        client(context).models.list(),
        as_json,
        lambda found: table_of(
            ("model", "source", "latest#", "since"),
            ((one.name, one.source, one.latest, one.created_at) for one in found),
        ),
        "No models yet. `twinline models import NAME` reads one from MLflow.",
        as_csv=as_csv,
    )


@app.command("versions")
def versions(
    context: typer.Context, name: Name, as_json: AsJson = False, as_csv: AsCsv = False
) -> None:
    """List the versions of a model, the newest first."""
    show_list(
        client(context).models.versions(name),
        as_json,
        lambda found: table_of(
            ("version#", "aliases", "run", "metrics", "created"),
            (
                (
                    model(one.number, one.pinned),
                    one.aliases,
                    one.run,
                    _metrics(one),
                    one.created_at,
                )
                for one in found
            ),
        ),
        "No versions.",
        as_csv=as_csv,
    )


@app.command("show")
def read(
    context: typer.Context,
    name: Name,
    version: Annotated[int, typer.Argument(help="Its number.")],
    as_json: AsJson = False,
) -> None:
    """Show a version."""
    found = client(context).models.get(name, version)
    show(found, as_json, lambda: _facts(found))


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise Invalid(f"{text!r} is not of the form NAME=VALUE", field="--param", value=text)
    return name, value


def _metrics(version: ModelVersion) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in version.metrics.items())


def _facts(version: ModelVersion) -> object:
    return facts(
        (
            ("version", version.ref),
            ("source", version.source),
            ("uri", version.source_uri),
            ("pinned", version.pinned),
            ("aliases", version.aliases),
            ("run", version.run),
            ("metrics", _metrics(version)),
            ("params", ", ".join(f"{name} {value}" for name, value in version.params.items())),
            ("digest", version.digest),
        )
    )
