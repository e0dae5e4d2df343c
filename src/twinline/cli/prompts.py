"""``twinline prompts``: make versions, read them, move labels."""

from pathlib import Path
from typing import Annotated

import typer

from twinline.cli.output import AsJson, facts, show, show_list, table_of
from twinline.cli.session import client, read_json, read_text
from twinline.language.errors import Invalid
from twinline.language.records import PromptVersion

app = typer.Typer(help="Prompts: versions and labels.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The prompt, as support/answer.")]


@app.command("create")
def create(
    context: typer.Context,
    name: Name,
    template: Annotated[str | None, typer.Option("--template", "-t", help="The text.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="A file that holds the text; - for stdin.")
    ] = None,
    parameters: Annotated[str, typer.Option(help='A JSON object, as {"temperature": 0.2}.')] = "{}",
    message: Annotated[str, typer.Option("--message", "-m", help="What changed.")] = "",
    label: Annotated[list[str] | None, typer.Option(help="Move this label to it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make the next version of a prompt. Identical content returns the version there is."""
    if (template is None) == (file is None):
        raise Invalid("Give the text by --template or by --file.")
    made = client(context).prompts.create(
        name,
        template if template is not None else read_text(file or Path("-")),
        parameters=read_json(parameters, "--parameters"),
        message=message,
        labels=label or (),
    )
    show(made, as_json, lambda: _facts(made))


@app.command("show")
def read(
    context: typer.Context,
    name: Name,
    version: Annotated[int | None, typer.Option(help="A number.")] = None,
    label: Annotated[str | None, typer.Option(help="A label, as production.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a version: by number, by label, or the newest."""
    found = client(context).prompts.get(name, version=version, label=label)
    show(found, as_json, lambda: _facts(found))


@app.command("list")
def list_prompts(
    context: typer.Context,
    search: Annotated[str | None, typer.Argument(help="A part of a name.")] = None,
    as_json: AsJson = False,
) -> None:
    """List prompts with their labels."""
    show_list(
        client(context).prompts.list(search),
        as_json,
        lambda found: table_of(
            ("prompt", "versions#", "labels", "description"),
            (
                (
                    one.name,
                    one.latest,
                    ", ".join(f"{label} → {at}" for label, at in one.labels.items()),
                    one.description,
                )
                for one in found
            ),
        ),
        "No prompts yet. `twinline prompts create NAME --template TEXT` makes one.",
    )


@app.command("versions")
def versions(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """List the versions of a prompt, the newest first."""
    show_list(
        client(context).prompts.versions(name),
        as_json,
        lambda found: table_of(
            ("version#", "kind", "labels", "author", "created", "message", "digest"),
            (
                (
                    one.number,
                    one.kind,
                    one.labels,
                    one.author,
                    one.created_at,
                    one.message,
                    one.digest[:12],
                )
                for one in found
            ),
        ),
        "No versions.",
    )


@app.command("label")
def move_label(
    context: typer.Context,
    name: Name,
    label: Annotated[str, typer.Argument(help="The label.")],
    version: Annotated[int, typer.Argument(help="The version that it should name.")],
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why.")],
    expected: Annotated[
        int | None, typer.Option(help="Move only if it is on this version now (0: on none).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Move a label to a version."""
    moved = client(context).prompts.move_label(
        name, label, version, reason=reason, expected=expected
    )
    show(moved, as_json, lambda: _facts(moved))


@app.command("unlabel")
def remove_label(
    context: typer.Context,
    name: Name,
    label: Annotated[str, typer.Argument(help="The label.")],
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why.")],
    expected: Annotated[
        int | None, typer.Option(help="Remove only if it is on this version now.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take a label off a prompt. Its history stays."""
    gone = client(context).prompts.remove_label(name, label, reason=reason, expected=expected)
    show(gone, as_json, lambda: f"{gone.label} was on version {gone.previous} of {gone.name}.")


@app.command("promote")
def promote(
    context: typer.Context,
    name: Name,
    source: Annotated[str, typer.Argument(help="The label that names the version, as staging.")],
    target: Annotated[str, typer.Argument(help="The label to move there, as production.")],
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why.")],
    expected: Annotated[
        int | None, typer.Option(help="Move only if TARGET is on this version now (0: on none).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Move a label to the version that another label names."""
    moved = client(context).prompts.promote(name, source, target, reason=reason, expected=expected)
    show(moved, as_json, lambda: _facts(moved))


@app.command("protect")
def protect(
    context: typer.Context,
    label: Annotated[str, typer.Argument(help="The label, as production.")],
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why.")],
    domain: Annotated[str, typer.Option(help="Only in this folder of prompts.")] = "",
    as_json: AsJson = False,
) -> None:
    """Let a label be moved only by releasers and admins."""
    kept = client(context).prompts.protect(label, reason=reason, domain=domain)
    show(kept, as_json, lambda: f"{kept.label} is protected in {kept.domain or 'all prompts'}.")


@app.command("unprotect")
def unprotect(
    context: typer.Context,
    label: Annotated[str, typer.Argument(help="The label.")],
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why.")],
    domain: Annotated[str, typer.Option(help="The folder that it was protected in.")] = "",
    as_json: AsJson = False,
) -> None:
    """Let everybody who may move labels move this one again."""
    gone = client(context).prompts.unprotect(label, reason=reason, domain=domain)
    where = gone.domain or "all prompts"
    show(gone, as_json, lambda: f"{gone.label} is no longer protected in {where}.")


@app.command("protected")
def protected(context: typer.Context, as_json: AsJson = False) -> None:
    """List the labels that not everybody may move."""
    show_list(
        client(context).prompts.protected(),
        as_json,
        lambda found: table_of(
            ("label", "domain", "by", "since", "reason"),
            ((one.label, one.domain or "all", one.actor, one.at, one.reason) for one in found),
        ),
        "No label is protected. `twinline prompts protect LABEL -r WHY` protects one.",
    )


@app.command("history")
def history(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Who moved which label, from where, when and why."""
    show_list(
        client(context).prompts.history(name),
        as_json,
        lambda found: table_of(
            ("at", "label", "from#", "to#", "by", "reason"),
            ((one.at, one.label, one.previous, one.number, one.actor, one.reason) for one in found),
        ),
        "No label was ever moved.",
    )


def _facts(version: PromptVersion) -> object:
    text = version.template
    if not isinstance(text, str):
        text = "\n".join(part.model_dump_json() for part in text)
    return facts(
        (
            ("version", version.ref),
            ("labels", version.labels),
            ("variables", tuple(variable.name for variable in version.variables)),
            ("parameters", version.parameters),
            ("message", version.message),
            ("author", version.author),
            ("created", version.created_at),
            ("digest", version.digest),
            ("template", text),
        )
    )
