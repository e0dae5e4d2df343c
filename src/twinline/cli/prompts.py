"""``twinline prompts``: make versions, read and list them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from twinline.cli import (
    completion,
    prompt_diffs,
    prompt_exchange,
    prompt_labels,
    prompt_reads,
)
from twinline.cli.output import AsCsv, AsJson, show, show_list, table_of
from twinline.cli.prompt_output import version_facts
from twinline.cli.session import client, read_json, read_list, read_text
from twinline.language.errors import Invalid
from twinline.language.records import Syntax

app = typer.Typer(
    help="Prompts: versions, labels, includes, rendering and who reads them.",
    no_args_is_help=True,
)
app.command("diff")(prompt_diffs.diff)
app.command("access")(prompt_reads.accesses)
app.command("label")(prompt_labels.move_label)
app.command("export")(prompt_exchange.export_prompts)
app.command("import")(prompt_exchange.import_prompts)
app.command("unlabel")(prompt_labels.remove_label)
app.command("promote")(prompt_labels.promote)
app.command("protect")(prompt_labels.protect)
app.command("unprotect")(prompt_labels.unprotect)
app.command("protected")(prompt_labels.protected)
app.command("history")(prompt_labels.history)
Name = Annotated[
    str, typer.Argument(autocompletion=completion.prompts, help="The prompt, as support/answer.")
]
Version = Annotated[int | None, typer.Option(help="A number.")]
Label = Annotated[str | None, typer.Option(help="A label, as production.")]
Retired = Annotated[
    bool, typer.Option("--retired", help="Also what nobody should build on any more.")
]
TemplateOption = Annotated[str | None, typer.Option("--template", "-t", help="The text.")]
FileOption = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="A file with the text and nothing else; - for stdin."),
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
ParametersOption = Annotated[str, typer.Option(help='A JSON object, as {"temperature": 0.2}.')]


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
    parameters: ParametersOption = "{}",
    message: Annotated[str, typer.Option("--message", "-m", help="What changed.")] = "",
    label: Annotated[list[str] | None, typer.Option(help="Move this label to it.")] = None,
    description: Annotated[
        str | None, typer.Option(help="Of the prompt; without it, as it is.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(help="Of the prompt, NAME or NAME=VALUE; without any, as they are."),
    ] = None,
    derived_from: Annotated[
        str | None, typer.Option(help="The version it was written from, as prompts:/other/3.")
    ] = None,
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
        description=description,
        tags=None if tag is None else dict(_tag(one) for one in tag),
        derived_from=derived_from,
    )
    show(made, as_json, lambda: version_facts(made))


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
    show(found, as_json, lambda: version_facts(found))


@app.command("list")
def list_prompts(
    context: typer.Context,
    words: Annotated[
        str | None,
        typer.Argument(
            help="Words, or a part of one, in name, description, tags or text; the best come "
            "first. 'refund -policy' leaves the second out."
        ),
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
    as_csv: AsCsv = False,
) -> None:
    """List prompts with their labels."""
    show_list(
        client(context).prompts.list(
            words,
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
        as_csv=as_csv,
    )


@app.command("versions")
def versions(
    context: typer.Context,
    name: Name,
    retired: Retired = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List the versions of a prompt, the newest first."""
    show_list(
        client(context).prompts.versions(name, retired=retired),
        as_json,
        lambda found: table_of(
            ("version#", "kind", "labels", "author", "created", "message", "digest", "retired"),
            (
                (
                    one.number,
                    one.kind,
                    one.labels,
                    one.author,
                    one.created_at,
                    one.message,
                    one.digest[:12],
                    one.retired_at,
                )
                for one in found
            ),
        ),
        "No versions.",
        as_csv=as_csv,
    )


def _tag(said: str) -> tuple[str, str]:
    name, _, value = said.partition("=")
    return name, value


def content(
    template: str | None, file: Path | None, messages: Path | None
) -> str | list[dict[str, Any]]:
    """The text or the messages that were given, in whichever way."""
    ways = {"--template": template, "--file": file, "--messages": messages}
    given = [way for way, said in ways.items() if said is not None]
    if len(given) != 1:
        raise Invalid(
            f"What the prompt says was given {len(given)} times ({', '.join(given) or 'not at all'}"
            "); give it once: a text by --template TEXT or --file FILE (- for standard input), a "
            "chat by --messages FILE.",
        )
    if messages is not None:
        return read_list(read_text(messages), "--messages")
    return template if template is not None else read_text(file or Path("-"))
