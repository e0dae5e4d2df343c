"""Lineage, impact and explanations over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from twinline.access.gate import Cursor, Limit, reading, strict_router
from twinline.access.rules import Permission
from twinline.db.session import Reading
from twinline.language.records import Direction, Explanation, Impact, Inference, Lineage, Page
from twinline.lineage import actions

router = strict_router("lineage")
Read = Annotated[Reading, reading(Permission.READ)]
NodeRef = Annotated[
    str,
    Query(
        max_length=1000,
        description="A reference: `prompts:/support/answer/7`, `models:/churn/3`, "
        "`datasets:/NAME/DIGEST`, `runs:/ID`, `bundles:/DIGEST`, "
        "`deployments:/ROUTE@ENVIRONMENT/NUMBER`; a label, an alias or a slot stands for what "
        "it names now.",
        examples=["prompts:/support/answer/7"],
    ),
]


@router.get("/lineage")
def walk(
    node: NodeRef,
    tx: Read,
    direction: Direction = "both",
    depth: Annotated[int, Query(ge=1, le=100, description="1: direct neighbours.")] = 10,
    limit: Annotated[int, Query(ge=1, le=5000)] = 500,
) -> Lineage:
    """What a node came from and what came from it; what is not shown is counted."""
    return actions.walk(tx, node, direction=direction, depth=depth, limit=limit)


@router.get("/impact")
def impact(node: NodeRef, tx: Read) -> Impact:
    """Everything downstream of a node, counted: requests, errors, slots, days."""
    return actions.impact(tx, node)


@router.get("/impact/inferences")
def affected(
    node: NodeRef,
    tx: Read,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[Inference]:
    """The requests downstream of a node, the newest first."""
    return actions.affected(tx, node, cursor=cursor, limit=limit)


@router.get("/inferences/{id}/lineage")
def explain(id: UUID, tx: Read) -> Explanation:
    """The whole story of one request: who deployed what, the prompt, the model, its run
    and datasets, and what came of it."""
    return actions.explain(tx, id)
