"""Ed25519 signatures (RFC 8032) over exact bytes.

Keys and signatures travel as base64. The library is loaded at first use: most programs
that import Twinline never verify anything.
"""

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING

from twinline.language.errors import ManifestRefused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def new_private_key() -> str:
    """A private key: 32 random bytes."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return _encode(Ed25519PrivateKey.generate().private_bytes_raw())


def public_key(private: str) -> str:
    """The public key of a private one."""
    return _encode(_private(private).public_key().public_bytes_raw())


def key_id(public: str) -> str:
    """A short name of a public key: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(_decode(public)).hexdigest()[:16]


def sign(private: str, content: bytes) -> str:
    """The signature of these bytes."""
    return _encode(_private(private).sign(content))


def verify(public: str, signature: str, content: bytes) -> None:
    """Return when the signature is of these bytes and by this key.

    Raises:
        ManifestRefused: it is not.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(_decode(public)).verify(_decode(signature), content)
    except (InvalidSignature, ValueError) as error:
        raise ManifestRefused(
            f"The signature is not of these bytes by the key {key_id(public)}: they were changed, "
            "or signed by another server."
        ) from error


def _private(private: str) -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(_decode(private))


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ManifestRefused(f"{text[:60]!r} is not base64.") from error
