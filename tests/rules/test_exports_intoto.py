"""A statement is what in-toto's own library takes; its envelope is verified with our key."""

import base64
import json

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement

from tests.support.origins import ORIGINS, PARAMETERS, hosted, plain
from twinline.exports.intoto import STATEMENT_MEDIA_TYPE, envelope, pre_authentication, statement
from twinline.exports.origin import Origin
from twinline.language import signing
from twinline.language.errors import ManifestRefused

origins = pytest.mark.parametrize("origin", ORIGINS.values(), ids=ORIGINS)


@origins
def test_the_library_parses_and_validates_it(origin: Origin) -> None:
    made = statement(origin, "0.1.0")
    read = Statement([], "", {})
    read.pb.Clear()
    ParseDict(json.loads(json.dumps(made)), read.pb)
    read.validate()
    assert MessageToDict(read.pb)["subject"] == made["subject"]
    provenance = ParseDict(made["predicate"], Provenance())
    for one in provenance.build_definition.resolved_dependencies:
        ResourceDescriptor.copy_from_pb(one).validate()
    assert MessageToDict(provenance)["buildDefinition"] == made["predicate"]["buildDefinition"]


def test_both_sides_and_the_data_are_what_it_was_resolved_from() -> None:
    origin = plain()
    definition = statement(origin, "0.1.0")["predicate"]["buildDefinition"]
    assert {one["name"]: one.get("digest") for one in definition["resolvedDependencies"]} == {
        "models:/churn/3": {"sha256": origin.model.digest},
        "prompts:/support/answer/7": {"sha256": origin.prompt.digest},
        "datasets:/tickets/5e1f0a7c": None,
        "datasets:/faq/1": None,
    }
    assert definition["externalParameters"] == {
        "model": "models:/churn/3",
        "prompt": "prompts:/support/answer/7",
        "parameters": PARAMETERS,
    }


def test_the_run_is_the_invocation() -> None:
    details = statement(plain(), "0.1.0")["predicate"]["runDetails"]
    assert details["metadata"] == {
        "invocationId": "runs:/run-3",
        "startedOn": "2026-07-01T10:00:30.250000Z",
        "finishedOn": "2026-07-01T11:00:30.250000Z",
    }
    assert details["builder"]["version"] == {"twinline": "0.1.0"}


def test_without_a_run_there_is_no_invocation_but_the_time_of_the_pairing() -> None:
    details = statement(hosted(), "0.1.0")["predicate"]["runDetails"]
    assert details["metadata"] == {"finishedOn": "2026-07-01T12:00:30.250000Z"}


def test_the_envelope_is_signed_over_the_payload_s_type_and_bytes() -> None:
    private = signing.new_private_key()
    public = signing.public_key(private)
    stated = statement(plain(), "0.1.0")
    made = envelope(stated, private)
    payload = base64.b64decode(made["payload"])
    assert (made["payloadType"], json.loads(payload)) == (STATEMENT_MEDIA_TYPE, stated)
    (signature,) = made["signatures"]
    assert signature["keyid"] == signing.key_id(public)
    encoded = pre_authentication(made["payloadType"], payload)
    signing.verify(public, signature["sig"], encoded)
    for changed in (encoded + b" ", payload, pre_authentication("text/plain", payload)):
        with pytest.raises(ManifestRefused):
            signing.verify(public, signature["sig"], changed)


def test_the_encoding_is_that_of_the_specification() -> None:
    """The example of DSSE's protocol.md."""
    kind = "http://example.com/HelloWorld"
    assert pre_authentication(kind, b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_the_same_bundle_is_signed_to_the_same_bytes() -> None:
    private = signing.new_private_key()
    one, again = (envelope(statement(plain(), "0.1.0"), private) for _ in range(2))
    assert one == again
