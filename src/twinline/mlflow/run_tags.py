"""The tags of a run that begins inside a call.

MLflow loads this by an entry point while it is being imported itself, so nothing of
MLflow may be imported here, and nothing heavy of ours: whether there is a call at all is
known to a module that is loaded already, or there is none.
"""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twinline.client.local.calls import Call

BUNDLE, SLOT, INFERENCE = "twinline.bundle", "twinline.slot", "twinline.inference_id"
_CALLS = "twinline.client.local.calls"


class CallTags:
    """MLflow's interface ``RunContextProvider``: a run that begins inside a call says so."""

    def in_context(self) -> bool:
        """Whether a call is going on here."""
        return _current() is not None

    def tags(self) -> dict[str, str]:
        """The bundle, slot and inference of the call."""
        call = _current()
        return tags_of(call) if call is not None else {}


def tags_of(call: "Call") -> dict[str, str]:
    """How runs, traces and spans name a call."""
    return {
        BUNDLE: str(call.bundle.ref),
        SLOT: str(call.resolved.slot),
        INFERENCE: call.id,
    }


def _current() -> "Call | None":
    calls = sys.modules.get(_CALLS)
    return calls.current_call() if calls is not None else None
