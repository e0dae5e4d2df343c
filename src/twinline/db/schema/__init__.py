"""Every table, a page for each layer. Names are the glossary's words.

Three layers: a small graph (nodes and edges: versions, runs, datasets, bundles,
deployments), pointer history (label moves, deployments, pairings), and facts
(inferences, outcomes) with exact rollups beside them; and beside all, what is known of
MLflow. Versions, bundles, deployments and facts are never updated or deleted: triggers in
the migrations refuse it.
Partitions of the ledger are made by `inferences/partitions.py`.
"""

from twinline.db.schema.access import (
    api_key,
    audit_event,
    idempotency,
    session,
)
from twinline.db.schema.aliases import alias_link, alias_move
from twinline.db.schema.catalog import (
    bundle,
    custom_node,
    dataset,
    edge,
    evaluation,
    label_move,
    model,
    model_name,
    model_version,
    node,
    pairing,
    prompt,
    prompt_version,
    recall,
    run,
    withdrawal,
)
from twinline.db.schema.columns import metadata
from twinline.db.schema.evaluations import (
    evaluation_case,
    pending_evaluation,
    suite,
    suite_attachment,
    suite_requirement,
    suite_waiver,
)
from twinline.db.schema.ledger import (
    exposure,
    inference,
    outcome,
    rollup_day,
    rollup_hour,
    waiting_call,
)
from twinline.db.schema.mirror import (
    mirror_alias,
    mirror_drift,
    mirror_inbox,
    mirror_mark,
    mirror_place,
    mirror_series,
    mirror_tag,
    mirror_version,
)
from twinline.db.schema.mlflow_changes import mlflow_change
from twinline.db.schema.prompts import (
    prompt_access,
    prompt_label,
    prompt_search,
    protected_label,
)
from twinline.db.schema.slots import (
    client_report,
    deployment,
    environment,
    kill,
    ownership,
    signing_key,
    slot,
)

__all__ = [
    "alias_link",
    "alias_move",
    "api_key",
    "audit_event",
    "bundle",
    "client_report",
    "custom_node",
    "dataset",
    "deployment",
    "edge",
    "environment",
    "evaluation",
    "evaluation_case",
    "exposure",
    "idempotency",
    "inference",
    "kill",
    "label_move",
    "metadata",
    "mirror_alias",
    "mirror_drift",
    "mirror_inbox",
    "mirror_mark",
    "mirror_place",
    "mirror_series",
    "mirror_tag",
    "mirror_version",
    "mlflow_change",
    "model",
    "model_name",
    "model_version",
    "node",
    "outcome",
    "ownership",
    "pairing",
    "pending_evaluation",
    "prompt",
    "prompt_access",
    "prompt_label",
    "prompt_search",
    "prompt_version",
    "protected_label",
    "recall",
    "rollup_day",
    "rollup_hour",
    "run",
    "session",
    "signing_key",
    "slot",
    "suite",
    "suite_attachment",
    "suite_requirement",
    "suite_waiver",
    "waiting_call",
    "withdrawal",
]
