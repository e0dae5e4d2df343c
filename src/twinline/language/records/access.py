"""Who is asking, what they may do, and what they did."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from twinline.language.records.base import Instant, Json, Record, Request


class Role(StrEnum):
    """What a key is for; each role is a set of permissions (`access/rules.py`)."""

    VIEWER = "viewer"
    AUTHOR = "author"
    RELEASER = "releaser"
    SERVICE = "service"
    RUNNER = "runner"
    AUDITOR = "auditor"
    MLFLOW = "mlflow"
    ADMIN = "admin"


class NewKey(Request):
    """An API key to make."""

    owner: Annotated[str, Field(min_length=1, max_length=200, examples=["ana@example.org"])]
    role: Role
    expires_at: Instant | None = None


class ApiKey(Record):
    """An API key, without its secret."""

    prefix: str = Field(description="The first characters of the key: its public id.")
    owner: str
    role: Role
    created_at: Instant
    created_by: str
    expires_at: Instant | None
    revoked_at: Instant | None


class IssuedKey(ApiKey):
    """A new API key with its secret, which is shown this once."""

    key: str


class AuditEvent(Record):
    """Who did what, when, to what and why; chained by hashes."""

    seq: int
    at: Instant
    actor: str
    action: str
    subject: str
    why: str
    before: Json | None
    after: Json | None
    previous_hash: str
    hash: str


class ChainVerdict(Record):
    """Whether the audit log is whole."""

    events: int
    whole: bool
    broken_at: int | None = Field(description="The first event that does not fit.")


class Health(Record):
    """Whether the server can do its work, and what it found."""

    ready: bool
    checks: dict[str, str]
