"""What came from what, and what a version touched."""

from typing import Annotated, Literal

from pydantic import Field

from twinline.language.names import FreeName, Label
from twinline.language.records.base import Count, Instant, Json, Reason, Record, Request, example
from twinline.language.records.bundles import Bundle, Pairing
from twinline.language.records.deployments import Deployment
from twinline.language.records.evaluations import Evaluation
from twinline.language.records.inferences import Inference, Outcome, Tally
from twinline.language.records.models import Dataset, ModelVersion, Run
from twinline.language.records.policies import RuleTrace
from twinline.language.records.prompts import PromptVersion
from twinline.language.refs import BundleRef, CustomRef, SlotRef

NodeKind = Literal[
    "dataset",
    "run",
    "model",
    "prompt",
    "bundle",
    "evaluation",
    "deployment",
    "slot",
    "custom",
]
EDGE_KINDS = (
    "trained",
    "made",
    "model_of",
    "prompt_of",
    "derived",
    "included",
    "evaluated",
    "deployed_as",
    "live_in",
)
"""The kinds of edges that the catalog keeps itself; others are people's own."""

Direction = Literal["upstream", "downstream", "both"]
NodeText = Annotated[
    str, Field(min_length=1, max_length=1000, examples=["datasets:/tickets/5e1f0a7c"])
]


class Node(Record):
    """A version, run, dataset, bundle, deployment, slot or node of your own."""

    ref: str
    kind: NodeKind
    created_at: Instant
    withdrawn: Literal["retired", "recalled"] | None = None
    pinned: bool | None = Field(
        default=None,
        description="Of a model version or a bundle; False: its provider may change what answers.",
    )
    depth: int = Field(
        description="Hops from where the walk began: negative upstream, positive downstream."
    )


class Edge(Record):
    """``target`` came from ``source``."""

    source: str
    target: str
    kind: str = Field(examples=["trained"])
    since: Instant
    until: Instant | None = Field(default=None, description="None: it holds still.")


class Lineage(Record):
    """A walk through the lineage graph, and what it left out."""

    root: str
    direction: Direction
    as_of: Instant | None = Field(default=None, description="None: as it is now.")
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    left_out: int = Field(description="Nodes not shown because of `depth`, `kinds` or `limit`.")
    why_left_out: str | None


class NewCustomNode(Request):
    """Something of your own in the lineage: an index, a feature table, a tool, a report."""

    type: Annotated[Label, Field(examples=["vector-index"])]
    name: Annotated[FreeName, Field(examples=["tickets"])]
    description: Annotated[str, Field(max_length=1000)] = ""
    properties: Annotated[Json, Field(default_factory=dict)]
    owner: Annotated[str, Field(max_length=200, description="Whom to tell.")] = ""
    since: Instant | None = Field(
        default=None, description="Since when it exists; None: now. Only for a new node."
    )

    model_config = example(type="vector-index", name="tickets", owner="search-team")


class CustomNode(Record):
    """Something that people added to the lineage."""

    ref: CustomRef
    type: str
    name: str
    description: str
    properties: Json
    owner: str
    actor: str = Field(description="Who said so last.")
    since: Instant


class NewEdge(Request):
    """``target`` came from ``source`` or uses it; from ``since`` on, until it is ended."""

    source: NodeText
    target: NodeText
    kind: Annotated[
        Label, Field(examples=["feeds"], description="A word of yours; not one of the catalog's.")
    ]
    since: Instant | None = Field(default=None, description="None: now.")
    evidence: Annotated[
        Json, Field(default_factory=dict, description="How you know: a job, a commit, a page.")
    ]

    model_config = example(
        source="nodes:/vector-index/tickets", target=SlotRef.example, kind="feeds"
    )


class EdgeEnd(Request):
    """An edge of yours holds no longer."""

    source: NodeText
    target: NodeText
    kind: Label
    until: Instant | None = Field(default=None, description="None: now.")
    reason: Reason


class LineageTaken(Record):
    """What an OpenLineage event was taken to say."""

    nodes: tuple[str, ...]
    new_edges: Count


class Owner(Request):
    """Whom to tell about a slot or a route."""

    owner: Annotated[str, Field(min_length=1, max_length=200, examples=["support-team"])]
    contact: Annotated[str, Field(max_length=500, examples=["#support-oncall"])] = ""


class Ownership(Record):
    """Who owns a slot, or a route in whatever environment."""

    subject: str
    owner: str
    contact: str
    actor: str
    at: Instant


class SlotImpact(Record):
    """What a node did in one slot."""

    slot: SlotRef | None = Field(description="None: requests that named no slot of ours.")
    live: bool = Field(description="Whether it is live there now.")
    service: Tally


class DayImpact(Record):
    """What a node did on one day (UTC)."""

    day: Instant
    requests: Count
    errors: Count


class ArmImpact(Record):
    """What a node did in one arm of a split."""

    slot: SlotRef
    rule: str
    arm: str
    service: Tally


class Impact(Record):
    """Everything downstream of a node, counted.

    Times are whole hours: ``begin`` and ``end`` say which were counted.
    """

    root: str
    begin: Instant | None = Field(default=None, description="None: since the beginning.")
    end: Instant | None = Field(default=None, description="None: until now.")
    bundles: Count
    deployments: Count
    service: Tally
    routes: tuple[str, ...]
    environments: tuple[str, ...]
    slots: tuple[SlotImpact, ...]
    live: tuple[SlotRef, ...] = Field(description="Slots where it is live now.")
    days: tuple[DayImpact, ...]
    arms: tuple[ArmImpact, ...] = ()
    owners: tuple[Ownership, ...] = Field(default=(), description="Whom to tell.")


ProspectKind = Literal["label", "version", "retirement"]


class Prospect(Record):
    """What a change would touch that nobody has made yet."""

    change: str = Field(description="In words.")
    root: str
    live: tuple[SlotImpact, ...] = Field(
        description="Slots where it is live now, with what they served in the last 24 hours."
    )
    bundles: tuple[BundleRef, ...] = Field(description="Bundles that are built on it.")
    back: tuple[SlotRef, ...] = Field(
        description="Slots that could roll back to it, and then no longer."
    )
    owners: tuple[Ownership, ...]
    notes: tuple[str, ...]


class Explanation(Record):
    """The whole story of one request."""

    inference: Inference
    outcomes: tuple[Outcome, ...]
    deployment: Deployment | None = Field(description="The deployment that chose the bundle.")
    bundle: Bundle
    prompt: PromptVersion | None
    model: ModelVersion | None
    run: Run | None
    datasets: tuple[Dataset, ...]
    pairing: Pairing | None = Field(description="As it was stated at the time.")
    evaluations: tuple[Evaluation, ...] = Field(
        description="The newest at the time, of the bundle and of either side."
    )
    siblings: tuple[Inference, ...] = Field(description="Others of the same trace.")


class ReplayRequest(Request):
    """The context to replay with; None: the one that was kept."""

    context: Json | None = None


class Replay(Record):
    """The policy of a request evaluated again, beside what was recorded."""

    inference: Inference
    possible: bool = Field(description="Whether the record holds what it takes.")
    why_not: str | None
    bundle: BundleRef | None = Field(description="What the policy gives now.")
    arm: str | None
    rule: str | None
    reason: str | None
    same: bool | None = Field(description="Whether that is what was recorded.")
    rules: tuple[RuleTrace, ...]
