"""OpenTelemetry's conventions for generative AI, with the names that they had before.

``gen_ai.operation.name`` also names embeddings, tools and agents, which are no model calls
here: an agent's span repeats the tokens of the calls below it. OpenLLMetry says
``llm.request.type`` instead.
"""

from twinline.otel.dialects.table import At, Dialect

DIALECT = Dialect(
    name="gen_ai",
    kind={
        "gen_ai.operation.name": frozenset(
            {"chat", "text_completion", "generate_content", "completion", "response", "responses"}
        ),
        "llm.request.type": frozenset({"chat", "completion"}),
    },
    signs=frozenset({"gen_ai.request.model", "gen_ai.response.model"}),
    facts={
        "provider": (At("gen_ai.provider.name"), At("gen_ai.system")),
        "asked_model": (At("gen_ai.request.model"),),
        "answered_model": (At("gen_ai.response.model"),),
        "prompt_name": (At("gen_ai.prompt.name"),),
        "prompt_version": (At("gen_ai.prompt.version"),),
        "input_tokens": (At("gen_ai.usage.input_tokens"), At("gen_ai.usage.prompt_tokens")),
        "output_tokens": (At("gen_ai.usage.output_tokens"), At("gen_ai.usage.completion_tokens")),
        "cost_usd": (At("gen_ai.usage.cost"),),
    },
    failures={"error.type": frozenset()},
)
