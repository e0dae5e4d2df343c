"""Bundles and pairings, as the client offers them."""

from collections.abc import Iterator
from typing import Any

from twinline.client.http import Http
from twinline.client.notebooks import ShownBundle
from twinline.language.records import Bundle, NewBundle, NewPairing, Pairing, PairingStatus
from twinline.language.refs import (
    BundleRef,
    ModelAliasRef,
    ModelVersionRef,
    PromptLabelRef,
    PromptVersionRef,
    Ref,
    parse_ref,
)

Version = str | Ref
"""A reference, or its text."""


class Bundles:
    """Bundles and pairings."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def pair(
        self,
        model: Version,
        prompt: Version,
        parameters: dict[str, Any] | None = None,
        *,
        key: str | None = None,
    ) -> Bundle:
        """The bundle of a model version and a prompt version; labels and aliases are
        resolved to versions now."""
        new = NewBundle(
            model=_one_of(model, ModelVersionRef, ModelAliasRef),
            prompt=_one_of(prompt, PromptVersionRef, PromptLabelRef),
            parameters=parameters or {},
        )
        return self._http.write(ShownBundle, "POST", "/bundles", new, key=key)

    def get(self, ref: BundleRef | str) -> Bundle:
        """A bundle by its reference; 12 characters of the digest are enough."""
        return self._http.get(ShownBundle, f"/bundles/{_bundle(ref).digest}")

    def list(self) -> Iterator[Bundle]:
        """Bundles, the newest first."""
        return self._http.pages(ShownBundle, "/bundles")

    def state_pairing(
        self,
        model: Version,
        prompt: Version,
        status: PairingStatus,
        *,
        reason: str,
        evidence: str = "",
        key: str | None = None,
    ) -> Pairing:
        """Say how two versions go together; the newest word counts."""
        new = NewPairing(
            model=_one_of(model, ModelVersionRef, ModelVersionRef),
            prompt=_one_of(prompt, PromptVersionRef, PromptVersionRef),
            status=status,
            reason=reason,
            evidence=evidence,
        )
        return self._http.write(Pairing, "PUT", "/pairings", new, key=key)


def _bundle(ref: BundleRef | str) -> BundleRef:
    return ref if isinstance(ref, BundleRef) else BundleRef.parse(ref)


def _one_of(version: Version, *kinds: type[Any]) -> Any:
    ref = parse_ref(version) if isinstance(version, str) else version
    return ref if isinstance(ref, kinds) else kinds[0].parse(str(ref))
