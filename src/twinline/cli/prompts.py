"""``twinline prompts``: make versions, read them, move labels."""

from pathlib import Path
from typing import Annotated, Any

import typer

from twinline.cli import prompt_diffs, prompt_exchange, prompt_labels, prompt_reads
from twinline.cli.output import AsJson, facts, show, show_list, table_of
from twinline.cli.session import client, read_json, read_list, read_text
from twinline.language.errors import Invalid
from twinline.language.records import PromptVersion, Syntax, Template, Variable

app = typer.Typer(
    help="Prompts: versions, labels, includes, rendering and who reads them.",
    no_args_is_help=True,
)
app.command("diff")(prompt_diffs.diff)
app.command("access")(prompt_reads.accesses)
app.command("export")(prompt_exchange.export_prompts)
app.command("import")(prompt_exchange.import_prompts)
app.command("unlabel")(prompt_labels.remove_label)
app.command("promote")(prompt_labels.promote)
app.command("protect")(prompt_labels.protect)
app.command("unprotect")(prompt_labels.unprotect)
app.command("protected")(prompt_labels.protected)
Name = Annotated[str, typer.Argument(help="The prompt, as support/answer.")]
Version = Annotated[int | None, typer.Option(help="A number.")]
Label = Annotated[str | None, typer.Option(help="A label, as production.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why.")]
Retired = Annotated[
    bool, typer.Option("--retired", help="Also what nobody should build on any more.")
]
TemplateOption = Annotated[str | None, typer.Option("--template", "-t", help="The text.")]
FileOption = Annotated[
    Path | None, typer.Option("--file", "-f", help="A file that holds the text; - for stdin.")
]
MessagesOption = Annotated[
    Path | None, typer.Option("--messages", help="A JSON file with the messages of a chat.")
]
SyntaxOption = Annotated[Syntax, typer.Option(help="How the template is read.")]
VariablesOption = Annotated[
    str, typer.Option(help='A JSON list, as [{"name": "n", "type": "integer", "default": 2}].')
]
ExamplesOption = Annotated[
    str, typer.Option(help='A JSON list, as [{"variables": {...}, "messages": [...]}].')
]


@app.command("create")
def create(
    context: typer.Context,
    name: Name,
    template: TemplateOption = None,
    file: FileOption = None,
    messages: MessagesOption = None,
    syntax: SyntaxOption = "twinline",
    variables: VariablesOption = "[]",
    examples: ExamplesOption = "[]",
    parameters: Annotated[str, typer.Option(help='A JSON object, as {"temperature": 0.2}.')] = "{}",
    message: Annotated[str, typer.Option("--message", "-m", help="What changed.")] = "",
    label: Annotated[list[str] | None, typer.Option(help="Move this label to it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make the next version of a prompt. Identical content returns the version there is."""
    made = client(context).prompts.create(
        name,
        content(template, file, messages),
        syntax=syntax,
        variables=read_list(variables, "--variables"),
        examples=read_list(examples, "--examples"),
        parameters=read_json(parameters, "--parameters"),
        message=message,
        labels=label or (),
    )
    show(made, as_json, lambda: _facts(made))


@app.command("show")
def read(
    context: typer.Context,
    name: Name,
    version: Version = None,
    label: Label = None,
    as_json: AsJson = False,
) -> None:
    """Show a version: by number, by label, or the newest."""
    found = client(context).prompts.get(name, version=version, label=label)
    show(found, as_json, lambda: _facts(found))


@app.command("list")
def list_prompts(
    context: typer.Context,
    words: Annotated[
        str | None, typer.Argument(help="Words or a part of a word; the same as --search.")
    ] = None,
    search: Annotated[
        str | None, typer.Option(help="In name, description, tags and text; the best come first.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="Has this label on a version.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="NAME or NAME=VALUE.")] = None,
    author: Annotated[str | None, typer.Option(help="Who made a version of it.")] = None,
    domain: Annotated[str | None, typer.Option(help="A folder, as support.")] = None,
    includes: Annotated[
        str | None, typer.Option(help="A prompt that its newest or a labelled version includes.")
    ] = None,
    retired: Retired = False,
    as_json: AsJson = False,
) -> None:
    """List prompts with their labels."""
    show_list(
        client(context).prompts.list(
            search or words,
            label=label,
            tags=tag or (),
            domain=domain,
            author=author,
            includes=includes,
            retired=retired,
        ),
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
def versions(
    context: typer.Context, name: Name, retired: Retired = False, as_json: AsJson = False
) -> None:
    """List the versions of a prompt, the newest first."""
    show_list(
        client(context).prompts.versions(name, retired=retired),
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
    more = (
        ("syntax", version.syntax if version.syntax != "twinline" else None),
        ("retired", version.retired_at),
        ("includes", tuple(f"{one.written} = {one.version}" for one in version.includes)),
        ("notes", "\n".join(f"{note.place}: {note.text}" for note in version.notes)),
        ("composed", as_text(version.composed) if version.composed else None),
    )
    return facts(
        (
            ("version", version.ref),
            ("labels", version.labels),
            ("variables", tuple(said(variable) for variable in version.variables)),
            ("parameters", version.parameters),
            ("message", version.message),
            ("author", version.author),
            ("created", version.created_at),
            ("digest", version.digest),
            ("template", as_text(version.template)),
            *((name, value) for name, value in more if value),
        )
    )


def content(
    template: str | None, file: Path | None, messages: Path | None
) -> str | list[dict[str, Any]]:
    """The text or the messages that were given, in whichever way."""
    if [template, file, messages].count(None) != 2:
        raise Invalid("Give the text by --template or by --file, or a chat by --messages.")
    if messages is not None:
        return read_list(read_text(messages), "--messages")
    return template if template is not None else read_text(file or Path("-"))


def said(variable: Variable) -> str:
    """A variable with its type, and its default when it has one."""
    kind = f": {variable.type}" if variable.type else ""
    optional = "" if variable.required else "?"
    default = f" = {variable.default!r}" if variable.default is not None else ""
    return f"{variable.name}{optional}{kind}{default}"


def as_text(template: Template) -> str:
    """A text as it is, a chat as a line of JSON for each message."""
    if isinstance(template, str):
        return template
    return "\n".join(part.model_dump_json() for part in template)
