"""What a call costs with hooks, beside the same call that MLflow traces alone.

Run it as ``python -m tests.bench.mlflow_hook``, with the extra ``test`` installed. It
starts a PostgreSQL, a Twinline server and an MLflow server of its own. The lanes take
turns call by call in one process, and each round begins with an exporter that has nothing
left from the one before. Every lane calls the same function, which opens one span of its
own as a library would:

``mlflow``: under ``mlflow.trace``. ``mlflow, prompt``: likewise, and the prompt is loaded
from MLflow's cache, which is how MLflow links it to the trace. ``hook``: under
``twinline.mlflow.traced``, which also links the prompt. ``client``: the inference without
any trace. What MLflow's threads export meanwhile is part of every lane that traces.
``cpu`` is what the calling thread itself computed, which says more on a busy machine.

A figure is the median of a round's calls, and of these the median; a ratio is taken within
each round, and shown with the lowest and the highest.
"""

import os
import statistics
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import twinline.mlflow
from tests.bench import stage
from twinline.cli.demo.mlflow_server import QUIET, MlflowProcess
from twinline.client import Client
from twinline.language.records import NewModelVersion

ROUNDS = 15
CALLS = 40
PROMPT = "bench-answer"
TEMPLATE = "Answer {{ question }}"
os.environ.update(QUIET)

with warnings.catch_warnings(action="ignore"):
    import mlflow
    import mlflow.genai

Answer = Callable[[str], str]


def ask(question: str) -> str:
    """A span as a library opens it, with tokens."""
    with mlflow.start_span("llm", span_type="LLM") as span:
        span.set_inputs({"question": question})
        span.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 12, "output_tokens": 30})
        span.set_outputs(question)
    return question


def ask_with_prompt(question: str) -> str:
    mlflow.genai.load_prompt(f"prompts:/{PROMPT}/1")
    return ask(question)


def lanes(client: Client) -> dict[str, Answer]:
    def with_client(question: str) -> str:
        with client.inference(stage.ROUTE, {"question": question}):
            return question

    return {
        "mlflow": mlflow.trace(ask),
        "mlflow, prompt": mlflow.trace(ask_with_prompt),
        "hook": twinline.mlflow.traced(
            client, stage.ROUTE, context=lambda question: {"question": question}
        )(ask),
        "client": with_client,
    }


class Taken(NamedTuple):
    """Microseconds that a call took, and that its thread computed."""

    whole: float
    cpu: float


def take(answer: Answer, number: int) -> Taken:
    begun, computed = time.perf_counter_ns(), time.thread_time_ns()
    answer(f"question {number}")
    cpu = (time.thread_time_ns() - computed) / 1000
    return Taken((time.perf_counter_ns() - begun) / 1000, cpu)


def export() -> None:
    """Wait until MLflow's threads have nothing left to do."""
    mlflow.flush_trace_async_logging()
    for thread in threading.enumerate():
        if thread.name.startswith("link_prompts_from_exporter"):
            thread.join()


def measure(known: dict[str, Answer]) -> dict[str, list[Taken]]:
    """The medians of each round, by lane; a round before them warms up."""
    medians: dict[str, list[Taken]] = {name: [] for name in known}
    for number in range(ROUNDS + 1):
        taken: dict[str, list[Taken]] = {name: [] for name in known}
        for call in range(CALLS):
            for name, answer in known.items():
                taken[name].append(take(answer, call))
        export()
        for name, calls in taken.items() if number else ():
            medians[name].append(Taken(*map(statistics.median, zip(*calls, strict=True))))
    return medians


def report(medians: dict[str, list[Taken]]) -> None:
    print(f"{ROUNDS} rounds of {CALLS} calls; median us of a call")
    print(f"{'lane':16} {'whole':>8} {'cpu':>8}")
    for name, rounds in medians.items():
        whole, cpu = map(statistics.median, zip(*rounds, strict=True))
        print(f"{name:16} {whole:8,.0f} {cpu:8,.0f}")
    for beside in ("mlflow", "mlflow, prompt"):
        pairs = list(zip(medians["hook"], medians[beside], strict=True))
        for what in Taken._fields:
            ratios = sorted(getattr(ours, what) / getattr(theirs, what) for ours, theirs in pairs)
            print(
                f"hook / {beside:16} {what:6} {statistics.median(ratios):5.2f} x"
                f" ({ratios[0]:.2f} to {ratios[-1]:.2f})"
            )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, stage.opened() as on:
        server = on.server("one")
        with (
            MlflowProcess(Path(folder)) as tracking,
            server.client(stage.key_of(server)) as admin,
        ):
            prompt = admin.prompts.create(PROMPT, TEMPLATE)
            model = NewModelVersion(name="assistant", source_uri="x:/assistant")
            bundle = admin.bundles.pair(admin.models.register(model).ref, prompt.ref)
            admin.slots.deploy(stage.SLOT, bundle.ref, reason="bench", expected=0)
            tracking.wait_until_ready()
            mlflow.set_tracking_uri(tracking.url)
            mlflow.set_experiment("bench")
            mlflow.genai.register_prompt(PROMPT, TEMPLATE)
            print(
                f"{os.cpu_count()} processors; {os.getloadavg()[0]:.1f} programs want one already"
            )
            report(measure(lanes(admin)))


if __name__ == "__main__":
    main()
