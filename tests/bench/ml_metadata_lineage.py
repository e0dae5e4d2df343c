"""The same questions to ML Metadata, over a catalog of the same shape; see ``lineage.py``.

Runs where ML Metadata is installed, which is not where we are: JSON comes in and goes out.
It keeps everything in the memory of its own process. A version, a run, a bundle is an
artifact; a request is an execution that reads its bundle, as everything else that was made.
"""

import itertools
import json
import statistics
import sys
import time
from random import Random

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as proto

BATCH = 1_000
Options = proto.LineageSubgraphQueryOptions
INPUT, OUTPUT = proto.Event.INPUT, proto.Event.OUTPUT


class Store:
    """An ML Metadata with the catalog of ``asked``."""

    def __init__(self, asked):
        config = proto.ConnectionConfig()
        config.fake_database.SetInParent()
        self.store = metadata_store.MetadataStore(config)
        self.artifact = self.store.put_artifact_type(proto.ArtifactType(name="version"))
        self.step, self.request = (
            self.store.put_execution_type(proto.ExecutionType(name=name))
            for name in ("step", "request")
        )
        self.dataset = self._artifacts(1)[0]
        prompts = self._artifacts(asked["prompts"])
        runs = [self._made([self.dataset]) for _ in range(asked["models"])]
        self.models = [self._made([run]) for run in runs]
        pairs = itertools.product(self.models, prompts)
        self.bundles = [self._made(pair) for pair in pairs]
        self.requests = []
        for first in range(0, asked["requests"], BATCH):
            self._serve(range(first, min(first + BATCH, asked["requests"])))
        self.things = self._artifacts(asked["nodes"])
        self._connect(asked["edges"])

    def _artifacts(self, count):
        return self.store.put_artifacts([proto.Artifact(type_id=self.artifact)] * count)

    def _made(self, inputs):
        (output,) = self._artifacts(1)
        (ran,) = self.store.put_executions([proto.Execution(type_id=self.step)])
        events = [_event(one, ran, INPUT) for one in inputs]
        self.store.put_events([*events, _event(output, ran, OUTPUT)])
        return output

    def _serve(self, numbers):
        ran = self.store.put_executions([proto.Execution(type_id=self.request) for _ in numbers])
        served = [self.bundles[number % len(self.bundles)] for number in numbers]
        pairs = zip(served, ran, strict=True)
        self.store.put_events([_event(bundle, one, INPUT) for bundle, one in pairs])
        self.requests += ran

    def _connect(self, edges):
        for first in range(0, len(edges), BATCH):
            some = edges[first : first + BATCH]
            ran = self.store.put_executions([proto.Execution(type_id=self.step) for _ in some])
            events = [
                event
                for (source, target), one in zip(some, ran, strict=True)
                for event in (
                    _event(self.things[source], one, INPUT),
                    _event(self.things[target], one, OUTPUT),
                )
            ]
            self.store.put_events(events)

    def impact(self, root):
        """How many requests are downstream of an artifact."""
        bundles = self._bundles(root)
        return len(self._events(bundles, INPUT))

    def newest(self, root):
        """The newest hundred requests downstream of an artifact."""
        events = self._events(self._bundles(root), INPUT)
        events.sort(key=lambda event: (event.milliseconds_since_epoch, event.execution_id))
        return self.store.get_executions_by_id([event.execution_id for event in events[-100:]])

    def explain(self, request):
        """Everything upstream of a request, by walking up."""
        found, executions = [], [request]
        while executions:
            events = self.store.get_events_by_execution_ids(executions)
            read = {event.artifact_id for event in events if event.type == INPUT}
            if not read:
                break
            found += self.store.get_artifacts_by_id(list(read))
            executions = list({event.execution_id for event in self._events(read, OUTPUT)})
        return found

    def walk(self, root, hops):
        """What is up to so many steps downstream, by its own query."""
        options = Options(direction=Options.DOWNSTREAM, max_num_hops=2 * hops)
        options.starting_artifacts.filter_query = f"id = {root}"
        return self.store.get_lineage_subgraph(options, ["artifacts", "events"])

    def _bundles(self, root):
        """The bundles downstream of an artifact; bundles are what requests read."""
        known, frontier = set(self.bundles), {root}
        while not frontier <= known:
            ran = {event.execution_id for event in self._events(frontier, INPUT)}
            made = self.store.get_events_by_execution_ids(list(ran))
            frontier = {event.artifact_id for event in made if event.type == OUTPUT}
        return frontier

    def _events(self, artifacts, type):
        events = self.store.get_events_by_artifact_ids(list(artifacts))
        return [event for event in events if event.type == type]


def _event(artifact, execution, type):
    return proto.Event(artifact_id=artifact, execution_id=execution, type=type)


def main():
    asked = json.load(sys.stdin)
    store, random = Store(asked), Random(5)
    questions = {
        "impact of a version": lambda: store.impact(store.models[6]),
        "impact of a dataset": lambda: store.impact(store.dataset),
        "newest 100 of a version": lambda: store.newest(store.models[6]),
        "newest 100 of a dataset": lambda: store.newest(store.dataset),
        "explain": lambda: store.explain(random.choice(store.requests)),
        "walk": lambda: store.walk(store.things[asked["thing"]], asked["hops"]),
    }
    assert store.impact(store.dataset) == asked["requests"]
    json.dump({name: _median(one, asked["times"]) for name, one in questions.items()}, sys.stdout)


def _median(ask, times):
    """Milliseconds."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(taken[1:])


if __name__ == "__main__":
    main()
