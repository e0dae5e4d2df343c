"""What makes a version this one and not another: the digest of each side, and of the pair.

The server takes these digests when it registers a version; whoever holds a bundle can
take them again, from what a registry says now, and sees whether it is still the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from twinline.language.canonical import digest


def model_digest(*, name: str, source: str, source_uri: str, pinned: bool, run: str | None) -> str:
    """The digest over what must never change under the number of a model version."""
    return digest(
        {"name": name, "source": source, "source_uri": source_uri, "pinned": pinned, "run": run}
    )


def prompt_digest(
    *, kind: str, template: object, variables: Sequence[str], parameters: Mapping[str, Any]
) -> str:
    """The digest over the content of a prompt version; a chat template as its messages."""
    return digest(
        {
            "kind": kind,
            "variables": [{"name": name} for name in variables],
            "template": template,
            "parameters": dict(parameters),
        }
    )


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
