"""Reports as the outbox of an MLflow server would send them."""

from typing import Any
from uuid import UUID

from twinline.language.records import ChangeReport

OUTBOX = UUID("01a1fd1b-3d19-700a-beb1-34c9231fa9ee")
ALIAS_MOVED: dict[str, Any] = {
    "workspace": "default",
    "entity": "registered_model_alias",
    "action": "update",
    "key": {"name": "churn", "alias": "champion"},
    "before": {"version": 1},
    "after": {"version": 2},
    "actor": "ana",
}


def told(*sequences: int, lost: int = 0, outbox: UUID = OUTBOX, **more: Any) -> ChangeReport:
    """A report of one alias move for each of these sequences."""
    moves = [
        ALIAS_MOVED | {"sequence": sequence, "at": 1_763_744_707_123 + sequence} | more
        for sequence in sequences
    ]
    return ChangeReport.model_validate({"outbox": outbox, "changes": moves, "lost": lost})
