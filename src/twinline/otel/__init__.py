"""The door for traces: OTLP/HTTP in, inferences and outcomes out.

What it is: a receiver for any OpenTelemetry exporter. A span that is a call of a language
model becomes an inference; a span that names an inference of ours (``twinline.inference_id``)
adds an outcome to it instead. Each convention that is in use has one table in ``dialects``.

What it is not: a store of traces. Spans that are no model calls are counted and let go,
and of the others neither prompts nor answers are looked at, let alone kept.

Invariants: a span is counted once, however often and in whatever order it comes, because
its inference's id follows from its trace id, span id and start. A label or an alias means
the version that it was on when the span began, and a prompt that MLflow linked means what
the mirror knew under that name and number then. What cannot be resolved is kept as
unresolved in the words that were sent. A call of which only the beginning is told waits
up to an hour for its end.
"""
