"""What the mirror of MLflow says about itself and about what happened there."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from twinline.language.records.base import Count, Instant, Json, Record, Request, example

MirrorKind = Literal["model", "prompt"]
DriftKind = Literal["deleted", "renamed", "recreated", "tampered"]
Learnt = Literal["webhook", "sweep", "change"]

SERVER_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,49}$"
ServerName = Annotated[str, Field(pattern=SERVER_PATTERN, examples=["default"])]
"""The name of an MLflow server, as the settings give it."""


class MirrorPlace(Record):
    """How far the mirror has come with one workspace of an MLflow server."""

    server: str
    workspace: str
    known_since: Instant
    series: Count = Field(description="Models and prompts that are there now.")
    versions: Count = Field(description="Their versions.")
    waiting: Count = Field(description="Names that are still to be read again.")
    stuck: Count = Field(
        description="Those of them that could not be read or kept, until they are tried again."
    )
    drift: Count = Field(description="What was deleted, renamed, made again or tampered with.")
    sweeping: Literal["fast", "full"] | None = Field(description="The sweep that is under way.")
    swept_names: Count = Field(description="Names that this sweep has seen so far.")
    synced_at: Instant | None = Field(description="When everything was there for the first time.")
    swept_at: Instant | None = Field(description="When the last whole sweep began.")
    fully_swept_at: Instant | None = Field(
        description="When the last sweep that compared every version began."
    )
    behind_seconds: float | None = Field(
        description="What is older than this is in the mirror; None before the first sweep."
    )
    trouble: str | None = Field(description="Why it cannot be read; None when it can.")
    trouble_since: Instant | None


class StuckName(Record):
    """A name in MLflow that could not be read or kept, and is tried again later."""

    server: str
    workspace: str
    kind: MirrorKind
    name: str
    trouble: str = Field(description="Why, and what to do about it in MLflow.")
    since: Instant
    tries: Count


class MirrorStatus(Record):
    """How far the mirror is behind MLflow, and what waits."""

    places: tuple[MirrorPlace, ...]
    stuck: tuple[StuckName, ...] = Field(
        description="Names that could not be kept: up to 20, those that wait longest first."
    )
    inbox: Count = Field(description="Deliveries of webhooks that wait to be looked at.")
    refused: dict[str, int] = Field(
        description="Deliveries that the process which answers refused since it started, by reason."
    )


class MirrorDrift(Record):
    """Something in MLflow that is no longer what the catalog knows it as."""

    id: int
    kind: DriftKind
    server: str
    workspace: str
    what: MirrorKind
    name: str = Field(description="Its name in MLflow.")
    catalog_name: str
    number: int | None = Field(description="MLflow's version number; None: the whole name.")
    before: Json
    after: Json | None
    live: bool = Field(description="Whether it was live then, and so is not retired.")
    found_at: Instant
    learnt: Learnt


_Since = Annotated[Instant, Field(description="When the mirror found it so.")]
_Until = Annotated[Instant | None, Field(description="When it was so no more; None: it still is.")]
_PutBy = Annotated[
    str | None,
    Field(description="Who did it, as the outbox of the MLflow server told; None: nobody said."),
]
_Learnt = Annotated[
    Learnt,
    Field(description="What made the mirror look: a webhook, a sweep, or a change of the outbox."),
]


class MirrorAlias(Record):
    """A time in which an alias was on a version in MLflow."""

    id: int = Field(description="Higher for what was found later.")
    alias: str
    number: int = Field(description="MLflow's version number.")
    since: _Since
    until: _Until
    actor: _PutBy
    learnt: _Learnt


class MirrorTag(Record):
    """A time in which a tag had a value in MLflow."""

    id: int = Field(description="Higher for what was found later.")
    number: int | None = Field(description="MLflow's version number; None: the whole name's tag.")
    key: str
    value: str = Field(description="Its first 8,000 characters.")
    since: _Since
    until: _Until
    actor: _PutBy
    learnt: _Learnt


class SyncRequest(Request):
    """Sweep now instead of at the next turn."""

    server: ServerName | None = Field(default=None, description="None: every server.")
    full: bool = Field(default=False, description="Compare every version, not only what moved.")

    model_config = example(full=True)


_ADDRESS = r"^https?://[^\s/]+(/[^\s?#]*)?$"


def _is_address(url: str) -> str:
    if not re.fullmatch(_ADDRESS, url):
        raise ValueError(f"{url!r} is no address like https://twinline.example")
    return url


class HookRequest(Request):
    """Have an MLflow server tell us of changes."""

    server: ServerName = "default"
    url: Annotated[
        str,
        Field(
            max_length=500,
            description="Where the MLflow server reaches this Twinline.",
            examples=["https://twinline.example"],
            json_schema_extra={"pattern": _ADDRESS},
        ),
        AfterValidator(_is_address),
    ]

    model_config = example(server="default", url="https://twinline.example")


class InstalledHook(Record):
    """A webhook as it stands at MLflow."""

    server: str
    workspace: str
    url: str
    webhook_id: str
    made: bool = Field(description="False: it was there, and was brought up to date.")


class InstalledHooks(Record):
    """The webhooks of a server, one for each workspace."""

    items: tuple[InstalledHook, ...]


class HookReceipt(Record):
    """A delivery of a webhook that is kept, and will be looked at."""

    delivery_id: str
