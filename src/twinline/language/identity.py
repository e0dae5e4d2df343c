"""What makes a version this one and not another: the digest of each side, and of the pair.

The server takes these digests when it registers a version; whoever holds a bundle can
take them again, from what a registry says now, and sees whether it is still the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from twinline.language.canonical import digest
from twinline.language.records import Include, PromptVersion, ServedPrompt, Template, Variable


def model_digest(*, name: str, source: str, source_uri: str, pinned: bool, run: str | None) -> str:
    """The digest over what must never change under the number of a model version."""
    return digest(
        {"name": name, "source": source, "source_uri": source_uri, "pinned": pinned, "run": run}
    )


def prompt_digest(
    *,
    kind: str,
    template: object,
    variables: Sequence[Mapping[str, Any]],
    parameters: Mapping[str, Any],
    syntax: str = "twinline",
    examples: Sequence[Mapping[str, Any]] = (),
    includes: Sequence[Include] = (),
) -> str:
    """The digest over the content of a prompt version; a chat template as its messages.

    The template is the composed one, with the digest of each version that stands in it;
    variables come without the members that have their default. What a version does not
    have is not in the form, so that those made before there was such a thing keep theirs.
    """
    pins = {str(pin.version): pin.digest for pin in includes}
    more = {
        "syntax": syntax if syntax != "twinline" else None,
        "examples": list(examples),
        "includes": [{"ref": ref, "digest": pinned} for ref, pinned in pins.items()],
    }
    return digest(
        {
            "kind": kind,
            "variables": list(variables),
            "template": template,
            "parameters": dict(parameters),
            **{name: member for name, member in more.items() if member},
        }
    )


def digest_of(prompt: PromptVersion | ServedPrompt) -> str:
    """The digest of a prompt version, taken again from its content."""
    template = prompt.whole if isinstance(prompt, PromptVersion) else prompt.template
    return prompt_digest(
        kind=prompt.kind,
        template=as_json(template),
        variables=[without_defaults(variable) for variable in prompt.variables],
        parameters=prompt.parameters,
        syntax=prompt.syntax,
        examples=[one.model_dump(mode="json") for one in prompt.examples],
        includes=prompt.includes,
    )


def as_json(template: Template) -> object:
    """A template as a JSON value."""
    if isinstance(template, str):
        return template
    return [part.model_dump(mode="json") for part in template]


def without_defaults(variable: Variable) -> dict[str, Any]:
    """A variable as it is kept: one that is not declared is its name alone."""
    return variable.model_dump(mode="json", exclude_defaults=True)


def pair_digest(
    *,
    model: object,
    model_digest: str,
    prompt: object,
    prompt_digest: str,
    parameters: Mapping[str, Any],
) -> str:
    """The digest that names a bundle: both sides, each by reference and digest, and the
    parameters."""
    return digest(
        {
            "schema": "bundle/1",
            "model": {"ref": str(model), "digest": model_digest},
            "prompt": {"ref": str(prompt), "digest": prompt_digest},
            "parameters": dict(parameters),
        }
    )
