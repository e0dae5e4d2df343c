"""Manifests on disk: the last good one, and the one that an application brings along.

The file is one line with the signature and the key, and then the exact signed bytes.
"""

import json
import os
import tempfile
from pathlib import Path

from twinline.language.errors import ManifestRefused
from twinline.routing.manifest import Signed


def write_manifest(path: Path, signed: Signed, public_key: str) -> None:
    """Keep a manifest, readable for its owner alone; the file is never half written.

    Raises:
        OSError: the folder cannot be written.
    """
    head = json.dumps({"signature": signed.signature, "key": public_key}).encode()
    replace(path, head + b"\n" + signed.content)


def replace(path: Path, content: bytes) -> None:
    """Write a file, readable for its owner alone; it is never half written.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def read_signed(path: Path) -> tuple[Signed, str] | None:
    """A kept manifest and the key that it says it was signed with; None without a file.

    Raises:
        ManifestRefused: the file is no kept manifest.
    """
    try:
        head, _, content = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    try:
        said = json.loads(head)
        return Signed(content, str(said["signature"])), str(said["key"])
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestRefused(
            f"{path} is no manifest that was kept: its head is damaged."
        ) from error
