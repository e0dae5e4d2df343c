"""What people who use MLflow load into their own programs and servers.

What it is: in programs, hooks that put a bundle on every trace. `inference` and `traced`
answer a request with the bundle that is live, in an MLflow trace that names bundle, slot
and inference, and record the inference with the trace's id and with what the trace saw:
tokens, cost, latency, status. `Loader` brings the model and the prompt of a bundle
together, after it has checked that MLflow still holds what the catalog knows.
`load_prompt` is MLflow's, but gives the bundle's prompt inside a call. In an MLflow
server, a registry store that tells Twinline every change of the registry
(``registry_store``, with the ``outbox...`` beside it).

What it is not: a tracer; spans are MLflow's own, made and exported by it; of MLflow we
take over nothing, and replace nothing in it. Nor a reader of MLflow: that is the
``mirror``, in Twinline's own process.

Invariants: importing this loads neither MLflow nor a library of the server, and neither
does what MLflow loads of us by itself (``run_tags``); whatever ails tracing, MLflow or the
way to it, the request is answered and its inference recorded, and MLflow does what it
always does; spans name their call by the trace that they are in, so threads and tasks
cannot mix calls up.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twinline.client.local.calls import current_call
    from twinline.mlflow.blocks import InferenceBlock, inference
    from twinline.mlflow.decorator import traced
    from twinline.mlflow.loading import Loaded, Loader
    from twinline.mlflow.prompts import load_prompt

__all__ = [
    "InferenceBlock",
    "Loaded",
    "Loader",
    "current_call",
    "inference",
    "load_prompt",
    "traced",
]

_HOMES = {
    "InferenceBlock": "twinline.mlflow.blocks",
    "Loaded": "twinline.mlflow.loading",
    "Loader": "twinline.mlflow.loading",
    "current_call": "twinline.client.local.calls",
    "inference": "twinline.mlflow.blocks",
    "load_prompt": "twinline.mlflow.prompts",
    "traced": "twinline.mlflow.decorator",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
