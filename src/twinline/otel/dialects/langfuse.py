"""Langfuse's attributes, which its SDKs send over OTLP since version 3."""

from twinline.otel.dialects.table import At, Dialect

USAGE, COST = "langfuse.observation.usage_details", "langfuse.observation.cost_details"

DIALECT = Dialect(
    name="langfuse",
    kind={"langfuse.observation.type": frozenset({"generation"})},
    signs=frozenset({"langfuse.observation.model.name"}),
    facts={
        "asked_model": (At("langfuse.observation.model.name"),),
        "prompt_name": (At("langfuse.observation.prompt.name"),),
        "prompt_version": (At("langfuse.observation.prompt.version"),),
        "input_tokens": (At(USAGE, "input"), At(USAGE, "input_tokens"), At(USAGE, "prompt_tokens")),
        "output_tokens": (
            At(USAGE, "output"),
            At(USAGE, "output_tokens"),
            At(USAGE, "completion_tokens"),
        ),
        "cost_usd": (At(COST, "total"),),
    },
    failures={"langfuse.observation.level": frozenset({"error"})},
)
