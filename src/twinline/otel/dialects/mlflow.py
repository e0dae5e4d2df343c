"""MLflow's own spans, as its dual export sends them and its server keeps them.

Every attribute is JSON in text. The prompts that a span loaded are linked to the span that
was open then, which often is the parent of the call.
"""

from twinline.otel.dialects.table import At, Dialect

USAGE, COST = "mlflow.chat.tokenUsage", "mlflow.llm.cost"

DIALECT = Dialect(
    name="mlflow",
    kind={"mlflow.spanType": frozenset({"llm", "chat_model"})},
    facts={
        "provider": (At("mlflow.llm.provider"),),
        "asked_model": (At("mlflow.llm.model"),),
        "linked_prompts": (At("mlflow.linkedPrompts"),),
        "input_tokens": (At(USAGE, "input_tokens"),),
        "output_tokens": (At(USAGE, "output_tokens"),),
        "cost_usd": (At(COST, "total_cost"),),
    },
)
