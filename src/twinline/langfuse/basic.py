"""HTTP Basic, as Langfuse's SDKs send their pair of keys."""

import binascii
from base64 import b64decode

from fastapi import Depends
from fastapi.security import HTTPBasic
from starlette.datastructures import Headers
from starlette.types import Scope

from twinline.access.rules import PUBLIC_LENGTH

IN_WORDS = Depends(
    HTTPBasic(
        scheme_name="Langfuse",
        auto_error=False,
        description="Public key: the first 12 characters of an API key. Secret key: the key.",
    )
)
"""Says so in the OpenAPI; what was sent is read by `with_our_key`."""


def with_our_key(scope: Scope) -> Scope:
    """The request with what HTTP Basic brings as the header of ours that the gate reads.

    A pair that does not belong together is passed on as a key that nobody holds.
    """
    kind, _, pair = Headers(scope=scope).get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return scope
    public, _, secret = _decoded(pair).partition(":")
    key = secret if secret[:PUBLIC_LENGTH] == public else f"{public}:{secret}"
    others = [(name, value) for name, value in scope["headers"] if name != b"x-api-key"]
    sent = key.encode("latin-1", "replace")
    return {**scope, "headers": [*others, (b"x-api-key", sent)]}


def _decoded(pair: str) -> str:
    try:
        return b64decode(pair, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
