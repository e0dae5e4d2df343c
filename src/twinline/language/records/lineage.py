"""What came from what, and what a version touched."""

from typing import Literal

from pydantic import Field

from twinline.language.records.base import Count, Instant, Record
from twinline.language.records.bundles import Bundle, Evaluation, Pairing
from twinline.language.records.deployments import Deployment
from twinline.language.records.inferences import Inference, Outcome, Service
from twinline.language.records.models import Dataset, ModelVersion, Run
from twinline.language.records.prompts import PromptVersion
from twinline.language.refs import SlotRef

NodeKind = Literal["dataset", "run", "model", "prompt", "bundle", "deployment"]
EdgeKind = Literal["trained", "made", "model_of", "prompt_of", "deployed_as"]
Direction = Literal["upstream", "downstream", "both"]


class Node(Record):
    """A version, run, dataset, bundle or deployment in the lineage graph."""

    ref: str
    kind: NodeKind
    created_at: Instant
    depth: int = Field(
        description="Hops from where the walk began: negative upstream, positive downstream."
    )


class Edge(Record):
    """``target`` came from ``source``."""

    source: str
    target: str
    kind: EdgeKind


class Lineage(Record):
    """A walk through the lineage graph, and what it left out."""

    root: str
    direction: Direction
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    left_out: int = Field(description="Nodes not shown because of `depth` or `limit`.")
    why_left_out: str | None


class SlotImpact(Record):
    """What a node did in one slot."""

    slot: SlotRef | None = Field(description="None: requests that named no slot of ours.")
    live: bool = Field(description="Whether it is live there now.")
    service: Service


class DayImpact(Record):
    """What a node did on one day (UTC)."""

    day: Instant
    requests: Count
    errors: Count


class Impact(Record):
    """Everything downstream of a node, counted."""

    root: str
    bundles: Count
    deployments: Count
    service: Service
    slots: tuple[SlotImpact, ...]
    live: tuple[SlotRef, ...] = Field(description="Slots where it is live now.")
    days: tuple[DayImpact, ...]


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
    pairing: Pairing | None
    evaluations: tuple[Evaluation, ...]
    siblings: tuple[Inference, ...] = Field(description="Others of the same trace.")
