"""How prompt versions and their parts are printed."""

from twinline.cli.output import facts
from twinline.language.records import PromptVersion, Template, Variable


def version_facts(version: PromptVersion) -> object:
    """All that a version says, a fact a line."""
    more = (
        ("syntax", version.syntax if version.syntax != "twinline" else None),
        ("retired", version.retired_at),
        ("recalled", version.recalled_at),
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
