"""The README's example of hooks is a program that works."""

from tests.hooks.conftest import Stage, mlflow
from tests.hooks.test_calls import Shipped, Traces
from tests.support.readme import executed
from twinline.client import Client


def test_the_example_answers_and_is_traced(
    stage: Stage, application: Client, shipped: Shipped, traces: Traces
) -> None:
    team = executed("hooks", application)["answer"]("The invoice is wrong")
    asked = "Which team should answer The invoice is wrong?"
    assert team == stage.trained[0].model.predict([asked])[0]
    trace = mlflow.get_trace(mlflow.get_last_active_trace_id(thread_local=True), flush=True)
    assert trace is not None
    kept = shipped(trace.info.trace_metadata["twinline.inference_id"])
    assert (f"tr-{kept.trace_id}", kept.bundle) == (trace.info.trace_id, stage.bundle.ref)
    assert traces(kept).data.spans[0].inputs == {"question": "The invoice is wrong"}
