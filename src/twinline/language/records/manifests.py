"""What applications resolve from in their own process, and what they report back."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from twinline.language.canonical import Digest
from twinline.language.names import Environment
from twinline.language.records.base import Count, Instant, Json, Record, Request
from twinline.language.records.bundles import ServedBundle
from twinline.language.records.inferences import ServedFrom
from twinline.language.records.kills import KillNote

BundleState = Literal["active", "killed"]


class ManifestSlot(Record):
    """What is live in a slot."""

    deployment: int
    policy: Json
    killed: KillNote | None


class ManifestBundle(Record):
    """A bundle that a live policy names, with all that an answer needs."""

    state: BundleState
    served: ServedBundle


class Manifest(Record):
    """Everything that is live in an environment, as of a version.

    The version grows with every change; the epoch changes when the database was
    restored, so that an older version is then taken all the same.
    """

    schema_: Literal["manifest/1"] = Field(alias="schema")
    environment: str
    epoch: UUID
    version: int
    made_at: Instant
    killed: KillNote | None = Field(description="When everything is stopped.")
    slots: dict[str, ManifestSlot] = Field(description="By route.")
    bundles: dict[Digest, ManifestBundle]


class ManifestKey(Record):
    """The public key that manifests are signed with (Ed25519)."""

    id: str
    public: str = Field(description="32 bytes in base64.")


Name = Annotated[str, Field(max_length=200)]


class ClientReport(Request):
    """How an application that resolves in its own process stands."""

    id: UUID
    environment: Environment
    epoch: UUID | None
    version: Annotated[int | None, Field(ge=0)]
    served_from: ServedFrom
    stale_seconds: Annotated[float | None, Field(ge=0)]
    spooled: Annotated[Count, Field(description="Records that wait on its disk.")]
    dropped: Annotated[Count, Field(description="Records that it could not keep.")]
    damaged: Annotated[Count, Field(description="Records that were unreadable on its disk.")]
    host: Name
    pid: int
    library: Annotated[Name, Field(examples=["twinline-python/0.1.0"])]
    started_at: Instant


class ReportedClient(Record):
    """An application's last report."""

    id: UUID
    environment: str
    epoch: UUID | None
    version: int | None
    served_from: ServedFrom
    stale_seconds: float | None
    spooled: Count
    dropped: Count
    damaged: Count
    host: str
    pid: int
    library: str
    owner: str = Field(description="Of the key that it uses.")
    started_at: Instant
    reported_at: Instant


class Fleet(Record):
    """The applications that resolve in their own process, in one environment."""

    environment: str
    version: int = Field(description="The newest manifest.")
    clients: Count = Field(description="Those that reported within the last two minutes.")
    current: Count = Field(description="Those of them that are at the newest manifest.")
    items: tuple[ReportedClient, ...] = Field(description="Those that lag most come first.")
