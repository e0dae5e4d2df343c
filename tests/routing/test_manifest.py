"""A manifest is taken only when it is ours, whole and not older; then it routes."""

import json
from typing import Any
from uuid import UUID

import pytest

from tests.routing.documents import A, B, C, leaf, policy, rule
from twinline.language import signing
from twinline.language.errors import Killed, ManifestRefused, NoActiveBundle, NotFound
from twinline.language.records import Manifest
from twinline.language.refs import BundleRef, DeploymentRef
from twinline.routing.evaluation import Choice
from twinline.routing.manifest import (
    Router,
    Signed,
    no_active_bundle,
    read_manifest,
    refuse_older,
)

PRIVATE = signing.new_private_key()
PUBLIC = signing.public_key(PRIVATE)
NOTE = {"by": "ada", "at": "2026-11-21T10:00:00Z", "reason": "answers leak"}
POLICY = policy(
    rule("pinned", C, leaf("tenant", "eq", "bank"), pin=True), default=A, fallback=[str(B)]
)


def _bundle(ref: BundleRef, state: str) -> dict[str, Any]:
    model = {"ref": "models:/m/1", "uri": "x:/m", "pinned": True, "parameters": {}}
    prompt = {
        "ref": "prompts:/p/1",
        "kind": "text",
        "template": "x",
        "variables": [],
        "parameters": {},
    }
    return {"state": state, "served": {"ref": str(ref), "model": model, "prompt": prompt}}


def document(*, withdrawn: tuple[BundleRef, ...] = (), **members: Any) -> dict[str, Any]:
    slot = {"deployment": 7, "policy": POLICY.document(), "killed": None}
    states = {
        ref.digest: _bundle(ref, "killed" if ref in withdrawn else "active") for ref in (A, B, C)
    }
    return {
        "schema": "manifest/1",
        "environment": "production",
        "epoch": str(UUID(int=1)),
        "version": 12,
        "made_at": "2026-11-21T10:00:00Z",
        "killed": None,
        "slots": {"answer": slot},
        "bundles": states,
        **members,
    }


def manifest(**members: Any) -> Manifest:
    return Manifest.model_validate(document(**members))


def signed(value: dict[str, Any]) -> Signed:
    content = json.dumps(value).encode()
    return Signed(content, signing.sign(PRIVATE, content))


def router(**members: Any) -> Router[Choice]:
    def made(_router: Router[Choice], deployment: DeploymentRef, choice: Choice) -> Choice:
        assert str(deployment) == "deployments:/answer@production/7"
        return choice

    return Router(manifest(**members), made)


def test_a_signed_manifest_is_read_back() -> None:
    assert read_manifest(signed(document()), PUBLIC) == manifest()


@pytest.mark.parametrize("place", [0, 10, 200, -1])
def test_one_changed_byte_is_refused(place: int) -> None:
    content, signature = signed(document())
    changed = bytearray(content)
    changed[place] ^= 1
    with pytest.raises(ManifestRefused, match="they were changed, or signed by another server"):
        read_manifest(Signed(bytes(changed), signature), PUBLIC)


@pytest.mark.parametrize("length", [0, 1, 100])
def test_a_truncated_manifest_is_refused(length: int) -> None:
    content, signature = signed(document())
    with pytest.raises(ManifestRefused):
        read_manifest(Signed(content[:length], signature), PUBLIC)


def test_another_server_s_signature_is_refused() -> None:
    other = signing.public_key(signing.new_private_key())
    with pytest.raises(ManifestRefused, match=signing.key_id(other)):
        read_manifest(signed(document()), other)


@pytest.mark.parametrize("signature", ["", "AAAA", "no base64!"])
def test_what_is_no_signature_is_refused(signature: str) -> None:
    with pytest.raises(ManifestRefused):
        read_manifest(Signed(b"{}", signature), PUBLIC)


def test_a_signed_document_of_another_form_is_refused() -> None:
    with pytest.raises(ManifestRefused, match="Update Twinline here"):
        read_manifest(signed({**document(), "schema": "manifest/2"}), PUBLIC)


def test_an_older_version_is_refused_but_not_of_a_restored_database() -> None:
    known = manifest()
    refuse_older(known, manifest(version=12))
    refuse_older(known, manifest(version=13))
    refuse_older(known, manifest(version=1, epoch=str(UUID(int=2))))
    with pytest.raises(ManifestRefused, match="It is version 11; version 12 is known already"):
        refuse_older(known, manifest(version=11))
    with pytest.raises(ManifestRefused, match="It is of 'staging', not of 'production'"):
        refuse_older(known, manifest(environment="staging"))


def test_a_route_is_resolved_by_its_policy() -> None:
    live = router().route("answer")
    assert live.evaluate({}, 0).made == Choice(A, A, "default")
    assert live.evaluate({"tenant": "bank"}, 0).made == Choice(C, C, "rule", "pinned")


def test_a_killed_bundle_gives_way_but_not_where_it_is_pinned() -> None:
    live = router(withdrawn=(A, C)).route("answer")
    assert live.evaluate({}, 0).made == Choice(A, B, "default")
    nothing = live.evaluate({"tenant": "bank"}, 0).made
    assert nothing == Choice(C, None, "no-active-bundle", "pinned")
    error = no_active_bundle(live.slot, nothing)
    assert isinstance(error, NoActiveBundle)
    assert error.detail.startswith(f"answer@production: the rule 'pinned' chose {C}")


def test_the_error_says_whether_the_default_or_a_missing_unit_is_to_blame() -> None:
    slot = router().route("answer").slot
    assert "the default chose" in no_active_bundle(slot, Choice(A, None, "no-active-bundle")).detail
    missing = no_active_bundle(slot, Choice(A, None, "unit-missing", "half"))
    assert "the rule 'half' is pinned to a split" in missing.detail


def test_an_unknown_route_is_answered_with_those_there_are() -> None:
    with pytest.raises(NotFound, match="Live routes: answer"):
        router().route("other")
    with pytest.raises(NotFound, match="Live routes: none"):
        router(slots={}).route("answer")


@pytest.mark.parametrize("everything", [True, False], ids=["everything", "the-slot"])
def test_what_is_killed_serves_nothing_and_says_who_and_why(everything: bool) -> None:
    slot = {"deployment": 7, "policy": POLICY.document(), "killed": NOTE}
    members = {"killed": NOTE} if everything else {"slots": {"answer": slot}}
    with pytest.raises(Killed, match="by ada: answers leak") as refused:
        router(**members).route("answer")
    assert refused.value.fields == {
        "slot": "routes:/answer@production",
        "by": "ada",
        "reason": "answers leak",
    }
