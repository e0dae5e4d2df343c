"""OpenInference (Phoenix, Arize and the instrumentations that speak it).

A prompt has an id when it comes from a registry; else the template's text stands for it.
"""

from twinline.otel.dialects.table import At, Dialect

DIALECT = Dialect(
    name="openinference",
    kind={"openinference.span.kind": frozenset({"llm"})},
    signs=frozenset({"llm.model_name"}),
    facts={
        "provider": (At("llm.provider"), At("llm.system")),
        "answered_model": (At("llm.model_name"),),
        "asked_model": (At("llm.invocation_parameters", "model"),),
        "prompt_name": (At("prompt.id"), At("llm.prompt_template.name")),
        "prompt_version": (At("llm.prompt_template.version"),),
        "prompt_text": (At("llm.prompt_template.template"),),
        "input_tokens": (At("llm.token_count.prompt"),),
        "output_tokens": (At("llm.token_count.completion"),),
        "cost_usd": (At("llm.cost.total"),),
    },
)
