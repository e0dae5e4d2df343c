"""Whether a delivery of a webhook comes from our MLflow, and now (MLflow signs as Standard
Webhooks does: HMAC-SHA256 over ``delivery id.timestamp.body``)."""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from typing import Literal, NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

AGE_SECONDS_MAX = 300
"""How old, or how far ahead of our clock, a delivery may be."""

_VERSION = "v1"

Refusal = Literal["unsigned", "forged", "stale", "replayed", "too-large", "malformed"]


class Headers(NamedTuple):
    """What MLflow says beside the body."""

    delivery_id: str
    timestamp: str
    signature: str


def refusal(headers: Headers, body: bytes, secret: str, now_seconds: float) -> Refusal | None:
    """Why a delivery is not to be believed; None when it is.

    Its time is looked at only when the signature is right, because that covers it.
    """
    if is_unsigned(headers):
        return "unsigned"
    expected = sign(headers.delivery_id, headers.timestamp, body, secret).encode()
    given = (one.encode() for one in headers.signature.split(" ")[:5])
    if not _any_equal(given, expected):
        return "forged"
    try:
        age_seconds = now_seconds - float(headers.timestamp)
    except ValueError:
        return "stale"
    return None if abs(age_seconds) <= AGE_SECONDS_MAX else "stale"


def is_unsigned(headers: Headers) -> bool:
    """Whether a delivery lacks what it takes to be believed, whatever the secret is."""
    return not all(headers) or len(headers.delivery_id) > 200


def sign(delivery_id: str, timestamp: str, body: bytes, secret: str) -> str:
    """The signature that MLflow sends with a body."""
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    made = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return f"{_VERSION},{base64.b64encode(made).decode()}"


def derived_secret(private_key: str, server: str) -> str:
    """The secret for a server's webhooks: it follows from the catalog's signing key, so that
    every process knows it and none has to keep it."""
    info = f"twinline mlflow webhooks {server}".encode()
    made = HKDF(SHA256(), length=32, salt=None, info=info).derive(private_key.encode())
    return base64.urlsafe_b64encode(made).decode()


def _any_equal(given: Iterable[bytes], expected: bytes) -> bool:
    # Every one is compared, and each in a time that tells nothing about it.
    return sum([hmac.compare_digest(one, expected) for one in given]) > 0
