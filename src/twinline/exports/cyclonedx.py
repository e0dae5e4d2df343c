"""A bundle as a CycloneDX 1.7 bill of materials, with a model card (ECMA-424).

The bundle is the application that the document describes. CycloneDX has no word for
prompts: a prompt is a component of type ``data`` and kind ``configuration``.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID, uuid5

from twinline.exports.origin import Origin
from twinline.language.canonical import canonical
from twinline.language.records import Dataset, Json, ModelVersion, PromptVersion

MEDIA_TYPE = "application/vnd.cyclonedx+json; version=1.7"
SERIALS = UUID("5f0c6a0e-4f0e-5d43-9f2c-0b7a6f1f6a53")
"""The namespace that the serial numbers are made in."""


def document(origin: Origin, version: str) -> Json:
    """The bill of materials; ``version`` is that of Twinline.

    The serial number follows from the bundle's digest, and the timestamp is the
    bundle's own.
    """
    bundle = origin.bundle
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": f"urn:uuid:{uuid5(SERIALS, bundle.digest)}",
        "version": 1,
        "metadata": {
            "timestamp": bundle.created_at.isoformat(),
            "tools": {
                "components": [{"type": "application", "name": "twinline", "version": version}]
            },
            "component": _bundle(origin),
        },
        "components": [
            _model(origin),
            _prompt(origin.prompt),
            *(_dataset(one) for one in origin.datasets),
        ],
        "dependencies": list(_dependencies(origin)),
        "compositions": list(_compositions(origin)),
    }


def _bundle(origin: Origin) -> Json:
    bundle = origin.bundle
    return {
        "type": "application",
        "bom-ref": str(bundle.ref),
        "name": f"{origin.prompt.name} with {origin.model.name}",
        "version": bundle.digest[:12],
        "description": f"{bundle.prompt} answered by {bundle.model}",
        "hashes": _hashes(bundle.digest),
        "properties": _properties({"twinline:ref": str(bundle.ref)})
        + _properties(bundle.parameters, "twinline:parameter:"),
    }


def _model(origin: Origin) -> Json:
    model = origin.model
    return {
        "type": "machine-learning-model",
        "bom-ref": str(model.ref),
        "name": model.name,
        "version": str(model.number),
        "hashes": _hashes(model.digest),
        "modelCard": _model_card(origin),
        "properties": _properties(_model_facts(model)),
    }


def _model_facts(model: ModelVersion) -> dict[str, Any]:
    return {
        "twinline:ref": str(model.ref),
        "twinline:registry": model.source,
        "twinline:source": model.source_uri,
        # A provider may change what answers to a name that is not pinned.
        "twinline:pinned": model.pinned,
    }


def _model_card(origin: Origin) -> Json:
    """Datasets by reference, the metrics and the parameters; of the run where the model
    version does not say them itself."""
    run, model = origin.run, origin.model
    metrics = {**(run.metrics if run else {}), **model.metrics}
    params = {**(run.params if run else {}), **model.params}
    source = {"twinline:run": str(run.ref)} if run else {}
    return {
        "modelParameters": {"datasets": [{"ref": str(one.ref)} for one in origin.datasets]},
        "quantitativeAnalysis": {
            "performanceMetrics": [
                {"type": name, "value": _text(value)} for name, value in sorted(metrics.items())
            ]
        },
        "properties": _properties(source) + _properties(params, "twinline:parameter:"),
    }


def _prompt(prompt: PromptVersion) -> Json:
    template = prompt.model_dump(mode="json")["template"]
    is_text = isinstance(template, str)
    return {
        "type": "data",
        "bom-ref": str(prompt.ref),
        "name": prompt.name,
        "version": str(prompt.number),
        "hashes": _hashes(prompt.digest),
        "authors": [{"name": prompt.author}],
        "data": [
            {
                "type": "configuration",
                "name": f"{prompt.kind} prompt",
                "contents": {
                    "attachment": {
                        "contentType": "text/plain" if is_text else "application/json",
                        "content": _text(template),
                    },
                    "properties": _properties(prompt.parameters, "twinline:parameter:"),
                },
            }
        ],
        "properties": _properties({"twinline:ref": str(prompt.ref)}),
    }


def _dataset(dataset: Dataset) -> Json:
    """A dataset's digest is what its run logged, often no hash that CycloneDX knows."""
    facts = {
        "twinline:ref": str(dataset.ref),
        "twinline:source-type": dataset.source_type,
        "twinline:source": dataset.source,
    }
    return {
        "type": "data",
        "bom-ref": str(dataset.ref),
        "name": dataset.name,
        "version": dataset.digest,
        "data": [
            {
                "type": "dataset",
                "name": dataset.name,
                "contents": {"properties": _properties(dataset.profile, "twinline:profile:")},
            }
        ],
        "properties": _properties({name: said for name, said in facts.items() if said}),
    }


def _dependencies(origin: Origin) -> Iterator[Json]:
    bundle, model, prompt = map(str, (origin.bundle.ref, origin.model.ref, origin.prompt.ref))
    datasets = [str(one.ref) for one in origin.datasets]
    yield {"ref": bundle, "dependsOn": [model, prompt]}
    yield {"ref": model, "dependsOn": datasets}
    for leaf in (prompt, *datasets):
        yield {"ref": leaf, "dependsOn": []}


def _compositions(origin: Origin) -> Iterator[Json]:
    """A bundle is exactly its two sides. A model that nobody knows the data of has not
    been made of none."""
    yield {
        "aggregate": "complete",
        "assemblies": [str(origin.bundle.ref)],
        "dependencies": [str(origin.bundle.ref), str(origin.prompt.ref)],
    }
    yield {
        "aggregate": "complete" if origin.datasets else "unknown",
        "dependencies": [str(origin.model.ref)],
    }


def _hashes(digest: str) -> list[Json]:
    """Digests of ours are taken over canonical JSON (RFC 8785), not over a file."""
    return [{"alg": "SHA-256", "content": digest}]


def _properties(values: Mapping[str, Any], prefix: str = "") -> list[Json]:
    return [
        {"name": f"{prefix}{name}", "value": _text(value)} for name, value in sorted(values.items())
    ]


def _text(value: object) -> str:
    """A value as the text that properties and metrics are in CycloneDX."""
    return value if isinstance(value, str) else canonical(value).decode()
