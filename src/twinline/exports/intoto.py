"""A bundle's provenance as an in-toto statement, signed in a DSSE envelope.

The statement is in-toto Statement v1, its predicate SLSA Provenance v1: the bundle is
the subject, both sides and the datasets are what it was resolved from, and the run that
made the model is the invocation. The envelope is DSSE v1.0.2: the signature is over the
pre-authentication encoding of the payload's type and bytes.
"""

import base64
from typing import Any

from twinline.exports.origin import Origin, uri
from twinline.language import signing
from twinline.language.canonical import canonical
from twinline.language.records import Dataset, Json, ModelVersion, PromptVersion

STATEMENT_MEDIA_TYPE = "application/vnd.in-toto+json"
ENVELOPE_MEDIA_TYPE = "application/vnd.dsse.envelope.v1+json"
BUILD_TYPE = "urn:twinline:pair:1"
BUILDER = "urn:twinline:server"


def statement(origin: Origin, version: str) -> Json:
    """What is stated; ``version`` is that of Twinline."""
    bundle = origin.bundle
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": str(bundle.ref), "digest": {"sha256": bundle.digest}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "model": str(bundle.model),
                    "prompt": str(bundle.prompt),
                    "parameters": bundle.parameters,
                },
                "resolvedDependencies": [
                    _side(origin.model),
                    _side(origin.prompt),
                    *(_dataset(one) for one in origin.datasets),
                ],
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": {"twinline": version}},
                "metadata": _metadata(origin),
            },
        },
    }


def envelope(statement: Json, private_key: str) -> Json:
    """The statement signed; the payload is its canonical JSON."""
    payload = canonical(statement)
    signature = signing.sign(private_key, pre_authentication(STATEMENT_MEDIA_TYPE, payload))
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": STATEMENT_MEDIA_TYPE,
        "signatures": [
            {"keyid": signing.key_id(signing.public_key(private_key)), "sig": signature}
        ],
    }


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """The bytes that a DSSE signature is over (PAE); they begin with ``DSSEv1``."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _side(version: ModelVersion | PromptVersion) -> Json:
    found: dict[str, Any] = {
        "name": str(version.ref),
        "uri": uri(version.ref),
        "digest": {"sha256": version.digest},
    }
    if isinstance(version, ModelVersion):
        found["annotations"] = {"source": version.source_uri, "pinned": version.pinned}
    return found


def _dataset(dataset: Dataset) -> Json:
    """Its digest is what the run logged, by no algorithm that we could name."""
    return {
        "name": str(dataset.ref),
        "uri": uri(dataset.ref),
        "annotations": {"digest": dataset.digest},
    }


def _metadata(origin: Origin) -> Json:
    """The run and its times; of a model that no run is known of, when it was paired."""
    run = origin.run
    if run is None:
        return {"finishedOn": _instant(origin.bundle.created_at)}
    times = {"startedOn": run.started_at, "finishedOn": run.ended_at}
    known = {name: _instant(at) for name, at in times.items() if at is not None}
    return {"invocationId": uri(run.ref), **known}


def _instant(at: Any) -> str:
    return at.isoformat().replace("+00:00", "Z")
