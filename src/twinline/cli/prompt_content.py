"""``twinline prompts``: check, render and retire them, and see what includes what."""

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from twinline.cli.output import AsCsv, AsJson, facts, show, show_list, table_of
from twinline.cli.prompt_output import as_text, said
from twinline.cli.prompts import (
    ExamplesOption,
    FileOption,
    Label,
    MessagesOption,
    Name,
    ParametersOption,
    SyntaxOption,
    TemplateOption,
    VariablesOption,
    Version,
    app,
    content,
)
from twinline.cli.session import client, read_json, read_list
from twinline.cli.slots import Reason
from twinline.client import render
from twinline.language.errors import Invalid
from twinline.language.records import Inclusion, PromptCheck, PromptVersion, Withdrawal
from twinline.language.refs import PromptVersionRef


@app.command("check")
def check(
    context: typer.Context,
    name: Name,
    template: TemplateOption = None,
    file: FileOption = None,
    messages: MessagesOption = None,
    syntax: SyntaxOption = "twinline",
    variables: VariablesOption = "[]",
    examples: ExamplesOption = "[]",
    parameters: ParametersOption = "{}",
    as_json: AsJson = False,
) -> None:
    """What `create` would make of a template; nothing is kept."""
    found = client(context).prompts.check(
        name,
        content(template, file, messages),
        syntax=syntax,
        variables=read_list(variables, "--variables"),
        examples=read_list(examples, "--examples"),
        parameters=read_json(parameters, "--parameters"),
    )
    show(found, as_json, lambda: _checked(found))


@app.command("render")
def render_version(
    context: typer.Context,
    name: Name,
    var: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE; JSON where another type than string is declared."),
    ] = None,
    messages: Annotated[
        str, typer.Option(help='A JSON object, as {"history": [{"role": "user", ...}]}.')
    ] = "{}",
    version: Version = None,
    label: Label = None,
    allow_extra: Annotated[
        bool, typer.Option(help="Leave out what the prompt has no place for.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Render a version here, with these values in the place of its variables."""
    found = client(context).prompts.get(name, version=version, label=label)
    values = dict(_value(found, word) for word in var or ())
    turns = read_json(messages, "--messages")
    rendered = render(found, values, turns, allow_extra=allow_extra)
    if isinstance(rendered, str) and not as_json:
        typer.echo(rendered)
    else:
        typer.echo(json.dumps(rendered, ensure_ascii=False, indent=2))


@app.command("includes")
def includes(
    context: typer.Context,
    name: Name,
    version: Version = None,
    label: Label = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List what stands in a version, the nearest first."""
    found = client(context).prompts.includes(name, version=version, label=label)
    _show_inclusions(found, as_json, as_csv, "It includes nothing.")


@app.command("included-by")
def included_by(
    context: typer.Context,
    name: Name,
    version: Version = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List the versions that a version, or any of the prompt, stands in."""
    found = client(context).prompts.included_by(name, version=version)
    _show_inclusions(found, as_json, as_csv, "Nothing includes it.")


@app.command("outdated")
def outdated(
    context: typer.Context, name: Name, as_json: AsJson = False, as_csv: AsCsv = False
) -> None:
    """List where versions in use hold an older version of a prompt than its newest."""
    show_list(
        client(context).prompts.outdated(name),
        as_json,
        lambda found: table_of(
            ("version", "labels", "includes", "pinned", "newest", "depth#", "an update changes it"),
            (
                (
                    _short(one.version),
                    one.labels,
                    one.written,
                    _short(one.pinned),
                    _short(one.newest),
                    one.depth,
                    one.follows,
                )
                for one in found
            ),
        ),
        "All hold its newest version.",
        as_csv=as_csv,
    )


@app.command("update-includers")
def update_includers(
    context: typer.Context, name: Name, reason: Reason, as_json: AsJson = False
) -> None:
    """Make new versions of all that hold an older version of a prompt; labels stay.

    A labelled version is left unless the newest of its prompt gets a new version, too: what is
    made is `latest`.
    """
    done = client(context).prompts.update_includers(name, reason=reason)
    show(
        done,
        as_json,
        lambda: table_of(
            ("before", "after", "new"),
            (
                *((_short(one.before), _short(one.after), one.made) for one in done.items),
                *((_short(one), "left", False) for one in done.left),
            ),
        ),
    )


@app.command("retire")
def retire(context: typer.Context, name: Name, reason: Reason, as_json: AsJson = False) -> None:
    """Retire all versions of a prompt; `twinline nodes retire` retires one."""
    _show_withdrawals(client(context).prompts.retire(name, reason=reason).items, as_json)


@app.command("unretire")
def unretire(context: typer.Context, name: Name, reason: Reason, as_json: AsJson = False) -> None:
    """Let people build again on what was retired with the whole prompt."""
    _show_withdrawals(client(context).prompts.unretire(name, reason=reason).items, as_json)


def _value(version: PromptVersion, word: str) -> tuple[str, Any]:
    name, equals, text = word.partition("=")
    if not equals:
        raise Invalid(f"--var {word!r} is not of the form NAME=VALUE.", field="--var", value=word)
    declared = {variable.name: variable.type for variable in version.variables}
    if declared.get(name) in (None, "string"):
        return name, text
    try:
        return name, json.loads(text)
    except ValueError:
        return name, text  # which rendering refuses by the type that it should have


def _checked(found: PromptCheck) -> object:
    return facts(
        (
            ("existing", found.existing or "none: a new version would be made"),
            ("variables", tuple(said(variable) for variable in found.variables)),
            ("includes", tuple(f"{one.written} = {one.version}" for one in found.includes)),
            ("notes", "\n".join(f"{note.place}: {note.text}" for note in found.notes) or None),
            ("digest", found.digest),
            *((("composed", as_text(found.composed)),) if found.composed else ()),
        )
    )


def _show_inclusions(found: Iterable[Inclusion], as_json: bool, as_csv: bool, nothing: str) -> None:
    show_list(
        found,
        as_json,
        lambda rows: table_of(
            ("version", "by way of", "depth#", "labels"),
            ((_short(one.version), _short(one.via), one.depth, one.labels) for one in rows),
        ),
        nothing,
        as_csv=as_csv,
    )


def _show_withdrawals(found: Iterable[Withdrawal], as_json: bool) -> None:
    show_list(
        found,
        as_json,
        lambda rows: table_of(
            ("nr#", "node", "since", "by", "why", "let go on"),
            ((one.number, one.node, one.at, one.actor, one.reason, one.lifted_at) for one in rows),
        ),
        "None.",
    )


def _short(ref: PromptVersionRef) -> str:
    return f"{ref.name}/{ref.number}"
