"""``twinline prompts export`` and ``import``: from and to files, Langfuse and MLflow."""

from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import typer

from twinline.cli.output import AsJson, err, plural, show, table_of
from twinline.cli.session import client, server
from twinline.exchange import folder, langfuse, mlflow
from twinline.exchange.found import Found
from twinline.language.errors import Invalid
from twinline.language.nearest import not_found
from twinline.language.records import ImportReport
from twinline.mirror.remote import MlflowServer

Format = Literal["folder", "langfuse", "mlflow"]
PathArgument = Annotated[
    Path | None,
    typer.Argument(help="The folder; or Langfuse's JSON file; nothing with --format mlflow."),
]
FormatOption = Annotated[Format, typer.Option("--format", help="What is read or written.")]
TrackingUri = Annotated[
    str | None, typer.Option(help="The MLflow server; default: TWINLINE_MLFLOW_URL.")
]


def export_prompts(
    context: typer.Context,
    path: PathArgument = None,
    format: FormatOption = "folder",
    prompt: Annotated[str | None, typer.Option(help="Only this prompt.")] = None,
    domain: Annotated[str | None, typer.Option(help="Only this folder of prompts.")] = None,
    label: Annotated[str | None, typer.Option(help="Only what this label is on.")] = None,
    labels: Annotated[
        bool, typer.Option("--labels", help="Move aliases in MLflow; files always say labels.")
    ] = False,
    tracking_uri: TrackingUri = None,
    as_json: AsJson = False,
) -> None:
    """Write prompt versions as files, as Langfuse's JSON, or to an MLflow Prompt Registry."""
    items = client(context).prompts.export(name=prompt, domain=domain, label=label)
    match format:
        case "folder":
            report = folder.write(_given(path), items)
        case "langfuse":
            report = langfuse.write(_given(path), items)
        case "mlflow":
            report = mlflow.write(_server(context, path, tracking_uri), items, labels=labels)
    _show(report, as_json)


def import_prompts(
    context: typer.Context,
    path: PathArgument = None,
    format: FormatOption = "folder",
    prompt: Annotated[str | None, typer.Option(help="Only this prompt.")] = None,
    domain: Annotated[str | None, typer.Option(help="Only this folder of prompts.")] = None,
    labels: Annotated[bool, typer.Option("--labels", help="Move labels as it says.")] = False,
    atomic: Annotated[
        bool, typer.Option("--atomic", help="Keep nothing when one version is refused.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Say what would become of it, keep nothing.")
    ] = False,
    tracking_uri: TrackingUri = None,
    as_json: AsJson = False,
) -> None:
    """Make the versions that are not there yet, from files, Langfuse's JSON or MLflow.

    Labels stay where they are without --labels. What is refused is said with its reason, does
    not hold up the rest without --atomic, and makes the exit code 1. With --prompt or --domain
    only what is known to be of others is left out.
    """
    match format:
        case "folder":
            found = folder.read(_given(path))
        case "langfuse":
            found = langfuse.read(_given(path))
        case "mlflow":
            called = prompt.replace("/", ".") if prompt else None
            found = mlflow.read(_server(context, path, tracking_uri), name=called)
    found = _Narrowed(prompt, domain).of(found, by_place=format == "folder")
    report = client(context).prompts.import_(
        found.items,
        refused=found.refused,
        labels=labels,
        atomic=atomic,
        check=check,
        progress=lambda done: err.print(f"{done:,} of {len(found.items):,}", highlight=False),
    )
    _show(report, as_json)


class _Narrowed(NamedTuple):
    """What is wanted of what was found: one prompt, those in a domain, or all."""

    prompt: str | None
    domain: str | None

    def of(self, found: Found, *, by_place: bool) -> Found:
        """The items that are wanted, and the refusals that may be of those: where the place
        says the prompt, those at its places, otherwise all.

        Raises:
            NotFound: there is nothing of a prompt or in a domain.
        """
        items = tuple(one for one in found.items if self._has(one.version.name))
        refused = tuple(one for one in found.refused if not by_place or self._may_be(one.place))
        if not items and not refused and (self.prompt or self.domain):
            kind = "prompt" if self.prompt else "prompt in the folder"
            known = {one.version.name for one in found.items}
            raise not_found(kind, self.prompt or self.domain or "", sorted(known))
        return Found(items, refused)

    def _has(self, name: str) -> bool:
        inside = self.domain is None or name.startswith(f"{self.domain}/")
        return inside and self.prompt in (None, name)

    def _may_be(self, place: str) -> bool:
        """Whether the file or folder at a place holds what is wanted, or might."""
        name, suffix, _ = place.rpartition(".md")
        head, _, number = name.rpartition("/")
        if suffix:
            return self._has(head if head and number.isdecimal() else name)
        inner = f"{self.prompt or self.domain or ''}/"
        return inner.startswith(f"{place}/") or self._has(f"{place}/")


def _given(path: Path | None) -> Path:
    if path is None:
        raise Invalid("Say which folder or file.", field="path")
    return path


def _server(context: typer.Context, path: Path | None, uri: str | None) -> MlflowServer:
    """The MLflow server; what lets us in at the one of the settings is shown to no other."""
    settings = server(context).settings
    address = uri or settings.mlflow_url
    if path is not None or address is None:
        raise Invalid("MLflow has no path; say --tracking-uri, or set TWINLINE_MLFLOW_URL.")
    if address.rstrip("/") != (settings.mlflow_url or "").rstrip("/"):
        return MlflowServer(address)
    token, password = settings.mlflow_token, settings.mlflow_password
    return MlflowServer(
        address,
        token=token.get_secret_value() if token else None,
        username=settings.mlflow_username,
        password=password.get_secret_value() if password else None,
    )


def _show(report: ImportReport, as_json: bool) -> None:
    show(report, as_json, lambda: _table(report))
    if not as_json:
        created, same, refused = (report.those(one) for one in ("created", "same", "refused"))
        said = f"{plural(len(created), 'version')} created, {len(same):,} the same, "
        kept = "" if report.kept else "; nothing of it was kept"
        err.print(f"{said}{len(refused):,} refused{kept}.", highlight=False)
    if report.those("refused"):
        raise typer.Exit(1)


def _table(report: ImportReport) -> object:
    return table_of(
        ("place", "outcome", "version", "labels", "reason"),
        (
            (one.place, one.outcome, one.version, one.labels, one.reason)
            for one in report.items
            if one.outcome != "same" or one.labels
        ),
    )
