"""Our own attributes: what an application says that resolved here, or took part in it.

``twinline.inference_id`` is the inference that a span is about; the span then adds an
outcome to it. ``twinline.measured`` is said by the hooks: what came of that inference as a
whole is recorded by them, so the span adds no measures.
"""

from twinline.otel.dialects.table import At, Dialect

DIALECT = Dialect(
    name="twinline",
    signs=frozenset({"twinline.inference_id", "twinline.bundle"}),
    facts={
        "inference_id": (At("twinline.inference_id"),),
        "measured": (At("twinline.measured"),),
        "bundle": (At("twinline.bundle"),),
        "slot": (At("twinline.slot"),),
        "deployment": (At("twinline.deployment"),),
        "decision": (At("twinline.decision"),),
        "score": (At("twinline.score"),),
    },
)
