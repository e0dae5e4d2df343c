"""What a bundle's digest is taken over."""

from typing import Any

from twinline.language import identity
from twinline.language.canonical import digest
from twinline.language.records import Bundle, ModelVersion, PromptVersion, ServedBundle
from twinline.language.records.bundles import ServedModel, ServedPrompt
from twinline.language.refs import BundleRef


def pair_digest(model: ModelVersion, prompt: PromptVersion, parameters: dict[str, Any]) -> str:
    """The digest over both sides, each by name and content, and the parameters."""
    return identity.pair_digest(
        model=model.ref,
        model_digest=model.digest,
        prompt=prompt.ref,
        prompt_digest=prompt.digest,
        parameters=parameters,
    )


def unresolved_digest(words: dict[str, Any]) -> str:
    """The digest over the words of a pair that could not be resolved."""
    return digest({"schema": "unresolved/1", "words": words})


def served(bundle: Bundle, model: ModelVersion, prompt: PromptVersion) -> ServedBundle:
    """A bundle with all that an application needs to answer a request."""
    return ServedBundle(
        ref=BundleRef(bundle.digest),
        model=ServedModel(
            ref=model.ref,
            uri=model.source_uri,
            pinned=model.pinned,
            parameters=bundle.parameters,
        ),
        prompt=ServedPrompt(
            ref=prompt.ref,
            kind=prompt.kind,
            template=prompt.whole,
            syntax=prompt.syntax,
            variables=prompt.variables,
            examples=prompt.examples,
            includes=prompt.includes,
            parameters=prompt.parameters,
        ),
    )
