"""The records, by noun: frozen pydantic values, each at once a domain value, an API
answer, what the client returns and what a template prints.

Requests (``New...``, ``...Request``, ``...Change``) refuse unknown members; records
ignore them, so that a client understands a newer server.
"""

from twinline.language.records.access import (
    ApiKey,
    AuditEvent,
    ChainVerdict,
    Health,
    IssuedKey,
    NewKey,
    Role,
)
from twinline.language.records.base import (
    Count,
    Instant,
    Json,
    Number,
    Page,
    Reason,
    Record,
    Request,
)
from twinline.language.records.bundles import (
    Bundle,
    BundleKind,
    Evaluation,
    NewBundle,
    NewEvaluation,
    NewPairing,
    Pairing,
    PairingStatus,
    ServedBundle,
    ServedModel,
    ServedPrompt,
)
from twinline.language.records.deployments import (
    Deployment,
    DeploymentKind,
    NewDeployment,
    PairPreflight,
    RollbackPreview,
    RollbackRequest,
    Side,
    SideChange,
    Slot,
    Verdict,
)
from twinline.language.records.inferences import (
    BatchResult,
    Inference,
    InferenceBatch,
    Latency,
    Measured,
    NewInference,
    NewOutcome,
    Outcome,
    Recorded,
    Resolution,
    ResolveRequest,
    Service,
    Status,
)
from twinline.language.records.lineage import (
    DayImpact,
    Direction,
    Edge,
    EdgeKind,
    Explanation,
    Impact,
    Lineage,
    Node,
    NodeKind,
    SlotImpact,
)
from twinline.language.records.models import (
    Dataset,
    DatasetFacts,
    MlflowImport,
    Model,
    ModelSource,
    ModelVersion,
    NewModelVersion,
    Run,
    RunFacts,
)
from twinline.language.records.prompts import (
    LabelChange,
    LabelMove,
    Message,
    NewPromptVersion,
    Placeholder,
    Prompt,
    PromptKind,
    PromptVersion,
    Template,
    Variable,
)

__all__ = [
    "ApiKey", "AuditEvent", "BatchResult", "Bundle", "BundleKind", "ChainVerdict", "Count",
    "Dataset", "DatasetFacts", "DayImpact", "Deployment", "DeploymentKind", "Direction",
    "Edge", "EdgeKind", "Evaluation", "Explanation", "Health", "Impact", "Inference",
    "InferenceBatch", "Instant", "IssuedKey", "Json", "LabelChange", "LabelMove", "Latency",
    "Lineage", "Measured", "Message", "MlflowImport", "Model", "ModelSource", "ModelVersion",
    "NewBundle", "NewDeployment", "NewEvaluation", "NewInference", "NewKey", "NewModelVersion",
    "NewOutcome", "NewPairing", "NewPromptVersion", "Node", "NodeKind", "Number", "Outcome",
    "Page", "PairPreflight", "Pairing", "PairingStatus", "Placeholder", "Prompt", "PromptKind",
    "PromptVersion", "Reason", "Record", "Recorded", "Request", "Resolution", "ResolveRequest",
    "Role", "RollbackPreview", "RollbackRequest", "Run", "RunFacts", "ServedBundle",
    "ServedModel", "ServedPrompt", "Service", "Side", "SideChange", "Slot", "SlotImpact",
    "Status", "Template", "Variable", "Verdict",
]  # fmt: skip
